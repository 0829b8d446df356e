/**
 * Taking bytes in: bounded memory, one look at known bytes, and nothing kept of a broken source.
 * That the result is the same for bytes and streams is the contract's.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import { defaultChunking, fastcdc } from "./chunk.js"
import type { Frame } from "./frame.js"
import { type BlobDraft, takeIn } from "./intake.js"
import type { Recipe } from "./recipe.js"
import { divided, mixed, noise, prose } from "./samples.contract.js"

const cuts = fastcdc(defaultChunking)

/** A draft that writes down what it is asked. */
const recording = (known: ReadonlyMap<Digest, Frame> = new Map()) => {
  const calls: Array<string> = []
  const kept: Array<Frame> = []
  let recipe: Recipe | undefined
  const keep = (frames: ReadonlyArray<Frame>) =>
    Effect.sync(() => {
      kept.push(...frames)
    })
  const draft: BlobDraft = {
    blob: () => {
      calls.push("blob")
      return undefined
    },
    chunk: (digest) => {
      calls.push("chunk")
      return known.get(digest)
    },
    append: (frames) => {
      calls.push("append")
      return keep(frames)
    },
    commit: (frames, given) => {
      calls.push("commit")
      recipe = given[0]
      return keep(frames)
    },
    close: () => void calls.push("close"),
  }
  return { draft, calls, kept, recipe: () => recipe }
}

const take = <E>(source: Uint8Array | Stream.Stream<Uint8Array, E>, draft: BlobDraft) =>
  Effect.runPromise(takeIn(cuts, Effect.succeed(draft), source))

describe("a small put", () => {
  it("asks once for the blob, once for its chunk, and commits once", async () => {
    const content = prose(5_000, 1)
    const { draft, calls, kept, recipe } = recording()
    const stat = await take(content, draft)
    expect(calls).toEqual(["blob", "chunk", "commit", "close"])
    expect(kept.map(({ digest, form }) => [digest, form])).toEqual([[digestOf(content), "deflate"]])
    expect(recipe()?.stat).toEqual(stat)
    expect(recipe()?.count).toBe(1)
  })

  it("of known bytes asks once and writes nothing", async () => {
    const { draft, calls } = recording()
    const content = prose(5_000, 2)
    const stat = await take(content, recording().draft)
    const knowing = { ...draft, blob: () => stat }
    expect(await take(content, knowing)).toBe(stat)
    expect(calls).toEqual(["commit", "close"])
  })

  it("of known chunks keeps the recipe only", async () => {
    const content = prose(5_000, 3)
    const first = recording()
    await take(content, first.draft)
    const known = new Map(first.kept.map((frame) => [frame.digest, frame]))
    const second = recording(known)
    await take(content, second.draft)
    expect(second.kept).toEqual([])
    expect(second.recipe()?.stat).toEqual(first.recipe()?.stat)
  })
})

describe("a long put", () => {
  it("hands chunks on by the megabyte, in order", async () => {
    const content = mixed(6_000_000, 4)
    const { draft, calls, kept, recipe } = recording()
    await take(content, draft)
    expect(calls.filter((call) => call === "append").length).toBeGreaterThanOrEqual(4)
    const order = Array.from(cuts.whole(content), (chunk) => digestOf(chunk))
    expect(kept.map(({ digest }) => digest)).toEqual(order)
    expect(recipe()?.count).toBe(order.length)
  })

  it("pulls a source only as fast as its chunks are kept", async () => {
    const { draft, calls } = recording()
    const pieces = divided(noise(5_000_000, 5), 5, 500_000)
    let pulled = 0
    const source = Stream.fromIterable(pieces).pipe(
      Stream.rechunk(1),
      Stream.tap((piece) =>
        Effect.sync(() => {
          pulled += piece.length
          const appended = calls.filter((call) => call === "append").length
          expect(pulled).toBeLessThanOrEqual((appended + 1) * 1_600_000)
        }),
      ),
    )
    await take(source, draft)
    expect(pulled).toBe(5_000_000)
  })
})

describe("a source that breaks", () => {
  it("ends the put with its error, before any recipe", async () => {
    const { draft, calls } = recording()
    const broken = Stream.concat(Stream.make(noise(3_000_000, 6)), Stream.fail("broken" as const))
    const failure = await Effect.runPromise(
      Effect.flip(takeIn(cuts, Effect.succeed(draft), broken)),
    )
    expect(failure).toBe("broken")
    expect(calls).toContain("append")
    expect(calls).not.toContain("commit")
    expect(calls.at(-1)).toBe("close")
  })

  it("is closed like any other when the put is interrupted", async () => {
    const { draft, calls } = recording()
    const endless = Stream.concat(Stream.make(prose(10, 1)), Stream.never)
    const put = takeIn(cuts, Effect.succeed(draft), endless)
    await Effect.runPromise(Effect.raceFirst(put, Effect.yieldNow))
    expect(calls).toEqual(["close"])
  })
})
