/**
 * What a ledger holds: every version with how it stands, and the blobs that its content is made of.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { describe, expect, it } from "vitest"
import { BlobStore } from "../blob/blob-store.js"
import * as MemoryBlobs from "../blob/memory.js"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import { pageSizeMax } from "../limits.js"
import * as MemoryLog from "../log/memory.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { makeTree, manifestBytes, summarizeTree, type Tree } from "../model/tree.js"
import type { VersionRow } from "../projection/versions.js"
import { momentsOf } from "../query/moment.contract.js"
import * as MemoryViews from "../view/memory.js"
import { eachBlob, eachHolding, namedBlobs } from "./holdings.js"

/** Name, label and standing of each version, those of an artifact together. */
const standings = (recorder: Recorder, before: number): Promise<ReadonlyArray<string>> => {
  const visit = Effect.gen(function* () {
    const found: Array<string> = []
    const { at } = yield* momentsOf(recorder.events)
    yield* eachHolding(at(), before, ({ artifact, version, standing }) =>
      Effect.sync(() => void found.push(`${artifact.name}@${version.label} ${standing}`)),
    )
    return found
  })
  const stores = Layer.merge(MemoryLog.layer, MemoryViews.layer)
  return Effect.runPromise(Effect.provide(visit, stores))
}

describe("every version", () => {
  it("survives, can be restored, is due or was swept", async () => {
    const recorder = new Recorder()
    recorder.save("a")
    const [two, three, four] = [recorder.save("a"), recorder.save("a"), recorder.save("a")]
    recorder.save("b")
    recorder.delete(two)
    recorder.delete(three)
    recorder.delete(four)
    recorder.sweep(two)
    recorder.delete("b")
    // Event 7 deleted a@3, event 8 a@4, event 10 the artifact b.
    const found = await standings(recorder, timeAt(8))
    const ofA = ["a@1 surviving", "a@2 swept", "a@3 due", "a@4 undo"]
    expect([...found].sort()).toEqual([...ofA, "b@1 undo"])
    expect(await standings(recorder, timeAt(11))).toContain("b@1 due")
  })

  it("is visited once, however many there are", async () => {
    const recorder = new Recorder()
    const count = pageSizeMax + 7
    for (let at = 0; at < count; at += 1) recorder.save(`a${at % 3}`)
    const found = await standings(recorder, 0)
    expect(new Set(found).size).toBe(count)
    expect(found).toHaveLength(count)
    // Those of an artifact one after the other.
    const names = found.map((line) => line.slice(0, 2))
    expect(names.filter((name, at) => name !== names[at - 1])).toHaveLength(3)
  })
})

const treeOf = (paths: ReadonlyArray<string>): Tree =>
  makeTree(
    paths.map((path) => ({
      path: path as RelativePath,
      kind: "file",
      size: path.length,
      digest: digestOf(Buffer.from(path)),
    })),
  )

const blobsIn = (tree: Tree, isInline: boolean, passed: ReadonlyArray<Digest> = []) => {
  const { digest, size, manifests } = summarizeTree(tree)
  const content = { digest, size, count: tree.length }
  const row = { content: isInline ? { ...content, entries: tree } : content }
  const found: Array<Digest> = []
  const visit = Effect.gen(function* () {
    const blobs = yield* BlobStore
    for (const manifest of manifests) yield* blobs.put(manifest)
    yield* eachBlob(blobs, row as unknown as VersionRow, (one) => {
      found.push(one)
      return !passed.includes(one)
    })
    return found
  })
  return Effect.runPromise(Effect.provide(visit, MemoryBlobs.layer))
}

const texts = (...all: ReadonlyArray<string>) => all.map((one) => digestOf(Buffer.from(one)))

describe("the blobs of a content", () => {
  const tree = treeOf(["a", "d/b", "d/c", "d/e/f"])
  const { digest, manifests } = summarizeTree(tree)
  const all = [...manifests.map((one) => digestOf(one)), ...texts("a", "d/b", "d/c", "d/e/f")]

  it("are its files where the tree lies in the event", async () => {
    expect((await blobsIn(tree, true)).sort()).toEqual(texts("a", "d/b", "d/c", "d/e/f").sort())
    const content = { digest, size: 0, count: 4, entries: tree }
    const row = { content } as unknown as VersionRow
    expect([...namedBlobs(row)].sort()).toEqual(texts("a", "d/b", "d/c", "d/e/f").sort())
  })

  it("are manifests and files otherwise, and below one that is passed over none", async () => {
    expect(manifests).toHaveLength(3)
    expect((await blobsIn(tree, false)).sort()).toEqual([...all].sort())
    expect(await blobsIn(tree, false, [digest])).toEqual([digest])
  })

  it("may be more directories in one than a call takes arguments", async () => {
    const inner = { kind: "directory", size: 0, digest } as const
    const names = Array.from({ length: 150_000 }, (_, at) => `d${String(at).padStart(6, "0")}`)
    const root = manifestBytes(names.map((name) => [name, inner]))
    const row = { content: { digest: digestOf(root), size: 0, count: names.length } }
    let count = 0
    const visit = Effect.gen(function* () {
      const blobs = yield* BlobStore
      yield* blobs.put<never>(root)
      yield* eachBlob(blobs, row as unknown as VersionRow, (one) => {
        count += 1
        return one === row.content.digest
      })
    })
    await Effect.runPromise(Effect.provide(visit, MemoryBlobs.layer))
    expect(count).toBe(1 + names.length)
  })
})
