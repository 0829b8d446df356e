/**
 * Tables that LevelDB wrote: every bit of them that is used is checked, in every part.
 */
import { readFileSync, statSync, truncateSync } from "node:fs"
import { basename } from "node:path"
import { describe, expect, it } from "vitest"
import { Damage } from "./damage.js"
import { readManifest, tablesAfter } from "./level-manifest.js"
import { filesOf, flip, partsOf, random, tablesOf, useSample } from "./level-samples.contract.js"
import { Table } from "./level-table.js"

const samples = {
  compressed: useSample({ sessions: 1, keyCount: 3_000, compression: true }),
  uncompressed: useSample({ sessions: 1, keyCount: 3_000, compression: false }),
}

const entryOf = (directory: string) => {
  const [manifest = ""] = filesOf(directory, /^MANIFEST/)
  const [entry] = tablesAfter(readManifest(readFileSync(manifest), "x"))
  if (entry === undefined) throw new Error("there is no table")
  return entry
}

const tableOf = (directory: string) => {
  const [path = ""] = tablesOf(directory)
  return { path, open: () => new Table(path, basename(path), entryOf(directory)) }
}

const using = <A>(table: Table, use: (table: Table) => A): A => {
  try {
    return use(table)
  } finally {
    table.close()
  }
}

/** Every byte of the end, every block's edges and some of the rest. */
const placesIn = (size: number, ends: ReadonlyArray<number>): ReadonlyArray<number> => {
  const below = random(11)
  const edges = ends.flatMap((end) => [end - 6, end - 5, end - 4, end - 1, end, end + 1])
  const rest = Array.from({ length: 300 }, () => below(size))
  const tail = Array.from({ length: 150 }, (_, at) => size - 1 - at)
  const late = Array.from({ length: 300 }, () => size - 1 - below(8_000))
  return [...new Set([...edges, ...rest, ...tail, ...late])].filter((at) => at < size)
}

describe.each(["compressed", "uncompressed"] as const)("a table, %s", (form) => {
  const sample = samples[form]

  it("is whole as LevelDB wrote it, all at once or key by key", () => {
    const { open } = tableOf(sample.copy())
    using(open(), (table) => {
      table.checkAll()
      expect(table.whole).toBe(true)
    })
    using(open(), (table) => {
      const { keys } = sample.get()
      for (const key of keys.slice(0, -1)) table.checkKey(Buffer.from(key))
      expect(table.whole).toBe(true)
    })
  })

  it("is damaged with any of its bits turned, except where nothing is written", async () => {
    const { path, open } = tableOf(sample.copy())
    const bytes = readFileSync(path)
    const ends = form === "uncompressed" ? partsOf(bytes) : []
    const unused: Array<number> = []
    for (const at of placesIn(bytes.length, ends)) {
      flip(path, at, at % 8)
      const found = await using(open(), (table) => {
        try {
          table.checkAll()
          return undefined
        } catch (cause) {
          return cause
        }
      })
      if (found === undefined) unused.push(at)
      else expect(found, `turned at ${at}`).toBeInstanceOf(Damage)
      flip(path, at, at % 8)
    }
    // The footer ends in 8 bytes of magic; before them its handles leave room.
    const footer = bytes.length - 48
    expect(unused.every((at) => at > footer + 4 && at < bytes.length - 8 && bytes[at] === 0)).toBe(
      true,
    )
    expect(unused.length).toBeLessThan(36)
  })

  it("is checked for a key where that key would lie, and for a range all along it", () => {
    const { path, open } = tableOf(sample.copy())
    const { keys } = sample.get()
    const at = Math.floor(statSync(path).size / 3)
    flip(path, at, 3)
    const fails = (use: (table: Table) => void) => {
      try {
        using(open(), use)
        return false
      } catch (cause) {
        expect(cause).toBeInstanceOf(Damage)
        return true
      }
    }
    const bytes = (index: number) => Buffer.from(keys[index] ?? "")
    const hit = keys.map((_, index) => fails((table) => table.checkKey(bytes(index))))
    const [first, last] = [hit.indexOf(true), hit.lastIndexOf(true)]
    expect(hit.filter((one) => one)).toHaveLength(last - first + 1)
    expect(last - first + 1).toBeLessThan(keys.length / 10)
    const ranges = (from: number, to: number) =>
      fails((table) => table.checkRange(bytes(from), bytes(to)))
    expect(ranges(0, first)).toBe(true)
    expect(ranges(last, keys.length - 1)).toBe(true)
    expect(ranges(0, keys.length - 1)).toBe(true)
    // The block beside a range counts as well: an iterator rests there.
    expect(ranges(0, first - 1)).toBe(true)
    expect(ranges(last + 1, last + 2)).toBe(true)
    expect(ranges(0, Math.floor(first / 2))).toBe(false)
    expect(ranges(last + Math.floor(first / 2), keys.length - 1)).toBe(false)
  })

  it("is checked beside the event loop, slice by slice", async () => {
    const { path, open } = tableOf(sample.copy())
    const table = open()
    let slices = 0
    for (; !table.whole; slices += 1) await table.checkOn(Buffer.alloc(10_000))
    expect(slices).toBeGreaterThanOrEqual(Math.floor(statSync(path).size / 20_000))
    await table.checkOn(Buffer.alloc(10_000))
    table.close()
    flip(path, 5_000, 0)
    const other = open()
    const checks = (async () => {
      while (!other.whole) await other.checkOn(Buffer.alloc(1_000))
    })()
    await expect(checks).rejects.toThrow(Damage)
    // Closed while it is read: the read ends by itself.
    const reading = other.checkOn(Buffer.alloc(1_000_000))
    other.close()
    await expect(reading).rejects.toThrow(Damage)
  })
})

describe("a table that is not the one it should be", () => {
  const sample = samples.uncompressed

  it("has another size", () => {
    const { path, open } = tableOf(sample.copy())
    truncateSync(path, statSync(path).size - 1)
    expect(open).toThrow("bytes in place of")
  })

  it("is too short for a table, or holds other keys", () => {
    const { path } = tableOf(sample.copy())
    const entry = entryOf(sample.get().directory)
    const far = { ...entry, largest: Buffer.from("zzz") }
    using(new Table(path, "x", far), (table) => {
      expect(() => table.checkAll()).toThrow("is not the table")
    })
    truncateSync(path, 40)
    using(new Table(path, "x", { ...entry, size: 40 }), (table) => {
      expect(() => table.checkAll()).toThrow("too short")
    })
  })
})
