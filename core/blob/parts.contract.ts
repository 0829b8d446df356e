/**
 * The laws of reading parts: ranges of a blob, and parts of many blobs at once.
 *
 * A part of the suite of `blob-store.contract.ts`, and knows only the port, as that does.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { expect } from "vitest"
import { chunkBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { type BlobPart, BlobStore, type ByteRange } from "./blob-store.js"
import { collect, divided, expectBytes, mixed, noise, numbers, prose } from "./samples.contract.js"

type Program = Effect.Effect<void, unknown, BlobStore>

/** States a law: the programs run one after the other, the store closed and reopened in between. */
export type Law = (title: string, ...programs: ReadonlyArray<Program>) => void

export const putAll = (contents: ReadonlyArray<Uint8Array>) =>
  Effect.flatMap(BlobStore, (store) =>
    Effect.forEach(contents, (content) => store.put(content), { concurrency: "unbounded" }),
  )

const rangesOf = (size: number, seed: number): ReadonlyArray<ByteRange> => {
  const next = numbers(seed)
  const edges = [0, 1, 65_534, 65_535, 65_536, chunkBytesMax, size - 1, size]
  const inside = edges.filter((edge) => edge >= 0 && edge <= size)
  const random = Array.from({ length: 20 }, () => {
    const start = next(size)
    return { start, end: start + next(size - start + 1) }
  })
  return [...inside.flatMap((start) => inside.map((last) => ({ start, end: last }))), ...random]
}

export const rangeLaws = (law: Law): void => {
  law(
    "a range is that part of the whole, in both forms",
    Effect.gen(function* () {
      const store = yield* BlobStore
      for (const content of [mixed(600_000, 5), prose(1_000, 5), noise(140_000, 5)]) {
        const { digest } = yield* store.put(content)
        for (const read of [store.read, store.readDeflated]) {
          const whole = yield* collect(read(digest))
          for (const range of rangesOf(whole.length, content.length))
            expectBytes(
              yield* collect(read(digest, range)),
              whole.subarray(range.start, Math.max(range.start, range.end)),
            )
        }
      }
    }),
  )

  law(
    "ranges side by side make up the whole",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const { digest } = yield* store.put(mixed(400_000, 6))
      for (const [seed, read] of [store.read, store.readDeflated].entries()) {
        const whole = yield* collect(read(digest))
        const lengths = divided(whole, seed + 1, 60_000).map(({ length }) => length)
        const parts: Array<Uint8Array> = []
        let start = 0
        for (const length of lengths) {
          parts.push(yield* collect(read(digest, { start, end: start + length })))
          start += length
        }
        expectBytes(Buffer.concat(parts), whole)
      }
    }),
  )

  law(
    "a range is clamped to the blob",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const content = prose(50_000, 7)
      const { digest } = yield* store.put(content)
      const readRange = (start: number, last: number) =>
        collect(store.read(digest, { start, end: last }))
      expectBytes(yield* readRange(-10, 20), content.subarray(0, 20))
      expectBytes(yield* readRange(49_990, 1e15), content.subarray(49_990))
      expectBytes(yield* readRange(0, Number.POSITIVE_INFINITY), content)
      for (const [start, last] of [
        [50_000, 50_001],
        [60_000, 70_000],
        [20, 10],
        [5, 5],
      ] as const)
        expectBytes(yield* readRange(start, last), new Uint8Array(0))
      const empty = yield* store.put(new Uint8Array(0))
      expectBytes(yield* collect(store.read(empty.digest, { start: 0, end: 1 })), Buffer.of())
    }),
  )
}

export const partLaws = (law: Law): void => {
  law(
    "parts of many blobs are what each read by itself gives, in whatever order",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const contents = [mixed(900_000, 21), noise(70_000, 22), new Uint8Array(0)].concat(
        Array.from({ length: 30 }, (_, index) => prose(200 + index * 97, index)),
      )
      yield* putAll(contents)
      const forms = [
        ["content", store.read],
        ["deflated", store.readDeflated],
      ] as const
      const asked: Array<BlobPart & { readonly expected: Uint8Array }> = []
      for (const content of contents.toReversed())
        for (const [sent, read] of forms) {
          const digest = digestOf(content)
          const whole = yield* collect(read(digest))
          const ranges =
            whole.length < 50
              ? []
              : [
                  { start: 7, end: 31 },
                  { start: 40, end: 40 },
                ]
          for (const range of [undefined, ...ranges]) {
            const expected = whole.subarray(range?.start, range?.end)
            const into = new Uint8Array(expected.length)
            asked.push({ digest, sent, into, expected, ...(range === undefined ? {} : { range }) })
          }
        }
      yield* store.readInto(asked)
      for (const { into, expected } of asked) expectBytes(into, expected)
      yield* store.readInto([])
    }),
  )

  law(
    "whole contents come in the order asked for, one that is not there is corrupt",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const contents = [mixed(900_000, 26), new Uint8Array(0)].concat(
        Array.from({ length: 40 }, (_, index) => prose(100 + index * 31, index)),
      )
      yield* putAll(contents)
      const asked = [...contents.toReversed(), ...contents.slice(0, 3)]
      const digests = asked.map((content) => digestOf(content))
      const read = yield* store.readWhole(digests)
      expect(read).toHaveLength(asked.length)
      for (const [at, content] of asked.entries())
        expectBytes(read[at] ?? content.subarray(1), content)
      expect(yield* store.readWhole([])).toEqual([])
      const gone = digestOf(noise(10, 27))
      const failed = yield* Effect.flip(store.readWhole([...digests.slice(0, 2), gone]))
      expect(failed).toMatchObject({ _tag: "BlobCorrupted", digest: gone })
    }),
  )

  law(
    "a part of a blob that is not there is corrupt, one of another length a defect",
    Effect.gen(function* () {
      const store = yield* BlobStore
      const { digest } = yield* store.put(prose(1_000, 23))
      const gone = digestOf(noise(10, 24))
      const into = new Uint8Array(1_000)
      const failed = yield* Effect.flip(
        store.readInto([
          { digest, sent: "content", into },
          { digest: gone, sent: "content", into },
        ]),
      )
      expect(failed).toMatchObject({ _tag: "BlobCorrupted", digest: gone })
      for (const length of [999, 1_001]) {
        const part: BlobPart = { digest, sent: "content", into: new Uint8Array(length) }
        const exit = yield* Effect.exit(store.readInto([part]))
        expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
      }
    }),
  )
}
