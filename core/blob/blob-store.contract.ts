/**
 * The laws every blob store must pass, as a suite of Vitest: content, stored form, ranges, then
 * what goes wrong.
 *
 * Knows only the port. What a technology can do wrong on its own (a flipped bit, a full disk) is
 * tested beside its driver. Nothing here waits for time to pass.
 */
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { BlobCorrupted } from "../errors.js"
import { chunkBytesAverage, chunkBytesMax, chunkBytesMin } from "../limits.js"
import { type Digest, digestOf, isDigest } from "../model/digest.js"
import { type BlobStat, BlobStore } from "./blob-store.js"
import { keepLaws } from "./keeping.contract.js"
import { type Law, partLaws, putAll, rangeLaws } from "./parts.contract.js"
import { preparedLaws } from "./prepared.contract.js"
import { collect, divided, expectBytes, inflated, mixed, noise, prose } from "./samples.contract.js"

/**
 * Makes an empty store for one law, gone when the scope ends, and gives the layer that opens it.
 * Each layer is built and released before the next, and must find what the one before it stored.
 */
export type FreshBlobs = Effect.Effect<() => Layer.Layer<BlobStore, unknown>, unknown, Scope.Scope>

/** Everything the port says about a content that is stored. */
const expectStored = Effect.fnUntraced(function* (content: Uint8Array) {
  const store = yield* BlobStore
  const digest = digestOf(content)
  const stat = yield* store.stat(digest)
  expect(stat).toMatchObject({ digest, size: content.length, crc32: crc32(content) })
  expect(isDigest(stat?.storedDigest)).toBe(true)
  expectBytes(yield* collect(store.read(digest)), content)
  const stored = yield* collect(store.readDeflated(digest))
  expect(stored.length).toBe(stat?.deflatedSize)
  expectBytes(inflated(stored), content)
})

const expectGone = Effect.fnUntraced(function* (digest: Digest) {
  const store = yield* BlobStore
  expect(yield* store.stat(digest)).toBeUndefined()
  for (const bytes of [store.read(digest), store.readDeflated(digest)]) {
    const failure = yield* Effect.flip(Stream.runDrain(bytes))
    expect(failure).toBeInstanceOf(BlobCorrupted)
    expect(failure).toMatchObject({ kind: "corrupt", digest })
  }
})

const listed = Effect.flatMap(BlobStore, (store) => Stream.runCollect(store.list()))

// Around the bounds of a chunk, and of a stored block (RFC 1951).
const edgeSizes = [0, 1, 2, 255, chunkBytesMin, 65_535, chunkBytesAverage, 131_070, chunkBytesMax]
  .flatMap((size) => [size - 1, size, size + 1])
  .filter((size, index, sizes) => size >= 0 && sizes.indexOf(size) === index)

