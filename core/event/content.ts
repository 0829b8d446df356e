/**
 * The content part of a saved version: digests are text in data and 32 bytes in records, and a
 * tree inside an event has the form of its manifest entries (see `model/tree.ts`).
 */
import * as Schema from "effect/Schema"
import { fromDigest, toDigest } from "../model/digest.js"
import type { Plain } from "../model/msgpack.js"
import { Count, DigestSchema, PathSchema } from "../model/schema.js"
import { decodeTree, encodeTree } from "../model/tree.js"

const EntrySchema = Schema.Struct({
  path: PathSchema,
  kind: Schema.Literals(["file", "directory", "symlink"]),
  size: Count,
  digest: DigestSchema,
  executable: Schema.optionalKey(Schema.Literal(true)),
  target: Schema.optionalKey(Schema.String),
})

const TreeSchema = Schema.Array(EntrySchema)

const LinkSchema = Schema.Struct({
  root: Schema.optionalKey(Schema.String),
  path: Schema.String,
  file: Schema.optionalKey(Schema.Literal(true)),
})

export const ContentSchema = Schema.Struct({
  digest: DigestSchema,
  size: Count,
  count: Count,
  entries: Schema.optionalKey(TreeSchema),
  states: Schema.optionalKey(DigestSchema),
  link: Schema.optionalKey(LinkSchema),
})

interface WithContent {
  readonly content: (typeof ContentSchema)["Type"]
}

type PlainMap = { readonly [key: string]: Plain }

/** For the record. Everything beside the digests is plain already. */
export const encodeContent = <Data extends WithContent>(data: Data): Plain => {
  const { count, digest, entries, link, size, states } = data.content
  // In the order in which they are packed.
  const content = {
    count,
    digest: fromDigest(digest),
    entries: entries === undefined ? undefined : encodeTree(entries),
    link,
    size,
    states: states === undefined ? undefined : fromDigest(states),
  }
  return { ...(data as unknown as PlainMap), content }
}

/** From the record, whose own copy this is. */
export const decodeContent = <Data extends WithContent>(plain: Plain): Data => {
  const data = plain as Record<string, unknown>
  const content = data.content as Record<string, unknown>
  content.digest = toDigest(content.digest as Uint8Array)
  if (content.entries !== undefined) content.entries = decodeTree(content.entries as Plain)
  if (content.states !== undefined) content.states = toDigest(content.states as Uint8Array)
  return data as unknown as Data
}
