/**
 * Content-defined cut points: FastCDC with normalized chunk sizes (Xia et al., USENIX ATC 2016).
 *
 * A cut depends on the 32 bytes before it and on the distance to the cut before, so an edit moves
 * only the cuts around it. Part of the disk format: other cuts would store known bytes again.
 * Knows neither digests nor where chunks stay.
 */
import { chunkBytesAverage, chunkBytesMax, chunkBytesMin } from "../limits.js"
import { sha256 } from "../model/digest.js"
import { frameChunkBytesMax } from "./frame.js"

/** How content is cut into chunks: fixed for the life of a ledger, kept in its identity. */
export interface Chunking {
  readonly algorithm: "fastcdc"
  /** Names the gear table: its 256 values are made from this text (see `gearTable`). */
  readonly gear: string
  /** Bits set in the mask before and after the average size is reached. */
  readonly maskBits: readonly [before: number, after: number]
  /** These three in bytes. */
  readonly min: number
  readonly average: number
  readonly max: number
}

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

/** Cuts content that arrives in pieces. */
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

// Chunks that come one after the other share a slab: each byte is copied once. The first one is
// small, since most contents are.
const slabBytesMin = 65_536
const slabBytesMax = 1_048_576

class SlabCutter implements Cutter {
  readonly #scan: Scan
  readonly #max: number
  #slab = Buffer.alloc(0)
  /** Where in the slab the chunk begins that is being filled, and where it has come to. */
  #start = 0
  #end = 0

  constructor(scan: Scan, max: number) {
    this.#scan = scan
    this.#max = max
  }

  *push(piece: Uint8Array): Generator<Uint8Array, void> {
    for (let taken = 0; taken < piece.length; ) {
      if (this.#end === this.#slab.length) this.#renew(piece.length - taken)
      const from = this.#end
      const length = Math.min(this.#slab.length - from, piece.length - taken)
      this.#slab.set(piece.subarray(taken, taken + length), from)
      taken += length
      this.#end += length
      yield* this.#cut(from)
    }
  }

  end(): Uint8Array | undefined {
    return this.#start === this.#end ? undefined : this.#release(this.#end)
  }

  /** The chunks that end after `from`, which is where the last search ended. */
  *#cut(from: number): Generator<Uint8Array, void> {
    const filled = this.#slab.subarray(0, this.#end)
    for (let at = from; at < this.#end; ) {
      const cut = this.#scan(filled, at, at - this.#start)
      if (cut < 0) return
      yield this.#release(cut)
      at = cut
    }
  }

  #release(end: number): Uint8Array {
    const chunk = this.#slab.subarray(this.#start, end)
    this.#start = end
    return chunk
  }

  /** The chunk goes on in another slab, which it may fill by itself. */
  #renew(wanted: number): void {
    const held = this.#slab.subarray(this.#start, this.#end)
    const most = Math.max(slabBytesMax, 2 * this.#max)
    const bytes = Math.max(slabBytesMin, 2 * this.#slab.length, held.length + wanted)
    this.#slab = Buffer.allocUnsafeSlow(Math.min(bytes, most))
    this.#slab.set(held)
    this.#start = 0
    this.#end = held.length
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
    pieces: () => new SlabCutter(scanner(chunking, gear), chunking.max),
    min: chunking.min,
  }
}
