/**
 * Inflating by pieces: the same as `node:zlib` however it is cut, a known end, and refusals.
 */
import { constants, deflateRawSync } from "node:zlib"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { zipInflateBytes } from "../limits.js"
import { Inflating } from "./inflate.js"

const inflate = (packed: Uint8Array, pieceBytes = zipInflateBytes) => {
  const inflating = new Inflating()
  const made: Array<Uint8Array> = []
  for (let at = 0; at < packed.length; at += pieceBytes)
    made.push(inflating.push(packed.subarray(at, at + pieceBytes)))
  return { bytes: Buffer.concat(made), unused: inflating.unused, made }
}

const text = Buffer.from(Array.from({ length: 900 }, (_, at) => `line ${at % 97} `).join(""))
const noise = Buffer.from(Uint8Array.from({ length: 70_000 }, (_, at) => (at * at * 31) >>> 7))

const streams: ReadonlyArray<readonly [string, Buffer, Buffer]> = [
  ["nothing", Buffer.alloc(0), deflateRawSync(Buffer.alloc(0))],
  ["text", text, deflateRawSync(text)],
  ["noise, stored in blocks", noise, deflateRawSync(noise, { level: 0 })],
  ["fixed codes", text, deflateRawSync(text, { strategy: constants.Z_FIXED })],
  ["codes without distances", text, deflateRawSync(text, { strategy: constants.Z_HUFFMAN_ONLY })],
  [
    "pieces with flushes between, as blobs are stored",
    Buffer.concat([text, noise, text]),
    Buffer.concat([
      ...[text, noise, text].map((piece) =>
        deflateRawSync(piece, { finishFlush: constants.Z_SYNC_FLUSH }),
      ),
      Buffer.of(3, 0),
    ]),
  ],
]

describe.each(streams)("a stream of %s", (_, content, packed) => {
  it("is inflated, in pieces of any length, and its end is known", () => {
    // A piece costs the same however short it is.
    const short = packed.length < 2_000 ? [1, 2, 7] : [777]
    for (const pieceBytes of [...short, 100, zipInflateBytes, packed.length]) {
      const { bytes, unused } = inflate(packed, pieceBytes)
      expect(bytes.equals(content)).toBe(true)
      expect(unused).toBe(0)
    }
  })

  it("has not ended before its last byte", () => {
    for (const end of [1, Math.floor(packed.length / 2), packed.length - 1])
      expect(inflate(packed.subarray(0, end)).unused).toBeUndefined()
  })

  it("leaves what lies behind its end unused", () => {
    for (const more of [1, 2, 1_000])
      expect(inflate(Buffer.concat([packed, Buffer.alloc(more, 0xaa)])).unused).toBe(more)
  })
})

describe("a stream", () => {
  it("of all zeros gives eight mebibytes for a piece, and no more", () => {
    const packed = deflateRawSync(Buffer.alloc(30_000_000), { level: 9 })
    const longest = Math.max(...inflate(packed).made.map(({ length }) => length))
    expect(longest).toBeGreaterThan(1_000 * zipInflateBytes)
    expect(longest).toBeLessThan(1_033 * zipInflateBytes)
  })

  it("that ends by a flush has no end", () => {
    const flushed = deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH })
    const { bytes, unused } = inflate(flushed)
    expect(bytes.equals(text)).toBe(true)
    expect(unused).toBeUndefined()
  })

  it("that is none is an error, or has other bytes, and always ends", () => {
    const inputs = fc.uint8Array({ minLength: 1, maxLength: 300 })
    fc.assert(
      fc.property(inputs, (packed) => {
        try {
          expect(inflate(packed).bytes.length).toBeLessThanOrEqual(1_033 * packed.length)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
      { numRuns: 500 },
    )
  })

  it("is inflated as node:zlib deflates it", () => {
    const inputs = fc.array(fc.nat({ max: 5 }), { maxLength: 3_000 })
    const levels = fc.integer({ min: 0, max: 9 })
    fc.assert(
      fc.property(inputs, levels, fc.integer({ min: 1, max: 700 }), (values, level, pieceBytes) => {
        const content = Buffer.from(values)
        const { bytes, unused } = inflate(deflateRawSync(content, { level }), pieceBytes)
        expect(bytes.equals(content)).toBe(true)
        expect(unused).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})
