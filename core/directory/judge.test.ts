/**
 * Judging one entry: what of it has changed, and when its times are believed.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import type { Found } from "./found.js"
import { changedEntry, judge, type LinkedEntry, modeChange } from "./judge.js"

const found: Found = {
  kind: "file",
  device: 1n,
  inode: 2n,
  size: 7,
  mode: 0o644,
  mtime: 10n,
  ctime: 20n,
}
const digest = digestOf(Buffer.from("content"))
const state = { name: "file", mode: 0o644, mtime: 10n, ctime: 20n }
const entry: LinkedEntry = { path: "file" as RelativePath, kind: "file", size: 7, digest, state }
const target = Buffer.from("content")

describe("an entry", () => {
  it("is believed by its times, and read where they leave a doubt", () => {
    expect(judge({ found }, entry, "stat")).toBeUndefined()
    expect(judge({ found }, entry, "hash")).toBe("unread")
    expect(judge({ found: { ...found, mtime: 11n } }, entry, "stat")).toBe("unread")
    expect(judge({ found: { ...found, ctime: 21n } }, entry, "stat")).toBe("unread")
    const recent = { ...entry, state: { ...state, recent: true as const } }
    expect(judge({ found }, recent, "stat")).toBe("unread")
    expect(judge({ found }, { ...entry, state: undefined }, "stat")).toBe("unread")
  })

  it("is said to be of another kind, another content, or another mode", () => {
    expect(judge({ found: { ...found, kind: "symlink" }, target }, entry, "stat")).toBe("kind")
    expect(judge({ found: { ...found, size: 8 } }, entry, "stat")).toBe("content")
    expect(judge({ found: { ...found, mode: 0o744 } }, entry, "stat")).toBe("mode")
    expect(modeChange({ ...found, mode: 0o744 }, { ...entry, executable: true })).toBeUndefined()
    expect(modeChange(found, { ...entry, executable: true })).toBe("mode")
  })

  it("may be a link, which is compared by where it points, or an empty folder", () => {
    const link: LinkedEntry = { ...entry, kind: "symlink", state: undefined }
    const lying = { ...found, kind: "symlink" } as const
    expect(judge({ found: lying, target }, link, "stat")).toBeUndefined()
    expect(judge({ found: lying, target: Buffer.from("another") }, link, "stat")).toBe("content")
    const none: LinkedEntry = { ...entry, kind: "directory", state: undefined }
    expect(judge({ found: { ...found, kind: "directory" } }, none, "hash")).toBeUndefined()
  })

  it("that has changed is named, with what of it has", () => {
    const changes = ["missing", "kind", "content", "mode"] as const
    const errors = changes.map((change) => changedEntry("d/file", change))
    for (const error of errors)
      expect(error).toMatchObject({ _tag: "ContentDrifted", path: "d/file" })
    expect(new Set(errors.map(({ message }) => message)).size).toBe(changes.length)
  })
})
