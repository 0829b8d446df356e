/**
 * The writer against a simple version of it; what no value may hold is in `msgpack.test.ts`.
 * Simple means: a Buffer for every part, put together afterwards.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Plain, packBehind, packedLength } from "./packing.js"

const uint = (value: number, size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  bytes.writeUIntBE(value, 0, size)
  return bytes
}

/** A length below `small` with the type `fix`, or with one of these types by its size. */
const sized = (length: number, small: number, fix: number, types: ReadonlyArray<number>) => {
  if (length < small) return Buffer.of(fix + length)
  const size = length < 0x100 && types[0] ? 1 : length < 0x10000 ? 2 : 4
  return Buffer.concat([Buffer.of(types[Math.log2(size)] ?? 0), uint(length, size)])
}

const numberBytes = (value: number): Buffer => {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) {
    const bytes = Buffer.alloc(9, 0xcb)
    bytes.writeDoubleBE(value, 1)
    return bytes
  }
  if (value >= 0) return sized(value, 0x80, 0, [0xcc, 0xcd, 0xce])
  if (value >= -32) return Buffer.of(0x100 + value)
  const size = value >= -(2 ** 7) ? 1 : value >= -(2 ** 15) ? 2 : 4
  const type = Buffer.of(0xd0 + Math.log2(size))
  return Buffer.concat([type, uint(value + 2 ** (8 * size), size)])
}

const bigintBytes = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(9, value < 2n ** 63n ? 0xd3 : 0xcf)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value), 1)
  return bytes
}

/** The form of the specification (msgpack.org), part by part, each a Buffer of its own. */
const simple = (value: Plain): Buffer => {
  if (value === null) return Buffer.of(0xc0)
  if (typeof value === "boolean") return Buffer.of(value ? 0xc3 : 0xc2)
  if (typeof value === "number") return numberBytes(value)
  if (typeof value === "bigint") return bigintBytes(value)
  if (typeof value === "string") {
    const { length } = Buffer.from(value)
    return Buffer.concat([sized(length, 32, 0xa0, [0xd9, 0xda, 0xdb]), Buffer.from(value)])
  }
  if (value instanceof Uint8Array)
    return Buffer.concat([sized(value.length, 0, 0, [0xc4, 0xc5, 0xc6]), value])
  if (Array.isArray(value))
    return Buffer.concat([sized(value.length, 16, 0x90, [0, 0xdc, 0xdd]), ...value.map(simple)])
  const members = Object.entries(value).flatMap(([key, member]) =>
    member === undefined ? [] : [[key, member] as const],
  )
  const inOrder = members.sort(([a], [b]) => (a < b ? -1 : 1))
  const header = sized(members.length, 16, 0x80, [0, 0xde, 0xdf])
  return Buffer.concat([header, ...inOrder.flat().map(simple)])
}

/** Thousands of matchers would take most of the time, so one looks at what has differed. */
const differing: Array<Plain> = []
const agrees = (value: Plain): boolean => {
  const isSame = Buffer.compare(packBehind(0, value), simple(value)) === 0
  if (!isSame) differing.push(value)
  return isSame
}

const unit = fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary-ascii" }))
const text = fc.string({ unit, maxLength: 300 }).filter((one) => one.isWellFormed())
const number = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.integer({ min: -200, max: 300 }),
  fc.integer({ min: -40_000, max: 70_000 }),
)
// A member that no record can have is refused, as `msgpack.test.ts` shows.
const memberName = fc
  .oneof(text, fc.constantFrom("2", "10", "constructor"))
  .filter((name) => name !== "__proto__")
const { plain } = fc.letrec<{ readonly plain: Plain }>((tie) => ({
  plain: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, true, false),
    number,
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    text,
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("plain"), { maxLength: 20 }),
    fc.dictionary(memberName, tie("plain"), {
      maxKeys: 20,
      noNullPrototype: true,
    }),
  ),
}))

describe("the bytes of the writer", () => {
  it("are those of the simple version", () =>
    fc.assert(
      fc.property(plain, (value) => {
        expect(packBehind(0, value)).toEqual(simple(value))
        expect(packedLength(value)).toBe(simple(value).length)
      }),
      { numRuns: 300 },
    ))

  it("are so at the edges of every length, and around each power of two", () => {
    const sizes = [0, 1, 15, 16, 31, 32, 47, 48, 49, 255, 256, 65_535, 65_536]
    for (const size of sizes) {
      agrees("x".repeat(size))
      agrees("é".repeat(size))
      agrees(new Uint8Array(size))
      agrees(Array.from({ length: size }, () => 1))
      agrees(Object.fromEntries(Array.from({ length: size }, (_, n) => [`k${n}`, n])))
    }
    for (let power = 0; power <= 64; power += 1)
      for (const sign of [1, -1]) for (const by of [-1, 0, 1]) agrees(sign * 2 ** power + by)
    for (const value of [-0, 0.1, Number.NaN, Number.POSITIVE_INFINITY]) agrees(value)
    expect(differing).toEqual([])
  })

  it("are so where undefined members shorten the length of a map", () => {
    for (const count of [15, 16, 17, 65_536])
      agrees(
        Object.fromEntries(
          Array.from({ length: count }, (_, n) => [`k${n}`, n % 2 === 0 ? n : undefined]),
        ),
      )
    expect(differing).toEqual([])
  })

  it("leave room in front", () => {
    const packed = packBehind(7, { b: 1, a: 2 })
    expect(packed.subarray(7)).toEqual(packBehind(0, { a: 2, b: 1 }))
  })

  it("are right when reading the value packs another, or fails, in the middle", () => {
    const packing = (act: () => Plain): Plain =>
      Object.defineProperty({ a: 1, z: 2 }, "m", { enumerable: true, get: act })
    const inner = packBehind(0, ["inner", "x".repeat(40_000)])
    const outer = packing(() => packBehind(0, ["inner", "x".repeat(40_000)]))
    expect(packBehind(0, outer)).toEqual(packBehind(0, { a: 1, m: inner, z: 2 }))
    const failing = packing(() => {
      packBehind(0, { deep: undefined, never: (() => 0) as never })
      return 1
    })
    expect(() => packBehind(0, failing)).toThrow("never is function")
    expect(packBehind(0, { a: 1 })).toEqual(Buffer.from("81a16101", "hex"))
  })

  it("of a value that was very large are its own, and the next are right", () => {
    const large = packBehind(0, new Uint8Array(3_000_000))
    expect(large.length).toBe(3_000_005)
    packBehind(0, "x".repeat(100_000))
    expect(large.every((byte, at) => at < 5 || byte === 0)).toBe(true)
  })
})
