/**
 * Judging one entry: what of it has changed, and when its times are believed.
 */
import {
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { registeredIn, temporaryDirectory } from "./folders.contract.js"
import { judge, type LinkedEntry } from "./judge.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), name)
const registered = (name: string, bytes: Uint8Array) => registeredIn(directory(), name, bytes)
const content = Buffer.from("what was registered")

const changeOf = async (entry: LinkedEntry, check: "stat" | "hash" = "stat") => {
  const opened = await openDirectory(directory())
  return judge(opened, entry.path, entry, check).finally(() => opened.release())
}

describe("an entry", () => {
  it("is the same after it was touched, and is not read where its times are the same", async () => {
    const entry = await registered("file", content)
    expect(await changeOf(entry)).toBeUndefined()
    utimesSync(at("file"), 2e9, 2e9)
    expect(await changeOf(entry)).toBeUndefined()
    // A digest that cannot be right is believed as long as nothing leaves a doubt.
    const again = { ...(await registered("file", content)), digest: digestOf(Buffer.of(1)) }
    expect(await changeOf(again)).toBeUndefined()
    expect(await changeOf(again, "hash")).toBe("content")
    const { state } = again
    const recent = { ...again, state: state && { ...state, recent: true as const } }
    expect(await changeOf(recent)).toBe("content")
  })

  it("is said to be missing, of another kind, or another mode", async () => {
    const entry = await registered("file", Buffer.from("small"))
    chmodSync(at("file"), 0o744)
    expect(await changeOf(entry)).toBe("mode")
    renameSync(at("file"), at("other"))
    expect(await changeOf(entry)).toBe("missing")
    symlinkSync("other", at("file"))
    expect(await changeOf(entry)).toBe("kind")
    rmSync(at("file"))
    mkdirSync(at("file"))
    expect(await changeOf(entry)).toBe("kind")
  })

  it("may be a link, which is compared by where it points, or an empty folder", async () => {
    symlinkSync("a", at("link"))
    const digest = digestOf(Buffer.from("a"))
    const link = { path: "link" as RelativePath, kind: "symlink", size: 1, digest } as const
    expect(await changeOf({ ...link, state: undefined })).toBeUndefined()
    rmSync(at("link"))
    symlinkSync("b", at("link"))
    expect(await changeOf({ ...link, state: undefined })).toBe("content")
    mkdirSync(at("none"))
    const none = { path: "none" as RelativePath, kind: "directory", size: 0, digest } as const
    expect(await changeOf({ ...none, state: undefined })).toBeUndefined()
    writeFileSync(at("none/later"), "")
    expect(await changeOf({ ...none, state: undefined })).toBeUndefined()
  })
})
