/**
 * Which blocks a read rests on: exactly those, so that damage elsewhere keeps no answer back.
 */
import { readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { inspectUnsigned } from "./level-opening.js"
import {
  compact,
  flip,
  openDatabase,
  partsOf,
  tablesOf,
  useSample,
} from "./level-samples.contract.js"
import { areApart, Tables } from "./level-tables.js"

const apart = useSample({ sessions: 1, keyCount: 3_000, compression: false })
const several = useSample({ sessions: 3, keyCount: 2_000, compression: false })

const open = (directory: string): Tables => {
  const tables = new Tables(inspectUnsigned(directory))
  onTestFinished(() => tables.close(() => true))
  return tables
}

const isSound = (check: () => void): boolean => {
  try {
    check()
    return true
  } catch {
    return false
  }
}

/** A copy whose third block is damaged, and the keys of that block. */
const damaged = () => {
  const { keys } = apart.get()
  const directory = apart.copy()
  const [path = ""] = tablesOf(directory)
  const [, second = 0] = partsOf(readFileSync(path))
  flip(path, second + 20, 3)
  const tables = open(directory)
  const first = keys.findIndex((key) => !isSound(() => tables.checkSingle(Buffer.from(key))))
  const after = keys.findIndex(
    (key, at) => at > first && isSound(() => tables.checkSingle(Buffer.from(key))),
  )
  return { directory, path, tables, keys, first, after }
}

describe("tables with one damaged block", () => {
  it("are sound to scan up to it and from behind it, and name it", () => {
    const { tables, keys, first, after } = damaged()
    expect(after - first).toBeGreaterThan(20)
    const at = (index: number) => Buffer.from(keys[index] ?? "")
    const scan = (from: number, to: number) => isSound(() => tables.checkScan(at(from), at(to)))
    expect(scan(0, first - 1)).toBe(true)
    expect(isSound(() => tables.checkKey(at(after)))).toBe(true)
    expect(scan(after, keys.length - 1)).toBe(true)
    expect(scan(0, first)).toBe(false)
    expect(scan(after - 1, after)).toBe(false)
    expect(tables.damagedIn(at(0), at(first - 1))).toEqual([])
    const [block, ...others] = tables.damagedIn(at(0), at(keys.length - 1))
    expect(others).toEqual([])
    // An index has keys from between two blocks.
    expect(Buffer.compare(block?.after ?? at(0), at(first - 1))).toBeGreaterThanOrEqual(0)
    expect(Buffer.compare(block?.after ?? at(first), at(first))).toBeLessThan(0)
    expect(Buffer.compare(block?.to ?? at(0), at(after - 1))).toBeGreaterThanOrEqual(0)
    expect(Buffer.compare(block?.to ?? at(after), at(after))).toBeLessThan(0)
    expect(isSound(() => tables.checkEnds())).toBe(true)
    expect(isSound(() => tables.checkRange(at(0), at(first - 1)))).toBe(false)
  })

  it("are as damaged as a whole where that is in the index", () => {
    const { directory, path, keys } = damaged()
    const ends = partsOf(readFileSync(path))
    flip(path, (ends.at(-2) ?? 0) - 20, 1)
    const tables = open(directory)
    const [first, last] = [Buffer.from(keys[0] ?? ""), Buffer.from(keys.at(-1) ?? "")]
    expect(tables.damagedIn(last, last)).toEqual([{ after: undefined, from: first, to: last }])
    expect(isSound(() => tables.checkEnds())).toBe(false)
  })

  it("are checked up to it, slice by slice, and ahead as far as is told", async () => {
    const { directory, path } = damaged()
    const found = await open(directory)
      .ahead(Number.POSITIVE_INFINITY)
      .catch((cause: unknown) => cause)
    expect(found).toMatchObject({ file: basename(path) })
    const tables = open(directory)
    await tables.ahead(10)
    expect(tables.left).toHaveLength(1)
    await expect(tables.checkOn()).rejects.toMatchObject({ file: basename(path) })
  })
})

describe("tables one behind the other", () => {
  const keysOf = (letter: string) =>
    Array.from({ length: 500 }, (_, at) => `${letter}${String(at).padStart(3, "0")}`)

  /** A database of two tables on one level, and their paths. */
  const neighbours = async () => {
    const directory = join(apart.copy(), "neighbours")
    for (const letter of ["b", "c"]) {
      const database = await openDatabase(directory, { compression: false })
      await database.batch(keysOf(letter).map((key) => ({ type: "put", key, value: key })))
      await compact(database)
      await database.close()
    }
    const paths = tablesOf(directory).toSorted()
    const levels = new Set(open(directory).left.map(({ entry }) => entry.level))
    expect([paths.length, levels.size, levels.has(0)]).toEqual([2, 1, false])
    return { directory, paths }
  }

  it("are checked beside a range too: an iterator rests there when it has left it", async () => {
    const { directory, paths } = await neighbours()
    const [before = "", behind = ""] = paths
    const range = (from: string, to: string) =>
      isSound(() => open(directory).checkRange(Buffer.from(from), Buffer.from(to)))
    expect([range("b490", "b499"), range("c000", "c009")]).toEqual([true, true])
    flip(behind, 20, 3)
    expect(range("b490", "b499")).toBe(false)
    flip(behind, 20, 3)
    flip(before, (partsOf(readFileSync(before)).at(-5) ?? 0) - 20, 3)
    expect(range("c000", "c009")).toBe(false)
  })

  it("are checked ahead two at a time, and both are done with when one is damaged", async () => {
    const { directory, paths } = await neighbours()
    const whole = open(directory)
    const [first, second] = whole.left.map(({ entry }) => entry.size)
    await whole.ahead((first ?? 0) + (second ?? 0) - 1)
    expect(whole.left.map(({ entry }) => entry.size)).toEqual([second])
    await whole.ahead(second ?? 0)
    expect(whole.left).toEqual([])
    for (const path of paths) {
      flip(path, 20, 3)
      const tables = open(directory)
      const ahead = tables.ahead(Number.POSITIVE_INFINITY)
      await expect(ahead).rejects.toMatchObject({ file: basename(path) })
      expect(tables.left.map(({ whole }) => whole)).toEqual([false])
      flip(path, 20, 3)
    }
  })
})

describe("tables that are whole", () => {
  it("are let go one by one, beside everything else", async () => {
    const tables = open(several.copy())
    expect(tables.left.length).toBeGreaterThan(1)
    await new Promise<void>((resolve, reject) => {
      tables.begin(async (span) => {
        await tables.checkOn(span).catch(reject)
        tables.close(({ whole }) => whole)
        if (tables.whole) resolve()
      })
    })
    expect(tables.left).toEqual([])
  })

  it("lie apart where no key can be in two of them", () => {
    const close = (directory: string) => {
      const tables = inspectUnsigned(directory)
      for (const table of tables) table.close()
      return areApart(tables)
    }
    expect(close(apart.copy())).toBe(true)
    expect(close(several.copy())).toBe(false)
  })
})
