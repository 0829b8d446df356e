/**
 * States as bytes: what was seen of an entry comes back, and what are no states is refused.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { pack } from "../model/msgpack.js"
import { compareUtf8 } from "../model/tree.js"
import { type EntryState, encodeStates, parseStates } from "./states.js"

const digest = digestOf(Buffer.from("states"))

const states: fc.Arbitrary<EntryState> = fc
  .record(
    {
      name: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
      mode: fc.nat(0o7777),
      mtime: fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }),
      ctime: fc.bigInt({ min: 0n, max: 2n ** 62n }),
      recent: fc.constant(true as const),
      crc32: fc.nat(0xffff_ffff),
      pieces: fc.uint8Array({ minLength: 64, maxLength: 64 }),
      states: fc.constant(digest),
    },
    { requiredKeys: ["name", "mode", "mtime", "ctime"] },
  )
  .map((state) => state as EntryState)

/** In the order of their directory. */
const folders = fc
  .uniqueArray(states, { maxLength: 8, selector: ({ name }) => name })
  .map((all) => all.filter(({ name }) => !name.includes("/")))
  .map((all) => all.toSorted((a, b) => compareUtf8(a.name, b.name)))

describe("states", () => {
  it("come back as they were, also in parts that are joined", () =>
    fc.assert(
      fc.property(folders, fc.nat(8), (all, cut) => {
        const parts = [all.slice(0, cut), all.slice(cut)].map(encodeStates)
        const read = [...parseStates(Buffer.concat(parts))]
        expect(read.map(({ pieces, ...rest }) => [rest, pieces && [...pieces]])).toEqual(
          all.map(({ pieces, ...rest }) => [rest, pieces && [...pieces]]),
        )
      }),
    ))

  it("are the same bytes whatever the order of members", () => {
    const state = { name: "a", mode: 0o644, mtime: 1n, ctime: 2n, crc32: 7 }
    const turned = { crc32: 7, ctime: 2n, mtime: 1n, mode: 0o644, name: "a" }
    expect(Buffer.compare(encodeStates([state]), encodeStates([turned]))).toBe(0)
  })

  it("are refused where they are none", () => {
    for (const wrong of [
      pack({ name: "a" }),
      pack({ name: 1, mode: 0, mtime: 1n, ctime: 1n }),
      pack({ name: "a", mode: -1, mtime: 1n, ctime: 1n }),
      pack([1, 2]),
      pack(null),
      Buffer.from([0xc1]),
    ])
      expect(() => [...parseStates(wrong)]).toThrow()
    expect([...parseStates(new Uint8Array(0))]).toEqual([])
  })

  it("are refused where a name comes twice, out of order, or is none", () => {
    const named = (name: string) => ({ name, mode: 0, mtime: 1n, ctime: 1n })
    for (const names of [["a", "a"], ["b", "a"], ["\u{1f600}", "\uffee"], [""], ["a/b"], ["../a"]])
      expect(() => [...parseStates(encodeStates(names.map(named)))]).toThrow("out of order")
    expect([...parseStates(encodeStates(["a", "b"].map(named)))]).toHaveLength(2)
  })

  it("are given one by one, up to the one that is damaged", () => {
    const named = (name: string) => ({ name, mode: 0, mtime: 1n, ctime: 1n })
    const states = parseStates(encodeStates(["a", "c", "b"].map(named)))
    expect([states.next().value?.name, states.next().value?.name]).toEqual(["a", "c"])
    expect(() => states.next()).toThrow("out of order")
  })
})
