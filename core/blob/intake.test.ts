/**
 * Taking bytes in: one look at known bytes, and chunks handed on as they are made. That the result
 * is the same for bytes and streams is the contract's.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { defaultChunking, fastcdc } from "./chunk.js"
import type { BlobDraft } from "./draft.js"
import { takeIn } from "./intake.js"
import { recording } from "./recording.contract.js"
import { mixed, prose } from "./samples.contract.js"

const cuts = fastcdc(defaultChunking)

const take = (source: Uint8Array, draft: BlobDraft) =>
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
})
