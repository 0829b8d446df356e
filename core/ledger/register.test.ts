/**
 * Registering folders and files: what becomes of them, what of them is kept, and what is refused
 * before anything is stored.
 */
import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { strFromU8, unzipSync } from "fflate"
import { describe, expect, it, onTestFinished } from "vitest"
import { opened, temporary } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

/** A folder with one of everything that can be kept. */
const sampleFolder = (): string => {
  const folder = join(temporary(), "sample")
  for (const path of ["", "empty", "inner", "inner/deep"]) mkdirSync(join(folder, path))
  writeFileSync(join(folder, "a.txt"), "first")
  writeFileSync(join(folder, "inner", "b.bin"), Buffer.alloc(700_000, "pieces of it"))
  writeFileSync(join(folder, "inner", "deep", "été.txt"), "")
  writeFileSync(join(folder, "run.sh"), "#!/bin/sh\n", { mode: 0o755 })
  symlinkSync("../a.txt", join(folder, "inner", "to a"))
  symlinkSync("/etc/passwd", join(folder, "outside"))
  utimesSync(join(folder, "a.txt"), 1_000_000_000, 1_000_000_000)
  return folder
}

const bytesOf = async (stream: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const parts: Array<Uint8Array> = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

const zipped = async (ledger: PromiseLedger, name: string) => {
  const { stream, size } = await ledger.zip(name)
  const bytes = await bytesOf(stream())
  expect(bytes).toHaveLength(size)
  return bytes
}

/** Every entry of a folder: what it is, and what it holds. */
const listed = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name)
      const shown = path.slice(folder.length)
      if (entry.isSymbolicLink()) return `${shown} link`
      if (entry.isDirectory()) return `${shown} folder`
      const executable = (statSync(path).mode & 0o100) !== 0 ? " runs" : ""
      return `${shown} ${readFileSync(path).length}${executable}`
    })
    .sort()

