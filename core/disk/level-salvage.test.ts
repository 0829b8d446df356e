/**
 * What is salvaged of a database: everything but what lies in the damaged block or fragment, and
 * never a wrong value.
 */
import { readFileSync, truncateSync, unlinkSync, writeFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { salvage } from "./level-salvage.js"
import {
  filesOf,
  flip,
  openDatabase,
  partsOf,
  random,
  tablesOf,
  useSample,
} from "./level-samples.contract.js"

const single = useSample({ sessions: 1, keyCount: 3_000, compression: false })
const packed = useSample({ sessions: 1, keyCount: 3_000, compression: true })
const several = useSample({ sessions: 5, keyCount: 1_000, compression: true })

const salvaged = async (directory: string): Promise<Map<string, string>> => {
  const rows = new Map<string, string>()
  for await (const { key, value } of salvage(directory))
    if (value === undefined) rows.delete(String(key))
    else rows.set(String(key), String(value))
  return rows
}

/** How many rows are missing, when all others are right. */
const missing = (rows: ReadonlyMap<string, string>, all: ReadonlyMap<string, string>): number => {
  for (const [key, value] of rows) expect(value).toBe(all.get(key))
  return all.size - rows.size
}

describe("what is salvaged", () => {
  it("of a whole database is all of it, deletions and later values included", async () => {
    for (const sample of [single, packed, several]) {
      const rows = await salvaged(sample.copy())
      expect(missing(rows, sample.get().rows)).toBe(0)
    }
  })

  it("without a manifest is all of it, and of what lies in the log alone", async () => {
    const directory = single.copy()
    const database = await openDatabase(directory)
    await database.put("z", "in the log")
    await database.close()
    for (const path of filesOf(directory, /^MANIFEST|^CURRENT/)) unlinkSync(path)
    const rows = await salvaged(directory)
    expect(rows.get("z")).toBe("in the log")
    rows.delete("z")
    expect(missing(rows, single.get().rows)).toBe(0)
  })

  it("around any bit that is turned is all but one block", async () => {
    for (const sample of [single, packed]) {
      const directory = sample.copy()
      const [path = ""] = tablesOf(directory)
      const size = readFileSync(path).length
      const below = random(3)
      const ends = sample === single ? partsOf(readFileSync(path)) : []
      const late = Array.from({ length: 20 }, () => size - 1 - below(2_500))
      const places = [...ends.slice(-5).map((end) => end - 1), ...late]
      for (let turn = 0; turn < 20; turn += 1) places.push(below(size))
      for (const at of places) {
        flip(path, at, at % 8)
        const lost = missing(await salvaged(directory), sample.get().rows)
        expect(lost, `at ${at} of ${size}`).toBeLessThan(200)
        flip(path, at, at % 8)
      }
    }
  })

  it("of a table that lost its end is what was before", async () => {
    const directory = packed.copy()
    const [path = ""] = tablesOf(directory)
    truncateSync(path, Math.floor(readFileSync(path).length / 2))
    const lost = missing(await salvaged(directory), packed.get().rows)
    expect(lost).toBeGreaterThan(500)
    expect(lost).toBeLessThan(2_500)
    truncateSync(path, 0)
    expect((await salvaged(directory)).size).toBe(0)
  })

  it("of a log that is broken is all but the broken writes", async () => {
    const directory = single.copy()
    const database = await openDatabase(directory)
    const value = "x".repeat(1_000)
    for (let n = 0; n < 200; n += 1) await database.put(`z${n}`, value)
    await database.close()
    const [path = ""] = filesOf(directory, /\.log$/)
    const bytes = readFileSync(path)
    const below = random(9)
    for (let turn = 0; turn < 60; turn += 1) {
      const turned = Buffer.from(bytes)
      const at = below(bytes.length)
      turned[at] = (turned[at] ?? 0) ^ (1 << below(8))
      writeFileSync(path, turned)
      const rows = await salvaged(directory)
      const left = [...rows].filter(([key, one]) => key.startsWith("z") && one === value)
      // A broken length costs the rest of its block of 32 KiB, any other bit its own write.
      expect(left.length).toBeGreaterThan(200 - 35)
      expect(left.length).toBeLessThan(200)
    }
  })
})
