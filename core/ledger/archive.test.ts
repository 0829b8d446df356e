/**
 * Archives: the same bytes for ever, of one version or several, of all files or some.
 */

import { readFileSync } from "node:fs"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { strFromU8, unzipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { BlobStore, type BlobStoreShape, type ByteRange } from "../blob/blob-store.js"
import * as MemoryBlobs from "../blob/memory.js"
import { BlobFailure } from "../errors.js"
import * as MemoryLog from "../log/memory.js"
import { type Digest, digestOf } from "../model/digest.js"
import * as MemoryViews from "../view/memory.js"
import type { Archive, LedgerApi } from "./api.js"
import { firstRecord, newIdentity } from "./create.js"
import { type Files, folder } from "./folder.contract.js"
import { Ledger, layerNoDeps } from "./ledger.js"
import { MemoryPlace, opened, temporary } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

const files: Files = { "a.txt": "a", "d/b.txt": "b", "d/e/c.txt": "c", "data.txt": "d" }

const folders = async (): Promise<PromiseLedger> => {
  const ledger = await opened({ memory: true, materializers: [folder] })
  await ledger.save("tree", files)
  await ledger.save("tree", { "a.txt": "newer" }, { version: "next" })
  await ledger.save("some/other", { "x.txt": "x" })
  return ledger
}

/** What lies in an archive, as another program reads it. */
const contents = async (archive: Archive<"promise">): Promise<Files> => {
  const bytes = await buffer(archive.stream())
  expect(bytes).toHaveLength(archive.size)
  const found = Object.entries(unzipSync(bytes))
  return Object.fromEntries(found.map(([path, file]) => [path, strFromU8(file)]))
}

describe("an archive", () => {
  it("is the same bytes whatever was written later, and its name is safe everywhere", async () => {
    const ledger = await opened()
    const { id } = await ledger.save('a/b::"c"\\d', { x: 1 }, { version: "été 2" })
    const before = await ledger.zip(id)
    const first = await buffer(before.stream())
    await ledger.tag(id, "later")
    await ledger.save('a/b::"c"\\d', { x: 2 })
    const after = await ledger.zip(id)
    expect({ ...after, stream: 0 }).toEqual({ ...before, stream: 0 })
    expect((await buffer(after.stream())).equals(first)).toBe(true)
    expect(after.filename).toBe("a_b_c_d-été_2.zip")
    expect(after.etag).toMatch(/^"[^"]+"$/)
  })

  it("has another tag for other content", async () => {
    const ledger = await opened()
    await ledger.saveAll([1, 2].map((value) => ({ name: "a", value })))
    const etags = await Promise.all(["a@1", "a@2"].map(async (of) => (await ledger.zip(of)).etag))
    expect(new Set(etags).size).toBe(2)
  })
})

/** Whether nothing can be read. */
const broken = { now: false }
const noDisk = { message: "no disk", operation: "read", reason: "io", outcome: "none" } as const

/** Runs with a ledger and the digests of all blobs that were read since they were last taken. */
const watching = <E>(
  run: (ledger: LedgerApi<"effect">, taken: () => ReadonlyArray<string>) => Effect.Effect<void, E>,
): Promise<void> => {
  const identity = newIdentity(0)
  let read: Array<string> = []
  const taken = () => {
    const before = read
    read = []
    return before
  }
  const blobs = Layer.effect(
    BlobStore,
    Effect.map(BlobStore, (below) => {
      const seen =
        <A>(send: (digest: Digest, range?: ByteRange) => A) =>
        (digest: Digest, range?: ByteRange): A => {
          read.push(digest)
          return send(digest, range)
        }
      const readInto: BlobStoreShape["readInto"] = (parts) => {
        read.push(...parts.map(({ digest }) => digest))
        return broken.now ? Effect.fail(new BlobFailure(noDisk)) : below.readInto(parts)
      }
      const readWhole: BlobStoreShape["readWhole"] = (digests) => {
        read.push(...digests)
        return below.readWhole(digests)
      }
      const sent = { read: seen(below.read), readDeflated: seen(below.readDeflated) }
      return { ...below, ...sent, readInto, readWhole }
    }),
  )
  const stores = Layer.mergeAll(
    MemoryLog.layerWith({ records: [firstRecord(identity, 0)] }),
    MemoryViews.layerWith({ rows: new Map() }),
    Layer.provide(blobs, MemoryBlobs.layer),
  )
  const place = { identity, directory: "memory", tip: undefined, writeSeal: () => Effect.void }
  const options = { materializers: [folder] }
  const program = Ledger.use((ledger) => run(ledger, taken))
  return Effect.runPromise(
    Effect.provide(program, Layer.provide(layerNoDeps(place, options), stores)),
  )
}

describe("an archive that nobody has begun to read", () => {
  const large: Files = Object.fromEntries(
    Array.from({ length: 60 }, (_, n) => [`folder ${n % 7}/${n}`, `${n} `.repeat(n * 400 + 1)]),
  )

  it("has its exact size and its tag, and not a byte of content was read", () =>
    watching(
      Effect.fnUntraced(function* (ledger, taken) {
        for (const content of [files, large]) {
          const { name } = yield* ledger.save(content === files ? "few" : "many", content)
          const digests = new Set(Object.values(content).map((text) => digestOf(Buffer.from(text))))
          taken()
          const { size, etag, stream } = yield* ledger.zip(name)
          stream()
          stream({ start: 0, end: 9 })
          const before = taken()
          // Manifests are what a large tree consists of: names, sizes and digests, no content.
          expect(before.filter((digest) => digests.has(digest as Digest))).toEqual([])
          expect(before.length).toBe(content === files ? 0 : 8)
          expect([size > 0, etag.length > 60]).toEqual([true, true])

          const pieces = yield* Stream.runCollect(stream())
          expect(Buffer.concat(pieces)).toHaveLength(size)
          expect(new Set(taken())).toEqual(digests)
        }
      }),
    ))

  it("is laid out once, however often it is asked for, and anew after a sweep", () =>
    watching(
      Effect.fnUntraced(function* (ledger, taken) {
        yield* ledger.save("many", large)
        const first = yield* ledger.zip("many")
        taken()
        const again = yield* ledger.zip("many")
        expect([again.size, again.etag, taken()]).toEqual([first.size, first.etag, []])
        const [one, two] = yield* Effect.all(
          [first, again].map(({ stream }) => Stream.runCollect(stream())),
        )
        expect(Buffer.concat([...(two ?? [])]).equals(Buffer.concat([...(one ?? [])]))).toBe(true)
        taken()
        const some = yield* ledger.zip("many", { only: "folder 1" })
        expect([some.size < first.size, some.etag === first.etag]).toEqual([true, false])
        expect(taken().length).toBeGreaterThan(0)
        yield* ledger.sweep()
        taken()
        expect((yield* ledger.zip("many")).etag).toBe(first.etag)
        expect(taken().length).toBeGreaterThan(0)
      }),
    ))

  it("is laid out anew after it could not be sent", () =>
    watching(
      Effect.fnUntraced(function* (ledger, taken) {
        yield* ledger.save("many", large)
        const { stream } = yield* ledger.zip("many")
        broken.now = true
        const failure = yield* Effect.flip(Stream.runDrain(stream()))
        broken.now = false
        expect(failure).toMatchObject({ _tag: "BlobFailure" })
        taken()
        yield* ledger.zip("many")
        expect(taken().length).toBeGreaterThan(0)
      }),
    ))

  it("reads of a range no more than lies in it", () =>
    watching(
      Effect.fnUntraced(function* (ledger, taken) {
        yield* ledger.save("few", files)
        const { stream, size } = yield* ledger.zip("few")
        const whole = Buffer.concat(yield* Stream.runCollect(stream()))
        taken()
        for (const [path, text] of Object.entries(files)) {
          const start = whole.indexOf(path) + path.length
          yield* Stream.runDrain(stream({ start, end: start + 30 }))
          expect(taken()).toEqual([digestOf(Buffer.from(text))])
        }
        yield* Stream.runDrain(stream({ start: size - 22, end: size }))
        expect(taken()).toEqual([])
      }),
    ))
})

describe("a part of a version", () => {
  it("is files, and folders with all that is in them", async () => {
    const ledger = await folders()
    const of = async (only: string | ReadonlyArray<string>) =>
      Object.keys(await contents(await ledger.zip("tree@1", { only })))
    expect(await of("a.txt")).toEqual(["a.txt"])
    expect(await of("d")).toEqual(["d/b.txt", "d/e/c.txt"])
    expect(await of(["d/e/", "data.txt", "d/e/c.txt"])).toEqual(["d/e/c.txt", "data.txt"])
  })

  it("that is not there is refused with what there is", async () => {
    const ledger = await folders()
    for (const only of ["b.txt", "d/b", "dat", ["a.txt", "A.TXT"]])
      await expect(ledger.zip("tree@1", { only })).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "options.only",
        message: expect.stringContaining("tree@1 has a.txt, d/b.txt"),
      })
  })

  it("and its folder are refused where they are no paths", async () => {
    const ledger = await folders()
    const at = (path: string) => ({ _tag: "InvalidInput", path })
    for (const bad of ["", "/", "../up", "a\\b", "C:/x", 5, "p".repeat(2_000)]) {
      const path = bad as string
      await expect(ledger.zip("tree", { prefix: path })).rejects.toMatchObject(at("options.prefix"))
      const only = [path]
      await expect(ledger.zip("tree", { only })).rejects.toMatchObject(at("options.only[0]"))
    }
    for (const bad of [[], 5, {}])
      await expect(ledger.zip("tree", { only: bad as never })).rejects.toMatchObject(
        at("options.only"),
      )
  })
})

