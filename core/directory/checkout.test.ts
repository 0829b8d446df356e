/**
 * Trees on the disk: there as a whole or not at all, and nothing that was there is written through.
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { type EntryKind, makeTree, type TreeEntry } from "../model/tree.js"
import { checkDirectory, checkOut, type SendFile } from "./checkout.js"
import { temporaryDirectory } from "./folders.contract.js"
import type { EntryState } from "./states.js"

const directory = temporaryDirectory()

const entry = (path: string, kind: EntryKind, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path: path as RelativePath,
  kind,
  size: path.length,
  digest: digestOf(Buffer.from(path)),
  ...more,
})

const tree = makeTree([
  entry("a.txt", "file"),
  entry("bin/run", "file", { executable: true }),
  entry("none", "directory"),
  entry("to", "symlink", { target: "/etc" }),
  entry("d/__proto__", "file"),
])

// Each file holds its own path.
const send: SendFile<never> = ({ path }, write) => Effect.orDie(write(Buffer.from(path)))

const target = () => join(directory(), "out")
const run = (states = new Map<string, EntryState>(), sending: SendFile<string> = send) =>
  Effect.runPromise(checkOut(target(), tree, states, sending))

describe("a tree that is checked out", () => {
  it("has its files, modes, links, empty folders and times", async () => {
    const state = { mode: 0o644, ctime: 1n, mtime: 1_234_567_890_123_456_000n }
    const states = ["a.txt", "bin", "none"].map((name) => [name, { ...state, name }] as const)
    await run(new Map(states))
    expect(readFileSync(join(target(), "a.txt"), "utf8")).toBe("a.txt")
    expect(readFileSync(join(target(), "d", "__proto__"), "utf8")).toBe("d/__proto__")
    expect(readdirSync(join(target(), "none"))).toEqual([])
    expect(readlinkSync(join(target(), "to"))).toBe("/etc")
    expect(statSync(join(target(), "bin/run")).mode & 0o100).toBe(0o100)
    expect(statSync(join(target(), "a.txt")).mode & 0o100).toBe(0)
    for (const name of ["a.txt", "bin", "none"])
      expect(Math.floor(statSync(join(target(), name)).mtimeMs)).toBe(1_234_567_890_123)
  })

  it("goes into a directory that is empty", async () => {
    mkdirSync(target())
    await run()
    expect(existsSync(join(target(), "a.txt"))).toBe(true)
  })

  it("leaves nothing where a file cannot be sent", async () => {
    const failing: SendFile<string> = (file, write) =>
      file.path === "d/__proto__" ? Effect.fail("lost") : send(file, write)
    await expect(run(new Map(), failing)).rejects.toThrow("lost")
    expect(readdirSync(directory())).toEqual([])
  })

  it("does not go through a link that is at its place", async () => {
    mkdirSync(join(directory(), "elsewhere"))
    symlinkSync("elsewhere", target())
    await expect(run()).rejects.toMatchObject({ _tag: "FileFailure", operation: "checkout" })
    expect(readdirSync(join(directory(), "elsewhere"))).toEqual([])
  })
})

describe("a directory to check out to", () => {
  const check = (path: unknown) => Effect.runPromise(checkDirectory(path))

  it("is one that is not there or empty", async () => {
    expect(await check(target())).toBe(target())
    mkdirSync(target())
    expect(await check(target())).toBe(target())
    writeFileSync(join(target(), "mine"), "mine")
    await expect(check(target())).rejects.toMatchObject({ _tag: "TargetExists", path: target() })
    await expect(check(join(target(), "mine"))).rejects.toMatchObject({ _tag: "TargetExists" })
    await expect(check("/")).rejects.toMatchObject({ _tag: "TargetExists" })
    for (const wrong of [undefined, "", "a\0b", 7])
      await expect(check(wrong)).rejects.toMatchObject({ _tag: "InvalidInput", path: "directory" })
  })
})
