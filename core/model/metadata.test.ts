/**
 * Metadata on its way into records and out again, and each rule at its boundary: what is refused is
 * refused by name and place, whatever trap the caller's value is.
 */
import { isDeepStrictEqual } from "node:util"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  decodeMetadata,
  decodeMetadataValue,
  dtype,
  encodeMetadata,
  Marked,
  MetadataProblem,
  type MetadataValue,
  path,
  storageSize,
  uri,
} from "./metadata.js"
import { pack, unpack } from "./msgpack.js"

const character = fc
  .nat({ max: 0x10f7ff })
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))

const text = fc.string({ unit: fc.oneof(fc.constantFrom("a", "\u0000", "\u2028"), character) })

const key = fc.oneof(
  fc.string({ unit: "grapheme-ascii", minLength: 1 }).filter((name) => name !== "__proto__"),
  fc.constantFrom("constructor", "toString", "hasOwnProperty", "__defineGetter__"),
  fc.constantFrom("2", "10", "-1", "length", "value", "mark", "date", " ", "é", "\u{1f600}"),
)

const scalar: fc.Arbitrary<MetadataValue> = fc.oneof(
  fc.constantFrom(null, true, false, 0, "", Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53),
  text,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
  fc.date({ noInvalidDate: true }),
  fc.uint8Array({ maxLength: 40 }),
  text.map(uri),
  text.map(path),
  text.map(dtype),
  fc.maxSafeNat().map(storageSize),
)

const { value } = fc.letrec<{ readonly value: MetadataValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    scalar,
    fc.array(tie("value"), { maxLength: 6 }),
    fc.dictionary(key, tie("value"), { maxKeys: 6, noNullPrototype: true }),
  ),
}))

const throughRecord = (given: unknown) =>
  decodeMetadata(unpack(pack(encodeMetadata(given, "metadata"))) as Record<string, never>)

/** What must come back: the value, but for the one change that is promised. */
const withoutNegativeZero = (given: MetadataValue): MetadataValue => {
  if (given === 0) return 0
  if (Array.isArray(given)) return given.map(withoutNegativeZero)
  if (
    given === null ||
    typeof given !== "object" ||
    Object.getPrototypeOf(given) !== Object.prototype
  )
    return given
  const members = Object.entries(given as Record<string, MetadataValue>)
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNegativeZero(member)]))
}

const problemOf = (given: unknown): MetadataProblem => {
  try {
    encodeMetadata(given, "metadata")
  } catch (cause) {
    if (cause instanceof MetadataProblem) return cause
    throw cause
  }
  throw new Error("the metadata was accepted")
}

describe("metadata", () => {
  it("comes out of a record as it went in", () =>
    fc.assert(
      fc.property(fc.dictionary(key, value, { noNullPrototype: true, maxKeys: 8 }), (given) => {
        const expected = withoutNegativeZero(given)
        expect(isDeepStrictEqual(throughRecord(given), expected)).toBe(true)
        // Also when it is read back before it was ever stored.
        const unstored = decodeMetadata(encodeMetadata(given, "metadata"))
        expect(isDeepStrictEqual(unstored, expected)).toBe(true)
      }),
      { numRuns: 150 },
    ))

  it("keeps the kinds that MessagePack lacks, at any depth", () => {
    const given = {
      when: new Date(-1),
      deep: [{ dates: [new Date(0)], uri: uri("https://a/b"), dtype: dtype("float64") }],
      path: path("/a"),
      size: storageSize(2 ** 53 - 1),
      bytes: Uint8Array.of(0, 255),
    }
    expect(throughRecord(given)).toEqual(given)
    expect(throughRecord(given).when).toBeInstanceOf(Date)
    expect(throughRecord(given).size).toBeInstanceOf(Marked)
  })

  it("refuses what it would have to drop, with its path", () => {
    const hidden = (of: object, key: PropertyKey) =>
      Object.defineProperty(of, key, { value: 1, enumerable: false })
    const mark = Symbol("mark")
    const cases: ReadonlyArray<readonly [object, string]> = [
      [{ [mark]: 1 }, "metadata[Symbol(mark)]"],
      [{ a: { [mark]: 1 } }, "metadata.a[Symbol(mark)]"],
      [hidden({}, mark), "metadata[Symbol(mark)]"],
      [hidden({ b: 1 }, "a"), "metadata.a"],
      [{ a: [hidden({}, "a b")] }, 'metadata.a[0]["a b"]'],
      [{ a: Object.assign([1, 2], { unit: "m" }) }, "metadata.a.unit"],
      [{ a: Object.assign([], { [mark]: 1 }) }, "metadata.a[Symbol(mark)]"],
      [{ a: [hidden([], "unit")] }, "metadata.a[0].unit"],
      [{ a: "x".match(/x/) }, "metadata.a.index"],
    ]
    for (const [given, path] of cases) {
      expect(problemOf(given), path).toMatchObject({ path })
      expect(problemOf(given).limit).toBeUndefined()
    }
  })

  it("stores -0 as 0, everywhere", () => {
    const given = { a: -0, b: [-0], c: { d: -0 }, e: storageSize(-0) }
    const expected = { a: 0, b: [0], c: { d: 0 }, e: storageSize(0) }
    expect(isDeepStrictEqual(throughRecord(given), expected)).toBe(true)
    const unstored = decodeMetadata(encodeMetadata(given, "metadata"))
    expect(isDeepStrictEqual(unstored, expected)).toBe(true)
  })

  it("gives back bytes as plain bytes, also those given as a Buffer", () => {
    const { bytes } = throughRecord({ bytes: Buffer.from("abc") })
    expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
    expect(bytes).toEqual(Uint8Array.of(97, 98, 99))
  })

  it("is a copy: what the caller does to the bytes later changes nothing", () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const plain = encodeMetadata({ bytes }, "metadata")
    bytes.fill(9)
    expect(decodeMetadataValue(plain.bytes ?? null)).toEqual(Uint8Array.of(1, 2, 3))
  })

  it("takes records without a prototype, and no empty key that would fake a kind", () => {
    const bare = Object.assign(Object.create(null), { a: 1 })
    expect(throughRecord({ bare })).toEqual({ bare: { a: 1 } })
    expect(problemOf({ a: { "": "date", value: 0 } }).message).toContain("key that is empty")
  })
})

