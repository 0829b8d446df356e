/**
 * Removals that follow each other, and removals on a disk that is full: what each of them takes,
 * and when the bytes are given back.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { tightRemovalCountMax, tightSliceCountMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import type { BlobStoreShape } from "./blob-store.js"
import type { Move } from "./index-moves.js"
import {
  allPacks,
  diskError,
  dropIndex,
  fileHandles,
  flipBit,
  listBlobs,
  offsetOf,
  openParts,
  packFile,
  packsSize,
  readBlob,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import { removeBlobs } from "./removal.js"
import { expectBytes, noise } from "./samples.contract.js"

const temporary = temporaryDirectory()
const inside = () => join(temporary(), "blob")

afterEach(() => vi.restoreAllMocks())

const putEach = (blobs: BlobStoreShape, contents: ReadonlyArray<Uint8Array>) =>
  Effect.forEach(contents, (content) => blobs.put(content), { concurrency: 100, discard: true })

/** How many moves there were at once, of some kind alone. */
const moves = (all: ReadonlyArray<ReadonlyArray<Move>>, kind: Move["kind"]) =>
  all.filter((one) => one.every((move) => move.kind === kind)).map((one) => one.length)

describe("removals that are followed by more", () => {
  const none = Buffer.of()
  const contents = Array.from({ length: 30 }, (_, at) => noise(10_000, 300 + at))
  const digests = contents.map((content) => digestOf(content))
  const more = { more: true }

  it("take their blobs at once, and the bytes with the last of them", async () => {
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        yield* putEach(blobs, contents)
        const before = packsSize(inside())
        const bytes = yield* blobs.removing((removeSome) =>
          Effect.gen(function* () {
            for (const at of [0, 10]) {
              const answer = yield* removeSome(digests.slice(at, at + 10), more)
              expect(answer).toEqual({ removed: 10, bytes: 0, kept: [] })
              expect(yield* listBlobs(blobs)).toHaveLength(20 - at)
            }
            // One of those is put again before its bytes go.
            yield* blobs.put(contents[3] ?? none)
            expect(packsSize(inside())).toBeGreaterThanOrEqual(before)
            return (yield* removeSome(digests.slice(20, 25))).bytes
          }),
        )
        expect(bytes).toBeGreaterThan(230_000)
        const left = [contents[3] ?? none, ...contents.slice(25)]
        expect(yield* listBlobs(blobs)).toEqual(left.map((one) => digestOf(one)).sort())
        for (const content of left) expectBytes(yield* readBlob(blobs, content), content)
      }),
    )
    dropIndex(inside())
    expect(await useBlobs(inside(), listBlobs)).toHaveLength(6)
  })

  it("leave their bytes to the next one, where the last of them never came", async () => {
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        yield* putEach(blobs, contents)
        expect(yield* blobs.remove(digests.slice(0, 20), more)).toMatchObject({ removed: 20 })
      }),
    )
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        expect((yield* blobs.remove([], { thorough: true })).bytes).toBeGreaterThan(190_000)
        for (const content of contents.slice(20))
          expectBytes(yield* readBlob(blobs, content), content)
      }),
    )
  })

  it("give back at once where damage is known: nobody could say later what they had", async () => {
    await useBlobs(inside(), (blobs) => putEach(blobs, contents))
    flipBit(packFile(inside(), 1), offsetOf(packFile(inside(), 1), contents[29] ?? none) + 5)
    const quarantine = join(temporary(), "quarantine")
    await useBlobs(
      inside(),
      (blobs) =>
        Effect.gen(function* () {
          yield* Effect.flip(readBlob(blobs, contents[29] ?? none))
          yield* blobs.remove(digests.slice(0, 20), more)
          const packs = allPacks(inside())
          for (const content of contents.slice(0, 20)) expect(packs.indexOf(content)).toBe(-1)
        }),
      { quarantine },
    )
  })
})

describe("a disk that is full", () => {
  const large = Array.from({ length: 30 }, (_, at) => noise(1_000 + at, 10 + at))

  it("gives back by small slices, of few blobs at a time, without sparing any pack", async () => {
    const many = Array.from({ length: 5_000 }, (_, at) => noise(40, at))
    await useBlobs(inside(), (blobs) => putEach(blobs, [...many, ...large]))
    const store = await openParts(inside())
    const rewritten = vi.spyOn(store.index, "rewrite")
    const asked: Array<number> = []
    const before = packsSize(inside())
    const makeRoom = () => {
      asked.push(rewritten.mock.calls.length)
      return Promise.resolve(false)
    }
    const gone = [...many.slice(0, 4_500), ...large.slice(0, 10)].map((one) => digestOf(one))
    const room = () => Promise.resolve(0)
    const { removed, bytes } = await removeBlobs(store, gone, { room, makeRoom })
    expect([removed, asked]).toEqual([gone.length, [0]])
    expect(bytes).toBe(before - packsSize(inside()))
    const moved = rewritten.mock.calls.map(([{ moves }]) => moves)
    // Blobs first, then slices: of 4,096 blobs, then of the rest.
    const forgotten = moves(moved, "recipe").filter((count) => count > 1_024)
    expect(forgotten).toEqual([tightRemovalCountMax])
    expect(Math.max(...moves(moved, "chunk"))).toBeLessThanOrEqual(tightSliceCountMax)
    await store.close()
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        for (const content of [...many.slice(4_500), ...large.slice(10)])
          expectBytes(yield* readBlob(blobs, content), content)
      }),
    )
  })

  it("is tried again with the room that was kept for it", async () => {
    await useBlobs(inside(), (blobs) => putEach(blobs, large))
    const store = await openParts(inside())
    const handles = await fileHandles(temporary())
    const full = vi.spyOn(handles, "writev").mockRejectedValue(diskError("ENOSPC"))
    let times = 0
    const makeRoom = () => {
      times += 1
      full.mockRestore()
      return Promise.resolve(true)
    }
    const gone = large.slice(0, 10).map((one) => digestOf(one))
    expect(await removeBlobs(store, gone, { makeRoom })).toMatchObject({ removed: 10 })
    expect(times).toBe(1)
    await store.close()
    await useBlobs(inside(), (blobs) =>
      Effect.forEach(large.slice(10), (content) =>
        Effect.map(readBlob(blobs, content), (bytes) => expectBytes(bytes, content)),
      ),
    )
  })
})
