/**
 * What is found out before LevelDB opens a directory: each file of it missing, cut, emptied, zeroed
 * or swapped; and what killed processes leave behind is no damage.
 */
import {
  copyFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { basename, join } from "node:path"
import { describe, expect, it } from "vitest"
import { hasCode } from "../model/cause.js"
import { Damage } from "./damage.js"
import { checkedText, currentManifest, inspect } from "./level-opening.js"
import {
  compact,
  filesOf,
  openDatabase,
  signWell,
  tablesOf,
  useSample,
} from "./level-samples.contract.js"

const sample = useSample({ sessions: 3, keyCount: 2_000, compression: true })

const looked = (directory: string) => {
  const { tables, endedWell } = inspect(directory)
  for (const table of tables) table.close()
  return { count: tables.length, endedWell }
}

/** A copy with what is not yet in a table in its write-ahead log, as after a kill. */
const killed = async (size: number): Promise<string> => {
  const directory = sample.copy()
  const database = await openDatabase(directory)
  for (let at = 0; at < size; at += 1_000) await database.put(`late ${at}`, "v".repeat(1_000))
  const copy = `${directory}-killed`
  cpSync(directory, copy, { recursive: true })
  await database.close()
  return copy
}

const logOf = (directory: string): string => filesOf(directory, /\.log$/)[0] ?? ""
const manifestOf = (directory: string): string => filesOf(directory, /^MANIFEST/)[0] ?? ""

describe("a directory", () => {
  it("that is missing, empty or of a first opening that was killed has no tables", () => {
    const directory = sample.copy()
    for (const name of readdirSync(directory))
      if (!name.startsWith("MANIFEST")) rmSync(join(directory, name))
    expect(looked(directory)).toEqual({ count: 0, endedWell: true })
    rmSync(directory, { recursive: true })
    expect(looked(directory)).toEqual({ count: 0, endedWell: true })
  })

  it("as it was closed or killed is looked at, and nothing in it is changed", async () => {
    for (const directory of [sample.copy(), await killed(100_000)]) {
      const before = readdirSync(directory).map((name) => readFileSync(join(directory, name)))
      expect(looked(directory).count).toBe(tablesOf(sample.get().directory).length)
      const after = readdirSync(directory).map((name) => readFileSync(join(directory, name)))
      expect(after).toEqual(before)
    }
  })

  it("without CURRENT, which LevelDB would begin anew, is damaged", () => {
    const directory = sample.copy()
    for (const text of ["", "MANIFEST-000001\n", "MANIFEST", "../log/MANIFEST-000004\n"]) {
      writeFileSync(join(directory, "CURRENT"), text)
      expect(() => looked(directory), text).toThrow(Damage)
    }
    rmSync(join(directory, "CURRENT"))
    expect(() => looked(directory)).toThrow("CURRENT is missing")
  })
})

describe("a table", () => {
  it("that is missing, or has another size, is damaged", () => {
    for (const at of [0, 1, 2]) {
      const directory = sample.copy()
      const path = tablesOf(directory)[at] ?? ""
      const bytes = readFileSync(path)
      for (const size of [0, 1, bytes.length - 1]) {
        truncateSync(path, size)
        expect(() => looked(directory), `${size} bytes`).toThrow("in place of")
        writeFileSync(path, bytes)
      }
      rmSync(path)
      expect(() => looked(directory)).toThrow(`${basename(path)} is missing`)
    }
  })

  it("may have the name that older releases of LevelDB gave it", () => {
    const directory = sample.copy()
    const path = tablesOf(directory)[0] ?? ""
    copyFileSync(path, path.replace(".ldb", ".sst"))
    rmSync(path)
    expect(looked(directory).count).toBe(3)
  })
})

describe("the write-ahead log", () => {
  it("may end anywhere, and be empty, but not be missing", async () => {
    const directory = await killed(100_000)
    const path = logOf(directory)
    const { size } = statSync(path)
    for (const cut of [size - 1, size - 500, 70_000, 32_768, 100, 1, 0]) {
      truncateSync(path, cut)
      expect(looked(directory).count, `of ${cut} bytes`).toBe(3)
    }
    rmSync(path)
    expect(() => looked(directory)).toThrow(`${basename(path)} is missing`)
  })

  it("is damaged where LevelDB would skip a part and go on", async () => {
    const directory = await killed(100_000)
    const path = logOf(directory)
    const bytes = readFileSync(path)
    const damaged = Buffer.from(bytes)
    damaged[5_000] = (damaged[5_000] ?? 0) ^ 1
    writeFileSync(path, damaged)
    expect(() => looked(directory)).toThrow("is damaged at")
    writeFileSync(path, Buffer.from(bytes).fill(0, 5_000, 6_000))
    expect(() => looked(directory)).toThrow("is damaged at")
    writeFileSync(path, Buffer.from(bytes).fill(0))
    expect(looked(directory).count).toBe(3)
  })

  it("before another one is damaged when it lost its end", async () => {
    const directory = await killed(100_000)
    const path = logOf(directory)
    const next = path.replace(/\d+(?=\.log)/, (number) =>
      String(Number(number) + 5).padStart(6, "0"),
    )
    writeFileSync(next, "")
    truncateSync(path, statSync(path).size - 1)
    expect(looked(directory).count).toBe(3)
    copyFileSync(path, next)
    expect(() => looked(directory)).toThrow("has lost its end")
  })
})

describe("the MANIFEST", () => {
  it("cut anywhere is damaged, or nothing is missing without what was cut", async () => {
    const directory = await killed(8_000_000)
    const path = manifestOf(directory)
    const bytes = readFileSync(path)
    const lengths = new Set<number>()
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      truncateSync(path, cut)
      try {
        looked(directory)
        lengths.add(currentManifest(directory).edits.length)
      } catch (cause) {
        expect(cause, `cut at ${cut}`).toBeInstanceOf(Damage)
      }
      writeFileSync(path, bytes)
    }
    const { edits } = currentManifest(directory)
    expect([...lengths]).toContain(edits.length)
    for (const length of lengths) {
      const copy = `${directory}-${length}`
      cpSync(directory, copy, { recursive: true })
      truncateSync(join(copy, basename(path)), edits[length - 1]?.end ?? 0)
      const database = await openDatabase(copy).catch((cause: unknown) => {
        // LevelDB misses a number that is in the second edit, and says so.
        expect([length < 2, hasCode(cause, "LEVEL_CORRUPTION")]).toEqual([true, true])
      })
      if (database === undefined) continue
      const found = await database.keys({ gte: "late ", lt: "late~" }).all()
      expect(found, `after ${length} edits`).toHaveLength(8_000)
      for (const [key, value] of sample.get().rows) expect(database.getSync(key)).toBe(value)
      await database.close()
    }
  })

  it("that is not there is damage", () => {
    const directory = sample.copy()
    rmSync(manifestOf(directory))
    expect(() => looked(directory)).toThrow("is missing")
  })
})

