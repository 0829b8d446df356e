/**
 * Pack files: how frames lie in them, and how to find the frames again without any index.
 *
 * Magic, format (u32), id (16 random bytes), CRC-32 of these (u32), all big-endian; then frames
 * until the end. Opens no file.
 */
import { randomBytes } from "node:crypto"
import { crc32 } from "node:zlib"
import { type Digest, digestOf, hasher, toDigest } from "../model/digest.js"
import { rawBytes } from "./deflate.js"
import {
  type FrameHeader,
  frameChunkBytesMax,
  frameHeaderBytes,
  frameMagicBytes,
  readFrameHeader,
} from "./frame.js"

export const packFormat = 1
export const packHeaderBytes = 28
const packIdBytes = 16
// Does not begin with a letter, as that of frames.
const packMagic = 0x8944_4250

/** The beginning of a new pack. By its id, copies of packs are told apart, whatever their names. */
export const packHeader = (id: Uint8Array = randomBytes(packIdBytes)): Buffer => {
  const header = Buffer.alloc(packHeaderBytes)
  header.writeUInt32BE(packMagic, 0)
  header.writeUInt32BE(packFormat, 4)
  header.set(id, 8)
  header.writeUInt32BE(crc32(header.subarray(0, 24)), 24)
  return header
}

/** The format of a pack, or undefined when its header is damaged or was never written whole. */
export const readPackFormat = (bytes: Uint8Array): number | undefined => {
  if (bytes.length < packHeaderBytes) return undefined
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, packHeaderBytes)
  const whole = header.readUInt32BE(0) === packMagic
  return whole && header.readUInt32BE(24) === crc32(header.subarray(0, 24))
    ? header.readUInt32BE(4)
    : undefined
}

/** The CRC-32 in a header, whether it is right or not; 0 where there is none. */
export const headerCheck = (header: Uint8Array): number =>
  header.length < packHeaderBytes
    ? 0
    : Buffer.from(header.buffer, header.byteOffset, packHeaderBytes).readUInt32BE(24)

/** Reads bytes of a pack; fewer than asked only where the pack ends. */
export type ReadPack = (offset: number, length: number) => Promise<Uint8Array>

const windowBytes = 1_048_576

/** The same reads, served from a window that moves forward: what a scan needs to be fast. */
export const readAhead = (read: ReadPack): ReadPack => {
  let start = 0
  let bytes: Uint8Array = new Uint8Array(0)
  return async (offset, length) => {
    if (offset < start || offset + length > start + bytes.length) {
      bytes = await read(offset, Math.max(length, windowBytes))
      start = offset
    }
    return bytes.subarray(offset - start, offset - start + length)
  }
}

export type Scanned =
  /**
   * A frame whose header and stored bytes are whole. `doubted`: behind damage, where it may be part
   * of somebody's content. A chunk was inflated and compared then; a recipe is to be.
   */
  | {
      readonly type: "frame"
      readonly offset: number
      readonly header: FrameHeader
      readonly doubted: boolean
    }
  /** Bytes between frames that are none. `header` when only the stored bytes are wrong. */
  | {
      readonly type: "damage"
      readonly from: number
      readonly to: number
      readonly header?: FrameHeader
    }
  /**
   * Comes last. Whole frames end at `end`. What follows is `torn` when a write that never ended
   * explains it (part of a frame, or zeros), otherwise `damaged`.
   */
  | { readonly type: "end"; readonly end: number; readonly tail: "whole" | "torn" | "damaged" }

export type ScannedFrame = Extract<Scanned, { readonly type: "frame" }>

/** The content that is lost with a frame, as far as it is known. */
export const lostWith = (header: FrameHeader | undefined): ReadonlyArray<Digest> =>
  header?.kind === "chunk" ? [header.digest] : []

/** Hashes in windows: a size that was never true costs time, not memory. */
const isWhole = async (read: ReadPack, offset: number, header: FrameHeader): Promise<boolean> => {
  const hash = hasher()
  const end = offset + frameHeaderBytes + header.storedSize
  for (let at = offset + frameHeaderBytes; at < end; ) {
    const bytes = await read(at, Math.min(windowBytes, end - at))
    if (bytes.length === 0) return false
    hash.update(bytes)
    at += bytes.length
  }
  return toDigest(hash.bytes()) === header.storedDigest
}

