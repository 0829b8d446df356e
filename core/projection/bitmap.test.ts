/**
 * Sets of ordinals on pages, against plain sets.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { addOrdinal, dropOrdinal, highestAbsent, pageOf } from "./bitmap.js"

/** Pages as rows keep them: those that are empty are not there. */
const pagesOf = (ordinals: Iterable<number>): Map<number, Uint8Array> => {
  const pages = new Map<number, Uint8Array>()
  for (const ordinal of ordinals)
    pages.set(pageOf(ordinal), addOrdinal(pages.get(pageOf(ordinal)), ordinal))
  return pages
}

const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe("a page", () => {
  it("holds 256 ordinals in 32 bytes", () => {
    expect([0, 1, 255, 256, 511, 512].map(pageOf)).toEqual([0, 0, 0, 1, 1, 2])
    expect(addOrdinal(undefined, 5).length).toBe(32)
    expect(addOrdinal(undefined, 9)[1]).toBe(2)
  })

  it("is made anew by each change, so that earlier rows stay as they were", () => {
    const before = addOrdinal(undefined, 3)
    const after = addOrdinal(before, 4)
    expect(before[0]).toBe(8)
    expect(after[0]).toBe(24)
    expect(dropOrdinal(after, 4)).toEqual(before)
    expect(after[0]).toBe(24)
  })

  it("is gone with its last ordinal", () => {
    expect(dropOrdinal(addOrdinal(undefined, 300), 300)).toBeUndefined()
    expect(dropOrdinal(undefined, 300)).toBeUndefined()
    expect(dropOrdinal(addOrdinal(undefined, 300), 301)).toEqual(addOrdinal(undefined, 300))
  })
})

describe("the highest ordinal that is absent", () => {
  const search = (ordinals: ReadonlyArray<number>, from: number) => {
    const pages = pagesOf(ordinals)
    return highestAbsent(from, (page) => pages.get(page))
  }

  it.each<[string, ReadonlyArray<number>, number, number | undefined]>([
    ["is the start where nothing is in the set", [], 700, 700],
    ["steps over those in the set", [7, 6, 4], 7, 5],
    ["steps over whole pages", range(200, 700), 700, 199],
    ["stops on the edge of a page", range(256, 700), 700, 255],
    ["stops on the far edge of a page", range(257, 700), 700, 256],
    ["comes down to 1", range(2, 700), 700, 1],
    ["is undefined where 1 is in the set too", range(1, 700), 700, undefined],
    ["is never 0", [1], 1, undefined],
    ["looks at nothing above the start", [1, 9], 8, 8],
  ])("%s", (_, ordinals, from, expected) => {
    expect(search(ordinals, from)).toBe(expected)
  })

  it("is what a walk over a set finds", () =>
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 600 })), fc.nat(600), (all, drop) => {
        const left = new Set(all)
        const pages = pagesOf(all)
        for (const ordinal of all.filter((each) => each % 3 === drop % 3)) {
          left.delete(ordinal)
          const page = dropOrdinal(pages.get(pageOf(ordinal)), ordinal)
          if (page === undefined) pages.delete(pageOf(ordinal))
          else pages.set(pageOf(ordinal), page)
        }
        expect(new Set(pages.keys())).toEqual(new Set([...left].map(pageOf)))
        const naive = range(1, 600).findLast((ordinal) => !left.has(ordinal))
        expect(highestAbsent(600, (page) => pages.get(page))).toBe(naive)
      }),
      { numRuns: 50 },
    ))
})
