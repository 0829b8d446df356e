/**
 * What is salvaged of a log: whole records at their positions, and where the files say it ended.
 */
import { readFileSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { filesOf, flip, tablesOf } from "../disk/level-samples.contract.js"
import { openStore } from "./level-copy.js"
import { findHead, readRange, type Source } from "./level-records.js"
import { salvageInto } from "./level-salvage.js"
import { bodies, keyOf, tamperWith, temporary, usesOf } from "./places.contract.js"

let directory = ""
beforeEach(() => {
  directory = join(temporary(), "log")
})
const use = usesOf(() => directory)

const guard: Source["guard"] = {
  checkEnds: () => undefined,
  isSafe: () => true,
  isSafeToScan: () => true,
  firstDamaged: () => undefined,
}

/** The positions that are left, each with its right body. */
const salvaged = async () => {
  const store = await openStore(join(temporary(), "whole"), true)
  try {
    const end = await salvageInto(store, directory)
    const head = await findHead({ store, guard })
    const left: Array<number> = []
    for (let position = 1; position <= head; position += 1) {
      const read = readRange({ store, guard }, position - 1, position, new AbortController().signal)
      for (const { body } of await read.catch(() => [])) {
        expect(String(body)).toBe(`body of ${position}`)
        left.push(position)
      }
    }
    return { head, end, left }
  } finally {
    await store.close()
  }
}

const fill = async (count: number): Promise<void> => {
  await use((log) => log.append(0, bodies(1, count)), { create: true })
  // The rest lies in the write-ahead log.
  await use((log) => log.append(count, bodies(count + 1, count + 100)))
}

const upTo = (count: number): ReadonlyArray<number> =>
  Array.from({ length: count }, (_, index) => index + 1)

describe("what is salvaged of a log", () => {
  it("is all of it, where only its manifest is damaged", async () => {
    await fill(300)
    expect(await salvaged()).toEqual({ head: 400, end: 300, left: upTo(400) })
    for (const path of filesOf(directory, /^MANIFEST/))
      writeFileSync(path, readFileSync(path).fill(1))
    expect(await salvaged()).toEqual({ head: 400, end: 0, left: upTo(400) })
  })

  it("is what is whole around a damaged block, and no record under another's key", async () => {
    await fill(2_000)
    const [path = ""] = tablesOf(directory)
    flip(path, 3_000, 3)
    const { head, left } = await salvaged()
    expect(head).toBe(2_100)
    expect(left.length).toBeGreaterThan(1_500)
    expect(left.length).toBeLessThan(2_100)
    await tamperWith(directory, async (store) => {
      const value = await store.get(keyOf(2_050))
      await store.put(keyOf(2_051), value ?? Buffer.alloc(0))
      await store.put(Buffer.from("zebra"), Buffer.alloc(9))
      await store.del(keyOf(2_052))
    })
    const after = await salvaged()
    // Of two writes of 2,051 the one that is whole holds; what was deleted is not there.
    expect(after.left).toEqual(left.filter((position) => position !== 2_052))
  })

  it("knows of records that went with their table", async () => {
    await fill(300)
    const [path = ""] = tablesOf(directory)
    unlinkSync(path)
    const left = upTo(400).slice(300)
    expect(await salvaged()).toEqual({ head: 400, end: 300, left })
  })

  it("is empty where there is nothing", async () => {
    expect(await salvaged()).toEqual({ head: 0, end: 0, left: [] })
  })
})
