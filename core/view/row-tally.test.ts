/**
 * The tally: rows are whole as they were written, and not where one vanished, is another or came
 * from elsewhere, in any space; what nobody reads is not asked about.
 */
import * as Effect from "effect/Effect"
import { beforeEach, describe, expect, it } from "vitest"
import { Damage } from "../disk/damage.js"
import type { Plain } from "../model/msgpack.js"
import { beginBuild, openViews, switchOver } from "./build.js"
import { layerWith } from "./memory.js"
import { newState, registryRange, registryWrite } from "./registry.js"
import { encodeRow } from "./row.js"
import { RowTally } from "./row-tally.js"
import { ViewStore } from "./view-store.js"

interface Tables {
  readonly [table: string]: Plain
  readonly count: number
}
const view = { name: "birds", revision: 1 }
const other = { name: "own/nests", revision: 1 }
const rows = new Map<string, Uint8Array>()

/** Rows of two views, some of them changed and some deleted. */
const fill = Effect.gen(function* () {
  const store = yield* ViewStore
  const { views, stale } = yield* openViews(store, [view, other])
  const built = yield* beginBuild(store, stale)
  yield* switchOver(views, built)
  for (let position = 1; position <= 3; position += 1) {
    const draft = views.draft()
    for (const one of [view, other]) {
      const table = draft.rows<Tables>(one, position)
      for (let n = 0; n < 2_600; n += position ** 3)
        if (position === 3) table.delete(["count", n])
        else table.put(["count", n], n + position)
    }
    yield* views.commit(draft, new Map([view, other].map(({ name }) => [name, position])))
  }
})

beforeEach(() => {
  rows.clear()
  return Effect.runPromise(Effect.provide(fill, layerWith({ rows })))
})

/** What is wrong with the rows, in portions; undefined where nothing is. */
const found = (): Damage | undefined => {
  const tally = new RowTally()
  const all = [...rows]
  for (let at = 0; at < all.length; at += 700) tally.take(all.slice(at, at + 700))
  try {
    tally.end()
    return undefined
  } catch (cause) {
    if (cause instanceof Damage) return cause
    throw cause
  }
}

const keyAt = (letter: string, at: number): string =>
  [...rows.keys()].filter((key) => key.startsWith(letter))[at] ?? ""

describe("rows of views", () => {
  it("are whole as they were written, and where there is none", () => {
    expect(found()).toBeUndefined()
    rows.clear()
    expect(found()).toBeUndefined()
  })

  it.each(["n", "g", "w"])("are not whole where one vanished, in the space %s", (letter) => {
    rows.delete(keyAt(letter, 50))
    // Live, deleted, and closed: those that changed, and those that were deleted.
    const count = 2_600 + 325 + 97
    expect(found()).toMatchObject({
      file: "birds",
      message: `birds has ${count - 1} rows in place of ${count}`,
    })
  })

  it.each(["n", "g", "w"])("are not whole where one does not match its sum, in %s", (letter) => {
    const key = keyAt(letter, 60)
    const row = Buffer.from(rows.get(key) ?? [])
    row[row.length - 1] = (row.at(-1) ?? 0) ^ 1
    rows.set(key, row)
    expect(found()?.message).toBe("birds has a row that is not as it was written")
  })

  it.each(["n", "g", "w"])("are not whole where one was overwritten or added, in %s", (letter) => {
    const key = keyAt(letter, 3)
    rows.set(key, encodeRow(key, ["something else"]))
    expect(found()?.message).toBe("birds has other rows than were written")
    const more = `${key}more`
    rows.set(more, encodeRow(more, ["something else"]))
    expect(found()?.message).toContain("rows in place of")
  })

  it("are not whole where one was moved from what is live to what is gone", () => {
    const key = keyAt("n", 3)
    const moved = `g${key.slice(1)}x`
    const value = rows.get(key) ?? new Uint8Array(0)
    rows.delete(key)
    // Its sum in the end is that of the row that went, whatever its key.
    const taken = Buffer.from(value)
    rows.set(moved, taken)
    expect(found()?.file).toBe("birds")
  })

  it("of other programs' views are asked about too", () => {
    const last = [...rows.keys()].filter((key) => key.startsWith("n")).at(-1) ?? ""
    rows.delete(last)
    expect(found()?.file).toBe("own/nests")
  })

  it("cannot be whole where the registry is not", () => {
    const entry = [...rows.keys()].find((key) => key.startsWith(registryRange.gte)) ?? ""
    rows.set(entry, Buffer.from(rows.get(entry) ?? []).fill(7, 8))
    expect(found()?.file).toBe("registry")
  })

  it("of a build, of a slot without a view and of no view at all are not asked about", () => {
    const state = { ...newState({ name: "half", revision: 1 }, 40), rowCount: 7 }
    const { key, value } = registryWrite(state, "building")
    rows.set(key, value ?? new Uint8Array(0))
    rows.set("n41\u0000left", Uint8Array.of(1))
    rows.set("no row of a view", Uint8Array.of(1))
    expect(found()).toBeUndefined()
  })
})
