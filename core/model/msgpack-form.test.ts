/**
 * The form of MessagePack: what is written passes, everything that another reader could take for
 * more than plain values does not, and a simple reading of the specification agrees on any bytes.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Plain, pack, unpack, unpackAll } from "./msgpack.js"
import { checkAll, checkOne, endOf as endIn } from "./msgpack-form.js"

const hex = (text: string): Buffer => Buffer.from(text, "hex")

const passes = (bytes: Uint8Array, check = checkAll): boolean => {
  try {
    check(bytes)
    return true
  } catch (thrown) {
    expect(String(thrown)).toContain("not plain MessagePack")
    return false
  }
}

/** The end of the value at a place; NaN where there is none. Only for bytes that are not deep. */
const endOf = (bytes: Buffer, at: number): number => {
  const token = bytes[at]
  if (token === undefined || Number.isNaN(at)) return Number.NaN
  const many = (count: number, from: number): number => {
    let end = from
    for (let n = 0; n < count && !Number.isNaN(end); n += 1) end = endOf(bytes, end)
    return end
  }
  const within = (end: number): number => (end <= bytes.length ? end : Number.NaN)
  const read = (length: number): number =>
    at + 1 + length <= bytes.length ? bytes.readUIntBE(at + 1, length) : Number.NaN
  if (token <= 0x7f || token >= 0xe0) return at + 1
  if (token <= 0x8f) return many(2 * (token - 0x80), at + 1)
  if (token <= 0x9f) return many(token - 0x90, at + 1)
  if (token <= 0xbf) return within(at + 1 + token - 0xa0)
  if (token === 0xc0 || token === 0xc2 || token === 0xc3) return at + 1
  const sized = { 196: 1, 197: 2, 198: 4, 217: 1, 218: 2, 219: 4 }[token]
  if (sized !== undefined) return within(at + 1 + sized + read(sized))
  const fixed = { 202: 4, 203: 8, 204: 1, 205: 2, 206: 4, 207: 8, 208: 1, 209: 2, 210: 4, 211: 8 }
  const length = (fixed as Record<number, number>)[token]
  if (length !== undefined) return within(at + 1 + length)
  const listed = { 220: 2, 221: 4, 222: 2, 223: 4 }[token]
  if (listed === undefined) return Number.NaN
  return many(read(listed) * (token >= 222 ? 2 : 1), at + 1 + listed)
}

const isPlain = (value: unknown): boolean => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return true
  if (Array.isArray(value)) return value.every(isPlain)
  return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain)
}

const plain: fc.Arbitrary<Plain> = fc.anything({
  values: [fc.string(), fc.double(), fc.integer(), fc.boolean(), fc.constant(null)],
  key: fc.string().filter((key) => key !== "__proto__"),
  maxDepth: 3,
}) as fc.Arbitrary<Plain>

describe("the form of MessagePack", () => {
  it("is that of whatever is written", () =>
    fc.assert(
      fc.property(plain, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value, large) => {
        const bytes = pack([
          value,
          large,
          new Uint8Array(300),
          "x".repeat(70_000),
          Array(20).fill(0),
        ])
        expect(passes(bytes, checkOne)).toBe(true)
        expect(passes(Buffer.concat([bytes, bytes]))).toBe(true)
        expect(passes(Buffer.concat([bytes, bytes]), checkOne)).toBe(false)
        expect(passes(bytes.subarray(0, -1))).toBe(false)
      }),
      { numRuns: 100 },
    ))

  it("may be no value where any number is allowed, and none else", () => {
    expect([passes(hex("")), passes(hex(""), checkOne)]).toEqual([true, false])
  })

  it.each([
    ["an extension that goes back to where it was, for ever", "a0a0d662fffffffcc0"],
    ["an extension that makes a cycle", "d6690000000193d67000000001c0c0"],
    ["an extension that compiles", "d4724091a16101"],
    ["an extension that is a regular expression", "d4780092a12aa161"],
    ["an extension of a length", "c7010500"],
    ["an extension that claims 4 GiB", "c9ffffffff05"],
    ["a code that is not used", "c1"],
    ["a list that claims 2^32 members", "ddffffffff"],
    ["a map that claims 2^32 members", "dfffffffff"],
    ["a text that claims 4 GiB", "dbffffffff61"],
    ["bytes that claim 4 GiB", "c6ffffffff00"],
    ["a length that is cut off", "db0000"],
    ["a number that is cut off", "cb00"],
  ])("is none of %s", (_, bytes) => {
    expect(passes(hex(bytes))).toBe(false)
    expect(() => unpack(hex(bytes))).toThrow("not plain MessagePack")
    expect(() => [...unpackAll(hex(bytes))]).toThrow("not plain MessagePack")
    expect(() => unpackAll(Buffer.concat([pack("before"), hex(bytes)])).next()).toThrow("not plain")
  })

  it("takes as long as there are values, however deep and whatever they claim", () => {
    const deep = Buffer.alloc(5_000_000, 0x91)
    expect(passes(deep)).toBe(false)
    expect(passes(Buffer.concat([deep, hex("c0")]), checkOne)).toBe(true)
    expect(passes(Buffer.concat(Array(10_000).fill(hex("dd7fffffff"))))).toBe(false)
  })

  it("is what the specification says, for any bytes, and gives plain values alone", () => {
    const tokens = [
      0x80, 0x81, 0x90, 0x92, 0xa0, 0xa1, 0xc0, 0xc4, 0xca, 0xcf, 0xd4, 0xd9, 0xdc, 0xde,
    ]
    const byte = fc.oneof(fc.nat(255), fc.constantFrom(...tokens), fc.constantFrom(0, 1, 2))
    const property = fc.property(fc.array(byte, { maxLength: 40 }), (all) => {
      const bytes = Buffer.from(all)
      const end = endOf(bytes, 0)
      if (end <= bytes.length) expect(endIn(bytes, 0)).toBe(end)
      else expect(() => endIn(bytes, 0)).toThrow("not plain MessagePack")
      const isWhole = end === bytes.length
      expect(passes(bytes, checkOne)).toBe(isWhole)
      if (!isWhole) return
      // Keys of maps are another matter: their reader takes some kinds alone.
      let value: Plain
      try {
        value = unpack(bytes)
      } catch {
        return
      }
      expect(isPlain(value)).toBe(true)
    })
    return fc.assert(property, { numRuns: 20_000 })
  })
})
