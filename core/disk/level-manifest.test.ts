/**
 * The MANIFEST: those that LevelDB wrote, and edits put together by hand.
 */
import { readFileSync, statSync } from "node:fs"
import { basename } from "node:path"
import { describe, expect, it } from "vitest"
import { Damage } from "./damage.js"
import { type Edit, readManifest, rewrittenUpTo, tablesAfter } from "./level-manifest.js"
import { compact, filesOf, openDatabase, tablesOf, useSample } from "./level-samples.contract.js"

const sample = useSample({ sessions: 3, keyCount: 400, compression: true })

const manifestIn = (directory: string): ReadonlyArray<Edit> => {
  const [path = ""] = filesOf(directory, /^MANIFEST/)
  return readManifest(readFileSync(path), "MANIFEST")
}

const table = (number: number, level = 0) => {
  const key = Buffer.from("k")
  return { number, level, size: 1, smallest: key, largest: key }
}

const edit = (added: ReadonlyArray<number>, removed: ReadonlyArray<number>, end = 1): Edit => ({
  logNumber: undefined,
  added: added.map((number) => table(number)),
  removed,
  end,
})

describe("the MANIFEST that LevelDB writes", () => {
  it("names the tables that are there, with their sizes and keys", () => {
    const directory = sample.copy()
    const tables = tablesAfter(manifestIn(directory))
    const found = tables.map(({ number, size }) => [`${number}.ldb`.padStart(10, "0"), size])
    const there = tablesOf(directory).map((path) => [basename(path), statSync(path).size])
    expect(found.sort()).toEqual(there.sort())
    const first = tables.find(({ size }) => size === Math.max(...tables.map((one) => one.size)))
    expect(first?.smallest.toString()).toBe(sample.get().keys[0])
    expect(first?.largest.toString()).toBe(sample.get().keys.at(-1))
  })

  it("tells where tables of the opening were rewritten", async () => {
    const directory = sample.copy()
    expect(rewrittenUpTo(manifestIn(directory))).toBe(0)
    const database = await openDatabase(directory)
    await compact(database)
    const edits = manifestIn(directory)
    await database.close()
    const before = new Set(edits[0]?.added.map(({ number }) => number))
    expect(tablesAfter(edits).filter(({ number }) => before.has(number))).toEqual([])
    expect(rewrittenUpTo(edits)).toBeGreaterThan(0)
    expect(rewrittenUpTo(edits)).toBeLessThanOrEqual(edits.at(-1)?.end ?? 0)
  })

  it("is damaged where a record is whole but cannot be read", () => {
    const [path = ""] = filesOf(sample.get().directory, /^MANIFEST/)
    const bytes = readFileSync(path)
    expect(() => readManifest(bytes.fill(0, 0, 20), "x")).not.toThrow()
    // A record of the field 200, which none has; its checksum was worked out with another program.
    const unknown = Buffer.from("f447083d020001c801", "hex")
    expect(() => readManifest(unknown, "x")).toThrow(Damage)
  })
})

describe("edits", () => {
  it("add and remove in their order, and a table that moves stays", () => {
    const edits = [edit([1, 2], []), edit([3], [1]), edit([2], [2])]
    expect(tablesAfter(edits).map(({ number }) => number)).toEqual([3, 2])
  })

  it("rewrite only what was there at the opening, and not what is moved", () => {
    expect(rewrittenUpTo([])).toBe(0)
    expect(rewrittenUpTo([edit([1, 2], []), edit([3], [], 5), edit([4], [3], 9)])).toBe(0)
    expect(rewrittenUpTo([edit([1, 2], []), edit([2], [2], 5)])).toBe(0)
    expect(rewrittenUpTo([edit([1, 2], []), edit([3], [1], 5), edit([4], [3], 9)])).toBe(5)
  })
})
