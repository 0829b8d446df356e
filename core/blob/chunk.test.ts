/**
 * Cut points: frozen with the format, independent of how content arrives, and local to an edit.
 */
import { randomFillSync } from "node:crypto"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { defaultChunking, fastcdc, gearTable, type Stretch } from "./chunk.js"

/** Bytes that are the same on every machine: SHA-256 of a counter, again and again. */
const counted = (size: number, name: string): Uint8Array => {
  const parts = Array.from({ length: Math.ceil(size / 32) }, (_, index) =>
    Buffer.from(digestOf(Buffer.from(`${name} ${index}`)), "hex"),
  )
  return Buffer.concat(parts).subarray(0, size)
}

const small = { ...defaultChunking, maskBits: [8, 4], min: 40, average: 128, max: 512 } as const
const sizesOf = (chunks: Iterable<Uint8Array>) => Array.from(chunks, ({ length }) => length)

const chunksIn = ({ bytes, sizes }: Stretch): ReadonlyArray<Uint8Array> => {
  let end = 0
  const chunks = sizes.map((size) => {
    end += size
    return bytes.subarray(end - size, end)
  })
  expect(end).toBe(bytes.length)
  return chunks
}

const cutPieces = (pieces: ReadonlyArray<Uint8Array>, chunking = defaultChunking) => {
  const cutter = fastcdc(chunking).pieces()
  const chunks: Array<Uint8Array> = []
  for (const piece of pieces)
    for (const stretch of cutter.push(piece)) chunks.push(...chunksIn(stretch))
  const last = cutter.end()
  return last === undefined ? chunks : [...chunks, ...chunksIn(last)]
}

describe("the gear table", () => {
  it("is made from its text as the format says", () => {
    const table = gearTable("daybook gear 1")
    const first = Buffer.from(digestOf(Buffer.from("daybook gear 1"), Buffer.of(0)), "hex")
    const last = Buffer.from(digestOf(Buffer.from("daybook gear 1"), Buffer.of(31)), "hex")
    expect(table[0]).toBe(first.readInt32BE(0))
    expect(table[7]).toBe(first.readInt32BE(28))
    expect(table[255]).toBe(last.readInt32BE(28))
    expect(new Set(table).size).toBe(256)
    expect(gearTable("another")).not.toEqual(table)
  })
})