/** Whether a chunk is what its header says, down to the bytes that it is named by. */
export const isGenuineChunk = async (read: ReadPack, offset: number, header: FrameHeader) => {
  const { form, storedSize, size, digest, crc32: crc } = header
  const stored = await read(offset + frameHeaderBytes, storedSize)
  const raw = stored.length === storedSize ? rawBytes({ form, stored }, size, crc) : undefined
  return raw !== undefined && crc32(raw) === crc && digestOf(raw) === digest
}

/** Whether a frame may be believed that lies behind damage. */
const mayBelieve = async (read: ReadPack, offset: number, header: FrameHeader) =>
  (await isWhole(read, offset, header)) &&
  (header.kind === "recipe" || (await isGenuineChunk(read, offset, header)))

/** The next place from `from` on where a whole frame begins, or `size`. */
const findFrame = async (read: ReadPack, from: number, size: number): Promise<number> => {
  for (let at = from; at + frameHeaderBytes < size; ) {
    const bytes = await read(at, Math.min(windowBytes, size - at))
    if (bytes.length < frameHeaderBytes) break
    const found = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(frameMagicBytes)
    // The magic may lie across the end of the window, so its last bytes are looked at again.
    if (found < 0) at += bytes.length - frameMagicBytes.length + 1
    else {
      const header = readFrameHeader(await read(at + found, frameHeaderBytes))
      const fits = header && at + found + frameHeaderBytes + header.storedSize <= size
      if (fits && (await mayBelieve(read, at + found, header))) return at + found
      at += found + 1
    }
  }
  return size
}

const isZero = async (read: ReadPack, from: number, size: number): Promise<boolean> => {
  for (let at = from; at < size; ) {
    const bytes = await read(at, Math.min(windowBytes, size - at))
    if (bytes.length === 0 || bytes.some((byte) => byte !== 0)) return false
    at += bytes.length
  }
  return true
}

/** Whether the bytes from `from` to the end are what a write leaves that was cut short. */
const isTorn = async (read: ReadPack, from: number, size: number): Promise<boolean> => {
  const start = Buffer.from(await read(from, Math.min(frameHeaderBytes, size - from)))
  if (readFrameHeader(start) !== undefined) return true
  const magic = start.subarray(0, frameMagicBytes.length)
  const isPartOfHeader =
    start.length < frameHeaderBytes && frameMagicBytes.subarray(0, magic.length).equals(magic)
  return isPartOfHeader || isZero(read, from, size)
}

/**
 * Goes through the frames of a pack of `size` bytes, from `from`, checking the stored bytes of
 * each. Damage costs only the frames it lies in: the scan goes on at the next whole frame. `read`
 * is asked for at most a window or a chunk, whatever the bytes say, and should be one of
 * `readAhead`.
 */
export async function* scanPack(
  read: ReadPack,
  from: number,
  size: number,
): AsyncGenerator<Scanned, void> {
  let at = from
  let end = from
  // As far as the content of a frame can reach whose header is damaged.
  let doubtedTo = from
  while (at < size) {
    const header = readFrameHeader(await read(at, Math.min(frameHeaderBytes, size - at)))
    const next = header === undefined ? at : at + frameHeaderBytes + header.storedSize
    const doubted = at < doubtedTo
    const isFrame = header !== undefined && (!doubted || (await mayBelieve(read, at, header)))
    if (!isFrame) {
      doubtedTo = Math.max(doubtedTo, at + frameHeaderBytes + frameChunkBytesMax)
      const resumed = await findFrame(read, at + 1, size)
      if (resumed === size) break
      yield { type: "damage", from: at, to: resumed }
      at = resumed
      continue
    }
    // Nothing follows an unfinished frame: what looks like frames in it is somebody's content.
    if (next > size) break
    if (doubted || (await isWhole(read, at, header))) {
      yield { type: "frame", offset: at, header, doubted }
      end = next
    } else yield { type: "damage", from: at, to: next, header }
    at = next
  }
  const torn = end < size && at < size && (await isTorn(read, at, size))
  yield { type: "end", end, tail: end === size ? "whole" : torn ? "torn" : "damaged" }
}