const contentLaws = (law: Law): void => {
  law(
    "a new store is empty",
    Effect.gen(function* () {
      expect(yield* listed).toEqual([])
      yield* expectGone(digestOf(Buffer.from("nobody put this")))
      yield* expectGone(digestOf())
    }),
  )

  for (const [kind, make] of Object.entries({ noise, prose }))
    law(
      `${kind} of every size around a bound comes back, in both forms`,
      Effect.gen(function* () {
        const store = yield* BlobStore
        for (const size of edgeSizes) {
          const content = make(size, size)
          const stat = yield* store.put(content)
          expect(yield* store.stat(stat.digest)).toEqual(stat)
          yield* expectStored(content)
        }
      }),
    )

  law(
    "the empty blob is a blob: its stored form is empty too",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const fromBytes = yield* store.put(new Uint8Array(0))
      const fromStream = yield* store.put(Stream.empty)
      expect(fromBytes).toMatchObject({ digest: digestOf(), size: 0, crc32: 0, deflatedSize: 0 })
      expect(fromStream).toEqual(fromBytes)
      yield* expectStored(new Uint8Array(0))
      expect(yield* listed).toEqual([fromBytes])
    }),
  )

  law(
    "what does not shrink is kept raw, what does is kept deflated",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const raw = yield* store.put(noise(100_000, 1))
      expect(raw.raw).toBe(true)
      expect(raw.deflatedSize).toBeGreaterThanOrEqual(100_000 + 5 * 2)
      expect(raw.deflatedSize).toBeLessThan(101_000)
      const deflated = yield* store.put(prose(100_000, 1))
      expect(deflated.raw).toBe(false)
      expect(deflated.deflatedSize).toBeLessThan(60_000)
      const both = yield* store.put(mixed(900_000, 1))
      expect(both.raw).toBe(false)
      yield* expectStored(mixed(900_000, 1))
    }),
  )

  law(
    "the same bytes give the same blob, however their stream is divided",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const content = mixed(700_000, 2)
      const whole = yield* store.put(content)
      for (const [seed, pieceMax] of [20, 5_000, 70_000, 700_000].entries()) {
        const pieces = divided(content, seed + 1, pieceMax)
        expect(yield* store.put(Stream.fromIterable(pieces))).toEqual(whole)
      }
      expect(yield* listed).toEqual([whole])
    }),
    expectStored(mixed(700_000, 2)),
  )

  law(
    "a stream that comes first gives that same blob",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const content = mixed(700_000, 3)
      const pieces = divided(content, 9, 30_000)
      const streamed = yield* store.put(Stream.fromIterable(pieces))
      yield* expectStored(content)
      yield* store.remove([streamed.digest])
      expect(yield* store.put(content)).toEqual(streamed)
    }),
  )

  law(
    "a source may use its buffer again, and a reader may write into what it was given",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const content = noise(300_000, 4)
      const buffer = Buffer.alloc(10_000)
      const starts = Array.from({ length: 30 }, (_, index) => index * buffer.length)
      const reusing = Stream.fromIterable(starts).pipe(
        Stream.rechunk(1),
        Stream.map((start) => {
          buffer.set(content.subarray(start, start + buffer.length))
          return buffer
        }),
      )
      const small = Buffer.from("a blob of one chunk, with a few bytes that do not shrink")
      yield* store.put(small)
      expect((yield* store.put(reusing)).digest).toBe(digestOf(content))
      for (const bytes of [content, small, content, small])
        for (const read of [store.read, store.readDeflated])
          yield* Stream.runForEach(read(digestOf(bytes)), (piece) =>
            Effect.sync(() => void piece.fill(0)),
          )
      yield* expectStored(content)
      yield* expectStored(small)
    }),
  )
}

const putLaws = (law: Law): void => {
  law(
    "known bytes are the same blob again",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const content = mixed(300_000, 8)
      const first = yield* store.put(content)
      expect(yield* store.put(content)).toEqual(first)
      expect(yield* listed).toEqual([first])
    }),
    Effect.gen(function* () {
      const store = yield* BlobStore
      const [before] = yield* listed
      expect(yield* store.put(mixed(300_000, 8))).toEqual(before)
    }),
  )

  law(
    "concurrent puts of the same bytes are one blob",
    Effect.gen(function* () {
      for (const content of [prose(3_000, 9), mixed(500_000, 9)]) {
        const stats = yield* putAll(Array.from({ length: 8 }, () => Uint8Array.from(content)))
        expect(new Set(stats.map(({ digest }) => digest))).toEqual(new Set([digestOf(content)]))
        for (const stat of stats) expect(stat).toEqual(stats[0])
        yield* expectStored(content)
      }
      expect(yield* listed).toHaveLength(2)
    }),
  )

  law(
    "concurrent puts of different bytes are all there, sorted by digest",
    Effect.gen(function* () {
      const contents = Array.from({ length: 60 }, (_, index) => prose(100 + index * 997, index))
      const stats = yield* putAll(contents)
      const sorted = [...stats].sort((a, b) => (a.digest < b.digest ? -1 : 1))
      expect(yield* listed).toEqual(sorted)
    }),
    Effect.gen(function* () {
      for (let index = 0; index < 60; index += 7)
        yield* expectStored(prose(100 + index * 997, index))
      const digests = (yield* listed).map(({ digest }) => digest)
      expect(digests).toEqual([...digests].sort())
      expect(digests).toHaveLength(60)
    }),
  )

  law(
    "a flush beside puts keeps what was put, and changes nothing else",
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* store.flush
      const contents = [prose(400, 12), mixed(300_000, 12), prose(0, 12)]
      yield* Effect.all([putAll(contents), store.flush, store.flush], { concurrency: "unbounded" })
      const before = yield* listed
      yield* store.flush
      expect(yield* listed).toEqual(before)
    }),
    Effect.gen(function* () {
      for (const content of [prose(400, 12), mixed(300_000, 12), prose(0, 12)])
        yield* expectStored(content)
    }),
  )

  law(
    "the error of a source is passed on, and nothing it sent can be read",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const sent = mixed(800_000, 10)
      const pieces = Stream.fromIterable(divided(sent, 10, 50_000))
      const failing = Stream.concat(pieces, Stream.fail("the source broke off" as const))
      expect(yield* Effect.flip(store.put(failing))).toBe("the source broke off")
      expect(yield* Effect.flip(store.put(Stream.fail("at once" as const)))).toBe("at once")
      yield* expectGone(digestOf(sent))
      yield* expectGone(digestOf())
      expect(yield* listed).toEqual([])
    }),
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* expectGone(digestOf(mixed(800_000, 10)))
      yield* store.put(mixed(800_000, 10))
      yield* expectStored(mixed(800_000, 10))
    }),
  )

  law(
    "an interrupted put stores the blob whole or not at all, and the store goes on",
    Effect.gen(function* () {
      const store = yield* BlobStore
      for (const content of [prose(2_000, 11), mixed(900_000, 11)]) {
        const fiber = yield* Effect.forkChild(store.put(content))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        const stat = yield* store.stat(digestOf(content))
        if (stat !== undefined) yield* expectStored(content)
        expect((yield* store.put(content)).digest).toBe(digestOf(content))
        yield* expectStored(content)
      }
    }),
  )
}

