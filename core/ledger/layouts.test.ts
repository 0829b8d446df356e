/**
 * Layouts that are kept: the last ones, bounded by their entries.
 */
import { describe, expect, it } from "vitest"
import { layoutEntryCountMax } from "../limits.js"
import { Catalog } from "../zip/catalog.js"
import { type ZipLayout, zipLayout } from "../zip/layout.js"
import { Layouts } from "./layouts.js"

const nothing = zipLayout(new Catalog(0).finish())
const of = (count: number): ZipLayout => ({ ...nothing, count })

describe("layouts", () => {
  it("are kept until they are forgotten", () => {
    const layouts = new Layouts()
    const one = of(3)
    layouts.keep("one", one)
    expect(layouts.get("one")).toBe(one)
    expect(layouts.get("two")).toBeUndefined()
    layouts.forget("one")
    layouts.forget("one")
    expect(layouts.get("one")).toBeUndefined()
  })

  it("make room for others, those that were used longest ago first", () => {
    const layouts = new Layouts()
    const half = Math.floor(layoutEntryCountMax / 2)
    layouts.keep("a", of(half))
    layouts.keep("b", of(half))
    expect(layouts.get("a")).toBeDefined()
    layouts.keep("c", of(half))
    expect(["a", "b", "c"].filter((key) => layouts.get(key) !== undefined)).toEqual(["a", "c"])
    layouts.keep("c", of(1))
    layouts.keep("d", of(half - 1))
    expect(["a", "c", "d"].filter((key) => layouts.get(key) !== undefined)).toHaveLength(3)
    layouts.clear()
    expect(layouts.get("a")).toBeUndefined()
    layouts.keep("e", of(layoutEntryCountMax))
    expect(layouts.get("e")).toBeDefined()
  })

  it("do not keep one that is too large, nor give up others for it", () => {
    const layouts = new Layouts()
    layouts.keep("a", of(1))
    layouts.keep("large", of(layoutEntryCountMax + 1))
    expect([layouts.get("large"), layouts.get("a")?.count]).toEqual([undefined, 1])
  })
})
