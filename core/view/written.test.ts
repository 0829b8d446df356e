/**
 * Keys that were written: each of them is known, and hardly any other one, while there is room.
 */
import { describe, expect, it } from "vitest"
import { encodeKey, slotPrefix } from "./key.js"
import { WrittenKeys } from "./written.js"

const keyOf = (number: number) => `${slotPrefix("now", 3)}${encodeKey(["at", "01J", number])}`

describe("written keys", () => {
  it("are none at first", () => {
    expect(new WrittenKeys().mayHave(keyOf(1))).toBe(false)
  })

  it("are known, every one", () => {
    const written = new WrittenKeys()
    const numbers = Array.from({ length: 100_000 }, (_, number) => number)
    for (const number of numbers) written.add(keyOf(number))
    expect(numbers.filter((number) => !written.mayHave(keyOf(number)))).toEqual([])
  })

  it("are told from others, but for a few in a thousand", () => {
    const written = new WrittenKeys()
    for (let number = 0; number < 500_000; number += 1) written.add(keyOf(2 * number))
    let taken = 0
    for (let number = 0; number < 100_000; number += 1)
      if (written.mayHave(keyOf(2 * number + 1))) taken += 1
    expect(taken).toBeLessThan(300)
  })

  it("may be of any text", () => {
    const written = new WrittenKeys()
    const texts = ["", "\u0000", "é", "\u{1f426}", "a".repeat(5_000)]
    for (const text of texts) {
      expect(written.mayHave(text)).toBe(false)
      written.add(text)
      expect(written.mayHave(text)).toBe(true)
    }
  })
})