describe.each(["copy", "link"] as const)("a folder that is registered as a %s", (mode) => {
  it("is a version of its files, links and empty folders", async () => {
    const ledger = await opened()
    const version = await ledger.register(sampleFolder(), { name: "sample", mode })
    expect(version).toMatchObject({
      version: "1",
      saveType: "preexisting",
      type: "data",
      materializer: "path@1",
      size: 5 + 700_000 + 10 + "../a.txt".length + "/etc/passwd".length,
      metadata: { directories: 3, files: 4, extensions: { ".txt": 2, ".bin": 1, ".sh": 1 } },
    })
    const entries = version.content.entries ?? []
    expect(entries.map(({ path, kind, target }) => [path, kind, target])).toEqual([
      ["a.txt", "file", undefined],
      ["empty", "directory", undefined],
      ["inner/b.bin", "file", undefined],
      ["inner/deep/été.txt", "file", undefined],
      ["inner/to a", "symlink", "../a.txt"],
      ["outside", "symlink", "/etc/passwd"],
      ["run.sh", "file", undefined],
    ])
    expect(entries.filter(({ executable }) => executable).map(({ path }) => path)).toEqual([
      "run.sh",
    ])
  })

  it("is opened file by file, by ranges too, and zipped", async () => {
    const ledger = await opened()
    const folder = sampleFolder()
    await ledger.register(folder, { name: "sample", mode })
    const bytes = readFileSync(join(folder, "inner", "b.bin"))
    const whole = await bytesOf(ledger.open("sample", "inner/b.bin"))
    expect(whole.equals(bytes)).toBe(true)
    for (const [start, end] of [
      [0, 1],
      [262_143, 262_145],
      [500_000, 900_000],
      [699_999, 700_000],
    ] as const) {
      const part = await bytesOf(ledger.open("sample", "inner/b.bin", { range: { start, end } }))
      expect(part.equals(bytes.subarray(start, end))).toBe(true)
    }
    const found = unzipSync(await zipped(ledger, "sample"))
    expect(strFromU8(found["a.txt"] ?? new Uint8Array(0))).toBe("first")
    expect(Buffer.from(found["inner/b.bin"] ?? []).equals(bytes)).toBe(true)
    expect(Object.keys(found)).toContain("empty/")
  })

  it("is checked out as it was, times included", async () => {
    const ledger = await opened()
    const folder = sampleFolder()
    await ledger.register(folder, { name: "sample", mode })
    const target = join(temporary(), "out")
    const { path, count } = await ledger.checkout("sample", target)
    expect([path, count]).toEqual([target, 7])
    expect(listed(target)).toEqual(listed(folder))
    expect(statSync(join(target, "a.txt")).mtimeMs).toBe(1_000_000_000_000)
    expect(readFileSync(join(target, "a.txt"), "utf8")).toBe("first")
    await expect(ledger.checkout("sample", target)).rejects.toMatchObject({ _tag: "TargetExists" })
  })

  it("has the digest of the same files in another way, and is made once by content", async () => {
    const ledger = await opened()
    const folder = sampleFolder()
    const first = await ledger.register(folder, { name: "sample", mode })
    utimesSync(join(folder, "run.sh"), 5, 5)
    const again = await ledger.register(folder, { name: "sample", mode, reuse: "content" })
    expect(again.id).toBe(first.id)
    const copied = await ledger.register(folder, { name: "other", mode: "copy" })
    expect(copied.digest).toBe(first.digest)
    appendFileSync(join(folder, "run.sh"), "echo more\n")
    const next = await ledger.register(folder, { name: "sample", mode, reuse: "content" })
    expect([next.version, next.digest === first.digest]).toEqual(["2", false])
  })

  it("may have many entries, which then lie in manifests, and survives a reopening", async () => {
    const folder = join(temporary(), "many")
    for (let at = 0; at < 40; at += 1) {
      mkdirSync(join(folder, `d${at % 7}`, "e"), { recursive: true })
      writeFileSync(join(folder, `d${at % 7}`, "e", `${at}.txt`), `number ${at}`)
    }
    const directory = join(temporary(), "ledger")
    const ledger = await opened(directory)
    const version = await ledger.register(folder, { name: "many", mode })
    expect(version.content).toMatchObject({ count: 40 })
    expect(version.content.entries).toBeUndefined()
    await ledger.close()
    const reopened = await opened(directory)
    expect(await reopened.get("many")).toEqual(version)
    expect(Object.keys(unzipSync(await zipped(reopened, "many")))).toHaveLength(40)
    expect(await reopened.verify({ depth: "blobs" })).toMatchObject({ whole: true })
    const { reclaimable } = await reopened.usage()
    expect(reclaimable).toBe(0)
  })

  it("may be empty, and may be a single file", async () => {
    const ledger = await opened()
    const folder = join(temporary(), "one")
    mkdirSync(folder)
    const empty = await ledger.register(folder, { name: "empty", mode })
    expect([empty.content.count, empty.size]).toEqual([0, 0])
    writeFileSync(join(folder, "model.bin"), "weights")
    writeFileSync(join(folder, "other.bin"), "not asked for")
    const file = await ledger.register(join(folder, "model.bin"), { name: "model", mode })
    expect(file.content.entries?.map(({ path }) => path)).toEqual(["model.bin"])
    expect((await bytesOf(ledger.open("model"))).toString()).toBe("weights")
  })

  it("keeps hard links and sparse files as what they are to who reads them", async () => {
    const folder = join(temporary(), "odd")
    mkdirSync(folder)
    writeFileSync(join(folder, "one"), "same")
    linkSync(join(folder, "one"), join(folder, "two"))
    writeFileSync(join(folder, "sparse"), "")
    truncateSync(join(folder, "sparse"), 3_000_000)
    const ledger = await opened()
    const { size, content } = await ledger.register(folder, { name: "odd", mode })
    expect([size, content.count]).toEqual([3_000_008, 3])
    const sparse = await bytesOf(ledger.open("odd", "sparse"))
    expect(sparse.equals(Buffer.alloc(3_000_000))).toBe(true)
  })
})

