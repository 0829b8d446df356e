/**
 * What a sweep says of the versions whose content it gives up: which they were, and its digest.
 */
import * as Schema from "effect/Schema"
import { fromDigest, toDigest } from "../model/digest.js"
import type { Plain } from "../model/msgpack.js"
import { DigestSchema } from "../model/schema.js"
import { ArtifactPart, printTarget, VersionPart } from "./subject.js"

const SweptPart = Schema.Struct({
  artifact: ArtifactPart,
  version: VersionPart,
  /** Of the content. */
  digest: DigestSchema,
})

export const SweptSchema = Schema.Struct({ versions: Schema.Array(SweptPart) })

export type Swept = typeof SweptSchema.Type

export const encodeSwept = ({ versions }: Swept): Plain => ({
  versions: versions.map(({ digest, ...of }) => ({ ...of, digest: fromDigest(digest) })),
})

export const decodeSwept = (plain: Plain): Swept => {
  const { versions } = plain as unknown as {
    readonly versions: ReadonlyArray<
      Omit<Swept["versions"][number], "digest"> & { readonly digest: Uint8Array }
    >
  }
  return { versions: versions.map(({ digest, ...of }) => ({ ...of, digest: toDigest(digest) })) }
}

export const printSwept = ({ versions }: Swept): string => {
  const [first] = versions
  const more = versions.length > 1 ? ` and ${versions.length - 1} more` : ""
  return `swept the content of ${first === undefined ? "nothing" : printTarget(first)}${more}`
}
