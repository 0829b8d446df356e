/**
 * Importing archives: the same version that a save of the same files would be, or none at all.
 */

import {
  createReadStream,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import { zipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { treeInlineCountMax, zipEntryHeldBytesMax, zipHeldBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import { emptyManifestDigest, makeTree, summarizeTree, type TreeEntry } from "../model/tree.js"
import { type Forged, forge } from "../zip/forged.contract.js"
import type { ImportZipOptions, SaveProgress } from "./call-options.js"
import { folder } from "./folder.contract.js"
import { layoutOf } from "./layout.js"
import { MemoryPlace, opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const noise = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * at * 31) >>> 7))

const files: Readonly<Record<string, Buffer>> = {
  "a.txt": Buffer.from("a"),
  "d/b.txt": Buffer.from("b".repeat(20_000)),
  "d/e/ünï.bin": noise(zipEntryHeldBytesMax + 10_000),
  empty: Buffer.alloc(0),
  constructor: Buffer.from("no object"),
  "10": Buffer.from("ten"),
  "2": Buffer.from("two"),
}

const many = Object.fromEntries(
  Array.from({ length: 500 }, (_, n) => [`f${n % 7}/n${n}`, Buffer.from(`content ${n % 50}`)]),
)

const withFolders = (): Promise<PromiseLedger> => opened({ memory: true, materializers: [folder] })

/** Every kind of entry, and what a tree of them is. */
const kinds: ReadonlyArray<Forged> = [
  { name: "d/", mode: 0o40755 },
  { name: "d/run", content: "#!/bin/sh", mode: 0o100755 },
  { name: "d/plain", content: "plain", mode: 0o100644 },
  { name: "d/link", content: "../outside/ü", mode: 0o120777 },
  { name: "hollow/", mode: 0o40755 },
  { name: "hollow-/deep/", mode: 0o40700 },
]

const leaf = (path: string, text: string, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path: relativePath(path),
  kind: "file",
  size: Buffer.byteLength(text),
  digest: digestOf(Buffer.from(text)),
  ...more,
})

const hollow = { kind: "directory", size: 0, digest: emptyManifestDigest } as const

const kindsTree = makeTree([
  leaf("d/run", "#!/bin/sh", { executable: true }),
  leaf("d/plain", "plain"),
  leaf("d/link", "../outside/ü", { kind: "symlink", target: "../outside/ü" }),
  leaf("hollow", "", hollow),
  leaf("hollow-/deep", "", hollow),
])

