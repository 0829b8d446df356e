/**
 * Rows as bytes: what goes in comes out, and one flipped bit anywhere is named as damage.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import type { Plain } from "../model/msgpack.js"
import { emptyLadder, type Ladder } from "./ladder.js"
import {
  decodeGone,
  decodeNow,
  decodeRow,
  decodeWas,
  encodeGone,
  encodeNow,
  encodeRow,
  encodeWas,
  rowChecksum,
} from "./row.js"

/** Any character that UTF-8 can hold: all but the surrogates. */
const character = fc
  .nat({ max: 0x10f7ff })
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))

const position = fc.maxSafeNat()

const ladder: fc.Arbitrary<Ladder> = fc.oneof(
  fc.constant(emptyLadder),
  fc.record({
    count: fc.integer({ min: 1, max: 1_000_000 }),
    rungs: fc.array(fc.array(position, { maxLength: 17 }), { minLength: 1, maxLength: 4 }),
  }),
)

const memberName = fc.string().filter((name) => name !== "__proto__")

const { value } = fc.letrec<{ readonly value: Plain }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true }).map((number) => number + 0),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ unit: character }),
    fc.array(tie("value")),
    fc.dictionary(memberName, tie("value"), { noNullPrototype: true }),
  ),
}))

// The decoder gives Buffers; which class holds the bytes is not the row's business.
const bytes = fc.uint8Array().map((array) => Buffer.from(array))

const key = fc.string({ unit: character, minLength: 1 })

const flipped = (buffer: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(buffer)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

/** Every bit of some bytes whose flip goes unnoticed. */
const unnoticed = (buffer: Uint8Array, read: (damaged: Uint8Array) => unknown) =>
  Array.from({ length: buffer.length * 8 }, (_, bit) => bit).filter((bit) => {
    try {
      read(flipped(buffer, bit))
      return true
    } catch (cause) {
      return !(cause instanceof ViewFailure)
    }
  })

describe("rows", () => {
  it("give back what was put in", () => {
    const valueOrBytes = fc.oneof(value, bytes)
    return fc.assert(
      fc.property(key, position, ladder, valueOrBytes, (at, from, rungs, held) => {
        const now = { from, ladder: rungs, value: held }
        expect(decodeNow(at, encodeNow(at, now))).toEqual(now)
        const was = { to: from, ladder: rungs, value: held }
        expect(decodeWas(at, encodeWas(at, was))).toEqual(was)
        const gone = { to: from, ladder: rungs }
        expect(decodeGone(at, encodeGone(at, gone))).toEqual(gone)
      }),
      { numRuns: 300 },
    )
  })

  it("have a checksum that is their first four bytes", () => {
    const row = encodeRow("k", ["a", 1])
    const [a = 0, b = 0, c = 0, d = 0] = row
    expect(rowChecksum(row)).toBe(((a * 256 + b) * 256 + c) * 256 + d)
    expect(rowChecksum(encodeRow("l", ["a", 1]))).not.toBe(rowChecksum(row))
  })
})

describe("damage", () => {
  const at = "n1\u0000versions\u0000iris dataset\u00000000000000a\u0000"
  const body = { name: "iris", tags: ["a", "b"], size: 1_234, digest: Buffer.alloc(32, 9) }
  const row = encodeNow(at, { from: 7, ladder: { count: 2, rungs: [[3, 7]] }, value: body })

  it("of one bit anywhere in the row is a view failure", () => {
    expect(unnoticed(row, (damaged) => decodeNow(at, damaged))).toEqual([])
  })

  it("of one bit anywhere in the key is a view failure", () => {
    const damagedKey = (damaged: Uint8Array) => decodeNow(Buffer.from(damaged).toString(), row)
    expect(unnoticed(Buffer.from(at), damagedKey)).toEqual([])
  })

  it("is also a row cut short, made longer, empty, or of another key", () => {
    for (let length = 0; length < row.length; length += 1)
      expect(() => decodeRow(at, row.subarray(0, length)), String(length)).toThrow(ViewFailure)
    expect(() => decodeRow(at, Buffer.concat([row, Buffer.of(0)]))).toThrow(ViewFailure)
    expect(() => decodeRow(`${at}x`, row)).toThrow(ViewFailure)
    expect(() => decodeRow(at, new Uint8Array(1_000))).toThrow(ViewFailure)
  })

  it("says that nothing was stored and what to do", () => {
    expect(() => decodeRow(at, Buffer.of(1, 2, 3, 4, 5))).toThrow(
      expect.objectContaining({
        kind: "unavailable",
        operation: "read",
        outcome: "none",
        message: expect.stringContaining("rebuild()"),
      }),
    )
  })
})
