/**
 * Work for a thread: the chunks of a stretch are hashed and, where they are wanted, their stored
 * forms put in their places.
 *
 * Knows nothing of who asks, nor of what is stored already.
 */
import { type Digest, digestOf } from "../model/digest.js"
import type { Done, Work } from "../thread/work.js"
import { type Stretch, viewsOf } from "./chunk.js"
import { storedForm } from "./deflate.js"
import type { Frame } from "./frame.js"
import { frameOf } from "./prepared.js"

export interface ChunkJob extends Stretch {
  /** Whether the stored forms are wanted. */
  readonly isStored: boolean
}

/** What is told of a chunk: its digest, or its frame without the stored bytes. */
type Outline = Pick<Frame, "digest"> | Omit<Frame, "stored">

export interface Chunked {
  /** Those of the job, handed back: each chunk, or its stored form, begins where the chunk did. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly outlines: ReadonlyArray<Outline>
}

/** A chunk that is not in its stored form yet. */
export interface RawChunk {
  readonly digest: Digest
  readonly raw: Uint8Array
}

/** A chunk on its way in. */
export type HashedChunk = RawChunk | Frame

export const answer = ({ isStored, ...stretch }: ChunkJob): Done<Chunked> => {
  const { bytes } = stretch
  const outlines = viewsOf(stretch).map((raw): Outline => {
    const digest = digestOf(raw)
    if (!isStored) return { digest }
    const { stored, ...outline } = frameOf(raw, digest, storedForm(raw))
    // Never longer than the chunk, which nobody needs any more.
    if (outline.form === "deflate") raw.set(stored)
    return outline
  })
  return { value: { bytes, outlines }, transfer: [bytes.buffer] }
}

export const chunkWork: Work<ChunkJob, Chunked> = { module: import.meta.url, answer }

/** The chunks of what was answered, as views of its bytes. */
export const chunksIn = (
  { bytes, outlines }: Chunked,
  sizes: ReadonlyArray<number>,
): ReadonlyArray<HashedChunk> => {
  const views = viewsOf({ bytes, sizes })
  return outlines.map((outline, at) => {
    const raw = views[at] ?? new Uint8Array(0)
    return "form" in outline
      ? { ...outline, stored: raw.subarray(0, outline.storedSize) }
      : { ...outline, raw }
  })
}