describe("an imported archive", () => {
  it.each([
    ["few files", files],
    ["files beyond what an event holds", many],
  ])("of %s has the content of a save of the same", async (_, given) => {
    const ledger = await withFolders()
    const saved = await ledger.save("saved", given)
    expect(saved.content.count > treeInlineCountMax).toBe(given === many)
    for (const level of [0, 6] as const) {
      const imported = await ledger.importZip(zipSync(given, { level }), { name: "imported" })
      expect(imported.content).toEqual(saved.content)
      expect(imported).toMatchObject({ digest: saved.digest, size: saved.size, type: "data" })
      expect(imported.materializer).toBe("path@1")
      expect(imported.metadata).toMatchObject(saved.metadata)
    }
  })

  it("of our own has the content that was zipped", async () => {
    const ledger = await withFolders()
    for (const [name, given] of Object.entries({ files, many })) {
      const saved = await ledger.save(name, given)
      const archive = await ledger.zip(name)
      const again = await ledger.importZip(archive.stream(), { name: "again" })
      expect(again.content).toEqual(saved.content)
      const path = join(temporary(), "own.zip")
      await ledger.download(name, path)
      expect((await ledger.importZip(path, { name: "again" })).digest).toBe(saved.digest)
    }
  })

  it("keeps modes, links and empty folders, there and back", async () => {
    const ledger = await opened()
    const { content, size } = await ledger.importZip(forge(kinds), { name: "kinds" })
    expect(content.entries).toEqual(kindsTree)
    expect(content.digest).toBe(summarizeTree(kindsTree).digest)
    expect(size).toBe(summarizeTree(kindsTree).size)
    const bytes = await buffer((await ledger.zip("kinds")).stream())
    const again = await ledger.importZip(bytes, { name: "again" })
    expect(again.content).toEqual(content)
    expect((await ledger.zip("again")).size).toBe(bytes.length)
  })

  it("is read file by file, and can be nothing at all", async () => {
    const ledger = await opened()
    await ledger.importZip(zipSync(files), { name: "f" })
    for (const [path, bytes] of Object.entries(files))
      expect((await buffer(ledger.open("f", path))).equals(bytes)).toBe(true)
    const nothing = await ledger.importZip(forge([]), { name: "nothing" })
    expect(nothing.content).toEqual({ digest: emptyManifestDigest, size: 0, count: 0, entries: [] })
  })

  it("is one event, with everything that a save can say", async () => {
    const ledger = await opened()
    const input = await ledger.save("origin", 1)
    const before = ledger.position
    const version = await ledger.importZip(zipSync(files), {
      name: "all",
      version: "first",
      tags: ["t"],
      metadata: { from: "somewhere" },
      type: "model",
      saveType: "external",
      description: "from a stranger",
      inputs: [input],
      producer: { name: "mail" },
      expect: { latest: null },
      reason: "it came",
    })
    expect(ledger.position).toBe(before + 1)
    expect(version).toMatchObject({
      version: "first",
      tags: ["t"],
      metadata: { from: "somewhere" },
      type: "model",
      saveType: "external",
      description: "from a stranger",
      inputs: [{ id: input.id }],
      producer: { name: "mail" },
    })
  })

  it("is made once under a key, and once for equal content where that is asked", async () => {
    const ledger = await opened()
    const options: ImportZipOptions = { name: "a", idempotencyKey: "k" }
    const first = await ledger.importZip(zipSync(files), options)
    expect((await ledger.importZip(zipSync(files, { level: 0 }), options)).id).toBe(first.id)
    await expect(ledger.importZip(zipSync(many), options)).rejects.toMatchObject({
      _tag: "IdempotencyMismatch",
    })
    const reused = await ledger.importZip(zipSync(files), { name: "a", reuse: "content" })
    expect(reused.id).toBe(first.id)
    expect((await ledger.importZip(zipSync(files), { name: "a" })).version).toBe("2")
  })
})

describe("an imported archive on the disk", () => {
  it("is what a folder of the same is that was registered, its metadata too", async () => {
    const ledger = await opened()
    const imported = await ledger.importZip(forge(kinds), { name: "imported" })
    const path: string = await ledger.load(imported)
    expect(readFileSync(join(path, "d/run"), "utf8")).toBe("#!/bin/sh")
    expect(statSync(join(path, "d/run")).mode & 0o111).not.toBe(0)
    expect(statSync(join(path, "d/plain")).mode & 0o111).toBe(0)
    expect(readlinkSync(join(path, "d/link"))).toBe("../outside/ü")
    expect(readdirSync(join(path, "hollow-/deep"))).toEqual([])
    const registered = await ledger.register(path, { name: "registered", mode: "copy" })
    expect(registered.digest).toBe(imported.digest)
    expect(registered.materializer).toBe(imported.materializer)
    expect(imported.metadata).toEqual(registered.metadata)
  })

  it("leaves its directory by no link of its own", async () => {
    const ledger = await opened()
    const [target, outside] = [join(temporary(), "out"), temporary()]
    const link = (name: string, content: string): Forged => ({ name, content, mode: 0o120777 })
    const escapes = [link("a", outside), link("b", "../.."), { name: "c/evil", content: "evil" }]
    await ledger.importZip(forge(escapes), { name: "links" })
    await ledger.checkout("links", target)
    expect(readlinkSync(join(target, "a"))).toBe(outside)
    expect(readFileSync(join(target, "c/evil"), "utf8")).toBe("evil")
    expect(readdirSync(outside)).toEqual([])
  })

  it("zip slip by a link that is at the destination already is refused", async () => {
    const ledger = await opened()
    const [target, outside] = [temporary(), temporary()]
    await ledger.importZip(forge([{ name: "out/evil", content: "evil" }]), { name: "slip" })
    symlinkSync(outside, join(target, "out"))
    await expect(ledger.checkout("slip", target)).rejects.toMatchObject({ _tag: "TargetExists" })
    // The destination itself is one.
    const alias = join(temporary(), "alias")
    symlinkSync(outside, alias)
    await expect(ledger.checkout("slip", alias)).rejects.toMatchObject({ _tag: "FileFailure" })
    expect(readdirSync(outside)).toEqual([])
  })
})

