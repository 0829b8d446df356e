/**
 * The lock of a database, asked for without opening it.
 */
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { hasCode } from "../model/cause.js"
import { lockedElsewhere } from "./level-lock.js"
import { openDatabase, useSample } from "./level-samples.contract.js"

const sample = useSample({ sessions: 1, keyCount: 100, compression: true })

describe("the lock of a database", () => {
  it("is held while it is open, whatever became of its files, and free otherwise", async () => {
    const directory = sample.copy()
    expect(await lockedElsewhere(directory)).toBeUndefined()
    const database = await openDatabase(directory)
    expect(hasCode(await lockedElsewhere(directory), "LEVEL_LOCKED")).toBe(true)
    rmSync(join(directory, "CURRENT"))
    expect(hasCode(await lockedElsewhere(directory), "LEVEL_LOCKED")).toBe(true)
    await database.close()
    expect(await lockedElsewhere(directory)).toBeUndefined()
  })

  it("is asked for without any change to what is there", async () => {
    const directory = sample.copy()
    const files = () =>
      readdirSync(directory)
        .filter((name) => !name.startsWith("LOG"))
        .map((name) => [name, readFileSync(join(directory, name), "latin1")])
    const before = files()
    expect(await lockedElsewhere(directory)).toBeUndefined()
    expect(files()).toEqual(before)
  })
})
