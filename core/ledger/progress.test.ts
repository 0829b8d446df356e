/**
 * Progress: told after each piece, with the total where that is known.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
import { BlobStore } from "../blob/blob-store.js"
import * as MemoryBlobs from "../blob/memory.js"
import { InvalidInput } from "../errors.js"
import type { SaveProgress } from "./call-options.js"
import { putSource, type Source, telling } from "./progress.js"

const pieces = (...lengths: ReadonlyArray<number>): Source =>
  Stream.fromIterable(lengths.map((length) => new Uint8Array(length).fill(length)))

const put = (sizes: ReadonlyArray<number | undefined>, sources: ReadonlyArray<Source>) => {
  const told: Array<SaveProgress> = []
  const tell = telling(sizes, (one) => told.push(one))
  const putting = Effect.gen(function* () {
    const blobs = yield* BlobStore
    for (const source of sources) yield* putSource(blobs, source, tell)
    return told
  })
  return Effect.runPromise(Effect.provide(putting, MemoryBlobs.layer))
}

it("is told piece by piece of a stream, and once of content that is there", async () => {
  expect(await put([10, 7], [pieces(3, 7), new Uint8Array(7)])).toEqual([
    { done: 3, total: 17 },
    { done: 10, total: 17 },
    { done: 17, total: 17 },
  ])
})

it("has no total where one size is not known", async () => {
  expect(await put([undefined, 7], [pieces(3), new Uint8Array(7)])).toEqual([
    { done: 3 },
    { done: 10 },
  ])
})

it("is nothing to nobody, and an error of who is told is that of the put", async () => {
  expect(telling([1], undefined)).toBeUndefined()
  const tell = telling([1], () => {
    throw new InvalidInput({ message: "enough", path: "progress" })
  })
  const putting = Effect.flatMap(BlobStore, (blobs) => putSource(blobs, pieces(1), tell))
  const failed = Effect.provide(Effect.flip(putting), MemoryBlobs.layer)
  expect(await Effect.runPromise(failed)).toMatchObject({ message: "enough" })
})
