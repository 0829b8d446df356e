/**
 * Work for a thread: some files of a directory, read and prepared for the blob store.
 *
 * The stored bytes of all of them travel as one buffer. Knows nothing of what is stored already.
 */
import { type Chunking, type Cuts, fastcdc } from "../blob/chunk.js"
import type { Frame } from "../blob/frame.js"
import { Prepared, prepare } from "../blob/prepared.js"
import { type ReadJob, type ReadResults, readEach } from "../directory/read-work.js"
import type { Done, Work } from "../thread/work.js"

/** With what the store cuts. */
interface PrepareJob extends ReadJob {
  readonly chunking: Chunking
}

/** A prepared content without its stored bytes, which follow those of the one before. */
interface Outline extends Pick<Prepared, "digest" | "crc32"> {
  readonly chunks: ReadonlyArray<Omit<Frame, "stored">>
}

export interface PreparedFiles {
  readonly results: ReadResults<Outline>
  readonly bytes: Uint8Array<ArrayBuffer>
}

let last: { readonly said: string; readonly cuts: Cuts } | undefined

const cutsOf = (chunking: Chunking): Cuts => {
  const said = JSON.stringify(chunking)
  if (last?.said !== said) last = { said, cuts: fastcdc(chunking) }
  return last.cuts
}

export const answer = ({ chunking, ...job }: PrepareJob): Done<PreparedFiles> => {
  const cuts = cutsOf(chunking)
  // Nothing is stored longer than it is.
  const room = Buffer.allocUnsafeSlow(job.files.reduce((sum, { found }) => sum + found.size, 0))
  let end = 0
  const results = readEach(job, (bytes): Outline => {
    const { digest, crc32, chunks } = prepare(cuts, bytes)
    const outlines = chunks.map(({ stored, ...outline }) => {
      room.set(stored, end)
      end += stored.length
      return outline
    })
    return { digest, crc32, chunks: outlines }
  })
  const bytes = new Uint8Array(room.buffer.slice(0, end))
  return { value: { results, bytes }, transfer: [bytes.buffer] }
}

export const prepareWork: Work<PrepareJob, PreparedFiles> = { module: import.meta.url, answer }

/** The contents, with their stored bytes. */
export const preparedOf = (
  outlines: ReadonlyArray<Outline>,
  bytes: Uint8Array,
): ReadonlyArray<Prepared> => {
  let end = 0
  return outlines.map(({ digest, crc32, chunks }) => {
    const frames = chunks.map((chunk) => {
      end += chunk.storedSize
      return { ...chunk, stored: bytes.subarray(end - chunk.storedSize, end) }
    })
    return new Prepared(digest, crc32, frames)
  })
}