describe("while an archive is imported", () => {
  it("its progress is told in bytes of content", async () => {
    const ledger = await opened()
    const told: Array<SaveProgress> = []
    await ledger.importZip(zipSync(files), { name: "a", onProgress: (one) => told.push(one) })
    const total = Object.values(files).reduce((sum, { length }) => sum + length, 0)
    expect(told.every((one) => one.total === total)).toBe(true)
    expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).sort((a, b) => a - b))
    expect(told.at(-1)).toEqual({ done: total, total })
  })

  it("it lies in the ledger where it is a long stream, and nowhere afterwards", async () => {
    const directory = join(temporary(), "ledger")
    const ledger = await opened(directory)
    const { tmp } = layoutOf(directory)
    const archive = zipSync({ noise: noise(zipHeldBytesMax + 200_000) }, { level: 0 })
    const path = join(temporary(), "a.zip")
    writeFileSync(path, archive)
    const seen = new Set<number>()
    const onProgress = () => void seen.add(readdirSync(tmp).length)
    await ledger.importZip(createReadStream(path), { name: "a", onProgress })
    expect(seen).toEqual(new Set([1]))
    expect(readdirSync(tmp)).toEqual([])
    const broken = Buffer.from(archive)
    broken[1_000_000] = 0xff ^ (broken[1_000_000] ?? 0)
    const stream = new Blob([Uint8Array.from(broken)]).stream()
    await expect(ledger.importZip(stream, { name: "a" })).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: 'entry "noise"',
    })
    expect(readdirSync(tmp)).toEqual([])
    expect((await ledger.get("a")).version).toBe("1")
  })

  it("it can be aborted, and leaves nothing", async () => {
    const directory = join(temporary(), "ledger")
    const ledger = await opened(directory)
    const controller = new AbortController()
    const endless = (async function* () {
      for (let count = 0; ; count += 1) {
        if (count === 10) controller.abort(new Error("enough"))
        yield await Promise.resolve(new Uint8Array(1_000_000))
      }
    })()
    const { signal } = controller
    await expect(ledger.importZip(endless, { name: "a", signal })).rejects.toThrow("enough")
    expect(await ledger.find("a")).toBeUndefined()
  })
})

