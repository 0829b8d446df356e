/**
 * The laws of keeping: what the puts of somebody answered with is there until he has ended, however
 * many removals run beside him; and what removals answer.
 *
 * A part of the suite of `blob-store.contract.ts`, and knows only the port, as that does.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { expect } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import { BlobStore } from "./blob-store.js"
import { type Law, putAll } from "./parts.contract.js"
import { collect, divided, expectBytes, mixed, noise, numbers, prose } from "./samples.contract.js"

const expectWhole = Effect.fnUntraced(function* (content: Uint8Array) {
  const store = yield* BlobStore
  const digest = digestOf(content)
  expect(yield* store.stat(digest)).toMatchObject({ digest, size: content.length })
  expectBytes(yield* collect(store.read(digest)), content)
})

const removing = (...contents: ReadonlyArray<Uint8Array>) =>
  BlobStore.use((store) => store.remove(contents.map((content) => digestOf(content))))

const expectRemoved = Effect.fnUntraced(function* (...contents: ReadonlyArray<Uint8Array>) {
  const store = yield* BlobStore
  expect(yield* removing(...contents)).toMatchObject({ removed: contents.length, kept: [] })
  for (const content of contents) expect(yield* store.stat(digestOf(content))).toBeUndefined()
})

const shared = mixed(700_000, 31)
const longer = Buffer.concat([shared, prose(200_000, 32)])
const small = prose(500, 33)

const answerLaws = (law: Law): void => {
  law(
    "a removal says how many blobs are gone, and what it gave back",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const contents = [noise(300_000, 34), noise(200_000, 35)]
      yield* putAll([...contents, small])
      const [one = small, two = small] = contents
      const gone = digestOf(noise(10, 36))
      const digests = [digestOf(one), digestOf(two), digestOf(one), gone]
      const { removed, bytes, kept } = yield* store.remove(digests)
      expect([removed, kept]).toEqual([2, []])
      expect(bytes).toBeGreaterThanOrEqual(500_000)
      expect(bytes).toBeLessThan(520_000)
      const nothing = { removed: 0, bytes: 0, kept: [] }
      expect(yield* store.remove(digests)).toEqual(nothing)
      expect(yield* store.remove([])).toEqual(nothing)
      yield* expectWhole(small)
    }),
  )
}

const ends = {
  succeeds: Effect.void,
  fails: Effect.fail("broken" as const),
  dies: Effect.die("defect"),
  "is interrupted": Effect.interrupt,
}

const endLaws = (law: Law): void => {
  for (const [how, end] of Object.entries(ends))
    law(
      `new and known bytes stay until whoever keeps them ${how}`,
      Effect.gen(function* () {
        const store = yield* BlobStore
        yield* putAll([small, longer])
        const kept = [digestOf(small), digestOf(longer), digestOf(shared)]
        const use = Effect.gen(function* () {
          yield* putAll([small, shared])
          // As a stream it is known no sooner than at its end.
          yield* store.put(Stream.fromIterable(divided(longer, 31, 90_000)))
          for (let times = 0; times < 2; times += 1) {
            const answer = yield* removing(small, longer, shared)
            expect({ ...answer, kept: new Set(answer.kept) }).toEqual({
              removed: 0,
              bytes: 0,
              kept: new Set(kept),
            })
            for (const content of [small, longer, shared]) yield* expectWhole(content)
          }
          yield* end
        })
        const exit = yield* Effect.exit(store.keeping(use))
        expect(Exit.isSuccess(exit)).toBe(how === "succeeds")
        for (const content of [small, longer, shared]) yield* expectWhole(content)
        yield* expectRemoved(small, longer, shared)
      }),
      Effect.gen(function* () {
        expect(yield* BlobStore.use((store) => Stream.runCollect(store.list()))).toEqual([])
      }),
    )
}

const keepingLaws = (law: Law): void => {
  law(
    "what is not put in it is not kept, and what shares chunks with it loses none",
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* putAll([longer, small])
      const use = Effect.gen(function* () {
        yield* store.put(shared)
        expect(yield* removing(longer, small)).toMatchObject({ removed: 2, kept: [] })
        yield* expectWhole(shared)
        yield* store.put(longer)
        yield* expectWhole(longer)
        expect(yield* removing(longer, shared)).toMatchObject({ removed: 0 })
      })
      yield* store.keeping(use)
      yield* expectRemoved(shared)
      yield* expectWhole(longer)
    }),
    expectWhole(longer),
  )

  law(
    "of two that keep the same, the one that ends last lets it go",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const keep = (until: Deferred.Deferred<void>, put: Deferred.Deferred<void>) =>
        store.keeping(
          Effect.gen(function* () {
            yield* store.put(shared)
            yield* Deferred.succeed(put, undefined)
            yield* Deferred.await(until)
          }),
        )
      const puts = [yield* Deferred.make<void>(), yield* Deferred.make<void>()] as const
      const one = yield* Effect.forkChild(keep(first, puts[0]))
      const two = yield* Effect.forkChild(keep(second, puts[1]))
      for (const put of puts) yield* Deferred.await(put)
      for (const [until, fiber] of [
        [first, one],
        [second, two],
      ] as const) {
        expect(yield* removing(shared)).toEqual({ removed: 0, bytes: 0, kept: [digestOf(shared)] })
        yield* Deferred.succeed(until, undefined)
        yield* Fiber.join(fiber)
      }
      yield* expectRemoved(shared)
    }),
  )

  law(
    "one inside another keeps for both",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const use = Effect.gen(function* () {
        yield* store.keeping(Effect.andThen(store.put(shared), store.put(small)))
        expect(yield* removing(shared, small)).toMatchObject({ removed: 0 })
        // As the calls of an operation that is interrupted.
        yield* Effect.exit(store.keeping(Effect.andThen(store.put(longer), Effect.interrupt)))
        expect(yield* removing(longer)).toMatchObject({ kept: [digestOf(longer)] })
      })
      yield* store.keeping(use)
      yield* expectRemoved(shared, longer, small)
    }),
  )

  law(
    "one inside that goes on longer keeps for both",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const over = yield* Deferred.make<void>()
      const inner = store.keeping(Effect.andThen(store.put(small), Deferred.await(over)))
      const outer = Effect.andThen(
        store.put(shared),
        Effect.forkDetach(inner, { startImmediately: true }),
      )
      const fiber = yield* store.keeping(outer)
      expect(yield* removing(shared)).toMatchObject({ kept: [digestOf(shared)] })
      yield* Deferred.succeed(over, undefined)
      yield* Fiber.join(fiber)
      yield* expectRemoved(shared, small)
    }),
  )

  law(
    "a removal passes over what somebody kept since it was called, though he has ended",
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* store.put(shared)
      const removal = removing(shared)
      const keep = store.keeping(store.put(shared))
      const [{ removed, kept }] = yield* Effect.all([removal, keep], { concurrency: "unbounded" })
      // Unless it was over before the other one had begun.
      expect([removed, kept.length]).toEqual(removed === 0 ? [0, 1] : [1, 0])
      if (removed === 0) yield* expectWhole(shared)
      yield* store.put(shared)
      yield* expectWhole(shared)
    }),
  )

  law(
    "each of many removals passes over what somebody kept since the first was called",
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* putAll([small, shared, longer])
      const digests = [small, shared, longer].map((content) => digestOf(content))
      const answers = yield* store.removing((remove) =>
        Effect.gen(function* () {
          const first = yield* remove([digestOf(small)])
          yield* store.keeping(Effect.andThen(store.put(shared), store.put(small)))
          const second = yield* remove(digests)
          yield* store.keeping(store.put(longer))
          return [first, second, yield* remove(digests)]
        }),
      )
      expect(answers.map(({ removed }) => removed)).toEqual([1, 1, 0])
      expect(new Set(answers[1]?.kept)).toEqual(new Set(digests.slice(0, 2)))
      expect(new Set(answers[2]?.kept)).toEqual(new Set(digests))
      for (const content of [small, shared, longer]) yield* expectWhole(content)
      yield* expectRemoved(small, shared, longer)
    }),
  )

  law(
    "a fiber that outlives it keeps nothing any more, unless it does so itself",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const over = yield* Deferred.make<void>()
      const late = Effect.gen(function* () {
        yield* Deferred.await(over)
        yield* store.put(shared)
        yield* expectRemoved(shared)
        yield* store.keeping(
          Effect.gen(function* () {
            yield* store.put(shared)
            expect(yield* removing(shared)).toMatchObject({ removed: 0 })
          }),
        )
        yield* expectRemoved(shared)
      })
      const fiber = yield* store.keeping(Effect.forkDetach(late))
      yield* Deferred.succeed(over, undefined)
      yield* Fiber.join(fiber)
    }),
  )
}

// Long enough to have chunks of their own inside, so that contents of several of them share some.
const parts = Array.from({ length: 6 }, (_, seed) => noise(120_000, 40 + seed))

const contents = Array.from({ length: 24 }, (_, at) => {
  const next = numbers(at + 1)
  const own = Array.from({ length: 1 + next(3) }, () => parts[next(6)] ?? small)
  return at % 3 === 0 ? prose(200 + at, at) : Buffer.concat([...own, prose(50 + at, at)])
})

const stormLaws = (law: Law): void => {
  law(
    "whatever is kept is whole, however many put and remove at once",
    Effect.gen(function* () {
      const store = yield* BlobStore
      /** How many keep a content by now, as a map would. */
      const held = new Map<Digest, number>()
      const change = (content: Uint8Array, by: number) => {
        const digest = digestOf(content)
        held.set(digest, (held.get(digest) ?? 0) + by)
      }
      const keeper = Effect.fnUntraced(function* (seed: number) {
        const next = numbers(seed)
        for (let round = 0; round < 8; round += 1) {
          const own = Array.from({ length: 1 + next(3) }, () => contents[next(24)] ?? small)
          const use = Effect.gen(function* () {
            for (const content of own) {
              const isWhole = next(2) === 0
              yield* store.put(isWhole ? content : Stream.fromIterable(divided(content, 1, 9_000)))
              change(content, 1)
            }
            for (let turn = next(4); turn > 0; turn -= 1) yield* Effect.yieldNow
            for (const content of own) yield* expectWhole(content)
            for (const content of own) change(content, -1)
          })
          yield* store.keeping(use)
        }
      })
      const remover = Effect.fnUntraced(function* (seed: number) {
        const next = numbers(seed)
        for (let round = 0; round < 12; round += 1) {
          const some = contents.filter(() => next(2) === 0).map((content) => digestOf(content))
          const before = some.filter((digest) => (held.get(digest) ?? 0) > 0)
          const { kept } = yield* store.remove(some)
          // Who kept them then and keeps them now may be another one, who has put them anew.
          for (const digest of before)
            if ((held.get(digest) ?? 0) > 0) expect(kept).toContain(digest)
          for (const digest of kept) expect(some).toContain(digest)
        }
      })
      const all = [1, 2, 3, 4, 5].map((seed) => keeper(seed)).concat([6, 7].map(remover))
      yield* Effect.all(all, { concurrency: "unbounded", discard: true })
      yield* store.remove(contents.map((content) => digestOf(content)))
      expect(yield* Stream.runCollect(store.list())).toEqual([])
      yield* putAll(contents)
      for (const content of contents) yield* expectWhole(content)
    }),
    Effect.forEach(contents, expectWhole, { discard: true }),
  )
}

export const keepLaws = (law: Law): void => {
  answerLaws(law)
  endLaws(law)
  keepingLaws(law)
  stormLaws(law)
}
