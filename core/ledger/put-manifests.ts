/**
 * Manifests on their way into the store: small ones are named at once and put some together, as
 * folders have many. A large one is put by itself.
 *
 * Nobody may name them before `finish`: until then some may still wait here. Does not know what
 * they say.
 */
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStoreShape } from "../blob/blob-store.js"
import { storedFormOf } from "../blob/deflating.js"
import { frameOf, Prepared } from "../blob/prepared.js"
import type { BlobFailure } from "../errors.js"
import { fileReadBytes, manifestGroupBytesMax, manifestGroupCountMax } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"

/** Content of one chunk, which is the whole of it. */
const prepared = (digest: Digest, bytes: Uint8Array): Effect.Effect<Prepared> =>
  Effect.map(
    storedFormOf(bytes),
    (form) => new Prepared(digest, crc32(bytes), [frameOf(bytes, digest, form)]),
  )

export class PutManifests {
  readonly #blobs: BlobStoreShape
  #waiting = new Map<Digest, Uint8Array>()
  #waitingBytes = 0

  constructor(blobs: BlobStoreShape) {
    this.#blobs = blobs
  }

  /** Names a manifest. Whoever brings the last of a group waits until all of it is stored. */
  put(parts: ReadonlyArray<Uint8Array>): Effect.Effect<Digest, BlobFailure> {
    return Effect.suspend(() => {
      const size = parts.reduce((sum, part) => sum + part.length, 0)
      if (size === 0 || size > this.#blobs.chunking.min) return this.#putAlone(parts, size)
      const bytes = Buffer.concat(parts)
      const digest = digestOf(bytes)
      this.#waiting.set(digest, bytes)
      this.#waitingBytes += size
      const isFull =
        this.#waiting.size >= manifestGroupCountMax || this.#waitingBytes >= manifestGroupBytesMax
      return isFull ? Effect.as(this.finish, digest) : Effect.succeed(digest)
    })
  }

  /** Stores what waits. When all calls have succeeded, every manifest is stored. */
  readonly finish: Effect.Effect<void, BlobFailure> = Effect.suspend(() => {
    const group = this.#waiting
    this.#waiting = new Map()
    this.#waitingBytes = 0
    return group.size === 0 ? Effect.void : this.#putGroup(group)
  })

  #putAlone(parts: ReadonlyArray<Uint8Array>, size: number): Effect.Effect<Digest, BlobFailure> {
    const source = size <= fileReadBytes ? Buffer.concat(parts) : Stream.fromIterable(parts)
    return Effect.map(this.#blobs.put<never>(source), ({ digest }) => digest)
  }

  readonly #putGroup = Effect.fnUntraced(function* (
    this: PutManifests,
    group: ReadonlyMap<Digest, Uint8Array>,
  ): Effect.fn.Return<void, BlobFailure> {
    // What is there already need not be deflated.
    const known = yield* this.#blobs.putKnown([...group.keys()])
    const others = [...group].filter((_, at) => known[at] === undefined)
    const preparing = Effect.forEach(others, ([digest, bytes]) => prepared(digest, bytes), {
      concurrency: "unbounded",
    })
    yield* this.#blobs.putPrepared(yield* preparing)
  })
}
