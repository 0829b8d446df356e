/**
 * Entries of the registry: each gives its view's state back, and names say nothing about keys.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import type { Plain } from "../model/msgpack.js"
import { beginBuild, openViews } from "./build.js"
import { layerWith } from "./memory.js"
import {
  checkRows,
  newState,
  readRegistry,
  registryDelete,
  registryRange,
  registryWrite,
  slotRanges,
  stampOf,
} from "./registry.js"
import { encodeRow } from "./row.js"
import { ViewStore } from "./view-store.js"

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

describe("the rows of a view", () => {
  interface Tables {
    readonly [table: string]: Plain
    readonly count: number
  }
  const view = { name: "birds", revision: 1 }
  const rows = new Map<string, Uint8Array>()

  /** 2,600 rows, some of them changed and some deleted, and what `checkRows` finds. */
  const found = (spoil: () => void) => {
    rows.clear()
    return Effect.runPromise(
      Effect.provide(
        Effect.gen(function* () {
          const store = yield* ViewStore
          const { stale } = yield* openViews(store, [view])
          const views = yield* beginBuild(store, stale)
          for (let position = 1; position <= 3; position += 1) {
            const draft = views.draft()
            const table = draft.rows<Tables>(view, position)
            for (let n = 0; n < 2_600; n += position ** 3)
              if (position === 3) table.delete(["count", n])
              else table.put(["count", n], n + position)
            yield* views.commit(draft, new Map([[view.name, position]]))
          }
          spoil()
          const state = views.states.get(view.name)
          if (state === undefined) throw new Error("there is no such view")
          return { state, ...(yield* checkRows(store, state)) }
        }),
        layerWith({ rows }),
      ),
    )
  }
  const keyAt = (letter: string, at: number) =>
    [...rows.keys()].filter((key) => key.startsWith(letter))[at] ?? ""

  it("are whole as they were written", async () => {
    const { isWhole, rowCount, state, damaged } = await found(() => undefined)
    expect({ isWhole, damaged }).toEqual({ isWhole: true, damaged: [] })
    // Live, deleted, and closed: those that changed, and those that were deleted.
    expect(rowCount).toBe(2_600 + 325 + 97)
    expect(state.rowCount).toBe(rowCount)
  })

  it("are not whole where one vanished, was swapped or is damaged, in any space", async () => {
    for (const letter of ["n", "g", "w"]) {
      const vanished = await found(() => rows.delete(keyAt(letter, 50)))
      expect(vanished).toMatchObject({ isWhole: false, damaged: [] })
      let key = ""
      const spoiled = await found(() => {
        key = keyAt(letter, 60)
        const row = Buffer.from(rows.get(key) ?? [])
        row[row.length - 1] = (row.at(-1) ?? 0) ^ 1
        rows.set(key, row)
      })
      expect(spoiled).toMatchObject({ isWhole: false, damaged: [key] })
    }
    const swapped = await found(() => {
      const key = keyAt("n", 3)
      rows.set(key, encodeRow(key, ["something else"]))
    })
    expect(swapped).toMatchObject({ isWhole: false, damaged: [] })
  })
})
