/**
 * The canonical bytes, judged by a decoder written here from the specification (msgpack.org), so
 * that nothing hangs on one library reading what it wrote itself.
 */
import { isDeepStrictEqual } from "node:util"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { valueDepthMax } from "../limits.js"
import { checkPlain, copyPlain, NotPlain, type Plain, pack, unpack, unpackAll } from "./msgpack.js"

/** Reads one value: maps as lists of pairs, so that the order of keys can be seen. */
class Decoder {
  readonly #bytes: Buffer
  at = 0
  readonly #readers: { readonly [type: number]: () => unknown } = {
    192: () => null,
    194: () => false,
    195: () => true,
    196: () => this.#take(this.#number(1)),
    197: () => this.#take(this.#number(2)),
    198: () => this.#take(this.#number(4)),
    203: () => this.#take(8).readDoubleBE(),
    204: () => this.#number(1),
    205: () => this.#number(2),
    206: () => this.#number(4),
    207: () => this.#take(8).readBigUInt64BE(),
    208: () => this.#take(1).readInt8(),
    209: () => this.#take(2).readInt16BE(),
    210: () => this.#take(4).readInt32BE(),
    211: () => this.#take(8).readBigInt64BE(),
    217: () => this.#text(this.#number(1)),
    218: () => this.#text(this.#number(2)),
    219: () => this.#text(this.#number(4)),
    220: () => this.#list(this.#number(2)),
    221: () => this.#list(this.#number(4)),
    222: () => this.#map(this.#number(2)),
    223: () => this.#map(this.#number(4)),
  }

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes)
  }

  #take(length: number): Buffer {
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }

  #number(length: number): number {
    return this.#take(length).readUIntBE(0, length)
  }

  #list(count: number): Array<unknown> {
    return Array.from({ length: count }, () => this.value())
  }

  #map(count: number): unknown {
    return { pairs: Array.from({ length: count }, () => [this.value(), this.value()]) }
  }

  #text(length: number): string {
    return this.#take(length).toString("utf8")
  }

  value(): unknown {
    const type = this.#number(1)
    if (type < 0x80) return type
    if (type < 0x90) return this.#map(type & 15)
    if (type < 0xa0) return this.#list(type & 15)
    if (type < 0xc0) return this.#text(type & 31)
    if (type >= 0xe0) return type - 256
    return this.#long(type)
  }

  #long(type: number): unknown {
    const read = this.#readers[type]
    if (read === undefined) throw new Error(`type 0x${type.toString(16)} is not of our form`)
    return read()
  }
}

const independently = (bytes: Uint8Array): unknown => {
  const decoder = new Decoder(bytes)
  const value = decoder.value()
  if (decoder.at !== bytes.length) throw new Error("bytes were left over")
  return value
}

/** What the decoder should see: maps as pairs sorted by key, without undefined members. */
const asRead = (value: Plain): unknown => {
  if (typeof value === "number") return value + 0
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return value.map(asRead)
  const pairs = Object.entries(value).filter(([, member]) => member !== undefined)
  pairs.sort(([a], [b]) => (a < b ? -1 : 1))
  return { pairs: pairs.map(([key, member]) => [key, asRead(member ?? null)]) }
}

const reversed = (value: Plain): Plain => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  if (Array.isArray(value)) return value.map(reversed)
  const pairs = Object.entries(value).toReversed()
  return Object.fromEntries(pairs.map(([key, member]) => [key, reversed(member ?? null)]))
}

/** Any character that UTF-8 can hold: all but the surrogates. */
const character = fc
  .nat({ max: 0x10f7ff })
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))

const memberName = fc
  .oneof(fc.string({ unit: character, maxLength: 40 }), fc.constantFrom("2", "10", "constructor"))
  .filter((name) => name !== "__proto__")

const { plain } = fc.letrec<{ readonly plain: Plain }>((tie) => ({
  plain: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(null, true, false),
    fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.double({ noNaN: true })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.string({ unit: character, maxLength: 300 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("plain"), { maxLength: 20 }),
    fc.dictionary(memberName, tie("plain"), { maxKeys: 20, noNullPrototype: true }),
  ),
}))

describe("packed values", () => {
  it("are read by a decoder of its own, with the keys of maps in order", () =>
    fc.assert(
      fc.property(plain, (value) => {
        expect(independently(pack(value))).toEqual(asRead(value))
      }),
      { numRuns: 500 },
    ))

  it("are read back as what was packed", () =>
    fc.assert(
      fc.property(plain, (value) => {
        expect(asRead(unpack(pack(value)))).toEqual(asRead(value))
      }),
      { numRuns: 500 },
    ))

  it("have equal bytes in any order of keys", () =>
    fc.assert(
      fc.property(plain, (value) => {
        expect(Buffer.compare(pack(reversed(value)), pack(value))).toBe(0)
      }),
    ))

  it.each([15, 16, 31, 32, 255, 256, 65_535, 65_536])("of length %d are read", (length) => {
    const keys = Array.from({ length }, (_, index) => `${index}`)
    const values: ReadonlyArray<Plain> = [
      "x".repeat(length),
      "é".repeat(length),
      new Uint8Array(length),
      Array(length).fill(1),
      Object.fromEntries(keys.map((key) => [key, true])),
      Object.fromEntries(keys.map((key) => [`k${key}`, true])),
    ]
    // Compared in one go: a matcher takes seconds over so many members.
    for (const value of values)
      expect(isDeepStrictEqual(independently(pack(value)), asRead(value))).toBe(true)
  })
})