const readLaws = (law: Law): void => {
  law(
    "a read may end early, and others go on",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const content = mixed(3_000_000, 12)
      const { digest } = yield* store.put(content)
      for (const read of [store.read, store.readDeflated]) {
        const [first] = yield* Stream.runCollect(Stream.take(read(digest), 1))
        expect(first?.length).toBeGreaterThan(0)
        const fiber = yield* Effect.forkChild(Stream.runDrain(read(digest)))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
      }
      yield* expectStored(content)
    }),
  )

  law(
    "concurrent reads do not mind each other",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const contents = Array.from({ length: 40 }, (_, index) => mixed(500 + index * 3_001, index))
      yield* putAll(contents)
      const checks = [...contents, ...contents].map((content) =>
        Effect.map(collect(store.readDeflated(digestOf(content))), (stored) =>
          expectBytes(inflated(stored), content),
        ),
      )
      yield* Effect.all(checks, { concurrency: 16, discard: true })
    }),
  )

  law(
    "the stored form does not change while the blob is stored",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const { digest } = yield* store.put(mixed(500_000, 13))
      const before = yield* collect(store.readDeflated(digest))
      const other = yield* store.put(mixed(500_000, 14))
      yield* store.put(Buffer.concat([mixed(500_000, 13), noise(10, 1)]))
      yield* store.remove([other.digest])
      expectBytes(yield* collect(store.readDeflated(digest)), before)
    }),
  )
}

const chunkLaws = (law: Law): void => {
  law(
    "a blob is made of chunks that add up, and contents that are alike have some in common",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const [first, longer] = [noise(900_000, 21), prose(300_000, 22)]
      const whole = yield* store.put(first)
      const alike = yield* store.put(Buffer.concat([first, longer]))
      const [ofFirst, ofBoth] = [
        yield* store.chunks(whole.digest),
        yield* store.chunks(alike.digest),
      ]
      expect(ofFirst.reduce((sum, { storedSize }) => sum + storedSize, 0)).toBe(900_000)
      const sum = ofBoth.reduce((bytes, { storedSize }) => bytes + storedSize, 0)
      expect(sum).toBeLessThan(1_200_000)
      // All but the last chunk of the first, which goes on in the second.
      const common = ofFirst.filter(({ digest }, at) => ofBoth[at]?.digest === digest)
      expect(common).toHaveLength(ofFirst.length - 1)
      expect(ofFirst.length).toBeGreaterThan(4)
    }),
  )

  law(
    "chunks that repeat are told each time, and of what is not there there are none",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const { digest } = yield* store.put(new Uint8Array(4 * chunkBytesMax))
      const chunks = yield* store.chunks(digest)
      expect(chunks).toHaveLength(4)
      expect(new Set(chunks.map((chunk) => chunk.digest)).size).toBe(1)
      expect(yield* store.chunks(digestOf(Buffer.from("nobody put this")))).toEqual([])
    }),
  )
}

