/**
 * Paths on their way into a ledger: confined to roots, told of while they are read, counted, and
 * given up on request.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished } from "vitest"
import { storageSize } from "../model/metadata.js"
import type { SaveProgress } from "./call-options.js"
import { checkRoots, findBounds } from "./path-intake.js"
import { opened, temporary } from "./places.contract.js"

const foldersIn = (root: string) => {
  for (const name of ["data/run", "data-secrets"]) mkdirSync(join(root, name), { recursive: true })
  writeFileSync(join(root, "data/run/a.txt"), "a")
  writeFileSync(join(root, "data-secrets/key"), "k")
  return root
}

describe("a ledger with roots", () => {
  it("registers what lies below them, by the name of the root, and nothing else", async () => {
    const root = foldersIn(temporary())
    symlinkSync(join(root, "data-secrets"), join(root, "data", "way"))
    const ledger = await opened({ memory: true, roots: { data: join(root, "data") } })
    const { content } = await ledger.register(join(root, "data", "run"), { name: "run" })
    expect(content.link).toEqual({ root: "data", path: "run" })
    expect(await ledger.load("run")).toBe(join(root, "data", "run"))
    for (const path of ["data-secrets", "data/way", "data/../data-secrets", "data/way/key", ".."])
      for (const mode of ["copy", "link"] as const)
        await expect(ledger.register(join(root, path), { name: "x", mode })).rejects.toMatchObject({
          _tag: "InvalidInput",
          path: "path",
        })
    expect(await ledger.findArtifact("x")).toBeUndefined()
  })

  it("finds what was registered wherever its root lies by now, and not without it", async () => {
    const root = foldersIn(temporary())
    const directory = join(temporary(), "ledger")
    const first = await opened({ directory, roots: { data: join(root, "data") } })
    await first.register(join(root, "data", "run"), { name: "run" })
    await first.close()
    const without = await opened({ directory })
    await expect(without.load("run")).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: "options.roots",
    })
    await without.close()
    const moved = foldersIn(temporary())
    const again = await opened({ directory, roots: { data: join(moved, "data") } })
    expect(await again.load("run")).toBe(join(moved, "data", "run"))
  })

  it("is not opened over a root that is not there, or is none", async () => {
    for (const roots of [{ data: join(temporary(), "gone") }, { data: "" }, { data: 7 }, [], "x"])
      await expect(opened({ memory: true, roots: roots as never })).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: expect.stringMatching(/^options\.roots/),
      })
    expect(() => checkRoots(undefined)).not.toThrow()
  })
})

describe("where a ledger lies", () => {
  it("is known of one in a directory", async () => {
    const directory = temporary()
    const bounds = await Effect.runPromise(findBounds(directory, undefined))
    expect(bounds).toMatchObject({ roots: undefined, own: { kind: "directory" } })
    expect(await Effect.runPromise(findBounds("memory", undefined))).toMatchObject({
      own: undefined,
    })
  })
})

describe("a folder that is taken in", () => {
  it("is told of file by file", async () => {
    const folder = temporary()
    for (let at = 0; at < 30; at += 1) writeFileSync(join(folder, `${at}`), "x".repeat(at))
    const ledger = await opened()
    const told: Array<SaveProgress> = []
    const onProgress = (progress: SaveProgress) => void told.push(progress)
    await ledger.register(folder, { name: "x", mode: "copy", onProgress })
    const total = (29 * 30) / 2
    expect(told.map(({ files }) => files)).toEqual(
      Array.from({ length: 30 }, (_, at) => ({ done: at + 1, total: 30 })),
    )
    expect(told.map((progress) => progress.total)).toEqual(told.map(() => total))
    expect(told.at(-1)?.done).toBe(total)
    const done = told.map((progress) => progress.done)
    expect(done).toEqual([...done].sort((a, b) => a - b))
  })

  it("is counted by extensions, the names of objects among them", async () => {
    const folder = temporary()
    for (const name of ["a.__proto__", "b.constructor", "c.txt", "d.txt", "plain", ".hidden"])
      writeFileSync(join(folder, name), "")
    for (let at = 0; at < 200; at += 1) writeFileSync(join(folder, `f.${at}`), "")
    const ledger = await opened()
    const { metadata } = await ledger.register(folder, { name: "x" })
    expect(metadata).toMatchObject({ files: 206, directories: 0 })
    expect(metadata.storage_size).toEqual(storageSize(0))
  })

  it("is given up when its signal is aborted, and nothing is stored", async () => {
    const folder = temporary()
    for (let at = 0; at < 300; at += 1) writeFileSync(join(folder, `${at}`), "x".repeat(5_000))
    const ledger = await opened()
    const aborting = new AbortController()
    const reason = new Error("enough")
    const onProgress = () => aborting.abort(reason)
    const options = { name: "x", mode: "copy", signal: aborting.signal, onProgress } as const
    await expect(ledger.register(folder, options)).rejects.toBe(reason)
    expect(ledger.position).toBe(1)
  })

  it("fails with what the caller's function throws", async () => {
    const folder = temporary()
    writeFileSync(join(folder, "a"), "a")
    const ledger = await opened()
    const onProgress = () => {
      throw new Error("mine")
    }
    await expect(ledger.register(folder, { name: "x", onProgress })).rejects.toThrow("mine")
    expect(ledger.position).toBe(1)
  })

  it("gives the first answer again under the same key, though its files were touched", async () => {
    const folder = mkdtempSync(join(tmpdir(), "daybook-key-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, "a"), "a")
    const ledger = await opened()
    const first = await ledger.register(folder, { name: "x", idempotencyKey: "once" })
    writeFileSync(join(folder, "a"), "a")
    const again = await ledger.register(folder, { name: "x", idempotencyKey: "once" })
    expect(again).toEqual(first)
    writeFileSync(join(folder, "a"), "b")
    await expect(
      ledger.register(folder, { name: "x", idempotencyKey: "once" }),
    ).rejects.toMatchObject({ _tag: "IdempotencyMismatch" })
    expect(readdirSync(folder)).toEqual(["a"])
  })
})
