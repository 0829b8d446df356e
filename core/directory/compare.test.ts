/**
 * Comparing: by size and times, by bytes where these leave a doubt, small files and large ones; and
 * what a race with somebody else makes of it.
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
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { BlobCorrupted } from "../errors.js"
import { fileReadBytes } from "../limits.js"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { type Comparing, compare } from "./compare.js"
import { openFileCount, registeredIn, temporaryDirectory } from "./folders.contract.js"
import type { LinkedEntry } from "./judge.js"
import { registeredTree } from "./registered.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), name)
const content = Buffer.from("what was registered")
const registered = (name: string, bytes: Uint8Array = content) =>
  registeredIn(directory(), name, bytes)

const seen = async (
  entries: ReadonlyArray<LinkedEntry>,
  { check = "stat", isWhole = true }: Partial<Pick<Comparing, "check" | "isWhole">> = {},
) => {
  const before = await openFileCount()
  const found: Array<string> = []
  const root = await openDirectory(directory())
  const see: Comparing["see"] = (path, change) => found.push(`${path} ${change ?? "same"}`)
  const comparing = compare({ root, check, isWhole, see }, registeredTree(entries))
  await Effect.runPromise(comparing).finally(() => root.release())
  expect(await openFileCount()).toBe(before)
  return found.sort()
}

describe("a folder that is compared", () => {
  it("is read only where times leave a doubt, and is what its bytes are", async () => {
    const entry = await registered("file")
    expect(await seen([entry])).toEqual(["file same"])
    utimesSync(at("file"), 2e9, 2e9)
    expect(await seen([entry])).toEqual(["file same"])
    // A digest that cannot be right is believed as long as nothing leaves a doubt.
    const again = { ...(await registered("file")), digest: digestOf(Buffer.of(1)) }
    expect(await seen([again])).toEqual(["file same"])
    expect(await seen([again], { check: "hash" })).toEqual(["file content"])
    chmodSync(at("file"), 0o744)
    expect(await seen([entry])).toEqual(["file mode"])
  })

  it("may have files that are too large to be read in one go", async () => {
    const bytes = Buffer.alloc(fileReadBytes + 1, 1)
    const entry = await registered("d/large", bytes)
    expect(await seen([entry], { check: "hash" })).toEqual(["d/large same"])
    bytes[fileReadBytes] = 2
    writeFileSync(at("d/large"), bytes)
    expect(await seen([entry])).toEqual(["d/large content"])
  })

  it("says what is missing, of another kind, and in the place of something else", async () => {
    const entries = [await registered("a"), await registered("b"), await registered("d/c")]
    renameSync(at("a"), at("other"))
    rmSync(at("b"))
    mkdirSync(at("b"))
    rmSync(at("d"), { recursive: true })
    symlinkSync("b", at("d"))
    expect(await seen(entries)).toEqual([
      "a missing",
      "b kind",
      "d extra",
      "d/c missing",
      "other extra",
    ])
    expect(await seen(entries, { isWhole: false })).toEqual(["a missing", "b kind", "d/c missing"])
  })

  it("has nothing extra in it where one file of it was registered", async () => {
    const entry = await registered("d/one")
    writeFileSync(at("d/two"), "")
    expect(await seen([entry], { isWhole: false })).toEqual(["d/one same"])
  })

  it("is listed some directories at a time, and an empty one too", async () => {
    const entries: Array<LinkedEntry> = []
    for (let number = 0; number < 150; number += 1)
      entries.push(await registered(`d${String(number).padStart(3, "0")}/f`))
    mkdirSync(at("none"))
    const none = digestOf(new Uint8Array(0))
    const empty = {
      path: "none" as RelativePath,
      kind: "directory",
      size: 0,
      digest: none,
    } as const
    const all = [...entries, { ...empty, state: undefined }]
    expect(new Set(await seen(all))).toEqual(new Set(all.map(({ path }) => `${path} same`)))
    writeFileSync(at("none/later"), "")
    expect((await seen(all)).filter((line) => !line.endsWith("same"))).toEqual(["none/later extra"])
  })

  it("may have more files to read than wait at a time", async () => {
    const entries: Array<LinkedEntry> = []
    for (let number = 0; number < 600; number += 1)
      entries.push(await registered(`d/f${String(number).padStart(3, "0")}`))
    writeFileSync(at("d/f100"), "what was registerex")
    rmSync(at("d/f300"))
    writeFileSync(at("d/f300-extra"), "")
    const found = await seen(entries, { check: "hash" })
    expect(found.filter((line) => !line.endsWith("same"))).toEqual([
      ...["d/f100 content", "d/f300 missing", "d/f300-extra extra"],
    ])
    expect(found).toHaveLength(601)
  })

  it("fails in the middle as what was registered fails, and leaves nothing open", async () => {
    const damaged = new BlobCorrupted({ message: "damaged", digest: "of a manifest" })
    const portions = [Effect.succeed([await registered("a")]), Effect.fail(damaged)]
    const next = Effect.suspend(() => portions.shift() ?? Effect.die("asked again"))
    writeFileSync(at("b"), "")
    const found: Array<string> = []
    const before = await openFileCount()
    const root = await openDirectory(directory())
    const see: Comparing["see"] = (path) => found.push(path)
    const comparing = { root, check: "stat", isWhole: true, see } as const
    const folder = { root: { path: "" }, read: () => Effect.succeed([{ next }]) }
    const comparison = compare(comparing, folder)
    const failure = await Effect.runPromise(Effect.flip(comparison)).finally(() => root.release())
    expect([failure, found]).toEqual([damaged, ["a"]])
    expect(await openFileCount()).toBe(before)
  })

  it("fails where a directory cannot be read, and names it", async () => {
    const entry = await registered("d/file")
    chmodSync(at("d"), 0)
    const failing = seen([entry]).finally(() => chmodSync(at("d"), 0o755))
    // Root may read everything.
    if (process.getuid?.() === 0) expect(await failing).toEqual(["d/file same"])
    else await expect(failing).rejects.toMatchObject({ _tag: "FileFailure", reason: "permission" })
  })
})
