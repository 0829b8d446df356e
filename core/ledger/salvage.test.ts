/**
 * Content that is copied out of a damaged store: what is whole arrives, what is not is named once.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { BlobStore, type BlobStoreShape } from "../blob/blob-store.js"
import * as MemoryBlobs from "../blob/memory.js"
import { BlobCorrupted, BlobFailure } from "../errors.js"
import type { CoreEvents } from "../event/catalog.js"
import { Recorder, testId } from "../event/recorder.contract.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { makeTree, summarizeTree, type TreeEntry } from "../model/tree.js"
import { Salvage } from "./salvage.js"

type Saved = CoreEvents["version-saved"]

const fileOf = (path: string, bytes: Uint8Array): TreeEntry => ({
  path: path as RelativePath,
  kind: "file",
  size: bytes.length,
  digest: digestOf(bytes),
})

const recorder = new Recorder()
recorder.save("a")
const template = recorder.events[0]?.data as Saved

const contents = ["x", "y", "in a folder"].map((text) => Buffer.from(text))
const [x, y, z] = contents as [Buffer, Buffer, Buffer]
const tree = makeTree([fileOf("x", x), fileOf("y", y), fileOf("d/e/z", z)])
const { digest, size, manifests } = summarizeTree(tree)

const inline: Saved = { ...template, content: { digest, size, count: 3, entries: tree } }
const manifested: Saved = { ...template, content: { digest, size, count: 3 } }

const failing =
  (error: BlobFailure | BlobCorrupted, ...digests: ReadonlyArray<Digest>) =>
  (store: BlobStoreShape): Pick<BlobStoreShape, "read"> => ({
    read: (of) => (digests.includes(of) ? Stream.fail(error) : store.read(of)),
  })

const corrupted = (of: Uint8Array) =>
  new BlobCorrupted({ message: "it is damaged", digest: digestOf(of) })

const failed = (reason: BlobFailure["reason"]) =>
  new BlobFailure({ message: "no", operation: "read", reason, outcome: "none" })

/** Salvages versions out of a store that has all of it, seen through `spoil`. */
const salvaged = (
  versions: ReadonlyArray<Saved>,
  spoil: (store: BlobStoreShape) => Pick<BlobStoreShape, "read"> = (store) => store,
  swept: ReadonlyArray<Saved> = [],
) =>
  Effect.gen(function* () {
    const stores = [MemoryBlobs.layerWith({}), MemoryBlobs.layerWith({})]
    const use = <A, E>(index: number, body: (store: BlobStoreShape) => Effect.Effect<A, E>) =>
      Effect.provide(BlobStore.use(body), stores[index] ?? MemoryBlobs.layer)
    return yield* use(0, (from) =>
      use(1, (to) =>
        Effect.gen(function* () {
          for (const bytes of [...contents, ...manifests]) yield* from.put(bytes)
          const salvage = new Salvage(spoil(from), to)
          for (const version of versions) yield* salvage.version(version)
          for (const { artifact, version, content } of swept)
            salvage.sweep({ versions: [{ artifact, version, digest: content.digest }] })
          const found = yield* Stream.runCollect(to.list())
          return { lost: salvage.lost, found: found.map((stat) => stat.digest) }
        }),
      ),
    )
  })

const sorted = (all: ReadonlyArray<Uint8Array>) => all.map((bytes) => digestOf(bytes)).sort()

describe("the content of a version", () => {
  it("is copied file by file, or manifest by manifest with what they name", async () => {
    const files = await Effect.runPromise(salvaged([inline, inline]))
    expect(files).toEqual({ lost: [], found: sorted(contents) })
    const all = await Effect.runPromise(salvaged([manifested]))
    expect(all).toEqual({ lost: [], found: sorted([...contents, ...manifests]) })
  })

  it("is named where it is lost, once, and the rest of it is copied", async () => {
    const spoil = failing(corrupted(y), digestOf(y))
    const { lost, found } = await Effect.runPromise(salvaged([inline, manifested], spoil))
    expect(lost).toEqual([{ digest: digestOf(y), artifact: "a", version: "1" }])
    expect(found).toEqual(sorted([x, z, ...manifests]))
    const root = await Effect.runPromise(salvaged([manifested], failing(corrupted(y), digest)))
    expect(root).toEqual({ lost: [{ digest, artifact: "a", version: "1" }], found: [] })
  })

  it("is not lost where it was swept, unless another version has it too", async () => {
    const version = { ...inline.version, id: testId(9), label: "2" }
    const other: Saved = { ...inline, version }
    const spoil = failing(corrupted(y), digestOf(y))
    const run = (...swept: ReadonlyArray<Saved>) =>
      Effect.runPromise(salvaged([inline, other], spoil, swept))
    expect((await run(inline)).lost).toEqual([{ digest: digestOf(y), artifact: "a", version: "2" }])
    expect((await run(inline, other)).lost).toEqual([])
  })

  it("is lost where the disk cannot read it, and not where it may not be read", async () => {
    for (const reason of ["io", "missing", "damaged"] as const) {
      const run = salvaged([inline], failing(failed(reason), digestOf(x)))
      expect((await Effect.runPromise(run)).lost).toMatchObject([{ digest: digestOf(x) }])
    }
    const refused = salvaged([inline], failing(failed("permission"), digestOf(x)))
    expect(await Effect.runPromise(Effect.flip(refused))).toMatchObject({ reason: "permission" })
  })
})