describe("what a process leaves behind", () => {
  it("says that it ended well, of the MANIFEST in use alone", () => {
    const directory = sample.copy()
    expect(looked(directory).endedWell).toBe(false)
    signWell(directory)
    expect(looked(directory).endedWell).toBe(true)
    writeFileSync(join(directory, "checked"), checkedText("MANIFEST-000001", "all"))
    expect(looked(directory).endedWell).toBe(false)
  })

  it("is damage when tables were rewritten that nobody had checked", async () => {
    const directory = sample.copy()
    const database = await openDatabase(directory)
    await compact(database)
    await database.close()
    const { name, edits } = currentManifest(directory)
    const sign = join(directory, "checked")
    const end = edits.at(-1)?.end ?? 0
    for (const text of [
      undefined,
      "",
      checkedText(name, 10),
      checkedText("MANIFEST-000001", "all"),
    ]) {
      if (text !== undefined) writeFileSync(sign, text)
      expect(() => looked(directory), text).toThrow("not yet checked")
    }
    writeFileSync(sign, checkedText(name, end))
    expect(looked(directory)).toMatchObject({ endedWell: false })
    writeFileSync(sign, checkedText(name, "all"))
    expect(looked(directory)).toMatchObject({ endedWell: true })
  })

  it("is damage when it says so, whatever is there", () => {
    const directory = sample.copy()
    signWell(directory)
    writeFileSync(join(directory, "damaged"), "000005.ldb is damaged at 4096\n")
    expect(() => looked(directory)).toThrow(new Damage("000005.ldb", "is damaged at 4096"))
    writeFileSync(join(directory, "damaged"), "")
    expect(() => looked(directory)).toThrow(Damage)
    expect(existsSync(join(directory, "damaged"))).toBe(true)
  })
})
