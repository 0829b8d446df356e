/**
 * Borrowed databases: read beside their owner, who goes on writing and notices nothing.
 */
import { randomBytes } from "node:crypto"
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, unlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Level } from "level"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { borrow } from "./borrow.js"

let parent = ""
let directory = ""
let copy = ""
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), "daybook-borrow-"))
  directory = join(parent, "database")
  copy = join(parent, "copy")
})
afterEach(() => rmSync(parent, { recursive: true }))

const open = async (path: string): Promise<Level> => {
  const store = new Level(path, { createIfMissing: false })
  await store.open()
  return store
}

const keyOf = (key: number): string => String(key).padStart(8, "0")

/** Values that do not shrink, so that tables come and go. */
const put = async (store: Level, from: number, count: number, mark: string): Promise<void> => {
  for (let start = from; start < from + count; start += 1_000)
    await store.batch(
      Array.from({ length: 1_000 }, (_, index) => ({
        type: "put" as const,
        key: keyOf(start + index),
        value: `${mark} ${randomBytes(200).toString("base64")}`,
      })),
    )
}

/** What a look must not change. The time of the last look is not asked: looking is allowed. */
const stamps = (path: string): ReadonlyArray<string> =>
  readdirSync(path).map((name) => {
    const { size, mtimeMs, ctimeMs, nlink, mode } = statSync(join(path, name))
    return [name, size, mtimeMs, ctimeMs, nlink, mode].join(" ")
  })

const marks = async (store: Level): Promise<ReadonlyMap<string, number>> => {
  const counts = new Map<string, number>()
  for await (const value of store.values()) {
    const mark = value.slice(0, value.indexOf(" "))
    counts.set(mark, (counts.get(mark) ?? 0) + 1)
  }
  return counts
}

describe("a borrowed database", () => {
  it("can be opened where no file of the original may be written", async () => {
    const store = new Level(directory)
    await put(store, 0, 1_000, "first")
    await store.close()
    for (const name of readdirSync(directory)) chmodSync(join(directory, name), 0o400)
    const modes = (path: string) => {
      const files = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isFile())
      return files.map(({ name }) => (statSync(join(path, name)).mode & 0o777).toString(8))
    }
    const { giveBack } = await borrow(directory, copy, async (path) =>
      expect(new Set(modes(path))).toEqual(new Set(["600"])),
    )
    await giveBack()
    expect(new Set(modes(directory))).toEqual(new Set(["400"]))
  })

  it("shows what was there, and leaves no trace on the original", async () => {
    const store = new Level(directory)
    await put(store, 0, 20_000, "first")
    // Or it would go on rewriting its tables.
    await store.close()
    const before = stamps(directory)
    const { opened, giveBack } = await borrow(directory, copy, open)
    expect(await marks(opened)).toEqual(new Map([["first", 20_000]]))
    await opened.close()
    await giveBack()
    expect(stamps(directory)).toEqual(before)
    expect(readdirSync(parent)).toEqual(["database"])
  })

  it("stays what it was while its owner rewrites every table", async () => {
    const store = new Level(directory)
    await put(store, 0, 20_000, "first")
    const { opened, giveBack } = await borrow(directory, copy, open)
    await put(store, 0, 20_000, "second")
    expect(await marks(opened)).toEqual(new Map([["first", 20_000]]))
    await opened.close()
    await giveBack()
    await store.close()
  })

  it("holds all that was written up to a moment, however busy its owner is", async () => {
    const store = new Level(directory)
    let [written, goal] = [0, 5_000]
    let isDone = false
    const write = async () => {
      while (!isDone)
        if (written >= goal + 20_000) await new Promise(setImmediate)
        else {
          await put(store, written, 1_000, "dense")
          written += 1_000
        }
    }
    const writing = write()
    const looks: Array<readonly [atLeast: number, found: number, last: string | undefined]> = []
    while (looks.length < 8) {
      goal = written + 5_000
      while (written < goal) await new Promise(setImmediate)
      const { opened, giveBack } = await borrow(directory, copy, open)
      const keys = await opened.keys().all()
      looks.push([goal, keys.length, keys.at(-1)])
      await opened.close()
      await giveBack()
    }
    isDone = true
    await writing
    for (const [atLeast, found, last] of looks) {
      expect(found).toBeGreaterThanOrEqual(atLeast)
      expect(last).toBe(keyOf(found - 1))
    }
    expect((await store.keys().all()).length).toBe(written)
    await store.close()
  })

  it("is taken again when its owner removed a file meanwhile, and not for ever", async () => {
    const store = new Level(directory)
    await put(store, 0, 60_000, "first")
    await store.close()
    const tables = readdirSync(directory).filter((name) => name.endsWith(".ldb"))
    let tries = 0
    const removing = (): Promise<string> => {
      tries += 1
      const table = tables.pop()
      if (table === undefined || tries === 3) return Promise.resolve("opened")
      unlinkSync(join(directory, table))
      return Promise.reject(new Error("a table is missing"))
    }
    expect(await borrow(directory, copy, removing)).toMatchObject({ opened: "opened" })
    expect(tries).toBe(3)
    rmSync(copy, { recursive: true })
    const failing = (): Promise<never> => {
      tries += 1
      return Promise.reject(new Error("damaged"))
    }
    await expect(borrow(directory, copy, failing)).rejects.toThrow("damaged")
    expect(tries).toBe(4)
    expect(readdirSync(parent)).toEqual(["database"])
  })
})