describe("a copy", () => {
  it("is loaded as a directory of its own, which is gone when the ledger is closed", async () => {
    const ledger = await opened(join(temporary(), "ledger"))
    const folder = sampleFolder()
    const version = await ledger.register(folder, { name: "sample", mode: "copy" })
    rmSync(folder, { recursive: true })
    const path = await ledger.load(version)
    expect(readFileSync(join(path, "a.txt"), "utf8")).toBe("first")
    await ledger.close()
    expect(() => statSync(path)).toThrow("ENOENT")
  })
})

describe("what is refused, with nothing stored", () => {
  const refused = async (folder: string, name = "x") => {
    const ledger = await opened()
    for (const mode of ["copy", "link"] as const)
      await expect(ledger.register(folder, { name, mode })).rejects.toMatchObject({
        _tag: "InvalidInput",
      })
    expect(ledger.position).toBe(1)
    return ledger.register(folder, { name }).catch((error: Error) => error.message)
  }

  it("is a path that is not there", async () => {
    expect(await refused(join(temporary(), "gone"))).toContain("which does not exist")
  })

  it("is a pipe, which is not opened: that would never return", async () => {
    const folder = sampleFolder()
    execFileSync("mkfifo", [join(folder, "inner", "pipe")])
    expect(await refused(folder)).toContain("inner/pipe is neither a file")
  })

  it("is a socket", async () => {
    const folder = sampleFolder()
    const server = createServer().listen(join(folder, "socket"))
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once("listening", resolve))
    expect(await refused(folder)).toContain("socket is neither a file")
  })

  it("is a name that is not UTF-8, shown by its bytes", async () => {
    const folder = sampleFolder()
    const name = Buffer.from([0x63, 0x61, 0x66, 0xe9, 0x2e, 0x74])
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), "latin")
    expect(await refused(folder)).toContain("the name caf\\xE9.t is not UTF-8")
  })

  it("is a name that no archive may have", async () => {
    const folder = sampleFolder()
    writeFileSync(join(folder, "back\\slash"), "")
    expect(await refused(folder)).toContain("contains a control character or a back-slash")
  })

  it("is a link whose target is not UTF-8", async () => {
    const folder = sampleFolder()
    symlinkSync(Buffer.from([0xff, 0xfe]), join(folder, "odd"))
    expect(await refused(folder)).toContain("points to \\xFF\\xFE, which is not UTF-8")
  })

  it("is the directory of the ledger itself, and any above it", async () => {
    const above = temporary()
    const ledger = await opened(join(above, "ledger"))
    for (const path of [above, join(above, "ledger")])
      await expect(ledger.register(path, { name: "self" })).rejects.toMatchObject({
        _tag: "InvalidInput",
        message: expect.stringContaining("is the directory of this ledger"),
      })
  })

  it("is what cannot be read, which is a failure and no refusal", async () => {
    const folder = sampleFolder()
    chmodSync(join(folder, "inner"), 0o000)
    onTestFinished(() => chmodSync(join(folder, "inner"), 0o700))
    const ledger = await opened()
    const attempt = ledger.register(folder, { name: "x" }).then(
      () => "registered",
      (error: { readonly _tag: string; readonly reason: string }) => [error._tag, error.reason],
    )
    // The superuser may read everything.
    const expected = process.getuid?.() === 0 ? "registered" : ["FileFailure", "permission"]
    expect(await attempt).toEqual(expected)
  })

  it("are options that are not known, and no materializer", async () => {
    const ledger = await opened()
    const folder = sampleFolder()
    for (const options of [
      { name: "x", mode: "move" },
      { name: "x", materializer: "json" },
      { name: "@" },
      {},
    ])
      await expect(ledger.register(folder, options as never)).rejects.toMatchObject({
        _tag: "InvalidInput",
      })
    expect(ledger.position).toBe(1)
  })
})
