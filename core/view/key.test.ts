/**
 * Encoded keys against the tuples they stand for, over texts made of everything that an encoding
 * could trip on: escapes, separators, digits, and characters that sort apart in UTF-16 and UTF-8.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  decodeKey,
  decodeNumber,
  encodeKey,
  encodeNumber,
  type Key,
  type KeyPart,
  type KeyRange,
  rangeOf,
  type Space,
  slotPrefix,
} from "./key.js"

const unit = fc.constantFrom(
  ..."\u0000\u0001\u0002\u007f\u0080\ud7ff\ue000\uffff",
  ..."\u{10000}\u{1f600}\u{10fffe}\u{10ffff}",
  ..."a0/@:. ",
)
/** Any character that UTF-8 can hold: all but the surrogates. */
const character = fc
  .nat({ max: 0x10f7ff })
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))

const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: character, maxLength: 6 }) },
)
const number = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 9, 10, 35, 36, 2 ** 53 - 1))

type Shape = ReadonlyArray<"text" | "number">

/** At each place of a key every key of a table has a part of the same type. */
const shape: fc.Arbitrary<Shape> = fc.array(fc.constantFrom("text", "number"), {
  minLength: 1,
  maxLength: 4,
})
const keyOf = (types: Shape): fc.Arbitrary<Key> =>
  fc
    .tuple(
      fc.tuple(...types.map((type): fc.Arbitrary<KeyPart> => (type === "text" ? text : number))),
      fc.integer({ min: 0, max: types.length }),
    )
    .map(([parts, length]) => parts.slice(0, length))
const twoKeys = shape.chain((types) => fc.tuple(keyOf(types), keyOf(types)))

const utf8 = (encoded: string): Buffer => Buffer.from(encoded, "utf8")
const compareText = (a: string, b: string): number => Math.sign(utf8(a).compare(utf8(b)))

const comparePart = (a: KeyPart | undefined, b: KeyPart | undefined): number => {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined)
  return typeof a === "number" ? Math.sign(a - Number(b)) : compareText(a, String(b))
}

const compareTuples = (a: Key, b: Key): number => {
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const order = comparePart(a[index], b[index])
    if (order !== 0) return order
  }
  return 0
}

const inside = (encoded: string, { gte, lt }: KeyRange): boolean =>
  compareText(encoded, gte) >= 0 && (lt === "" || compareText(encoded, lt) < 0)

const overlap = (a: KeyRange, b: KeyRange): boolean =>
  compareText(a.gte, b.lt) < 0 && compareText(b.gte, a.lt) < 0

const beginsWith = (key: Key, prefix: Key): boolean =>
  prefix.every((part, index) => key[index] === part)

describe("encoded keys", () => {
  it("sort as UTF-8 the way their tuples sort", () =>
    fc.assert(
      fc.property(twoKeys, ([a, b]) => {
        expect(compareText(encodeKey(a), encodeKey(b))).toBe(compareTuples(a, b))
      }),
      { numRuns: 2_000 },
    ))

  it("decode to the parts they were made of", () =>
    fc.assert(
      fc.property(fc.array(text, { maxLength: 5 }), (parts) => {
        expect(decodeKey(encodeKey(parts))).toEqual(parts)
      }),
      { numRuns: 1_000 },
    ))

  it("take whole numbers from 0 to 2^53 - 1, and give them back", () =>
    fc.assert(
      fc.property(number, (value) => {
        const [decoded = ""] = decodeKey(encodeKey([value]))
        expect(decodeNumber(decoded)).toBe(value)
        expect(encodeNumber(value)).toHaveLength(11)
      }),
    ))

  it("take no other numbers", () => {
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => encodeNumber(value), String(value)).toThrow(String(value))
  })
})

describe("ranges", () => {
  it("hold exactly the keys that begin with the whole parts of the prefix", () =>
    fc.assert(
      fc.property(twoKeys, ([key, prefix]) => {
        expect(inside(encodeKey(key), rangeOf(encodeKey(prefix)))).toBe(beginsWith(key, prefix))
        expect(inside(encodeKey([...prefix, ...key]), rangeOf(encodeKey(prefix)))).toBe(true)
      }),
      { numRuns: 2_000 },
    ))

  it("of different prefixes of one length never meet, whatever the names hold", () => {
    const pair = fc.tuple(text, text).filter(([a, b]) => a !== b)
    return fc.assert(
      fc.property(text, pair, (table, [a, b]) => {
        const [left, right] = [rangeOf(encodeKey([table, a])), rangeOf(encodeKey([table, b]))]
        expect(overlap(left, right)).toBe(false)
      }),
      { numRuns: 1_000 },
    )
  })

  it("that are open hold exactly the keys whose last part begins with the text", () =>
    fc.assert(
      fc.property(text, text, text, text, (table, part, stem, rest) => {
        const open = rangeOf(encodeKey([table, stem]), true)
        expect(inside(encodeKey([table, part]), open)).toBe(part.startsWith(stem))
        expect(inside(encodeKey([table, stem + rest]), open)).toBe(true)
        expect(inside(encodeKey([table, stem + rest, part]), open)).toBe(true)
        expect(inside(encodeKey([table]), open)).toBe(false)
      }),
      { numRuns: 2_000 },
    ))

  it("go on behind the last character of Unicode and over the gap of the surrogates", () => {
    const found = ["\ud7ff", "\ud7ffa", "\ud7ff\u{10ffff}"]
    const open = rangeOf(encodeKey(["t", "\ud7ff"]), true)
    for (const name of found) expect(inside(encodeKey(["t", name]), open)).toBe(true)
    expect(inside(encodeKey(["t", "\ue000"]), open)).toBe(false)
    const lastButOne = rangeOf(encodeKey(["t", "\u{10fffe}"]), true)
    expect(inside(encodeKey(["t", "\u{10fffe}\u{10ffff}"]), lastButOne)).toBe(true)
    expect(inside(encodeKey(["t", "\u{10ffff}"]), lastButOne)).toBe(false)
    const last = rangeOf(encodeKey(["t", "\u{10ffff}"]), true)
    expect(inside(encodeKey(["t", "\u{10ffff}\u{10ffff}"]), last)).toBe(true)
    expect(inside(encodeKey(["u", "\u{10ffff}"]), last)).toBe(false)
  })

  it("of nothing, or of an open empty part, have no end", () => {
    expect(rangeOf("")).toEqual({ gte: "", lt: "" })
    expect(rangeOf(encodeKey([""]), true)).toEqual({ gte: "\u0000", lt: "" })
  })
})

describe("slots", () => {
  it("lie apart, each space in each slot", () => {
    const spaces: ReadonlyArray<Space> = ["now", "gone", "was"]
    const slots = [0, 1, 2, 9, 10, 35, 36, 37, 360, 1_296, 46_656]
    const ranges = spaces.flatMap((space) => slots.map((slot) => rangeOf(slotPrefix(space, slot))))
    const met = ranges.filter((range, index) =>
      ranges.some((other, place) => place !== index && overlap(range, other)),
    )
    expect(met).toEqual([])
  })

  it("hold every key that is put into them", () =>
    fc.assert(
      fc.property(fc.array(text), fc.integer({ min: 0, max: 99 }), (parts, slot) => {
        const prefix = slotPrefix("now", slot)
        expect(inside(prefix + encodeKey(parts), rangeOf(prefix))).toBe(true)
      }),
    ))
})
