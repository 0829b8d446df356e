/**
 * The memory blobs: the laws of the port, then what only this driver has: a bound, points of
 * failure, and a store that outlives its layer.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { BlobCorrupted } from "../errors.js"
import { digestOf } from "../model/digest.js"
import { blobStoreContract } from "./blob-store.contract.js"
import { BlobStore, type BlobStoreShape } from "./blob-store.js"
import {
  type BlobOperation,
  emptyBlobs,
  layer,
  layerWith,
  type MemoryBlobOptions,
} from "./memory.js"
import { diskError } from "./packs.contract.js"
import { blobFailure } from "./rules.js"
import { noise } from "./samples.contract.js"

blobStoreContract(
  "memory",
  Effect.sync(() => {
    const store = emptyBlobs()
    return () => layerWith({ store })
  }),
)

const use = <A, E>(
  options: MemoryBlobOptions,
  run: (blobs: BlobStoreShape) => Effect.Effect<A, E>,
): Promise<A> =>
  Effect.runPromise(Effect.provide(Effect.flatMap(BlobStore, run), layerWith(options)))

const content = Buffer.from("nothing in here repeats")

describe("memory blobs", () => {
  it("forgets everything with its scope unless it was given a store", async () => {
    const put = Effect.flatMap(BlobStore, (blobs) => blobs.put(content))
    const stat = Effect.flatMap(BlobStore, (blobs) => blobs.stat(digestOf(content)))
    await Effect.runPromise(Effect.provide(put, layer))
    expect(await Effect.runPromise(Effect.provide(stat, layer))).toBeUndefined()
  })

  it("refuses what passes its bound, keeps what was there, and has room again", async () => {
    const [one, two, three] = [noise(960, 1), noise(960, 2), noise(960, 3)]
    await use({ bytesMax: 2_000 }, (blobs) =>
      Effect.gen(function* () {
        const first = yield* blobs.put(one)
        yield* blobs.put(two)
        const failure = yield* Effect.flip(blobs.put(three))
        expect(failure).toMatchObject({ _tag: "BlobFailure", reason: "full", outcome: "none" })
        expect(yield* blobs.stat(digestOf(three))).toBeUndefined()
        expect(yield* blobs.put(one)).toEqual(first)
        yield* blobs.remove([first.digest])
        yield* blobs.put(three)
        expect(yield* Stream.runCollect(blobs.list())).toHaveLength(2)
      }),
    )
  })

  it("fails where it is told to, before or after", async () => {
    const store = emptyBlobs()
    let at: readonly [BlobOperation, "before" | "after"] | undefined
    const failure = blobFailure("put", diskError("EIO"))
    const failpoint: MemoryBlobOptions["failpoint"] = (operation, phase) =>
      at?.[0] === operation && at[1] === phase ? failure : undefined
    const operations = (
      blobs: BlobStoreShape,
    ): Record<BlobOperation, Effect.Effect<unknown, unknown>> => ({
      put: blobs.put(content),
      stat: blobs.stat(digestOf(content)),
      read: Stream.runDrain(blobs.read(digestOf(content))),
      list: Stream.runDrain(blobs.list()),
      flush: blobs.flush,
      remove: blobs.remove([digestOf(content)]),
    })
    await use({ store, failpoint }, (blobs) =>
      Effect.gen(function* () {
        for (const [name, operation] of Object.entries(operations(blobs)))
          for (const phase of ["before", "after"] as const) {
            const count = store.recipes.size
            at = [name as BlobOperation, phase]
            expect(yield* Effect.flip(operation)).toBe(failure)
            at = undefined
            const changed = phase === "after" ? { put: 1, remove: 0 }[name] : undefined
            expect(store.recipes.size).toBe(changed ?? count)
            yield* name === "remove" ? Effect.void : blobs.put(content)
          }
      }),
    )
  })

  it("notices what was changed behind its back", async () => {
    const store = emptyBlobs()
    await use({ store }, (blobs) => blobs.put(content))
    store.chunks.get(digestOf(content))?.stored.fill(0)
    await use({ store }, (blobs) =>
      Effect.gen(function* () {
        const failure = yield* Effect.flip(Stream.runDrain(blobs.read(digestOf(content))))
        expect(failure).toBeInstanceOf(BlobCorrupted)
        store.chunks.clear()
        const missing = yield* Effect.flip(Stream.runDrain(blobs.readDeflated(digestOf(content))))
        expect(missing).toMatchObject({ digest: digestOf(content) })
      }),
    )
  })
})