describe("a value that no record can hold is refused where it stands", () => {
  class Model {
    readonly weights = 1
  }
  const hole = Array(1)

  it.each<readonly [unknown, string, string]>([
    [Number.NaN, "metadata.a", "NaN"],
    [Number.POSITIVE_INFINITY, "metadata.a", "Infinity"],
    [Number.NEGATIVE_INFINITY, "metadata.a", "-Infinity"],
    [undefined, "metadata.a", "undefined"],
    [() => 1, "metadata.a", "function"],
    [Symbol("s"), "metadata.a", "symbol"],
    ["\ud800", "metadata.a", "surrogate"],
    [["x", "\udfff"], "metadata.a[1]", "surrogate"],
    [uri("\ud800"), "metadata.a", "surrogate"],
    [2n ** 64n, "metadata.a", "64 bits"],
    [-(2n ** 63n) - 1n, "metadata.a", "64 bits"],
    [new Date(Number.NaN), "metadata.a", "invalid date"],
    [new Map(), "metadata.a", "Map"],
    [new Set(), "metadata.a", "Set"],
    [new Model(), "metadata.a", "Model"],
    [Object.create({}), "metadata.a", "instance"],
    [new Float64Array(1), "metadata.a", "Float64Array"],
    [/x/, "metadata.a", "RegExp"],
    [Object("boxed"), "metadata.a", "String"],
    [hole, "metadata.a[0]", "undefined"],
    [[1, [2, { "b c": Number.NaN }]], 'metadata.a[1][1]["b c"]', "NaN"],
    [{ b: undefined }, "metadata.a.b", "undefined"],
    [JSON.parse('{"__proto__": 1}'), "metadata.a.__proto__", "reserved"],
    [{ "": 1 }, 'metadata.a[""]', "empty"],
    [{ "b\nc": 1 }, 'metadata.a["b\\nc"]', "control"],
    [{ "\ud800": 1 }, 'metadata.a["\\ud800"]', "surrogate"],
    [new Marked("sealed", "x"), "metadata.a", "sealed"],
    [new Marked("colour", "x"), "metadata.a", "unknown mark"],
    [new Marked("toString", "x"), "metadata.a", "unknown mark"],
    [new Marked("uri", 1), "metadata.a", "holds a number"],
    [new Marked("storage-size", "1"), "metadata.a", "holds a string"],
    [storageSize(-1), "metadata.a", "whole number"],
    [storageSize(0.5), "metadata.a", "whole number"],
    [storageSize(2 ** 53), "metadata.a", "whole number"],
    [storageSize(Number.NaN), "metadata.a", "whole number"],
  ])("case %#", (given, where, reason) => {
    const problem = problemOf({ a: given })
    expect(problem.path).toBe(where)
    expect(problem.message).toContain(reason)
    expect(problem.limit).toBeUndefined()
  })

  it("as is anything that is not a record at all", () => {
    for (const given of [null, undefined, 1, "a", [], new Date(), new Map(), uri("a"), () => 1])
      expect(problemOf(given).path).toBe("metadata")
  })

  it("at the edges of 64 bits it is still held", () => {
    const given = { least: -(2n ** 63n), most: 2n ** 64n - 1n, small: 5n }
    expect(throughRecord(given)).toEqual(given)
  })
})

