/**
 * Drift: every entry that changed is named with what changed, what is new is found, and what is
 * gone is missing, with all that was in it.
 */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { findDrift } from "./drift.js"
import { openFileCount, registeredIn, temporaryDirectory } from "./folders.contract.js"
import type { LinkedEntry } from "./judge.js"
import { registeredTree } from "./registered.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), name)

const register = async (paths: ReadonlyArray<string>): Promise<ReadonlyArray<LinkedEntry>> => {
  const entries: Array<LinkedEntry> = []
  for (const path of paths) entries.push(await registeredIn(directory(), path, Buffer.from(path)))
  return entries
}

const driftOf = async (entries: ReadonlyArray<LinkedEntry>, isWhole = true) => {
  const before = await openFileCount()
  const root = await openDirectory(directory())
  const [only] = isWhole ? [] : entries
  const one = only === undefined ? {} : { only: only.path }
  const drift = findDrift({ root, check: "stat", isWhole, ...one }, registeredTree(entries))
  const found = await Effect.runPromise(drift)
  await root.release()
  expect(await openFileCount()).toBe(before)
  return found
}

const none = { missing: 0, kind: 0, content: 0, mode: 0, extra: 0 }
const paths = ["a", "d/b", "d/e/c", "d/e/f", "g/h"]

describe("a folder", () => {
  it("that is unchanged has none", async () => {
    const entries = await register(paths)
    expect(await driftOf(entries)).toEqual({ same: 5, counts: none, entries: [] })
  })

  it("has what changed, what is missing and what is new, in order", async () => {
    const entries = await register(paths)
    writeFileSync(at("a"), "A")
    rmSync(at("d/b"))
    rmSync(at("d/e"), { recursive: true })
    writeFileSync(at("d/e"), "a file now")
    mkdirSync(at("new/inner"), { recursive: true })
    writeFileSync(at("new/inner/file"), "")
    writeFileSync(at("g/i"), "")
    symlinkSync("/", at("way"))
    const found = await driftOf(entries)
    expect(found.entries).toEqual([
      { path: "a", change: "content" },
      { path: "d/b", change: "missing" },
      { path: "d/e", change: "extra" },
      { path: "d/e/c", change: "missing" },
      { path: "d/e/f", change: "missing" },
      { path: "g/i", change: "extra" },
      { path: "new", change: "extra" },
      { path: "way", change: "extra" },
    ])
    expect(found).toMatchObject({ same: 1, counts: { ...none, content: 1, missing: 3, extra: 4 } })
  })

  it("is not looked through by way of a link that took the place of one in it", async () => {
    const entries = await register(paths)
    renameSync(at("d"), at("moved"))
    symlinkSync("moved", at("d"))
    const found = await driftOf(entries)
    expect(found.counts).toEqual({ ...none, missing: 3, extra: 2 })
    expect(found.entries.map(({ path }) => path)).toEqual(["d", "d/b", "d/e/c", "d/e/f", "moved"])
  })

  it("of which one file was registered has nothing new", async () => {
    const [entry] = await register(paths)
    const found = await driftOf(entry === undefined ? [] : [entry], false)
    expect(found).toEqual({ same: 1, counts: none, entries: [] })
  })

  it("names a bounded number of entries, and counts all", async () => {
    for (let file = 0; file < 1_200; file += 1) writeFileSync(at(`f${file}`), "")
    const found = await driftOf([])
    expect([found.entries.length, found.counts.extra]).toEqual([1_000, 1_200])
  })
})
