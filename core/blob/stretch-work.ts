/**
 * Work for a thread: a stretch of a file is read, and parts of it are hashed.
 *
 * Knows nothing of what lies there. The file stays open until the answer is there.
 */
import { readSync } from "node:fs"
import { type Digest, digestOf } from "../model/digest.js"
import type { Done, Work } from "../thread/work.js"

/** Half-open, in bytes from the start of the stretch. */
export interface StretchPart {
  readonly from: number
  readonly to: number
}

export interface StretchJob {
  readonly descriptor: number
  readonly offset: number
  readonly length: number
  readonly parts: ReadonlyArray<StretchPart>
}

export interface Stretched {
  /** Fewer than were asked for only where the file ends. */
  readonly bytes: Uint8Array
  /** Of each part, as far as it was read. */
  readonly digests: ReadonlyArray<Digest>
}

export const answer = ({ descriptor, offset, length, parts }: StretchJob): Done<Stretched> => {
  const room = Buffer.allocUnsafeSlow(length)
  let filled = 0
  while (filled < length) {
    const count = readSync(descriptor, room, filled, length - filled, offset + filled)
    if (count === 0) break
    filled += count
  }
  const bytes = room.subarray(0, filled)
  const digests = parts.map(({ from, to }) => digestOf(bytes.subarray(from, to)))
  return { value: { bytes, digests }, transfer: [room.buffer] }
}

export const stretchWork: Work<StretchJob, Stretched> = { module: import.meta.url, answer }