describe("cuts", () => {
  it("stay where they are: another cut of known bytes would store them twice", () => {
    // Expected by an implementation of its own, in Python, written from the description alone.
    const sizes = sizesOf(fastcdc(defaultChunking).whole(counted(1_000_000, "frozen")))
    expect(sizes).toEqual([
      67_480, 92_797, 72_819, 66_453, 74_688, 90_088, 85_611, 78_260, 73_515, 82_592, 69_395,
      94_729, 51_573,
    ])
    expect(sizesOf(fastcdc(small).whole(counted(2_000, "frozen")))).toEqual([
      136, 129, 159, 137, 142, 102, 154, 130, 124, 117, 66, 183, 141, 78, 160, 42,
    ])
  })

  it("leave content up to the minimum in one chunk, and empty content in none", () => {
    const { whole } = fastcdc(defaultChunking)
    expect(sizesOf(whole(new Uint8Array(0)))).toEqual([])
    expect(sizesOf(whole(Uint8Array.of(1)))).toEqual([1])
    expect(sizesOf(whole(new Uint8Array(defaultChunking.min)))).toEqual([defaultChunking.min])
    expect(cutPieces([])).toEqual([])
  })

  it("end at the maximum where nothing in the content says so", () => {
    const { max } = defaultChunking
    const zeros = new Uint8Array(2 * max + 10)
    expect(sizesOf(fastcdc(defaultChunking).whole(zeros))).toEqual([max, max, 10])
  })

  it("make chunks within the bounds, about as long as asked, that join to the whole", () => {
    const content = randomFillSync(new Uint8Array(6_000_000))
    const chunks = [...fastcdc(defaultChunking).whole(content)]
    expect(Buffer.compare(Buffer.concat(chunks), content)).toBe(0)
    for (const { length } of chunks.slice(0, -1)) {
      expect(length).toBeGreaterThan(defaultChunking.min)
      expect(length).toBeLessThanOrEqual(defaultChunking.max)
    }
    const average = content.length / chunks.length
    expect(average).toBeGreaterThan(50_000)
    expect(average).toBeLessThan(110_000)
  })

  it("are views of a whole content", () => {
    const content = counted(100_000, "views")
    for (const chunk of fastcdc(defaultChunking).whole(content))
      expect(chunk.buffer).toBe(content.buffer)
  })

  it("do not depend on how the content is divided", () => {
    const contents = fc.uint8Array({ minLength: 0, maxLength: 3_000 })
    const lengths = fc.array(fc.nat(700), { minLength: 1, maxLength: 30 })
    return fc.assert(
      fc.property(contents, lengths, (content, cuts) => {
        const pieces: Array<Uint8Array> = []
        let start = 0
        for (const length of cuts) {
          pieces.push(content.subarray(start, start + length))
          start += length
        }
        pieces.push(content.subarray(start))
        const whole = [...fastcdc(small).whole(content)].map((chunk) => Buffer.from(chunk))
        expect(cutPieces(pieces, small).map((chunk) => Buffer.from(chunk))).toEqual(whole)
      }),
      { numRuns: 300 },
    )
  })

  it("are the same byte by byte", () => {
    const content = counted(150_000, "one by one")
    const bytes = Array.from(content, (_, index) => content.subarray(index, index + 1))
    expect(sizesOf(cutPieces(bytes))).toEqual(sizesOf(fastcdc(defaultChunking).whole(content)))
  })

  it("copy what they give out of a piece, so that the piece may be used again", () => {
    const content = Buffer.from(counted(500_000, "reuse"))
    const expected = [...fastcdc(defaultChunking).whole(Uint8Array.from(content))]
    const chunks = cutPieces([content])
    content.fill(0)
    expect(Buffer.compare(Buffer.concat(chunks), Buffer.concat(expected))).toBe(0)
  })

  it("come in memory that is given back, where it is", () => {
    const content = counted(5_000_000, "given back")
    const expected = Array.from(fastcdc(defaultChunking).whole(content), (chunk) => digestOf(chunk))
    const cutter = fastcdc(defaultChunking).pieces()
    const found: Array<string> = []
    const memory = new Set<ArrayBuffer>()
    const see = (stretch: Stretch) => {
      found.push(...chunksIn(stretch).map((chunk) => digestOf(chunk)))
      memory.add(stretch.bytes.buffer)
      stretch.bytes.fill(7)
      cutter.reuse(stretch.bytes)
    }
    for (let start = 0; start < content.length; start += 70_000)
      for (const stretch of cutter.push(content.subarray(start, start + 70_000))) see(stretch)
    const last = cutter.end()
    if (last !== undefined) see(last)
    expect(found).toEqual(expected)
    const large = [...memory].filter(({ byteLength }) => byteLength === 1_048_576)
    expect(large).toHaveLength(2)
  })

  it("move only near an edit", () => {
    const before = counted(2_000_000, "edited")
    const at = 1_000_000
    const after = Buffer.concat([before.subarray(0, at), Buffer.from("new"), before.subarray(at)])
    const { whole } = fastcdc(defaultChunking)
    const known = new Set(Array.from(whole(before), (chunk) => digestOf(chunk)))
    const fresh = [...whole(after)].filter((chunk) => !known.has(digestOf(chunk)))
    expect(fresh.length).toBeGreaterThan(0)
    expect(fresh.length).toBeLessThanOrEqual(3)
  })

  it("are refused where no pack could hold the chunks", () => {
    expect(() => fastcdc({ ...defaultChunking, max: 16_777_217 })).toThrow("cannot be cut")
    expect(() => fastcdc({ ...defaultChunking, min: 0 })).toThrow("cannot be cut")
    expect(() => fastcdc({ ...defaultChunking, average: 1_000 })).toThrow("cannot be cut")
  })
})