describe("the canonical form", () => {
  const hex = (value: Plain) => Buffer.from(pack(value)).toString("hex")

  it.each<readonly [Plain, string]>([
    [0, "00"],
    [-0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [255, "ccff"],
    [256, "cd0100"],
    [65_536, "ce00010000"],
    [2 ** 32 - 1, "ceffffffff"],
    [2 ** 32, "cb41f0000000000000"],
    [-1, "ff"],
    [-32, "e0"],
    [-33, "d0df"],
    [-129, "d1ff7f"],
    [-32_769, "d2ffff7fff"],
    [1.5, "cb3ff8000000000000"],
    ["", "a0"],
    [null, "c0"],
  ])("of %j is %s", (value, bytes) => {
    expect(hex(value)).toBe(bytes)
  })

  it("of a bigint has 64 bits, signed where they suffice", () => {
    expect(hex(5n)).toBe("d30000000000000005")
    expect(hex(-(2n ** 63n))).toBe("d38000000000000000")
    expect(hex(2n ** 63n - 1n)).toBe("d37fffffffffffffff")
    expect(hex(2n ** 63n)).toBe("cf8000000000000000")
    expect(hex(2n ** 64n - 1n)).toBe("cfffffffffffffffff")
    expect(unpack(pack(5n))).toBe(5n)
  })

  it("sorts keys that look like integers as text", () => {
    expect(hex({ 2: "b", 10: "a", a: 1 })).toBe("83a23130a161a132a162a16101")
    expect(independently(pack({ 2: 0, 10: 0, 1: 0, "-1": 0 }))).toEqual({
      pairs: ["-1", "1", "10", "2"].map((key) => [key, 0]),
    })
  })

  it("sorts them whichever digit they begin with", () => {
    for (const [first, second] of [
      ["900", "95"],
      ["10", "9"],
      ["00", "1"],
      ["80", "9"],
    ] as const)
      expect(independently(pack({ [second]: 0, [first]: 0 }))).toEqual({
        pairs: [first, second].map((key) => [key, 0]),
      })
  })

  it("never runs what a map holds under a name that the library looks for", () => {
    const { fail } = expect
    for (const name of ["toJSON", "toString", "valueOf", "then"]) {
      const given = { constructor: "a", [name]: "b" }
      expect(unpack(pack(given))).toEqual(given)
      expect(unpack(pack([{ deep: given }]))).toEqual([{ deep: given }])
      const hostile = { constructor: { name: "Map" }, [name]: () => fail(`ran ${name}`) }
      expect(() => pack(hostile as never)).toThrow(NotPlain)
    }
  })

  it("leaves out members that are undefined", () => {
    expect(hex({ a: undefined, b: 1 })).toBe(hex({ b: 1 }))
    expect(hex({ 1: undefined, b: 1 })).toBe(hex({ b: 1 }))
  })

  it("refuses the key that the library would rename, beside any other", () => {
    const hostile = ['{"__proto__":1}', '{"__proto__":1,"2":2}', '[{"a":{"__proto__":null}}]']
    for (const json of hostile) expect(() => pack(JSON.parse(json)), json).toThrow("__proto__")
  })

  class Model {
    readonly weights = [1]
  }

  it.each<[unknown, string]>([
    [new Date(0), ""],
    [{ a: [1, new Map()] }, ".a[1]"],
    [[new Set()], "[0]"],
    [{ "a b": new Model() }, '["a b"]'],
    [Object.create({ a: 1 }), ""],
    [[1, undefined], "[1]"],
    // A hole.
    [new Array(1), "[0]"],
    [{ f: () => 1 }, ".f"],
    [Symbol("s"), ""],
    [{ text: "half \ud800" }, ".text"],
    [{ "half \udc00": 1 }, '["half \\udc00"]'],
    [{ n: 2n ** 64n }, ".n"],
    [[-(2n ** 63n) - 1n], "[0]"],
    [new Float64Array(1), ""],
  ])("refuses what is not plain, and says where: %s", (value, path) => {
    for (const act of [pack, checkPlain])
      expect(() => act(value as Plain)).toThrow(expect.objectContaining({ path }))
  })

  it("has a depth that a decoder can stand", () => {
    const nested = (depth: number): Plain => (depth === 0 ? 1 : [nested(depth - 1)])
    expect(pack(nested(valueDepthMax + 1))).toHaveLength(valueDepthMax + 2)
    expect(() => pack(nested(valueDepthMax + 2))).toThrow(NotPlain)
    const cycle: Array<Plain> = []
    cycle.push(cycle)
    expect(() => checkPlain(cycle)).toThrow(NotPlain)
  })

  it("takes bytes of any class, and a part of a larger buffer as that part", () => {
    const large = Uint8Array.of(1, 2, 3, 4)
    expect(hex(Buffer.from(large))).toBe(hex(large))
    expect(hex(large.subarray(1, 3))).toBe("c4020203")
  })
})

describe("bytes that are not one value", () => {
  const bytes = pack({ name: "iris", size: 70_000, tags: ["a", "b"], digest: new Uint8Array(32) })

  it("are refused when cut short or when something follows", () => {
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => unpack(bytes.subarray(0, length)), String(length)).toThrow()
    expect(() => unpack(Buffer.concat([bytes, Buffer.of(0)]))).toThrow()
  })

  it.each([
    ["a list of 2^32 - 1", "ddffffffff"],
    ["a map of 2^32 - 1", "dfffffffff"],
    ["a text of 4 GiB", "dbffffffff"],
    ["bytes of 4 GiB", "c6ffffffff"],
    ["lists 20,000 deep", "91".repeat(20_000)],
    ["an extension", "d67000000001"],
    ["a record", "d572409161"],
    ["a map with a map as key", "818001"],
  ])("are refused when they claim %s", (_, claim) => {
    expect(() => unpack(Buffer.from(claim, "hex"))).toThrow()
    expect(() => [...unpackAll(Buffer.from(claim, "hex"))]).toThrow()
  })

  it("leave no trace in what is read next", () => {
    const numbers = Array.from({ length: 128 }, (_, index) => index)
    const good = pack(numbers)
    let refused = 0
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const damaged = Uint8Array.from(bytes)
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      try {
        unpack(damaged)
      } catch {
        refused += 1
      }
      expect(unpack(good)).toEqual(numbers)
    }
    expect(refused).toBeGreaterThan(0)
  })
})

