/**
 * Content that is ready to be kept: hashed, cut and deflated, where nobody waits for it.
 *
 * It is what a put of its bytes would have made of them, for any driver. Does not know whether any
 * of it is stored already.
 */
import { crc32 } from "node:zlib"
import { type Digest, digestOf } from "../model/digest.js"
import type { Cuts } from "./chunk.js"
import { type StoredForm, storedForm } from "./deflate.js"
import type { Frame } from "./frame.js"

/** A content as frames. What cut it is what the store cuts with. */
export class Prepared {
  readonly digest: Digest
  /** Of the content, as the digest is. */
  readonly crc32: number
  readonly chunks: ReadonlyArray<Frame>

  constructor(digest: Digest, crc: number, chunks: ReadonlyArray<Frame>) {
    this.digest = digest
    this.crc32 = crc
    this.chunks = chunks
  }
}

/** The frame of a chunk that is kept in this form. */
export const frameOf = (raw: Uint8Array, digest: Digest, { form, stored }: StoredForm): Frame => ({
  kind: "chunk",
  form,
  size: raw.length,
  storedSize: stored.length,
  digest,
  storedDigest: form === "raw" ? digest : digestOf(stored),
  crc32: crc32(raw),
  stored,
})

/** Prepares a content. Where a chunk is kept raw, its frame is a view of these bytes. */
export const prepare = (cuts: Cuts, content: Uint8Array): Prepared => {
  const digest = digestOf(content)
  const raws = [...cuts.whole(content)]
  const isOne = raws.length === 1
  const chunks = raws.map((raw) => frameOf(raw, isOne ? digest : digestOf(raw), storedForm(raw)))
  const [only] = chunks
  return new Prepared(digest, isOne && only ? only.crc32 : crc32(content), chunks)
}
