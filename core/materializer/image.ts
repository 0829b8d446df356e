/**
 * Format and size of an image from its leading bytes: PNG, GIF, WebP, JPEG. Decodes no pixels: the
 * answer is what the header claims.
 */
import { imageHeaderBytesMax } from "../limits.js"

interface ImageSize {
  readonly format: "png" | "gif" | "webp" | "jpeg"
  /** Pixels. */
  readonly width: number
  readonly height: number
}

const starts = (file: Buffer, at: number, text: string): boolean =>
  file.length >= at + text.length && file.toString("latin1", at, at + text.length) === text

/** PNG (W3C, third edition, 11.2.1): the signature, then always IHDR. */
const png = (file: Buffer): ImageSize | undefined =>
  file.length >= 24 && starts(file, 0, "\x89PNG\r\n\x1a\n") && starts(file, 12, "IHDR")
    ? { format: "png", width: file.readUInt32BE(16), height: file.readUInt32BE(20) }
    : undefined

// GIF89a, section 18: the logical screen.
const gif = (file: Buffer): ImageSize | undefined =>
  file.length >= 10 && (starts(file, 0, "GIF87a") || starts(file, 0, "GIF89a"))
    ? { format: "gif", width: file.readUInt16LE(6), height: file.readUInt16LE(8) }
    : undefined

/** WebP (RFC 9649): lossy (VP8), lossless (VP8L) and extended (VP8X) files differ. */
const webp = (file: Buffer): ImageSize | undefined => {
  if (file.length < 30 || !starts(file, 0, "RIFF") || !starts(file, 8, "WEBP")) return undefined
  if (starts(file, 12, "VP8X"))
    return { format: "webp", width: file.readUIntLE(24, 3) + 1, height: file.readUIntLE(27, 3) + 1 }
  if (starts(file, 12, "VP8L") && file[20] === 0x2f) {
    const bits = file.readUInt32LE(21)
    return { format: "webp", width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 }
  }
  if (!(starts(file, 12, "VP8 ") && starts(file, 23, "\x9d\x01\x2a"))) return undefined
  // The upper two bits of each are a scaling hint.
  const width = file.readUInt16LE(26) & 0x3fff
  return { format: "webp", width, height: file.readUInt16LE(28) & 0x3fff }
}

/** SOF0 to SOF15, except for the three markers in that range that mean something else. */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

/** JPEG (ITU-T T.81, annex B): segments up to the first start of frame. */
const jpeg = (file: Buffer): ImageSize | undefined => {
  if (!starts(file, 0, "\xff\xd8\xff")) return undefined
  let at = 2
  while (at + 9 <= file.length && file[at] === 0xff) {
    const marker = file[at + 1] ?? 0
    if (isFrame(marker))
      return { format: "jpeg", width: file.readUInt16BE(at + 7), height: file.readUInt16BE(at + 5) }
    // A run of 0xff before a marker is padding.
    at += marker === 0xff ? 1 : 2 + Math.max(2, file.readUInt16BE(at + 2))
  }
  return undefined
}

/** What the leading bytes say, or `undefined` if they are not an image of these formats. */
export const imageSize = (bytes: Uint8Array): ImageSize | undefined => {
  const length = Math.min(bytes.byteLength, imageHeaderBytesMax)
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, length)
  const image = png(file) ?? gif(file) ?? webp(file) ?? jpeg(file)
  return image !== undefined && image.width > 0 && image.height > 0 ? image : undefined
}
