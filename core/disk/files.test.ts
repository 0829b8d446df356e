import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs"
import { writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import {
  isThere,
  makeDirectory,
  readIfThere,
  replaceFile,
  syncDirectory,
  syncFile,
  writeNew,
  writtenOver,
} from "./files.js"
import { noteSyncs } from "./syncs.contract.js"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "daybook-files-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

describe("a directory", () => {
  it("is made for its owner only, where there is none", async () => {
    const path = join(directory, "one")
    await makeDirectory(path)
    expect(statSync(path).mode & 0o777).toBe(0o700)
    await writeNew(join(path, "file"), "")
    await makeDirectory(path)
    expect(readdirSync(path)).toEqual(["file"])
    await expect(makeDirectory(join(directory, "no", "one"))).rejects.toMatchObject({
      code: "ENOENT",
    })
  })
})

describe("small files", () => {
  it("are made new, for their owner only, and never over another", async () => {
    const path = join(directory, "one")
    await writeNew(path, "first")
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await expect(writeNew(path, "second")).rejects.toMatchObject({ code: "EEXIST" })
    expect(readFileSync(path, "utf8")).toBe("first")
  })

  it("are written over, and not what a symlink in their place leads to", async () => {
    const [path, outside] = [join(directory, "one"), join(directory, "outside")]
    for (const text of ["first", "more"]) await writeFile(path, text, writtenOver)
    expect([readFileSync(path, "utf8"), statSync(path).mode & 0o777]).toEqual(["more", 0o600])
    for (const target of [path, outside]) {
      symlinkSync(target, join(directory, "link"))
      const writing = writeFile(join(directory, "link"), "evil", writtenOver)
      await expect(writing).rejects.toMatchObject({ code: "ELOOP" })
      rmSync(join(directory, "link"))
    }
    expect([readFileSync(path, "utf8"), readdirSync(directory)]).toEqual(["more", ["one"]])
  })

  it("are replaced as a whole, with nothing left beside", async () => {
    const path = join(directory, "one")
    const tmp = join(directory, "tmp")
    mkdirSync(tmp)
    await replaceFile(path, "first", tmp)
    await replaceFile(path, "second", tmp)
    expect(readFileSync(path, "utf8")).toBe("second")
    await expect(replaceFile(join(directory, "no", "one"), "x", tmp)).rejects.toThrow("ENOENT")
    expect([readdirSync(directory), readdirSync(tmp)]).toEqual([["one", "tmp"], []])
  })

  it("are durable before they take a name, and the name after that", async () => {
    const tmp = join(directory, "tmp")
    mkdirSync(tmp)
    const calls = await noteSyncs(directory)
    await replaceFile(join(directory, "one"), "first", tmp)
    expect(calls).toEqual(["sync file", "sync directory", "rename", "sync directory"])
  })

  it("are there or not, and nothing else is an answer", async () => {
    expect(await isThere(directory)).toBe(true)
    expect(await isThere(join(directory, "none"))).toBe(false)
    await writeNew(join(directory, "file"), "")
    await expect(isThere(join(directory, "file", "x"))).rejects.toMatchObject({ code: "ENOTDIR" })
  })

  it("are read where they are there, and only a missing one is no error", async () => {
    expect(await readIfThere(join(directory, "none"))).toBeUndefined()
    await expect(readIfThere(directory)).rejects.toMatchObject({ code: "EISDIR" })
  })

  it("lie in directories that can be made durable, and are so themselves", async () => {
    await writeNew(join(directory, "one"), "1")
    await expect(syncFile(join(directory, "one"))).resolves.toBeUndefined()
    await expect(syncFile(join(directory, "none"))).rejects.toMatchObject({ code: "ENOENT" })
    await expect(syncDirectory(directory)).resolves.toBeUndefined()
    await expect(syncDirectory(join(directory, "none"))).rejects.toMatchObject({ code: "ENOENT" })
  })
})
