/**
 * Files that stay in place: their bytes by pieces, each checked, and judged together.
 */
import { utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { openFileCount, registeredIn, temporaryDirectory } from "./folders.contract.js"
import type { LinkedEntry } from "./judge.js"
import { LinkedFiles } from "./linked.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), name)
const registered = (name: string, bytes: Uint8Array) => registeredIn(directory(), name, bytes)
const content = Buffer.alloc(700_000, "pieces of a file that stays where it is, ")

const filesOf = (entries: ReadonlyArray<LinkedEntry>): LinkedFiles =>
  new LinkedFiles(directory(), () => openDirectory(directory()), entries)

const read = async (files: LinkedFiles, { digest }: LinkedEntry, range?: [number, number]) => {
  const [start, end] = range ?? [0, Number.MAX_SAFE_INTEGER]
  const parts = await Effect.runPromise(Stream.runCollect(files.read(digest, { start, end })))
  return Buffer.concat([...parts])
}

describe("a file in place", () => {
  it("gives any range of its bytes, and closes what it opened", async () => {
    const entry = await registered("file", content)
    const files = filesOf([entry])
    const before = await openFileCount()
    expect((await read(files, entry)).equals(content)).toBe(true)
    for (const [start, end] of [
      [0, 0],
      [1, 2],
      [262_140, 262_150],
      [524_287, 800_000],
    ] as const)
      expect((await read(files, entry, [start, end])).equals(content.subarray(start, end))).toBe(
        true,
      )
    const into = Buffer.alloc(10)
    const range = { start: 262_139, end: 262_149 }
    const whole = Buffer.alloc(content.length)
    const { digest } = entry
    const parts = [
      { digest, range, into },
      { digest, into: whole },
    ]
    await Effect.runPromise(files.readInto(parts))
    expect([into.equals(content.subarray(262_139, 262_149)), whole.equals(content)]).toEqual([
      true,
      true,
    ])
    expect(await openFileCount()).toBe(before)
  })

  it("gives no byte of a piece that has changed, though its size and times have not", async () => {
    const entry = await registered("file", content)
    const changed = Buffer.from(content)
    changed[300_000] = 0
    writeFileSync(at("file"), changed)
    utimesSync(at("file"), 1e9, 1e9)
    const files = filesOf([entry])
    expect((await read(files, entry, [0, 262_144])).length).toBe(262_144)
    expect((await read(files, entry, [524_288, 700_000])).length).toBe(175_712)
    await expect(read(files, entry, [299_000, 299_001])).rejects.toMatchObject({
      _tag: "ContentDrifted",
    })
    const into = Buffer.alloc(content.length)
    const filling = Effect.runPromise(files.readInto([{ digest: entry.digest, into }]))
    await expect(filling).rejects.toMatchObject({ _tag: "ContentDrifted" })
  })

  it("is among others that are judged together, and the first change is named", async () => {
    const entries: Array<LinkedEntry> = []
    for (let number = 0; number < 150; number += 1)
      entries.push(await registered(`f${number}`, Buffer.from(`${number}`)))
    const files = filesOf(entries)
    await Effect.runPromise(files.judge("hash"))
    writeFileSync(at("f77"), "other")
    await Effect.runPromise(files.judge("none"))
    await expect(Effect.runPromise(files.judge("stat"))).rejects.toMatchObject({
      _tag: "ContentDrifted",
      path: "f77",
    })
  })
})
