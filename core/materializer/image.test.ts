/**
 * Image headers, built after their specifications, whole, cut and damaged.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { imageHeaderBytesMax } from "../limits.js"
import { imageSize } from "./image.js"

const u16 = (value: number) => [value & 255, value >> 8]
const u16be = (value: number) => [value >> 8, value & 255]
const u24 = (value: number) => [value & 255, (value >> 8) & 255, value >> 16]
const latin = (text: string) => [...Buffer.from(text, "latin1")]

const png = (width: number, height: number) =>
  Uint8Array.from([
    ...latin("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0"),
    ...u16be(width),
    0,
    0,
    ...u16be(height),
    ...latin("\x08\x02\0\0\0"),
  ])

const gif = Uint8Array.from([...latin("GIF89a"), ...u16(300), ...u16(7), 0xf7, 0, 0])

const riff = (chunk: ReadonlyArray<number>) =>
  Uint8Array.from([...latin("RIFF\0\0\0\0WEBP"), ...chunk, ...new Array(16).fill(0)])

const webpLossy = riff([
  ...latin("VP8 \0\0\0\0\0\0\0\x9d\x01\x2a"),
  ...u16(640 | 0x4000),
  ...u16(480),
])
// Fourteen bits each of width - 1 and height - 1: 100 by 50.
const webpLossless = riff([...latin("VP8L\0\0\0\0\x2f"), 99, 49 << 6, 49 >> 2, 0])
const webpExtended = riff([...latin("VP8X\x0a\0\0\0\0\0\0\0"), ...u24(69_999), ...u24(2)])

const segment = (marker: number, body: ReadonlyArray<number>) => [
  0xff,
  marker,
  ...u16be(body.length + 2),
  ...body,
]

const jpeg = (frame: number) =>
  Uint8Array.from([
    0xff,
    0xd8,
    ...segment(0xe0, latin("JFIF\0\x01\x01\0\0\x01\0\x01\0\0")),
    // A Huffman table: its marker is in the range of the frames.
    ...segment(0xc4, new Array(28).fill(0)),
    0xff,
    ...segment(frame, [8, ...u16be(720), ...u16be(1280), 3, 1, 0x22, 0, 2, 0x11, 1]),
  ])

describe("images", () => {
  it.each([
    ["PNG", png(1024, 768), { format: "png", width: 1024, height: 768 }],
    ["GIF", gif, { format: "gif", width: 300, height: 7 }],
    ["lossy WebP", webpLossy, { format: "webp", width: 640, height: 480 }],
    ["lossless WebP", webpLossless, { format: "webp", width: 100, height: 50 }],
    ["extended WebP", webpExtended, { format: "webp", width: 70_000, height: 3 }],
    ["baseline JPEG", jpeg(0xc0), { format: "jpeg", width: 1280, height: 720 }],
    ["progressive JPEG", jpeg(0xc2), { format: "jpeg", width: 1280, height: 720 }],
  ])("reads the size of a %s", (_, bytes, size) => {
    expect(imageSize(bytes)).toEqual(size)
  })

  it("reads a view into a larger buffer", () => {
    const around = new Uint8Array(gif.length + 5)
    around.set(gif, 5)
    expect(imageSize(around.subarray(5))).toMatchObject({ format: "gif", width: 300 })
  })

  it("looks for the size of a JPEG up to the limit, and no further", () => {
    const from = (at: number) => {
      const frame = segment(0xc0, [8, ...u16be(720), ...u16be(1280)])
      const file = Buffer.alloc(at + frame.length)
      file.set([0xff, 0xd8, 0xff])
      // Segments of the largest size, then one that ends where the frame begins.
      let start = 2
      while (start < at) {
        const left = at - start
        const length = left <= 65_537 ? left : Math.min(65_537, left - 4)
        file.set([0xff, 0xe2, ...u16be(length - 2)], start)
        start += length
      }
      file.set(frame, at)
      return imageSize(file)
    }
    const size = { format: "jpeg", width: 1280, height: 720 }
    expect(from(imageHeaderBytesMax - 9)).toEqual(size)
    expect(from(imageHeaderBytesMax - 8)).toBeUndefined()
  })

  it.each([
    ["nothing", new Uint8Array(0)],
    ["text", Buffer.from("GIF is a format, and so is RIFF....WEBP; neither is this text")],
    ["an image without width", png(0, 10)],
    ["a JPEG without a frame", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xd9)],
    ["padding without end", Buffer.alloc(5_000_000, 0xff).fill(0xd8, 1, 2)],
  ])("does not take %s for an image", (_, bytes) => {
    expect(imageSize(bytes)).toBeUndefined()
  })

  it("never throws, and never makes up a size of nothing", () => {
    const samples = [png(9, 9), gif, webpLossy, webpLossless, webpExtended, jpeg(0xc0)]
    fc.assert(
      fc.property(fc.constantFrom(...samples), fc.nat(60), fc.nat(255), fc.nat(80), (...picks) => {
        const [sample, at, byte, length] = picks
        const damaged = Uint8Array.from(sample)
        damaged[at] = byte
        const image = imageSize(damaged.subarray(0, length))
        expect(image === undefined || (image.width > 0 && image.height > 0)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})
