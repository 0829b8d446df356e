/**
 * Live rows kept decoded, over a store that is a plain map: what is read once, what is told, what
 * is forgotten.
 */
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { liveRowsBytesMax } from "../limits.js"
import { LiveRows } from "./live.js"
import { encodeNow, rowChecksum } from "./row.js"
import { WrittenKeys } from "./written.js"

const ladder = { count: 1, rungs: [[7]] }
const rowOf = (key: string, value: string) => encodeNow(key, { from: 7, ladder, value })

/** Live rows over these, and the keys that were read below. */
const over = (...keys: ReadonlyArray<string>) => {
  const rows = new Map(keys.map((key) => [key, rowOf(key, `value of ${key}`)]))
  const reads: Array<string> = []
  const live = new LiveRows((key) => {
    reads.push(key)
    return rows.get(key)
  })
  return { rows, reads, live }
}

describe("live rows", () => {
  it("are decoded once, with the checksum and the size of what is stored", () => {
    const { rows, reads, live } = over("a")
    const stored = rows.get("a") ?? new Uint8Array(0)
    const row = live.get("a")
    expect(row).toEqual({
      from: 7,
      ladder,
      value: "value of a",
      checksum: rowChecksum(stored),
      bytes: stored.length,
    })
    expect(live.get("a")).toBe(row)
    expect(reads).toEqual(["a"])
  })

  it("that are absent are looked for once too", () => {
    const { reads, live } = over()
    expect([live.get("a"), live.get("a")]).toEqual([undefined, undefined])
    expect(reads).toEqual(["a"])
  })

  it("are what was said last, whatever was read before", () => {
    const { reads, live } = over("a")
    const row = { from: 9, ladder, value: "new", checksum: 1, bytes: 20 }
    const before = live.get("a")
    live.get("b")
    live.set("a", before, row)
    live.set("b", undefined, row)
    expect([live.get("a"), live.get("b"), live.peek("b")]).toEqual([row, row, row])
    live.set("a", row, undefined)
    expect([live.get("a"), live.peek("a")]).toEqual([undefined, undefined])
    expect(reads).toEqual(["a", "b"])
  })

  it("that are only looked at are not kept, nor those that nobody knew", () => {
    const { reads, live } = over("a")
    expect([live.peek("a")?.value, live.peek("b")]).toEqual(["value of a", undefined])
    live.set("b", undefined, { from: 9, ladder, value: "new", checksum: 1, bytes: 20 })
    expect([live.get("a")?.value, live.get("b")]).toEqual(["value of a", undefined])
    expect(reads).toEqual(["a", "b", "a", "b"])
  })

  it("of a build are not looked for before they were written", () => {
    const { rows, reads } = over()
    const built = new LiveRows((key) => {
      reads.push(key)
      return rows.get(key)
    }, new WrittenKeys())
    const row = { from: 9, ladder, value: "new", checksum: 1, bytes: 20 }
    expect([built.get("a"), built.peek("b")]).toEqual([undefined, undefined])
    expect(reads).toEqual([])
    for (const key of ["b", "c"]) {
      built.set(key, undefined, row)
      rows.set(key, rowOf(key, `value of ${key}`))
    }
    expect([built.get("b")?.value, built.peek("c")?.value]).toEqual(["value of b", "value of c"])
    expect(reads).toEqual(["b", "c"])
    // Rows of others may be there now.
    built.clear()
    expect(built.get("d")).toBe(undefined)
    expect(reads).toEqual(["b", "c", "d"])
  })

  it("that were given up are read again", () => {
    const { reads, live } = over("a")
    live.get("a")
    live.get("b")
    live.clear()
    expect([live.get("a")?.value, live.get("b")]).toEqual(["value of a", undefined])
    expect(reads).toEqual(["a", "b", "a", "b"])
  })

  it("that are damaged are a failure each time", () => {
    const { rows, live } = over("a")
    rows.set("a", Uint8Array.from(rows.get("a") ?? []).fill(0, 5, 6))
    for (let turn = 0; turn < 2; turn += 1) expect(() => live.get("a")).toThrow(ViewFailure)
  })

  it("stay while they are asked for, and go when others have taken their room twice", () => {
    const { reads, live } = over("asked", "left")
    const large = { from: 1, ladder, value: null, checksum: 1, bytes: liveRowsBytesMax / 4 }
    live.get("left")
    for (let turn = 0; turn < 16; turn += 1) {
      live.get("asked")
      live.set(`other ${turn}`, large, large)
    }
    expect(live.get("other 15")).toBe(large)
    live.get("other 0")
    live.get("left")
    expect(reads).toEqual(["left", "asked", "other 0", "left"])
  })
})
