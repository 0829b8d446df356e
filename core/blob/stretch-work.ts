/**
 * Work for a thread: a stretch of a file is read, and parts of it are hashed.
 *
 * Knows nothing of what lies there. The file stays open until the answer is there.
 */
import { readSync } from "node:fs"
import { sha256 } from "../model/digest.js"
import type { Done, Work } from "../thread/work.js"

/** Of a SHA-256. */
export const digestBytes = 32

export interface StretchJob {
  readonly descriptor: number
  readonly offset: number
  readonly length: number
  /** Of each part, where it begins and ends, in bytes from the start of the stretch. */
  readonly parts: Uint32Array
}

export interface Stretched {
  /** Fewer than were asked for only where the file ends. */
  readonly bytes: Uint8Array
  /** The SHA-256 of each part, as far as it was read, one after the other. */
  readonly digests: Uint8Array
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
  const count = parts.length / 2
  const digests = Buffer.allocUnsafeSlow(count * digestBytes)
  for (let at = 0; at < count; at += 1)
    digests.set(sha256(bytes.subarray(parts[2 * at], parts[2 * at + 1])), at * digestBytes)
  return { value: { bytes, digests }, transfer: [room.buffer, digests.buffer] }
}

export const stretchWork: Work<StretchJob, Stretched> = { module: import.meta.url, answer }