const checkLaws = (law: Law): void => {
  law(
    "what is stored is read through, part by part, and is whole",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const contents = [noise(700_000, 31), prose(300_000, 32), prose(20, 33)]
      yield* putAll(contents)
      let [bytes, frames] = [0, 0]
      let resume: string | undefined
      do {
        const part = yield* store.check(resume, 100_000)
        expect(part.damage).toEqual([])
        bytes += part.bytes
        frames += part.frames
        resume = part.resume
      } while (resume !== undefined)
      expect(bytes).toBeGreaterThan(700_000)
      // A recipe for each, and a chunk at least.
      expect(frames).toBeGreaterThanOrEqual(6)
      for (const content of contents) expect(yield* store.isThere(digestOf(content))).toBe(true)
      const [chunk] = yield* store.chunks(digestOf(contents[0] ?? noise(1, 1)))
      expect(yield* store.isThere(chunk?.digest ?? digestOf())).toBe(false)
      expect(yield* store.isThere(digestOf(Buffer.from("nobody put this")))).toBe(false)
    }),
  )
}

const removeLaws = (law: Law): void => {
  const shared = mixed(700_000, 15)
  const longer = Buffer.concat([shared, prose(200_000, 16)])
  const small = prose(500, 17)

  law(
    "a removed blob is gone, and others keep the chunks they share with it",
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* putAll([shared, longer, small])
      yield* store.remove([digestOf(shared)])
      yield* expectGone(digestOf(shared))
      yield* expectStored(longer)
      expect(yield* listed).toHaveLength(2)
    }),
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* expectGone(digestOf(shared))
      yield* expectStored(longer)
      yield* store.remove([digestOf(longer), digestOf(longer)])
      yield* expectGone(digestOf(longer))
      yield* expectStored(small)
    }),
    Effect.gen(function* () {
      expect(yield* listed).toHaveLength(1)
      yield* putAll([shared, longer])
      yield* expectStored(shared)
      yield* expectStored(longer)
    }),
  )

  law(
    "removing what is not there, or nothing, changes nothing",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const stat: BlobStat = yield* store.put(small)
      yield* store.remove([])
      yield* store.remove([digestOf(shared), digestOf()])
      expect(yield* listed).toEqual([stat])
      yield* expectStored(small)
    }),
  )

  law(
    "a put beside a removal is there, whole, unless it came first",
    Effect.gen(function* () {
      const store = yield* BlobStore
      yield* putAll([shared, longer, small])
      const removal = store.remove([digestOf(shared), digestOf(small)])
      const puts = [longer, prose(90_000, 18), Buffer.concat([shared, small])]
      yield* Effect.all([removal, ...puts.map((content) => store.put(content))], {
        concurrency: "unbounded",
        discard: true,
      })
      for (const content of puts) yield* expectStored(content)
      for (const content of [shared, small]) {
        yield* store.put(content)
        yield* expectStored(content)
      }
    }),
    Effect.gen(function* () {
      for (const content of [shared, longer, small]) yield* expectStored(content)
    }),
  )
}

/** Runs the laws against a driver; the name says which, with its options. */
export const blobStoreContract = (name: string, freshBlobs: FreshBlobs): void => {
  const law: Law = (title, ...programs) => {
    it(title, async () => {
      const run = Effect.gen(function* () {
        const open = yield* freshBlobs
        for (const program of programs) yield* Effect.provide(program, open())
      })
      await Effect.runPromise(Effect.scoped(run))
    })
  }

  describe(`the laws of a blob store: ${name}`, () => {
    describe("content", () => contentLaws(law))
    describe("ranges", () => rangeLaws(law))
    describe("parts of many", () => partLaws(law))
    describe("puts", () => putLaws(law))
    describe("chunks", () => chunkLaws(law))
    describe("checks", () => checkLaws(law))
    describe("reads", () => readLaws(law))
    describe("removals", () => removeLaws(law))
    describe("keeping", () => keepLaws(law))
    describe("prepared contents", () => preparedLaws(law))
  })
}
