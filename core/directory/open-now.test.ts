/**
 * Opening on a thread, by the rules of paths: never through a symlink, never another directory, and
 * nothing that would block; the way from one directory to the next.
 */
import { execFileSync } from "node:child_process"
import { lstatSync, mkdirSync, renameSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { toFound } from "./look.js"
import { DirectoryNow, fillNow, problemOf, statNow, unfit, usingFile, Way } from "./open-now.js"
import { openDirectory, type Place } from "./safe-path.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), name)

const using = async (act: (place: Place) => void): Promise<void> => {
  const before = await openFileCount()
  const root = await openDirectory(directory())
  try {
    act(root.place)
  } finally {
    await root.release()
    expect(await openFileCount()).toBe(before)
  }
}

const problemIn = (act: () => unknown): unknown => {
  try {
    act()
    return undefined
  } catch (cause) {
    return problemOf(cause)
  }
}

const textOf = (opened: DirectoryNow, name: string): string =>
  usingFile(opened.file(name), (file) => {
    const bytes = Buffer.alloc(statNow(file.descriptor).size)
    fillNow(file, bytes)
    return bytes.toString()
  })

describe("a directory on a thread", () => {
  it("gives what is in it", () =>
    using((place) => {
      write(directory(), { "a.txt": "aa", "d/b": "b" })
      symlinkSync("a.txt", at("link"))
      const opened = new DirectoryNow(place)
      expect([...opened.names()].sort()).toEqual(["a.txt", "d", "link"])
      expect(textOf(opened, "a.txt")).toBe("aa")
      expect(opened.look("d").kind).toBe("directory")
      expect(opened.link("link").toString()).toBe("a.txt")
      const inner = opened.directory("d")
      expect([inner.place.shown, textOf(inner, "b")]).toEqual([at("d"), "b"])
      inner.close()
    }))

  it("follows no symlink, waits for no pipe, and says what is gone", () =>
    using((place) => {
      write(directory(), { "real/a": "a" })
      symlinkSync("real", at("way"))
      symlinkSync("real/a", at("file"))
      execFileSync("mkfifo", [at("pipe")])
      const opened = new DirectoryNow(place)
      expect(problemIn(() => opened.directory("way"))).toEqual({ sentence: "other" })
      expect(problemIn(() => opened.file("file"))).toEqual({ sentence: "other" })
      expect(problemIn(() => opened.file("pipe"))).toEqual({ sentence: "file" })
      expect(problemIn(() => opened.file("real"))).toEqual({ sentence: "file" })
      expect(problemIn(() => opened.look("none"))).toEqual({ sentence: "gone" })
      expect(problemIn(() => opened.link("real"))).toMatchObject({ code: "EINVAL" })
    }))

  it("says when a file is shorter than it was", () =>
    using((place) => {
      write(directory(), { a: "short" })
      const fill = () =>
        usingFile(new DirectoryNow(place).file("a"), (file) => fillNow(file, Buffer.alloc(6)))
      expect(problemIn(fill)).toEqual({ sentence: "shorter" })
    }))

  it("tells problems of ours from those of the system", () => {
    expect(problemOf(unfit("changed"))).toEqual({ sentence: "changed" })
    const foreign = Object.assign(new Error("no"), { code: "EACCES", syscall: "open", more: 1 })
    expect(problemOf(foreign)).toEqual({ message: "no", code: "EACCES", syscall: "open" })
    expect(problemOf("text")).toEqual({ message: "text" })
  })
})

describe("a way through a folder", () => {
  it("goes from one directory to the next, and closes what it leaves", () =>
    using((place) => {
      write(directory(), { a: "1", "d/e/f/b": "2", "d/e/c": "3", "g/h": "4" })
      const way = new Way(place)
      expect(textOf(way.to({ path: "" }), "a")).toBe("1")
      expect(textOf(way.to({ path: "d/e/f" }), "b")).toBe("2")
      expect(textOf(way.to({ path: "d/e" }), "c")).toBe("3")
      expect(textOf(way.to({ path: "g" }), "h")).toBe("4")
      expect(problemIn(() => way.to({ path: "g/none/x" }))).toEqual({ sentence: "other" })
      expect(textOf(way.to({ path: "d/e" }), "c")).toBe("3")
      way.close()
    }))

  it("leads only to the very directory that was found", () =>
    using((place) => {
      write(directory(), { "d/a": "inside", "other/a": "another" })
      const { device, inode } = toFound(lstatSync(at("d"), { bigint: true }))
      const way = new Way(place)
      expect(textOf(way.to({ path: "d", device, inode }), "a")).toBe("inside")
      way.close()
      renameSync(at("d"), at("moved"))
      renameSync(at("other"), at("d"))
      const again = new Way(place)
      expect(problemIn(() => again.to({ path: "d", device, inode }))).toEqual({
        sentence: "directory",
      })
      again.close()
      mkdirSync(at("deep"))
    }))
})
