/**
 * Manifests on their way in: each is named at once by its bytes, and all are there in the end.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { BlobStore, type BlobStoreShape } from "../blob/blob-store.js"
import { layer } from "../blob/memory.js"
import { manifestGroupCountMax } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import { PutManifests } from "./put-manifests.js"

const bytesOf = (number: number): Uint8Array => Buffer.from(`manifest ${number} `.repeat(9))

interface Seen {
  /** How many contents went in together, each time; 0 for one that went by itself. */
  readonly puts: Array<number>
  readonly stored: (digest: Digest) => Promise<boolean>
}

const using = (act: (manifests: PutManifests, seen: Seen) => Promise<void>) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const blobs = yield* BlobStore
      const puts: Array<number> = []
      const watched: BlobStoreShape = {
        ...blobs,
        put: (source) => {
          puts.push(0)
          return blobs.put(source)
        },
        putPrepared: (contents) => {
          puts.push(contents.length)
          return blobs.putPrepared(contents)
        },
      }
      const stored = async (digest: Digest) =>
        (await Effect.runPromise(blobs.stat(digest))) !== undefined
      yield* Effect.promise(() => act(new PutManifests(watched), { puts, stored }))
    }).pipe(Effect.provide(layer)),
  )

describe("manifests that are put", () => {
  it("are named at once, and stored together", () =>
    using(async (manifests, { puts, stored }) => {
      const all = [bytesOf(1), bytesOf(2)]
      for (const bytes of all)
        expect(
          await Effect.runPromise(manifests.put([bytes.subarray(0, 4), bytes.subarray(4)])),
        ).toBe(digestOf(bytes))
      expect(puts).toEqual([])
      await Effect.runPromise(manifests.finish)
      expect(puts).toEqual([2])
      for (const bytes of all) expect(await stored(digestOf(bytes))).toBe(true)
      await Effect.runPromise(manifests.finish)
      expect(puts).toEqual([2])
    }))

  it("are stored when there are many", () =>
    using(async (manifests, { puts, stored }) => {
      for (let number = 0; number <= manifestGroupCountMax; number += 1)
        await Effect.runPromise(manifests.put([bytesOf(number)]))
      expect(puts).toEqual([manifestGroupCountMax])
      expect(await stored(digestOf(bytesOf(0)))).toBe(true)
      expect(await stored(digestOf(bytesOf(manifestGroupCountMax)))).toBe(false)
    }))

  it("are not stored again", () =>
    using(async (manifests, { puts }) => {
      for (const numbers of [[1], [1, 2], [1, 2]]) {
        for (const number of numbers) await Effect.runPromise(manifests.put([bytesOf(number)]))
        await Effect.runPromise(manifests.finish)
      }
      expect(puts).toEqual([1, 1, 0])
    }))

  it("go by themselves where they are large", () =>
    using(async (manifests, { puts, stored }) => {
      const large = Buffer.alloc(100_000, "line of a manifest ")
      expect(await Effect.runPromise(manifests.put([large]))).toBe(digestOf(large))
      expect([puts, await stored(digestOf(large))]).toEqual([[0], true])
    }))
})