describe("a value that is a trap", () => {
  const thrown = new Error("the caller's own")
  const trap = () => {
    throw thrown
  }

  it("such as a getter that throws, is refused at the getter", () => {
    const given = Object.defineProperty({}, "c", { enumerable: true, get: trap })
    const problem = problemOf({ a: [{ b: given }] })
    expect(problem.path).toBe("metadata.a[0].b.c")
    expect(problem.cause).toBe(thrown)
    const atTop = Object.defineProperty({ a: 1 }, "b", { enumerable: true, get: trap })
    expect(problemOf(atTop).path).toBe("metadata.b")
  })

  it("such as a proxy that throws, is refused", () => {
    for (const name of ["ownKeys", "get", "getPrototypeOf"] as const) {
      const given = new Proxy({ b: 1 }, { [name]: trap })
      expect(problemOf({ a: given }).cause, name).toBe(thrown)
      expect(problemOf(given).cause, name).toBe(thrown)
    }
  })

  it("such as a cycle, ends at the depth bound", () => {
    const record: Record<string, unknown> = {}
    record.self = record
    const list: Array<unknown> = []
    list.push(list, list)
    const pair: { other?: unknown } = { other: [{}] }
    pair.other = [{ pair }]
    for (const given of [record, { list }, pair])
      expect(problemOf(given).limit).toEqual({ name: "metadataDepthMax", allowed: 16, actual: 17 })
  })

  it("such as lists that hold one another again and again, ends at the size bound", () => {
    let laughs: ReadonlyArray<unknown> = []
    for (let depth = 1; depth < 16; depth += 1) laughs = Array(10).fill(laughs)
    expect(problemOf({ laughs }).limit?.name).toBe("metadataValueBytesMax")
  })

  it("such as huge text, bytes, keys and lists, ends before it is copied", () => {
    const huge = "x".repeat(50_000_000)
    const limitOf = (given: unknown) => problemOf({ a: given }).limit
    expect(limitOf(huge)).toMatchObject({ name: "metadataValueBytesMax", allowed: 16_384 })
    expect(limitOf(uri(huge))?.name).toBe("metadataValueBytesMax")
    expect(limitOf(new Uint8Array(50_000_000))?.name).toBe("metadataValueBytesMax")
    expect(limitOf(Array(1_000_000).fill(huge.slice(0, 16_000)))?.name).toBe(
      "metadataValueBytesMax",
    )
    // The list, and two of its members with their bytes: the third is never looked at.
    expect(limitOf(Array(1_000_000).fill(new Uint8Array(16_000)))?.actual).toBe(32_003)
    expect(limitOf(Array(20_000).fill(0))?.name).toBe("metadataValueBytesMax")
    expect(problemOf({ [huge.slice(0, 1_000)]: 1 }).message).toContain("1000 bytes")
  })
})

describe("bounds", () => {
  const nested = (depth: number, inner: unknown): unknown =>
    depth === 0 ? inner : nested(depth - 1, depth % 2 === 0 ? [inner] : { a: inner })

  it("depth: 16 lists and records in one another, whatever lies innermost", () => {
    for (const inner of [0, new Date(0), Uint8Array.of(1), uri("a")]) {
      expect(throughRecord({ a: nested(16, inner) })).toEqual({ a: nested(16, inner) })
      expect(problemOf({ a: nested(17, inner) }).limit).toEqual({
        name: "metadataDepthMax",
        allowed: 16,
        actual: 17,
      })
    }
  })

  it("keys: 256 of them, of 255 bytes each", () => {
    const record = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 1]))
    expect(Object.keys(throughRecord(record(256)))).toHaveLength(256)
    expect(problemOf(record(257)).limit).toEqual({
      name: "metadataKeyCountMax",
      allowed: 256,
      actual: 257,
    })
    expect(throughRecord({ [`${"é".repeat(127)}a`]: 1 })).toEqual({ [`${"é".repeat(127)}a`]: 1 })
    expect(problemOf({ ["é".repeat(128)]: 1 }).message).toContain("256 bytes")
  })

  // Text of 256 bytes and more takes three bytes beside itself in a record.
  const filler = (bytes: number) => "x".repeat(bytes - 3)

  it("a value: 16 KiB in its record", () => {
    expect(throughRecord({ a: filler(16_384) })).toEqual({ a: filler(16_384) })
    expect(problemOf({ a: filler(16_385) })).toMatchObject({
      path: "metadata.a",
      limit: { name: "metadataValueBytesMax", allowed: 16_384, actual: 16_385 },
    })
    const list = Array(1_820).fill(0.5)
    expect(throughRecord({ list })).toEqual({ list })
    expect(problemOf({ list: [...list, 0.5] }).limit).toMatchObject({ actual: 16_392 })
    // Its key is not part of it.
    const long = "k".repeat(255)
    expect(throughRecord({ b: filler(16_384), [long]: filler(16_384) })).toHaveProperty(long)
  })

  it("all of them: 48 KiB, keys counted in bytes", () => {
    const record = (last: number, name: string) => ({
      a: filler(16_384),
      b: filler(16_384),
      [name]: filler(last),
    })
    const room = 49_152 - 2 * (16_384 + 1)
    expect(throughRecord(record(room - 1, "c"))).toHaveProperty("c")
    expect(problemOf(record(room, "c")).limit).toEqual({
      name: "metadataBytesMax",
      allowed: 49_152,
      actual: 49_153,
    })
    expect(throughRecord(record(room - 3, "€"))).toHaveProperty("€")
    expect(problemOf(record(room - 2, "€")).limit).toMatchObject({ actual: 49_153 })
  })
})
