/**
 * Frames: the unit that packs are made of, a chunk or a recipe with what is to be known of it.
 *
 * Magic, kind, form, two zero bytes, raw size (u32), stored size (u32), raw SHA-256, stored
 * SHA-256, CRC-32 of the raw bytes (u32), CRC-32 of the 84 bytes before (u32); then the stored
 * bytes. All big-endian. Does not know what a recipe says, nor where frames lie.
 */
import { crc32 } from "node:zlib"
import { type Digest, toDigest, writeDigest } from "../model/digest.js"
import type { Form } from "./deflate.js"

export const frameHeaderBytes = 88

/** Bytes of a chunk that format 1 can hold: bounds what a damaged size makes a reader allocate. */
export const frameChunkBytesMax = 16_777_216

// Does not begin with a letter, so that no text is full of candidates.
const frameMagic = 0x8944_4246
export const frameMagicBytes = Buffer.from([0x89, 0x44, 0x42, 0x46])

export type FrameKind = "chunk" | "recipe"

const kindCodes: Readonly<Record<FrameKind, number>> = { chunk: 1, recipe: 2 }
const formCodes: Readonly<Record<Form, number>> = { raw: 0, deflate: 1 }

export interface FrameHeader {
  readonly kind: FrameKind
  readonly form: Form
  /** Bytes before deflating. */
  readonly size: number
  readonly storedSize: number
  /** Of the raw bytes: for a chunk, its name. */
  readonly digest: Digest
  readonly storedDigest: Digest
  /** Of the raw bytes. */
  readonly crc32: number
}

export interface Frame extends FrameHeader {
  readonly stored: Uint8Array
}

const encodeHeader = (frame: Frame): Buffer => {
  const bytes = Buffer.allocUnsafe(frameHeaderBytes)
  bytes.writeUInt32BE(frameMagic, 0)
  bytes[4] = kindCodes[frame.kind]
  bytes[5] = formCodes[frame.form]
  bytes.writeUInt16BE(0, 6)
  bytes.writeUInt32BE(frame.size, 8)
  bytes.writeUInt32BE(frame.storedSize, 12)
  writeDigest(bytes, frame.digest, 16)
  writeDigest(bytes, frame.storedDigest, 48)
  bytes.writeUInt32BE(frame.crc32, 80)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 84)), 84)
  return bytes
}

/** A frame as it lies in a pack. */
export const encodeFrame = (frame: Frame): Buffer =>
  Buffer.concat([encodeHeader(frame), frame.stored])

// Copying so much costs as much as to write two pieces instead of one.
const joinBytesMax = 8_192

/** The same bytes to be written one after the other: those of a large frame are not copied. */
export const framePieces = (frame: Frame): ReadonlyArray<Uint8Array> =>
  frame.stored.length <= joinBytesMax ? [encodeFrame(frame)] : [encodeHeader(frame), frame.stored]

/** A header as it lies in a pack. Its digests are made into text when they are asked for. */
class HeaderInPack implements FrameHeader {
  readonly kind: FrameKind
  readonly form: Form
  readonly size: number
  readonly storedSize: number
  readonly crc32: number
  readonly #view: Buffer

  constructor(view: Buffer) {
    this.kind = view[4] === kindCodes.chunk ? "chunk" : "recipe"
    this.form = view[5] === formCodes.raw ? "raw" : "deflate"
    this.size = view.readUInt32BE(8)
    this.storedSize = view.readUInt32BE(12)
    this.crc32 = view.readUInt32BE(80)
    this.#view = view
  }

  get digest(): Digest {
    return toDigest(this.#view.subarray(16, 48))
  }

  get storedDigest(): Digest {
    return toDigest(this.#view.subarray(48, 80))
  }

  /** Whether it says what a writer of format 1 could have said. */
  get isPossible(): boolean {
    const { kind, form, size, storedSize } = this
    if (size === 0 || (kind === "chunk" && size > frameChunkBytesMax)) return false
    if (form === "deflate") return kind === "chunk" && storedSize > 0 && storedSize < size
    return storedSize === size && this.#view.compare(this.#view, 16, 48, 48, 80) === 0
  }
}

/** The frame header at the beginning of `bytes`; undefined when there is none that is whole. */
export const readFrameHeader = (bytes: Uint8Array): FrameHeader | undefined => {
  if (bytes.length < frameHeaderBytes) return undefined
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, frameHeaderBytes)
  if (view.readUInt32BE(0) !== frameMagic) return undefined
  if (view.readUInt32BE(84) !== crc32(view.subarray(0, 84))) return undefined
  if (view[4] !== 1 && view[4] !== 2) return undefined
  if ((view[5] !== 0 && view[5] !== 1) || view.readUInt16BE(6) !== 0) return undefined
  const header = new HeaderInPack(view)
  return header.isPossible ? header : undefined
}

/** A frame whose stored bytes are known to have this digest. */
export class LoadedFrame implements Frame {
  readonly kind: FrameKind
  readonly form: Form
  readonly size: number
  readonly storedSize: number
  readonly crc32: number
  readonly storedDigest: Digest
  readonly stored: Uint8Array
  readonly #header: FrameHeader

  constructor(header: FrameHeader, storedDigest: Digest, stored: Uint8Array) {
    this.kind = header.kind
    this.form = header.form
    this.size = header.size
    this.storedSize = header.storedSize
    this.crc32 = header.crc32
    this.storedDigest = storedDigest
    this.stored = stored
    this.#header = header
  }

  get digest(): Digest {
    return this.#header.digest
  }
}
