/**
 * Extra fields: numbers of ZIP64 in their order, a second name that is the same, nothing else.
 */
import { describe, expect, it } from "vitest"
import { readExtra, wideNumbers } from "./extra.js"
import { field, little } from "./forged.contract.js"

const name = Buffer.from("a")
const full = 0xffffffff
const wide = (...numbers: ReadonlyArray<number>) =>
  field(1, Buffer.concat(numbers.map((number) => little([8, number]))))
const numbersOf = (extra: Uint8Array, numbers: ReadonlyArray<number>) =>
  wideNumbers("a", readExtra(name, Buffer.from(extra)), numbers)
const unicode = (other: string) =>
  field(0x7075, Buffer.concat([Buffer.alloc(5), Buffer.from(other)]))

describe("numbers that are full in the header", () => {
  it("stand in the field, in their order", () => {
    expect(numbersOf(wide(2 ** 40, 2 ** 41, 7), [full, full, full])).toEqual([2 ** 40, 2 ** 41, 7])
    expect(numbersOf(wide(9), [1, full, 3])).toEqual([1, 9, 3])
    expect(numbersOf(wide(9, 8), [1, 2, full])).toEqual([1, 2, 9])
    expect(numbersOf(field(0x5455, Buffer.alloc(5)), [1, full, 3])).toEqual([1, full, 3])
    expect(numbersOf(Buffer.alloc(0), [full])).toEqual([full])
  })

  it("are refused where the field lacks them, or is there twice", () => {
    expect(() => numbersOf(wide(1), [full, full])).toThrow("too short")
    expect(() => numbersOf(Buffer.concat([wide(1), wide(2)]), [full])).toThrow("twice")
  })
})

describe("other fields", () => {
  it("may be anything, and may be filled up with zeros", () => {
    const others = [field(0x7875, Buffer.alloc(11, 1)), field(0xffff, Buffer.alloc(0))]
    for (const fill of [0, 1, 3])
      expect(numbersOf(Buffer.concat([...others, Buffer.alloc(fill)]), [5])).toEqual([5])
  })

  it("must not reach beyond their end", () => {
    const cut = field(0x7875, Buffer.alloc(9)).subarray(0, 9)
    expect(() => readExtra(name, cut)).toThrow("beyond their end")
    expect(() => readExtra(name, Buffer.from("abc"))).toThrow("beyond their end")
  })
})

describe("a second name", () => {
  it("may be there when it is the same", () => {
    const { unicodePath } = readExtra(name, unicode("a"))
    expect(unicodePath?.toString()).toBe("a")
  })

  it("is refused when it is another: some programs would take that one", () => {
    expect(() => readExtra(name, unicode("../é"))).toThrow(
      'entry "a" has another name beside it, "../é"',
    )
    expect(() => readExtra(name, field(0x7075, Buffer.alloc(2)))).toThrow("another name")
  })
})
