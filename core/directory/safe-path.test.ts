/**
 * Opening below a directory: never through a symlink, never another directory than the one that is
 * open, and nothing that would block.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { type OpenDirectory, openBelow, openDirectory, resolved } from "./safe-path.js"

const directory = temporaryDirectory()

const using = async <A>(act: (opened: OpenDirectory) => Promise<A>): Promise<A> => {
  const before = await openFileCount()
  const opened = await openDirectory(directory())
  try {
    return await act(opened)
  } finally {
    await opened.release()
    expect(await openFileCount()).toBe(before)
  }
}

const textIn = async (opened: OpenDirectory, name: string): Promise<string> => {
  const { handle } = await opened.file(name)
  try {
    return await handle.readFile("utf8")
  } finally {
    await handle.close()
  }
}

const drifted = { _tag: "ContentDrifted" }

describe("an open directory", () => {
  it("gives its files and directories, and says what they are", () =>
    using(async (opened) => {
      write(directory(), { "a.txt": "a", "d/b.txt": "bb" })
      symlinkSync("a.txt", join(directory(), "link"))
      expect(await textIn(opened, "a.txt")).toBe("a")
      expect(await opened.look("a.txt")).toMatchObject({ kind: "file", size: 1 })
      expect(await opened.look("d")).toMatchObject({ kind: "directory" })
      expect(await opened.look("link")).toMatchObject({ kind: "symlink", size: 5 })
      expect(await opened.look("gone")).toBeUndefined()
      const inner = await openBelow(opened, ["d"])
      expect([inner.shown, await textIn(inner, "b.txt")]).toEqual([join(directory(), "d"), "bb"])
      await inner.release()
    }))

  it("does not follow a symlink, to a file or to a directory, in any place", () =>
    using(async (opened) => {
      write(directory(), { "real/secret.txt": "s" })
      symlinkSync("real", join(directory(), "way"))
      symlinkSync("real/secret.txt", join(directory(), "file"))
      await expect(opened.file("file")).rejects.toMatchObject(drifted)
      await expect(opened.directory("way")).rejects.toMatchObject(drifted)
      await expect(openBelow(opened, ["way"])).rejects.toMatchObject(drifted)
      await expect(openDirectory(join(directory(), "way"))).rejects.toThrow()
    }))

  it("stays the same one when its name is given to something else", () =>
    using(async (opened) => {
      write(directory(), { "d/a.txt": "inside", "other/a.txt": "outside" })
      const inner = await opened.directory("d")
      renameSync(join(directory(), "d"), join(directory(), "moved"))
      symlinkSync("other", join(directory(), "d"))
      expect(await textIn(inner, "a.txt")).toBe("inside")
      await expect(opened.directory("d")).rejects.toMatchObject(drifted)
      await inner.release()
    }))

  it("does not wait for a pipe, and takes no directory for a file", () =>
    using(async (opened) => {
      execFileSync("mkfifo", [join(directory(), "pipe")])
      mkdirSync(join(directory(), "d"))
      for (const name of ["pipe", "d", "gone"])
        await expect(opened.file(name)).rejects.toMatchObject(drifted)
      await expect(opened.directory("pipe")).rejects.toMatchObject(drifted)
    }))

  it("is closed with the last of those who share it", async () => {
    const before = await openFileCount()
    const opened = await openDirectory(directory())
    opened.share()
    await opened.release()
    expect(await opened.look("nothing")).toBeUndefined()
    expect(await openFileCount()).toBe(before + 1)
    await opened.release()
    expect(await openFileCount()).toBe(before)
  })
})

describe("a path of a caller", () => {
  it("is taken once, without its symlinks", async () => {
    write(directory(), { "real/a.txt": "a" })
    symlinkSync("real", join(directory(), "way"))
    expect(await resolved(join(directory(), "way", "..", "real"), "path")).toBe(
      join(directory(), "real"),
    )
    expect(await resolved(join(directory(), "way"), "path")).toBe(join(directory(), "real"))
    rmSync(join(directory(), "real"), { recursive: true })
    await expect(resolved(join(directory(), "way"), "path")).rejects.toMatchObject({
      _tag: "InvalidInput",
      message: expect.stringContaining("which does not exist"),
    })
  })
})
