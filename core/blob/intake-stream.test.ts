/**
 * Taking a stream in: bounded memory, which is used again, and nothing kept of a broken source.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import { defaultChunking, fastcdc } from "./chunk.js"
import type { BlobDraft } from "./draft.js"
import type { Frame } from "./frame.js"
import { takeIn } from "./intake.js"
import { prepare } from "./prepared.js"
import { recording } from "./recording.contract.js"
import { divided, mixed, noise, prose } from "./samples.contract.js"

const cuts = fastcdc(defaultChunking)

const take = <E>(source: Stream.Stream<Uint8Array, E>, draft: BlobDraft) =>
  Effect.runPromise(takeIn(cuts, Effect.succeed(draft), source))

const streamOf = (content: Uint8Array, pieceMax = 100_000) =>
  Stream.rechunk(Stream.fromIterable(divided(content, 7, pieceMax)), 1)

const copied = (frames: ReadonlyArray<Frame>): ReadonlyArray<Frame> =>
  frames.map((frame) => ({ ...frame, stored: Uint8Array.from(frame.stored) }))

/** A draft that reads what it was given at the last moment, as one does that still writes it. */
const lateReading = (known: ReadonlyMap<Digest, Frame> = new Map()) => {
  const { draft, recipe } = recording(known)
  const read: Array<Frame> = []
  let before: ReadonlyArray<Frame> = []
  const late = (frames: ReadonlyArray<Frame>) =>
    Effect.sync(() => {
      read.push(...copied(before))
      before = frames
    })
  const append: BlobDraft["append"] = late
  const commit: BlobDraft["commit"] = (frames, recipes) =>
    Effect.andThen(draft.commit(frames, recipes), Effect.andThen(late(frames), late([])))
  return { draft: { ...draft, append, commit }, read, recipe }
}

describe("a stream", () => {
  it("is kept as its bytes would be, in order", async () => {
    const content = mixed(9_000_000, 4)
    const { draft, read, recipe } = lateReading()
    const stat = await take(streamOf(content), draft)
    const { digest, crc32, chunks } = prepare(cuts, content)
    expect(stat).toMatchObject({ digest, crc32, size: content.length })
    expect(read.map((frame) => ({ ...frame, stored: digestOf(frame.stored) }))).toEqual(
      chunks.map((frame) => ({ ...frame, stored: digestOf(frame.stored) })),
    )
    expect(recipe()?.count).toBe(chunks.length)
  })

  it("keeps of known chunks nothing, and of those behind them everything", async () => {
    const [old, fresh] = [mixed(5_000_000, 8), mixed(3_000_000, 9)]
    const content = Buffer.concat([old, fresh, old])
    const wanted = prepare(cuts, content).chunks
    const known = new Map(prepare(cuts, old).chunks.map((frame) => [frame.digest, frame]))
    const { draft, read, recipe } = lateReading(known)
    await take(streamOf(content), draft)
    const kept = wanted.filter(({ digest }) => !known.has(digest))
    expect(kept.length).toBeGreaterThan(10)
    expect(kept.length).toBeLessThan(wanted.length / 2)
    expect(read.map(({ stored }) => digestOf(stored))).toEqual(
      kept.map(({ storedDigest }) => storedDigest),
    )
    expect(recipe()?.count).toBe(wanted.length)
  })

  it("of one chunk, or of none, is committed at once", async () => {
    for (const content of [prose(9_000, 2), new Uint8Array(0)]) {
      const { draft, calls, kept } = recording()
      const stat = await take(streamOf(content), draft)
      expect(stat).toMatchObject({ digest: digestOf(content), size: content.length })
      expect(calls.slice(-2)).toEqual(["commit", "close"])
      expect(calls).not.toContain("append")
      expect(kept).toHaveLength(Math.sign(content.length))
    }
  })

  it("is pulled only as fast as its chunks are kept", async () => {
    const { draft, calls } = recording()
    const size = 20_000_000
    let pulled = 0
    const source = Stream.tap(streamOf(noise(size, 5), 500_000), (piece) =>
      Effect.sync(() => {
        pulled += piece.length
        const appended = calls.filter((call) => call === "append").length
        expect(pulled).toBeLessThanOrEqual((appended + 5) * 1_048_576)
      }),
    )
    await take(source, draft)
    expect(pulled).toBe(size)
  })
})

describe("a source that breaks", () => {
  it("ends the put with its error, before any recipe", async () => {
    const { draft, calls } = recording()
    const content = streamOf(noise(9_000_000, 6))
    const broken = Stream.concat(content, Stream.fail("broken" as const))
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
