/**
 * Content-defined cut points: FastCDC with normalized chunk sizes (Xia et al., USENIX ATC 2016).
 *
 * A cut depends on the 32 bytes before it and on the distance to the cut before, so an edit moves
 * only the cuts around it. Part of the disk format: other cuts would store known bytes again.
 * Knows neither digests nor where chunks stay.
 */
import { chunkBytesAverage, chunkBytesMax, chunkBytesMin } from "../limits.js"
import { sha256 } from "../model/digest.js"
import type { Chunking } from "./blob-store.js"
import { frameChunkBytesMax } from "./frame.js"

/** What a new ledger cuts with. An old one keeps what its identity says. */
export const defaultChunking: Chunking = {
  algorithm: "fastcdc",
  gear: "daybook gear 1",
  maskBits: [18, 14],
  min: chunkBytesMin,
  average: chunkBytesAverage,
  max: chunkBytesMax,
}

// The hash shifts by one bit a byte, so after 32 bytes a byte has left it.
const windowBytes = 32

/**
 * The 256 values of a gear table: SHA-256(text || k) for the bytes k = 0 to 31, one after the
 * other, read as big-endian 32-bit words. The text is taken as UTF-8.
 */
export const gearTable = (text: string): Int32Array => {
  const name = Buffer.from(text, "utf8")
  const table = new Int32Array(256)
  for (let k = 0; k < 32; k += 1) {
    const words = Buffer.from(sha256(name, Uint8Array.of(k)))
    for (let word = 0; word < 8; word += 1) table[k * 8 + word] = words.readInt32BE(word * 4)
  }
  return table
}

// The most significant bits of the hash are those that all 32 bytes of the window have reached.
const mask = (bits: number): number => (bits === 0 ? 0 : -1 << (32 - bits))

/**
 * Looks for the end of one chunk. `from` is the index in `bytes` to go on at, `position` how far
 * into the chunk that is. Gives the index after the chunk's last byte, or -1 when more bytes are
 * needed. The hash is carried from call to call; a new chunk begins with position 0.
 */
type Scan = (bytes: Uint8Array, from: number, position: number) => number

const scanner = (chunking: Chunking, gear: Int32Array): Scan => {
  const { min, average, max } = chunking
  const before = mask(chunking.maskBits[0])
  const after = mask(chunking.maskBits[1])
  let hash = 0

  // The inner loop. Two bytes a turn, and everything in a local variable: one of the closure's
  // would be loaded again for each byte, at half the speed.
  const roll = (bytes: Uint8Array, from: number, end: number, cut: number): number => {
    const table = gear
    let rolled = hash
    let index = from
    for (const last = end - 1; index < last; index += 2) {
      rolled = ((rolled << 1) + (table[bytes[index] ?? 0] ?? 0)) | 0
      if ((rolled & cut) === 0) return index + 1
      rolled = ((rolled << 1) + (table[bytes[index + 1] ?? 0] ?? 0)) | 0
      if ((rolled & cut) === 0) return index + 2
    }
    if (index < end) {
      rolled = ((rolled << 1) + (table[bytes[index] ?? 0] ?? 0)) | 0
      if ((rolled & cut) === 0) return end
    }
    hash = rolled
    return -1
  }

  return (bytes, from, position) => {
    const start = from - position
    const endAt = (distance: number) => Math.min(bytes.length, start + distance)
    if (position === 0) hash = 0
    // No cut lies below the minimum, so only the window of the first candidate is hashed there.
    let index = Math.max(from, endAt(Math.max(min - windowBytes, 0)))
    for (const end = endAt(min); index < end; index += 1)
      hash = ((hash << 1) + (gear[bytes[index] ?? 0] ?? 0)) | 0
    let found = roll(bytes, index, endAt(average), before)
    if (found < 0) found = roll(bytes, Math.max(index, endAt(average)), endAt(max), after)
    if (found >= 0) return found
    return bytes.length >= start + max ? start + max : -1
  }
}

/** Cuts content that arrives in pieces; holds less than `max` bytes between two of them. */
export interface Cutter {
  /** The chunks that end in this piece, as copies. Must be iterated to the end. */
  readonly push: (piece: Uint8Array) => Generator<Uint8Array, void>
  /** The last chunk, if any bytes are left. */
  readonly end: () => Uint8Array | undefined
}

/** One chunking, ready to cut. Both ways give the same chunks, however the pieces are divided. */
export interface Cuts {
  /** The chunks of a content in memory, as views of it. Empty content has none. */
  readonly whole: (content: Uint8Array) => Generator<Uint8Array, void>
  /** A cutter for one content. */
  readonly pieces: () => Cutter
  /** Content of so many bytes or fewer is one chunk, whatever it says. */
  readonly min: number
}

const makeCutter = (scan: Scan, max: number): Cutter => {
  let held = new Uint8Array(0)
  let heldBytes = 0

  const hold = (tail: Uint8Array) => {
    const needed = heldBytes + tail.length
    if (needed > held.length) {
      const grown = new Uint8Array(Math.max(needed, Math.min(2 * held.length, max)))
      grown.set(held.subarray(0, heldBytes))
      held = grown
    }
    held.set(tail, heldBytes)
    heldBytes = needed
  }

  const release = (tail: Uint8Array): Uint8Array => {
    const chunk = Buffer.concat([held.subarray(0, heldBytes), tail])
    heldBytes = 0
    return chunk
  }

  return {
    *push(piece) {
      let start = 0
      while (start < piece.length) {
        const end = scan(piece, start, heldBytes)
        if (end < 0) break
        yield release(piece.subarray(start, end))
        start = end
      }
      hold(piece.subarray(start))
    },
    end: () => (heldBytes === 0 ? undefined : release(new Uint8Array(0))),
  }
}

/** Why nothing can be cut in this way; undefined when it can. */
export const chunkingProblem = ({ min, average, max, maskBits }: Chunking): string | undefined => {
  if (!(min >= 1 && min <= average && average <= max && max <= frameChunkBytesMax))
    return `chunks of ${min} to ${max} bytes, ${average} on average, cannot be cut`
  if (maskBits.some((bits) => bits > windowBytes)) return `masks of ${maskBits} bits cannot be met`
  return undefined
}

/** A chunking with a problem is a defect. */
export const fastcdc = (chunking: Chunking): Cuts => {
  const problem = chunkingProblem(chunking)
  if (problem !== undefined) throw new Error(problem)
  const gear = gearTable(chunking.gear)
  return {
    *whole(content) {
      const scan = scanner(chunking, gear)
      for (let start = 0; start < content.length; ) {
        const found = scan(content, start, 0)
        const end = found < 0 ? content.length : found
        yield content.subarray(start, end)
        start = end
      }
    },
    pieces: () => makeCutter(scanner(chunking, gear), chunking.max),
    min: chunking.min,
  }
}
