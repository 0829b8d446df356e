/**
 * Folders that stay where they are: what of them is handed out is what was registered, or nothing.
 */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { opened, temporary } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

let folder = ""
let ledger: PromiseLedger

const inFolder = (name: string): string => join(folder, name)
const large = Buffer.alloc(900_000, "some pieces of it ")

beforeEach(async () => {
  folder = join(temporary(), "run")
  mkdirSync(inFolder("d"), { recursive: true })
  writeFileSync(inFolder("small.txt"), "small")
  writeFileSync(inFolder("d/large.bin"), large)
  symlinkSync("small.txt", inFolder("link"))
  // Long ago, so that times can be trusted.
  for (const name of ["small.txt", "d/large.bin"]) utimesSync(inFolder(name), 1e9, 1e9)
  ledger = await opened()
  await ledger.register(folder, { name: "run" })
})

const drain = async (stream: AsyncIterable<Uint8Array>): Promise<number> => {
  let length = 0
  for await (const { length: more } of stream) length += more
  return length
}

const zip = async (options = {}) => drain((await ledger.zip("run", options)).stream())

const expectDrift = (attempt: Promise<unknown>, path: string, says = "") =>
  expect(attempt).rejects.toMatchObject({
    _tag: "ContentDrifted",
    kind: "conflict",
    message: expect.stringContaining(`${path} ${says}`),
  })

/** Changes bytes of a file, and sets its size and time to what they were. */
const forge = (path: string): void => {
  const { size, mtime } = statSync(path)
  const bytes = readFileSync(path)
  bytes[Math.floor(size / 2)] = 0
  writeFileSync(path, bytes)
  utimesSync(path, mtime, mtime)
}

describe("a folder that was left in place", () => {
  it("is loaded as its path, and nothing is copied", async () => {
    expect(await ledger.load("run")).toBe(folder)
    const { content, size } = await ledger.get("run")
    expect(content.link).toEqual({ path: folder })
    const { stored } = await ledger.usage()
    expect(stored).toBeLessThan(size / 100)
  })

  it("is handed out though files came later, or were touched", async () => {
    writeFileSync(inFolder("later.txt"), "later")
    utimesSync(inFolder("small.txt"), new Date(), new Date())
    expect(await ledger.load("run")).toBe(folder)
    expect(await zip()).toBeGreaterThan(large.length)
  })

  const changes: ReadonlyArray<readonly [string, string, () => void, string]> = [
    ["gone", "small.txt", () => rmSync(inFolder("small.txt")), "is gone"],
    ["longer", "small.txt", () => appendFileSync(inFolder("small.txt"), "!"), "is not what"],
    ["changed in place", "d/large.bin", () => forge(inFolder("d/large.bin")), "is not what"],
    ["executable", "small.txt", () => chmodSync(inFolder("small.txt"), 0o755), "is executable"],
    [
      "a link instead",
      "small.txt",
      () => {
        renameSync(inFolder("small.txt"), inFolder("moved"))
        symlinkSync("moved", inFolder("small.txt"))
      },
      "is something else",
    ],
    [
      "another link",
      "link",
      () => {
        rmSync(inFolder("link"))
        symlinkSync("d/large.bi", inFolder("link"))
      },
      "is not what",
    ],
  ]

  it.each(changes)("is refused when a file of it is %s", async (_, path, change, says) => {
    const archive = await ledger.zip("run")
    change()
    await expectDrift(ledger.load("run"), path, says)
    await expectDrift(ledger.checkout("run", join(temporary(), "out")), path, says)
    await expectDrift(zip(), path, says)
    // Without looking beforehand, what is read is checked all the same.
    const isContent = says === "is not what" && path !== "link"
    if (isContent) {
      await expectDrift(zip({ check: "none" }), path)
      await expectDrift(drain(archive.stream()), path)
      await expectDrift(drain(ledger.open("run", path)), path)
    }
  })

  it("loses only the range that has changed, and the file as a whole", async () => {
    forge(inFolder("d/large.bin"))
    const range = (start: number, end: number) =>
      drain(ledger.open("run", "d/large.bin", { range: { start, end } }))
    expect(await range(0, 1_000)).toBe(1_000)
    expect(await range(800_000, 900_000)).toBe(100_000)
    await expectDrift(range(449_000, 451_000), "d/large.bin", "is not what")
    expect(await drain(ledger.open("run", "small.txt"))).toBe(5)
  })

  it("may be judged by its bytes, or not at all before they are read", async () => {
    expect(await ledger.load("run", { check: "hash" })).toBe(folder)
    rmSync(inFolder("small.txt"))
    expect(await ledger.load("run", { check: "none" })).toBe(folder)
    await expectDrift(ledger.load("run", { check: "hash" }), "small.txt", "is gone")
    await expect(ledger.load("run", { check: "size" as "stat" })).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: "options.check",
    })
  })

  it("stays as it is when its version is deleted, and swept", async () => {
    await ledger.delete("run@1", { force: true })
    await ledger.sweep({ undoDays: 0 })
    expect(readFileSync(inFolder("d/large.bin")).equals(large)).toBe(true)
    await ledger.restore("run@1").catch(() => undefined)
    expect(readFileSync(inFolder("small.txt"), "utf8")).toBe("small")
  })

  it("is in one archive with content that is stored", async () => {
    await ledger.save("note", "a note")
    const { stream, size } = await ledger.zip(["run", "note"])
    expect(await drain(stream())).toBe(size)
  })
})

describe("a file that changes while it is read", () => {
  it("is no version", async () => {
    const growing = inFolder("log.txt")
    writeFileSync(growing, Buffer.alloc(40_000_000, "line\n"))
    const timer = setInterval(() => appendFileSync(growing, "one more\n"), 1)
    try {
      for (const mode of ["copy", "link"] as const)
        await expectDrift(ledger.register(folder, { name: "other", mode }), "log.txt")
    } finally {
      clearInterval(timer)
    }
    expect(await ledger.findArtifact("other")).toBeUndefined()
  })
})
