/**
 * The table of digests, beside a plain map.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Digest, digestOf } from "./digest.js"
import { DigestTable } from "./digest-table.js"

const nth = (index: number): Digest => digestOf(Buffer.from(String(index)))

describe("a table of digests", () => {
  it("has what was put into it, and nothing else", () => {
    const table = new DigestTable()
    for (let index = 0; index < 20_000; index += 1) table.set(nth(index), index + 1)
    expect(table.size).toBe(20_000)
    const wrong: Array<number> = []
    for (let index = 0; index < 20_000; index += 1)
      if (table.get(nth(index)) !== index + 1 || table.has(nth(index + 20_000))) wrong.push(index)
    expect(wrong).toEqual([])
  })

  it("answers as a map does", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat({ max: 60 }), fc.integer({ min: 1, max: 2 ** 32 - 1 }))),
        (entries) => {
          const table = new DigestTable()
          const map = new Map<Digest, number>()
          for (const [index, value] of entries) {
            table.set(nth(index), value)
            map.set(nth(index), value)
          }
          expect(table.size).toBe(map.size)
          for (let index = 0; index <= 60; index += 1)
            expect(table.get(nth(index))).toBe(map.get(nth(index)))
        },
      ),
    ))

  it("tells what is new", () => {
    const table = new DigestTable()
    expect([table.add(nth(1)), table.add(nth(1)), table.add(nth(2))]).toEqual([true, false, true])
    expect(table.size).toBe(2)
  })

  it("keeps those apart whose places collide", () => {
    const table = new DigestTable()
    const digests = ["00000001", "00000002", "ffffffff"].map(
      (high) => `${high}00000000${"0".repeat(48)}` as Digest,
    )
    for (const [index, digest] of digests.entries()) table.set(digest, index + 1)
    expect(digests.map((digest) => table.get(digest))).toEqual([1, 2, 3])
  })
})