describe("below a folder", () => {
  it("lies everything, of one version and of several", async () => {
    const ledger = await folders()
    const one = await ledger.zip("tree@next", { prefix: "export/2026/" })
    expect(await contents(one)).toEqual({ "export/2026/a.txt": "newer" })
    const both = await ledger.zip(["tree@next", "some/other"], { prefix: "export" })
    expect(await contents(both)).toEqual({
      "export/some/other/1/x.txt": "x",
      "export/tree/next/a.txt": "newer",
    })
  })
})

describe("several versions", () => {
  it("are folders of one archive, each once, as of one moment", async () => {
    const ledger = await folders()
    const archive = await ledger.zip(["tree@1", "some/other", "tree@latest", "tree@1"])
    expect(await contents(archive)).toEqual({
      ...Object.fromEntries(Object.entries(files).map(([path, text]) => [`tree/1/${path}`, text])),
      "some/other/1/x.txt": "x",
      "tree/next/a.txt": "newer",
    })
    expect(archive.filename).toBe("tree-1-and-2-more.zip")
    const turned = await ledger.zip(["some/other", "tree@next", "tree@1"])
    expect(turned.etag).toBe(archive.etag)
    expect((await ledger.zip(["tree@1", "some/other"])).etag).not.toBe(archive.etag)
    expect(await contents(await ledger.asOf(2).zip(["tree"]))).toEqual(files)
  })

  it("are chosen from together", async () => {
    const ledger = await folders()
    const some = await ledger.zip(["tree@1", "some/other"], { only: ["d/e", "x.txt"] })
    expect(await contents(some)).toEqual({ "some/other/1/x.txt": "x", "tree/1/d/e/c.txt": "c" })
  })

  it("are written to a file as they are sent", async () => {
    const ledger = await folders()
    const path = join(temporary(), "both.zip")
    const { size } = await ledger.download(["tree", "some/other"], path, { prefix: "p" })
    const sent = await buffer((await ledger.zip(["tree", "some/other"], { prefix: "p" })).stream())
    expect(size).toBe(sent.length)
    expect(readFileSync(path).equals(sent)).toBe(true)
  })

  it("that are none, too many, or cannot be folders are refused", async () => {
    const ledger = await folders()
    await ledger.save("..", { "x.txt": "x" })
    const invalid = { _tag: "InvalidInput", path: "reference" }
    await expect(ledger.zip([])).rejects.toMatchObject(invalid)
    await expect(ledger.zip(["tree", ".."])).rejects.toMatchObject(invalid)
    expect(await contents(await ledger.zip(".."))).toEqual({ "x.txt": "x" })
    await expect(ledger.zip(Array(1_001).fill("tree"))).rejects.toMatchObject({
      _tag: "LimitExceeded",
    })
    await expect(ledger.zip(["tree", "nothing"])).rejects.toMatchObject({ _tag: "ArtifactMissing" })
  })

  it("are named by the one whose content is damaged", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("whole", "whole")
        const { content } = yield* ledger.save("hurt", "hurt")
        const archive = yield* ledger.zip(["whole", "hurt"])
        const digest = content.entries?.[0]?.digest
        for (const key of place.blobs.chunks.keys())
          if (key === digest) place.blobs.chunks.delete(key)
        const failing = Stream.runDrain(archive.stream())
        expect(yield* Effect.flip(failing)).toMatchObject({
          digest,
          artifact: "hurt",
          version: "1",
        })
      }),
    )
  })
})
