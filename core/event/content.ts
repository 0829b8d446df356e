/**
 * The content part of a saved version: digests are text in data and 32 bytes in records, and a
 * tree inside an event has the form of its manifest entries (see `model/tree.ts`).
 */
import * as Schema from "effect/Schema"
import { type Digest, fromDigest, toDigest } from "../model/digest.js"
import type { Plain } from "../model/msgpack.js"
import { Count, DigestSchema, PathSchema } from "../model/schema.js"
import { decodeTree, encodeTree, type Tree } from "../model/tree.js"

const EntrySchema = Schema.Struct({
  path: PathSchema,
  kind: Schema.Literals(["file", "directory", "symlink"]),
  size: Count,
  digest: DigestSchema,
  executable: Schema.optionalKey(Schema.Literal(true)),
  target: Schema.optionalKey(Schema.String),
})

export const TreeSchema = Schema.Array(EntrySchema)

interface WithContent {
  readonly content: {
    readonly digest: Digest
    readonly size: number
    readonly count: number
    readonly entries?: Tree
  }
}

type PlainMap = { readonly [key: string]: Plain }

/** For the record. Everything beside the digests is plain already. */
export const encodeContent = <Data extends WithContent>(data: Data): Plain => {
  const { count, digest, entries, size } = data.content
  // In the order in which they are packed.
  const content = {
    count,
    digest: fromDigest(digest),
    entries: entries === undefined ? undefined : encodeTree(entries),
    size,
  }
  return { ...(data as unknown as PlainMap), content }
}

/** From the record, whose own copy this is. */
export const decodeContent = <Data extends WithContent>(plain: Plain): Data => {
  const data = plain as Record<string, unknown>
  const content = data.content as Record<string, unknown>
  content.digest = toDigest(content.digest as Uint8Array)
  if (content.entries !== undefined) content.entries = decodeTree(content.entries as Plain)
  return data as unknown as Data
}
