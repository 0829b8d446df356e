/**
 * Loading: the files of a version through the materializer that wrote them, or through what the
 * caller asks for.
 */
import * as Effect from "effect/Effect"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import { type Failure, InvalidInput, type Refusal, TypeMismatch } from "../errors.js"
import type { AnyMaterializer, FileInput } from "../materializer/materializer.js"
import type { ArtifactVersion } from "../model/artifact.js"
import { readable, refuse } from "../model/input.js"
import { validated } from "../model/schema.js"
import type { LoadOptions } from "./call-options.js"
import { fileInput, type Opened } from "./content.js"
import { awaiting } from "./foreign.js"

type Reader = (files: FileInput) => unknown

const mismatch = (message: string, path: string): TypeMismatch =>
  new TypeMismatch({ message, path })

/** How a materializer reads what `name@revision` wrote; undefined when it does not know it. */
const readerIn = (materializer: AnyMaterializer, written: string): Reader | undefined => {
  const at = written.lastIndexOf("@")
  if (materializer.name !== written.slice(0, at)) return undefined
  const revision = Number(written.slice(at + 1))
  return materializer.revision === revision
    ? (files: FileInput) => materializer.load(files)
    : materializer.readers?.[revision]
}

/** The reader for files that `name@revision` wrote. */
const readerOf = (all: ReadonlyArray<AnyMaterializer>, written: string): Reader | TypeMismatch => {
  for (const materializer of all) {
    const reader = readerIn(materializer, written)
    if (reader !== undefined) return reader
  }
  const message = `it was written by ${written}, which is not known here: open the ledger with it`
  return mismatch(message, "materializer")
}

const isMaterializer = (as: StandardSchemaV1<unknown, unknown> | object): as is AnyMaterializer =>
  "load" in as && typeof as.load === "function"

/** Throws for what a value cannot be loaded as. */
export const checkAs = (as: LoadOptions["as"]): void => {
  const isReader = readable(
    "options.as",
    // Some libraries make schemas that are functions.
    () => as === undefined || (Object(as) === as && ("~standard" in as || isMaterializer(as))),
  )
  if (!isReader) refuse("options.as", "is neither a schema (standardschema.dev) nor a materializer")
}

const checkedBy = (schema: StandardSchemaV1<unknown, unknown>, value: unknown) =>
  Effect.flatMap(
    awaiting(() => schema["~standard"].validate(value)),
    (result) => {
      const parsed = validated(result, "value")
      return parsed instanceof InvalidInput
        ? Effect.fail(mismatch(`the stored value is not as asked: ${parsed.message}`, parsed.path))
        : Effect.succeed(parsed)
    },
  )

/** The value of a version. What it is loaded as is checked by then. */
export const loadValue = Effect.fnUntraced(function* (
  opened: Opened,
  all: ReadonlyArray<AnyMaterializer>,
  version: ArtifactVersion,
  as: LoadOptions["as"],
): Effect.fn.Return<unknown, Refusal | Failure> {
  // One that wrote it in an older revision knows how; any other may try.
  const asked =
    as !== undefined && isMaterializer(as)
      ? (readerIn(as, version.materializer) ?? ((files: FileInput) => as.load(files)))
      : undefined
  const reader = asked ?? readerOf(all, version.materializer)
  if (reader instanceof TypeMismatch) return yield* reader
  const context = yield* Effect.context<never>()
  const files = fileInput(opened, Effect.runPromiseWith(context))
  const value = yield* awaiting(() => reader(files))
  return as === undefined || isMaterializer(as) ? value : yield* checkedBy(as, value)
})