describe("values without a frame", () => {
  it("are read one after the other", () =>
    fc.assert(
      fc.property(fc.array(plain, { maxLength: 6 }), (values) => {
        const read = [...unpackAll(Buffer.concat(values.map(pack)))]
        expect(read.map(asRead)).toEqual(values.map(asRead))
      }),
    ))

  it("are read however many, long and short", () => {
    const values = Array.from({ length: 3_000 }, (_, at) =>
      at % 700 === 5 ? "x".repeat(9_000) : at,
    )
    expect([...unpackAll(Buffer.concat(values.map(pack)))]).toEqual(values)
  })

  it("may be left early, and others read meanwhile", () => {
    const bytes = Buffer.concat(Array.from({ length: 3_000 }, (_, at) => pack(at)))
    const all = unpackAll(bytes)
    expect([all.next().value, unpack(pack("between")), all.next().value]).toEqual([0, "between", 1])
    for (const value of unpackAll(bytes)) if (value === 2_000) break
    const [first] = unpackAll(bytes)
    expect([first, ...[...all].slice(-1)]).toEqual([0, 2_999])
  })

  it("are none in no bytes, and refused before the first when the last is cut short", () => {
    expect([...unpackAll(new Uint8Array(0))]).toEqual([])
    expect(() => unpackAll(Buffer.concat([pack(1), pack("text").subarray(0, 2)])).next()).toThrow()
  })
})

/** Text that shows the order of members, and bytes whatever class they have. */
const printed = (value: Plain): string => {
  if (typeof value === "bigint") return `${value}n`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  if (value instanceof Uint8Array) return `<${Array.from(value).join(" ")}>`
  if (Array.isArray(value)) return `[${value.map(printed).join()}]`
  return `{${Object.entries(value).map(([key, member]) => `${key}:${printed(member ?? null)}`)}}`
}

describe("a copy", () => {
  it("is what packing and unpacking gives, members in the same order", () =>
    fc.assert(
      fc.property(plain, (value) => {
        expect(printed(copyPlain(value))).toBe(printed(unpack(pack(value))))
      }),
    ))

  it("shares nothing that could be changed, and leaves out what is undefined", () => {
    const value = { list: [{ a: 1 }], bytes: Uint8Array.of(1), none: undefined }
    const copy = copyPlain(value)
    expect(Object.keys(copy)).toEqual(["bytes", "list"])
    expect(copy.list).not.toBe(value.list)
    expect(copy.list[0]).not.toBe(value.list[0])
    expect(copy.bytes).not.toBe(value.bytes)
    expect(copy.bytes).toEqual(value.bytes)
  })
})
