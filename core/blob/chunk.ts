/**
 * Content-defined cut points: FastCDC with normalized chunk sizes (Xia et al., USENIX ATC 2016).
 *
 * A cut depends on the 32 bytes before it and on the distance to the cut before, so an edit moves
 * only the cuts around it. Part of the disk format: other cuts would store known bytes again.
 * Knows neither digests nor where chunks stay.
 */
import { endianness } from "node:os"
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
const isLittleEndian = endianness() === "LE"

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

  const rollBytes = (bytes: Uint8Array, from: number, end: number, cut: number): number => {
    for (let index = from; index < end; index += 1) {
      hash = ((hash << 1) + (gear[bytes[index] ?? 0] ?? 0)) | 0
      if ((hash & cut) === 0) return index + 1
    }
    return -1
  }

  // The inner loop. Four bytes are loaded at once, which takes three quarters of the time that they
  // take one by one. All is in local variables: one of the closure's would be loaded for each byte.
  const rollWords = (words: Int32Array, from: number, end: number, cut: number): number => {
    const table = gear
    let rolled = hash
    for (let at = from; at < end; at += 1) {
      const word = words[at] ?? 0
      rolled = ((rolled << 1) + (table[word & 255] ?? 0)) | 0
      if ((rolled & cut) === 0) return 4 * at + 1
      rolled = ((rolled << 1) + (table[(word >>> 8) & 255] ?? 0)) | 0
      if ((rolled & cut) === 0) return 4 * at + 2
      rolled = ((rolled << 1) + (table[(word >>> 16) & 255] ?? 0)) | 0
      if ((rolled & cut) === 0) return 4 * at + 3
      rolled = ((rolled << 1) + (table[word >>> 24] ?? 0)) | 0
      if ((rolled & cut) === 0) return 4 * at + 4
    }
    hash = rolled
    return -1
  }

  const roll = (bytes: Uint8Array, from: number, end: number, cut: number): number => {
    const { buffer, byteOffset } = bytes
    const first = Math.ceil((byteOffset + from) / 4)
    const last = Math.floor((byteOffset + end) / 4)
    if (first >= last || !isLittleEndian) return rollBytes(bytes, from, end, cut)
    const lead = rollBytes(bytes, from, 4 * first - byteOffset, cut)
    if (lead >= 0) return lead
    const words = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / 4))
    const found = rollWords(words, first, last, cut)
    return found >= 0 ? found - byteOffset : rollBytes(bytes, 4 * last - byteOffset, end, cut)
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

/** Neighbouring chunks of one content, in memory that is nobody else's. */
export interface Stretch {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Of each chunk: together they are all of the bytes. */
  readonly sizes: ReadonlyArray<number>
}

/** The chunks of a stretch, as views of its bytes. */
export const viewsOf = ({ bytes, sizes }: Stretch): ReadonlyArray<Uint8Array<ArrayBuffer>> => {
  let end = 0
  return sizes.map((size) => {
    end += size
    return bytes.subarray(end - size, end)
  })
}

/** Cuts content that arrives in pieces. */
export interface Cutter {
  /** Copies a piece; gives the stretches that are full then. Must be iterated to the end. */
  readonly push: (piece: Uint8Array) => Generator<Stretch, void>
  /** The last stretch, if any bytes are left. */
  readonly end: () => Stretch | undefined
  /** Takes back the memory of a stretch that is needed no more: another one will lie in it. */
  readonly reuse: (bytes: Uint8Array<ArrayBuffer>) => void
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

// The memory of a stretch and the beginning of the next chunk. The first one is small, as most
// contents are.
const slabBytesMin = 65_536
const slabBytesMax = 1_048_576

class SlabCutter implements Cutter {
  readonly #scan: Scan
  readonly #max: number
  #slab = Buffer.allocUnsafeSlow(0)
  #spare: Array<Buffer<ArrayBuffer>> = []
  #sizes: Array<number> = []
  /** Where in the slab the chunk begins that is being filled, and where it has come to. */
  #start = 0
  #end = 0

  constructor(scan: Scan, max: number) {
    this.#scan = scan
    this.#max = max
  }

  *push(piece: Uint8Array): Generator<Stretch, void> {
    for (let taken = 0; taken < piece.length; ) {
      if (this.#end === this.#slab.length) yield* this.#renew(piece.length - taken)
      const from = this.#end
      const length = Math.min(this.#slab.length - from, piece.length - taken)
      this.#slab.set(piece.subarray(taken, taken + length), from)
      taken += length
      this.#end += length
      this.#cut(from)
    }
  }

  end(): Stretch | undefined {
    if (this.#start < this.#end) this.#release(this.#end)
    return this.#end === 0 ? undefined : this.#stretch()
  }

  reuse({ buffer }: Uint8Array<ArrayBuffer>): void {
    this.#spare.push(Buffer.from(buffer))
  }

  /** Finds the chunks that end after `from`, which is where the last search ended. */
  #cut(from: number): void {
    const filled = this.#slab.subarray(0, this.#end)
    for (let at = from; at < this.#end; ) {
      const cut = this.#scan(filled, at, at - this.#start)
      if (cut < 0) return
      this.#release(cut)
      at = cut
    }
  }

  #release(end: number): void {
    this.#sizes.push(end - this.#start)
    this.#start = end
  }

  #stretch(): Stretch {
    return { bytes: this.#slab.subarray(0, this.#start), sizes: this.#sizes }
  }

  /** The chunk goes on in another slab, which it may fill by itself; those before it are given. */
  *#renew(wanted: number): Generator<Stretch, void> {
    const full = this.#sizes.length === 0 ? undefined : this.#stretch()
    const held = this.#slab.subarray(this.#start, this.#end)
    const most = Math.max(slabBytesMax, 2 * this.#max)
    const bytes = Math.max(slabBytesMin, 2 * this.#slab.length, held.length + wanted)
    const room = Math.min(bytes, most)
    const spare = this.#spare.pop()
    // New memory for each would have V8 go through its whole heap for every twelve of them.
    this.#slab = spare && spare.length >= room ? spare : Buffer.allocUnsafeSlow(room)
    this.#slab.set(held)
    this.#sizes = []
    this.#start = 0
    this.#end = held.length
    if (full !== undefined) yield full
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
