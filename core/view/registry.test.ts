/**
 * Entries of the registry: each gives its view's state back, and names say nothing about keys.
 */
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import {
  newState,
  readRegistry,
  registryDelete,
  registryRange,
  registryWrite,
  slotRanges,
  stampOf,
} from "./registry.js"

const stored = ({ key, value }: ReturnType<typeof registryWrite>) =>
  [key, value ?? new Uint8Array(0)] as const

describe("registry", () => {
  it("gives back what was written, of both builds and whatever the name", () => {
    const names = ["versions", "", "a\u0000current", "\u0001", "r", "\u{10ffff}"]
    for (const name of names) {
      const state = {
        ...newState({ name, revision: 3, past: false }, 41),
        position: 2 ** 40,
        rowCount: 7,
        rowSum: 2 ** 48 - 1,
        goneCount: 2,
      }
      const rows = [registryWrite(state, "current"), registryWrite(state, "building")].map(stored)
      expect(readRegistry(rows)).toEqual([
        { state, build: "current" },
        { state, build: "building" },
      ])
      for (const [key] of rows)
        expect(key >= registryRange.gte && key < registryRange.lt).toBe(true)
    }
  })

  it("starts a view at nothing, with its past unless it says otherwise", () => {
    expect(newState({ name: "tags", revision: 2 }, 5)).toEqual({
      name: "tags",
      stamp: "tags@2",
      slot: 5,
      past: true,
      position: 0,
      rowCount: 0,
      rowSum: 0,
      goneCount: 0,
    })
    expect(newState({ name: "tags", revision: 2, past: false }, 5).past).toBe(false)
    expect(stampOf({ name: "tags", revision: 2 })).toBe("tags@2")
  })

  it("deletes the entry that it writes", () => {
    const state = newState({ name: "tags", revision: 1 }, 1)
    expect(registryDelete("tags", "current").key).toBe(registryWrite(state, "current").key)
    expect(registryDelete("tags", "current").key).not.toBe(registryDelete("tags", "building").key)
    expect(registryDelete("tags", "current").value).toBeUndefined()
  })

  it("refuses an entry that is damaged or lies under another key", () => {
    const [key, row] = stored(registryWrite(newState({ name: "a", revision: 1 }, 1), "current"))
    expect(() => readRegistry([[`${key}x`, row]])).toThrow(ViewFailure)
    expect(() => readRegistry([[key, row.subarray(1)]])).toThrow(ViewFailure)
  })

  it("covers the three spaces of a slot", () => {
    expect(slotRanges(36)).toEqual([
      { gte: "n10\u0000", lt: "n10\u0001" },
      { gte: "g10\u0000", lt: "g10\u0001" },
      { gte: "w10\u0000", lt: "w10\u0001" },
    ])
  })
})
