/**
 * The laws of puts that were prepared, and of those by digest alone: they are as if the bytes had
 * been put.
 *
 * A part of the suite of `blob-store.contract.ts`, and knows only the port, as that does.
 */
import * as Effect from "effect/Effect"
import { expect } from "vitest"
import { chunkBytesMax, chunkBytesMin } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { BlobStore } from "./blob-store.js"
import { fastcdc } from "./chunk.js"
import { type Law, putAll } from "./parts.contract.js"
import { prepare } from "./prepared.js"
import { collect, expectBytes, mixed, noise, prose } from "./samples.contract.js"

const putPrepared = (...contents: ReadonlyArray<Uint8Array>) =>
  BlobStore.use(({ chunking, putPrepared: put }) => {
    const cuts = fastcdc(chunking)
    return put(contents.map((content) => prepare(cuts, content)))
  })

const expectAsPut = Effect.fnUntraced(function* (content: Uint8Array) {
  const store = yield* BlobStore
  const found = yield* store.stat(digestOf(content))
  const chunks = yield* store.chunks(digestOf(content))
  expectBytes(yield* collect(store.read(digestOf(content))), content)
  yield* store.remove([digestOf(content)])
  expect(yield* store.put(content)).toEqual(found)
  expect(yield* store.chunks(digestOf(content))).toEqual(chunks)
})

const sizes = [0, 1, chunkBytesMin, chunkBytesMin + 1, chunkBytesMax + 1, 700_000]

export const preparedLaws = (law: Law): void => {
  law(
    "a content that was prepared is what a put of its bytes makes of it",
    Effect.gen(function* () {
      for (const make of [noise, prose, mixed])
        for (const size of sizes) {
          const content = make(size, size + 70)
          const [stat] = yield* putPrepared(content)
          expect(stat).toMatchObject({ digest: digestOf(content), size })
          yield* expectAsPut(content)
        }
    }),
  )

  const shared = mixed(600_000, 71)
  const longer = Buffer.concat([shared, prose(100_000, 72)])
  const contents = [shared, prose(500, 73), longer, shared, new Uint8Array(0)]

  law(
    "contents in one go are answered in their order, and what they share is stored once",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const [known = new Uint8Array(0)] = contents
      yield* store.put(known)
      const stats = yield* putPrepared(...contents)
      expect(stats.map(({ digest }) => digest)).toEqual(contents.map((one) => digestOf(one)))
      const chunks = new Map<string, number>()
      for (const content of contents)
        for (const { digest, storedSize } of (yield* store.chunks(digestOf(content))) ?? [])
          chunks.set(digest, storedSize)
      const bytes = [...chunks.values()].reduce((sum, size) => sum + size, 0)
      const longest = yield* store.stat(digestOf(longer))
      expect(bytes).toBeLessThan((longest?.deflatedSize ?? 0) + 100_000)
    }),
    Effect.gen(function* () {
      const store = yield* BlobStore
      for (const one of contents) expectBytes(yield* collect(store.read(digestOf(one))), one)
    }),
  )

  law(
    "a put by digest answers for what is there, and keeps it while somebody needs it",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const [stat] = yield* putAll([shared])
      const absent = digestOf(Buffer.from("nobody put this"))
      expect(yield* store.putKnown([absent, digestOf(shared)])).toEqual([undefined, stat])
      const removal = yield* store.keeping(
        Effect.andThen(
          store.putKnown([digestOf(shared)]),
          store.remove([digestOf(shared)], { thorough: true }),
        ),
      )
      expect(removal).toMatchObject({ removed: 0, kept: [digestOf(shared)] })
      expectBytes(yield* collect(store.read(digestOf(shared))), shared)
      yield* store.remove([digestOf(shared)])
      expect(yield* store.putKnown([digestOf(shared)])).toEqual([undefined])
    }),
  )

  law(
    "what is prepared is kept too while somebody needs it",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const digests = [digestOf(longer), digestOf(shared)]
      const use = Effect.andThen(putPrepared(longer, shared), store.remove(digests))
      expect((yield* store.keeping(use)).kept).toHaveLength(2)
      expectBytes(yield* collect(store.read(digestOf(longer))), longer)
    }),
  )
}
