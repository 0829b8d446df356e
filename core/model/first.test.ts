/**
 * The first few of many, in whatever order they come.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { First } from "./first.js"

describe("the first few", () => {
  it("are those that sorting all would give", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 9 }), (all, countMax) => {
        const first = new First<number>(countMax, (one, other) => one - other)
        for (const one of all) first.add(one)
        const expected = [...all].sort((one, other) => one - other).slice(0, countMax)
        expect(first.list()).toEqual(expected)
        expect(first.list()).toEqual(expected)
      }),
    )
  })
})
