/**
 * Measuring folders: every file once, at any depth, and nothing else.
 */
import { symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { measure } from "./measure.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()

const measured = async (wanted?: string) => {
  const before = await openFileCount()
  const opened = await openDirectory(directory())
  const found = await Effect.runPromise(measure(opened, wanted))
  await opened.release()
  expect(await openFileCount()).toBe(before)
  return found
}

describe("a folder that is measured", () => {
  it("has its files and their bytes, without links and what they point to", async () => {
    expect(await measured()).toEqual({ files: 0, bytes: 0 })
    const files = Array.from({ length: 300 }, (_, at) => [`d${at % 4}/e/${at}`, "x".repeat(at)])
    write(directory(), Object.fromEntries(files))
    symlinkSync("d1/e/1", join(directory(), "link"))
    symlinkSync("/usr", join(directory(), "outside"))
    expect(await measured()).toEqual({ files: 300, bytes: (299 * 300) / 2 })
  })

  it("has one file, where that alone is wanted", async () => {
    write(directory(), { wanted: "four", other: "five!", "d/wanted": "six" })
    expect(await measured("wanted")).toEqual({ files: 1, bytes: 4 })
    expect(await measured("gone")).toEqual({ files: 0, bytes: 0 })
  })

  it("does without names that are not UTF-8", async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${directory()}/`), Buffer.of(0xff)]), "x")
    expect(await measured()).toEqual({ files: 0, bytes: 0 })
  })
})
