/**
 * Schemas of the nouns, and the one way to parse what a caller gives.
 *
 * Only what crosses a boundary is parsed: options, inputs of commands, facts of callers' commands.
 * What a checksum guards is not parsed again.
 */
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import { InvalidInput } from "../errors.js"
import { type ArtifactType, artifactTypes, type SaveType, saveTypes } from "./artifact.js"
import { type Digest, isDigest } from "./digest.js"
import type { Plain } from "./msgpack.js"
import { type Id, isId, memberPath } from "./names.js"
import { isRelativePath, type RelativePath } from "./path.js"

export const IdSchema = Schema.String.pipe(Schema.refine((text): text is Id => isId(text)))

export const DigestSchema = Schema.String.pipe(
  Schema.refine((text): text is Digest => isDigest(text)),
)

export const PathSchema = Schema.String.pipe(
  Schema.refine((text): text is RelativePath => isRelativePath(text)),
)

export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

export const ArtifactTypeSchema: Schema.Literals<ReadonlyArray<ArtifactType>> =
  Schema.Literals(artifactTypes)

export const SaveTypeSchema: Schema.Literals<ReadonlyArray<SaveType>> = Schema.Literals(saveTypes)

/** Any value that MessagePack holds; its form was checked where it was made. */
export const PlainSchema = Schema.declare((value): value is Plain => value !== undefined)

/** A schema that refuses keys it does not know, in the form that any validator offers. */
export const strict = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) =>
  Schema.toStandardSchemaV1(schema, { parseOptions: { onExcessProperty: "error" } })

type Segment = PropertyKey | { readonly key: PropertyKey }

const segmentPath = (path: string, segment: Segment): string => {
  const key = typeof segment === "object" ? segment.key : segment
  return typeof key === "number" ? `${path}[${key}]` : memberPath(path, String(key))
}

/** What a schema answered: the value, or its first issue, whose path starts with `at`. */
export const validated = <Output>(
  result: StandardSchemaV1.Result<Output>,
  at: string,
): Output | InvalidInput => {
  if (result.issues === undefined) return result.value
  const [issue] = result.issues
  const path = (issue?.path ?? []).reduce<string>(segmentPath, at)
  return new InvalidInput({ message: `${path}: ${issue?.message ?? "is not valid"}`, path })
}

/**
 * The value as a schema of any library (standardschema.dev) understands it. `at` is the name of the
 * argument, for the path of an issue. The schema must answer synchronously.
 */
export const parse = <Output>(
  schema: StandardSchemaV1<unknown, Output>,
  value: unknown,
  at: string,
): Output | InvalidInput => {
  const result = schema["~standard"].validate(value)
  if (result instanceof Promise) throw new Error(`the schema of ${at} validates asynchronously`)
  return validated(result, at)
}
