/**
 * The stored form of a chunk: as it will be sent in a zip (RFC 1951).
 *
 * Either a byte-aligned deflate fragment, ended with a sync flush and without a final block, so
 * that fragments concatenate; or the raw bytes, wrapped in stored blocks on the way out. Depends on
 * nothing but the chunk and the build of zlib. Knows neither digests nor packs.
 */
import { constants, crc32, deflateRawSync, inflateRawSync } from "node:zlib"
import { isNoise } from "./noise.js"

export type Form = "raw" | "deflate"

export interface StoredForm {
  readonly form: Form
  readonly stored: Uint8Array
}

// Every parameter of zlib is named, because each of them affects the bytes.
const parameters = {
  level: 5,
  windowBits: 15,
  memLevel: 8,
  strategy: constants.Z_DEFAULT_STRATEGY,
  finishFlush: constants.Z_SYNC_FLUSH,
}

// 31/32: below 3 % of saving, reading raw bytes is worth more than the space.
const choose = (raw: Uint8Array, deflated: Uint8Array): StoredForm =>
  deflated.length <= Math.floor((raw.length * 31) / 32)
    ? { form: "deflate", stored: deflated }
    : { form: "raw", stored: raw }

// Node's zlib takes 16 KiB for what comes of it, which a small form would keep from being freed.
const roomMax = 16_384
// What zlib adds to bytes that it makes no smaller (its deflateBound), and a sync flush; beyond.
const roomBeside = 64

// All of a small form fits at once, so that its flush is one and the bytes are the same.
const deflated = (raw: Uint8Array): Uint8Array =>
  deflateRawSync(raw, { ...parameters, chunkSize: Math.min(raw.length + roomBeside, roomMax) })

/** The form in which a chunk is kept. Another build of zlib may give another. Raw is not copied. */
export const storedForm = (raw: Uint8Array): StoredForm =>
  isNoise(raw) ? { form: "raw", stored: raw } : choose(raw, deflated(raw))

/**
 * The chunk back from its stored form; undefined unless size and CRC-32 are those it had. A raw
 * chunk is taken as it is: the code that loaded it has compared its digest.
 */
export const rawBytes = (
  { form, stored }: StoredForm,
  size: number,
  crc: number,
): Uint8Array | undefined => {
  if (form === "raw") return stored.length === size ? stored : undefined
  const raw = inflate(stored, size)
  return raw !== undefined && raw.length === size && crc32(raw) === crc ? raw : undefined
}

const inflate = (fragment: Uint8Array, size: number): Uint8Array | undefined => {
  try {
    return inflateRawSync(fragment, {
      finishFlush: constants.Z_SYNC_FLUSH,
      // Bounds what hostile bytes can make it allocate, and saves joining pieces afterwards.
      maxOutputLength: size,
      chunkSize: Math.max(size, constants.Z_MIN_CHUNK),
    })
  } catch {
    return undefined
  }
}

// A stored block carries its length in 16 bits, after a header that is one byte when aligned.
const blockBytesMax = 65_535
const blockHeaderBytes = 5

/** Bytes of `size` raw bytes wrapped in stored blocks. */
export const storedBlocksSize = (size: number): number =>
  size + blockHeaderBytes * Math.ceil(size / blockBytesMax)

/** Raw bytes as stored blocks (RFC 1951, 3.2.4), none of them final. */
export const storedBlocks = (raw: Uint8Array): Uint8Array => {
  const blocks = Buffer.allocUnsafe(storedBlocksSize(raw.length))
  let at = 0
  for (let start = 0; start < raw.length; start += blockBytesMax) {
    const length = Math.min(blockBytesMax, raw.length - start)
    blocks[at] = 0
    blocks.writeUInt16LE(length, at + 1)
    blocks.writeUInt16LE(~length & 0xffff, at + 3)
    blocks.set(raw.subarray(start, start + length), at + blockHeaderBytes)
    at += blockHeaderBytes + length
  }
  return blocks
}
