/**
 * Copies of packs: verbatim, whatever the copy held before.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { beforeEach, describe, expect, it, vi } from "vitest"
import { readDamage, writeDamage } from "./damage-file.js"
import { packHeader } from "./pack.js"
import { copyPacks } from "./pack-copy.js"
import { packPath } from "./pack-files.js"
import { diskError, fileHandles, openFiles, temporaryDirectory } from "./packs.contract.js"

const parent = temporaryDirectory()
let from = ""
let to = ""
let quarantine = ""
beforeEach(() => {
  from = join(parent(), "from", "packs")
  to = join(parent(), "to", "packs")
  quarantine = join(parent(), "quarantine")
  for (const path of [from, to, quarantine]) mkdirSync(path, { recursive: true })
})

const write = (directory: string, pack: number, text: string): void =>
  writeFileSync(packPath(directory, pack), Buffer.concat([packHeader(), Buffer.from(text)]))

/** The sign that an index may be believed. */
const signIn = () => join(parent(), "to", "index", "whole")
const isTrusted = () => existsSync(signIn())
const sign = (): void => {
  mkdirSync(join(signIn(), ".."), { recursive: true })
  writeFileSync(signIn(), "")
}

const run = () => Effect.runPromise(copyPacks({ from, to, quarantine }))

const expectCopied = (): void => {
  expect(readdirSync(to)).toEqual(readdirSync(from))
  for (const name of readdirSync(from))
    expect(readFileSync(join(to, name)).equals(readFileSync(join(from, name)))).toBe(true)
}

describe("copying packs", () => {
  it("takes all at first, then what is new, and leaves what else is there", async () => {
    write(from, 1, "first")
    write(from, 2, "x".repeat(3_000_000))
    expect(await run()).toBe(28 + 5 + 28 + 3_000_000)
    expectCopied()
    expect(await run()).toBe(0)
    appendFileSync(packPath(from, 2), "more")
    write(from, 4, "third")
    expect(await run()).toBe(4 + 28 + 5)
    expectCopied()
    rmSync(packPath(from, 4))
    expect(await run()).toBe(0)
    expect(readdirSync(to)).toEqual([1, 2, 4].map((pack) => `0000000${pack}.pack`))
  })

  it("begins again where the copy is of another pack, and cuts off what is too much", async () => {
    write(from, 1, "first")
    write(to, 1, "another pack, and longer")
    const other = readFileSync(packPath(to, 1))
    sign()
    expect(await run()).toBe(28 + 5)
    expectCopied()
    expect(readFileSync(join(quarantine, "00000001.pack-1")).equals(other)).toBe(true)
    expect(isTrusted()).toBe(false)
    sign()
    expect(await run()).toBe(0)
    expect(isTrusted()).toBe(true)
    appendFileSync(packPath(to, 1), "torn")
    expect(await run()).toBe(0)
    expectCopied()
    expect(isTrusted()).toBe(false)
    truncateSync(packPath(to, 1), 10)
    expect(await run()).toBe(28 + 5)
    expectCopied()
    expect(readdirSync(quarantine)).toHaveLength(1)
  })

  it("leaves the copy what the original has lost, and tells it of the loss", async () => {
    for (const pack of [1, 2]) write(from, pack, "content")
    await run()
    rmSync(packPath(from, 1))
    truncateSync(packPath(from, 2), 30)
    const missing = { to: 35, state: "missing", digests: [] } as const
    const findings = [
      { ...missing, pack: 1, from: 0 },
      { ...missing, pack: 2, from: 30 },
    ]
    await writeDamage(join(parent(), "from"), findings)
    expect(await run()).toBe(0)
    const handles = await fileHandles(parent())
    const failing = vi.spyOn(handles, "sync").mockRejectedValueOnce(diskError("EIO"))
    await expect(run()).rejects.toMatchObject({ reason: "io" })
    failing.mockRestore()
    for (const pack of [1, 2]) expect(readFileSync(packPath(to, pack))).toHaveLength(35)
    expect(await readDamage(join(parent(), "to"))).toEqual(findings)
  })

  it("stops when it is interrupted, and goes on from there", async () => {
    for (let pack = 1; pack <= 40; pack += 1) write(from, pack, "x".repeat(200_000))
    const copied = await Effect.runPromise(
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(copyPacks({ from, to, quarantine }))
        while (readdirSync(to).length < 2) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(fiber)
        return readdirSync(to).length
      }),
    )
    expect(copied).toBeLessThan(40)
    await run()
    expectCopied()
  })

  it("holds nothing open when it fails, wherever the disk does", async () => {
    write(from, 1, "first")
    await run()
    appendFileSync(packPath(from, 1), "more")
    const handles = await fileHandles(parent())
    for (const call of ["read", "stat", "writev", "sync"] as const) {
      const failing = vi.spyOn(handles, call).mockRejectedValueOnce(diskError("EIO"))
      const failure = await Effect.runPromise(Effect.flip(copyPacks({ from, to, quarantine })))
      expect(failure).toMatchObject({ _tag: "BlobFailure", operation: "copy", reason: "io" })
      expect(openFiles(parent()), call).toEqual([])
      failing.mockRestore()
      // What was written before a sync that failed is not relied on.
      expect(await run(), call).toBe(4)
      expectCopied()
      appendFileSync(packPath(from, 1), "more")
    }
  })

  it("makes durable what is there already: a killed process may have written it", async () => {
    write(from, 1, "first")
    writeFileSync(packPath(to, 1), readFileSync(packPath(from, 1)))
    const sync = vi.spyOn(await fileHandles(parent()), "sync")
    expect(await run()).toBe(0)
    // The pack and its directory.
    expect(sync).toHaveBeenCalledTimes(2)
    sync.mockRestore()
  })

  it("says so when the place is gone", async () => {
    const failure = await Effect.runPromise(
      Effect.flip(copyPacks({ from: join(from, "none"), to, quarantine })),
    )
    expect(failure).toMatchObject({ _tag: "BlobFailure", operation: "copy", reason: "missing" })
  })
})
