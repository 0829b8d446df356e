/**
 * Sending: what a full read checks at the end, how much is loaded at once, and that a reader who
 * leaves costs nothing. Forms and ranges are the contract's.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { BlobCorrupted } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { Frame } from "./frame.js"
import { frameOf, recipeOf } from "./packs.contract.js"
import { isProven } from "./proven.js"
import type { Recipe } from "./recipe.js"
import { corrupted } from "./rules.js"
import { collect, expectBytes, noise } from "./samples.contract.js"
import { type LoadChunks, sendBlob } from "./send.js"

const frames = Array.from({ length: 200 }, (_, index) => frameOf(noise(30_000 + index, index)))
const content = Buffer.concat(frames.map(({ stored }) => stored))

const loading = (found: ReadonlyArray<Frame> = frames) => {
  const asked: Array<number> = []
  const load: LoadChunks = (wanted) => {
    asked.push(wanted.length)
    const start = asked.slice(0, -1).reduce((sum, count) => sum + count, 0)
    return Promise.resolve(found.slice(start, start + wanted.length))
  }
  return { asked, load }
}

const send = (recipe: Recipe, load: LoadChunks, sent: "content" | "deflated" = "content") =>
  sendBlob(() => recipe, recipe.stat.digest, sent, undefined, load)

const recipe = recipeOf(frames)

describe("a full read", () => {
  it("loads about a megabyte at a time", async () => {
    const { asked, load } = loading()
    expectBytes(await Effect.runPromise(collect(send(recipe, load))), content)
    expect(asked.reduce((sum, count) => sum + count, 0)).toBe(200)
    expect(Math.max(...asked)).toBe(34)
    const early = loading()
    await Effect.runPromise(Stream.runDrain(Stream.take(send(recipe, early.load), 1)))
    expect(early.asked).toEqual([34, 34, 34])
    const never = loading()
    send(recipe, never.load)
    expect(never.asked).toEqual([])
  })

  it("keeps the last bytes back when the whole is not the blob", async () => {
    const other = { ...recipe, stat: { ...recipe.stat, digest: digestOf(Buffer.from("other")) } }
    const lie = { ...recipe, stat: { ...recipe.stat, storedDigest: digestOf() } }
    for (const [wrong, sent] of [
      [other, "content"],
      [lie, "deflated"],
    ] as const) {
      let sum = 0
      const exit = await Effect.runPromise(
        Effect.exit(
          Stream.runForEach(send(wrong, loading().load, sent), ({ length }) =>
            Effect.sync(() => {
              sum += length
            }),
          ),
        ),
      )
      expect(Exit.isFailure(exit)).toBe(true)
      expect(sum).toBeGreaterThan(0)
      expect(sum).toBeLessThan(content.length)
    }
    // Each form is checked by its own digest.
    expect((await Effect.runPromise(collect(send(lie, loading().load)))).length).toBe(
      content.length,
    )
  })

  it("hashes chunks, but not the whole, of what was proven before", async () => {
    const proven = recipeOf(frames.slice(0, 3))
    await Effect.runPromise(collect(send(proven, loading().load)))
    expect(isProven(proven)).toBe(true)
    const drain = (found: ReadonlyArray<Frame>) =>
      Effect.runPromise(Effect.exit(collect(send(proven, loading(found).load))))
    expect(Exit.isSuccess(await drain(frames))).toBe(true)
    // Not in the order in which they make it up.
    expect(Exit.isFailure(await drain(frames.slice(0, 3).reverse()))).toBe(true)
  })

  it("proves nothing that is not the blob", async () => {
    const part = recipeOf(frames.slice(0, 2))
    const other = { ...part, stat: { ...part.stat, digest: digestOf(Buffer.from("other")) } }
    for (let tries = 0; tries < 2; tries += 1) {
      const exit = await Effect.runPromise(Effect.exit(collect(send(other, loading().load))))
      expect(Exit.isFailure(exit)).toBe(true)
      expect(isProven(other)).toBe(false)
    }
  })

  it("notices a recipe that calls something empty", async () => {
    const empty = recipeOf([])
    expect((await Effect.runPromise(collect(send(empty, loading().load)))).length).toBe(0)
    const lie = { ...empty, stat: { ...empty.stat, digest: recipe.stat.digest } }
    const failure = await Effect.runPromise(Effect.flip(collect(send(lie, loading().load))))
    expect(failure).toMatchObject({ _tag: "BlobCorrupted", digest: recipe.stat.digest })
  })

  it("stops at a chunk that is whole but does not inflate", async () => {
    const [first = frameOf(noise(1, 1)), ...others] = frames
    const form = { ...first, form: "deflate" as const, size: 10_000_000 }
    const failure = await Effect.runPromise(
      Effect.flip(collect(send(recipe, loading([form, ...others]).load))),
    )
    expect(failure).toBeInstanceOf(BlobCorrupted)
    expect(failure.message).toContain("does not inflate")
  })
})

describe("a chunk that cannot be loaded", () => {
  const failure = corrupted(recipe.stat.digest, "has a hole")

  it("fails the read where it lies, not before", async () => {
    let runs = 0
    const load: LoadChunks = (wanted) => {
      runs += 1
      return runs < 3
        ? Promise.resolve(frames.slice((runs - 1) * 34, (runs - 1) * 34 + wanted.length))
        : Promise.reject(failure)
    }
    let sum = 0
    const counted = Stream.runForEach(send(recipe, load), ({ length }) =>
      Effect.sync(() => {
        sum += length
      }),
    )
    expect(await Effect.runPromise(Effect.flip(counted))).toBe(failure)
    const two = frames.slice(0, 68).reduce((bytes, { size }) => bytes + size, 0)
    expect(sum).toBe(two)
  })

  it("is no unhandled rejection for a reader who has left", async () => {
    let runs = 0
    const load: LoadChunks = (wanted) => {
      runs += 1
      return runs === 1 ? Promise.resolve(frames.slice(0, wanted.length)) : Promise.reject(failure)
    }
    const first = Stream.take(send(recipe, load), 1)
    expect(await Effect.runPromise(Stream.runCollect(first))).toHaveLength(1)
    expect(runs).toBe(3)
  })

  it("is one of nothing when the blob is not found", async () => {
    const { asked, load } = loading()
    const find = () => {
      throw failure
    }
    const bytes = sendBlob(find, recipe.stat.digest, "content", undefined, load)
    expect(await Effect.runPromise(Effect.flip(collect(bytes)))).toBe(failure)
    expect(asked).toEqual([])
  })
})