describe("an archive that is refused", () => {
  const damaged = forge([
    { name: "good", content: noise(50_000) },
    { name: "bad", content: "x", crc32: 1 },
  ])

  it("makes no version, and what was stored of it is swept", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("other", "kept")
        const before = [ledger.position, place.blobs.chunks.size, place.blobs.recipes.size]
        const refused = yield* Effect.flip(ledger.importZip(damaged, { name: "a" }))
        expect(refused).toMatchObject({ _tag: "InvalidInput", path: 'entry "bad"' })
        expect(ledger.position).toBe(before[0])
        expect(yield* ledger.find("a")).toBeUndefined()
        yield* ledger.sweep()
        const after = [ledger.position, place.blobs.chunks.size, place.blobs.recipes.size]
        expect(after).toEqual(before)
        expect(yield* ledger.load("other")).toBe("kept")
      }),
    )
  })

  it("by its directory stores nothing at all", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const before = [ledger.position, place.blobs.chunks.size, place.blobs.recipes.size]
        const slip = forge([{ name: "good", content: "good" }, { name: "../evil" }])
        const refused = yield* Effect.flip(ledger.importZip(slip, { name: "a" }))
        expect(refused).toMatchObject({ _tag: "InvalidInput", path: 'entry "../evil"' })
        const after = [ledger.position, place.blobs.chunks.size, place.blobs.recipes.size]
        expect(after).toEqual(before)
      }),
    )
  })

  it("for what the ledger would refuse is not even read", async () => {
    const ledger = await opened()
    await ledger.save("a", 1, { version: "used" })
    let isPulled = false
    const stream = (async function* () {
      isPulled = true
      yield await Promise.resolve(forge([]))
    })()
    const options = { name: "a", version: "used" }
    await expect(ledger.importZip(stream, options)).rejects.toMatchObject({ _tag: "VersionExists" })
    expect(isPulled).toBe(false)
  })

  it("by a ledger that can only be asked is not read", async () => {
    const directory = join(temporary(), "ledger")
    await (await openLedger(directory)).close()
    const reader = await opened({ directory, readOnly: true })
    await expect(reader.importZip(forge([]), { name: "a" })).rejects.toMatchObject({
      _tag: "LedgerReadOnly",
    })
  })
})

describe("the caps", () => {
  const zeros = zipSync({ zeros: new Uint8Array(4_000_000) }, { level: 9 })

  it("hold, unless the caller raises them", async () => {
    const ledger = await opened()
    const bomb = ledger.importZip(zeros, { name: "a" })
    await expect(bomb).rejects.toMatchObject({
      _tag: "LimitExceeded",
      limit: "zipRatioMax",
      allowed: 200,
      message: expect.stringContaining("raise limits.ratioMax if you trust it"),
    })
    const trusted = await ledger.importZip(zeros, { name: "a", limits: { ratioMax: 2_000 } })
    expect(trusted.size).toBe(4_000_000)
  })

  it("can be lowered", async () => {
    const ledger = await opened()
    const refused = (limits: ImportZipOptions["limits"]) =>
      expect(ledger.importZip(zipSync(files), { name: "a", ...(limits && { limits }) })).rejects
    await refused({ bytesMax: 1_000 }).toMatchObject({ limit: "zipBytesMax", allowed: 1_000 })
    await refused({ entryCountMax: 6 }).toMatchObject({ limit: "zipEntryCountMax", actual: 7 })
    await refused({ ratioMax: 0.5 }).toMatchObject({ path: "options.limits.ratioMax" })
    await refused({ bytesMax: -1 }).toMatchObject({ path: "options.limits.bytesMax" })
    await refused({ entryCountMax: 1.5 }).toMatchObject({ path: "options.limits.entryCountMax" })
    await refused({ ratioMax: Number.NaN }).toMatchObject({ path: "options.limits.ratioMax" })
    await refused({ depthMax: 1 } as never).toMatchObject({ path: "options.limits.depthMax" })
    await refused("none" as never).toMatchObject({ path: "options.limits" })
    expect(await ledger.find("a")).toBeUndefined()
  })
})

describe("a call", () => {
  it.each<[string, unknown, object, string]>([
    ["no source", undefined, { name: "a" }, "source"],
    ["a source that is a number", 5, { name: "a" }, "source"],
    ["no name", forge([]), {}, "name"],
    ["a bad name", forge([]), { name: "a@b" }, "name"],
    ["a materializer", forge([]), { name: "a", materializer: "json" }, "options.materializer"],
    ["an unknown option", forge([]), { name: "a", nme: 1 }, "options.nme"],
    ["no options", forge([]), undefined as never, "options"],
    ["bytes that are no archive", Buffer.from("hello"), { name: "a" }, "source"],
  ])("with %s is refused by name", async (_, source, options, path) => {
    const ledger = await opened()
    const call = ledger.importZip(source as never, options as never)
    await expect(call).rejects.toMatchObject({ _tag: "InvalidInput", path })
    expect(ledger.position).toBe(1)
  })
})
