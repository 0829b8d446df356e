/**
 * What is said about room agrees: a sweep gives back what `usage` and its own dry run said it
 * would, and takes what stays for nothing.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import type { LedgerApi } from "./api.js"
import { MemoryPlace } from "./places.contract.js"

const texts = Array.from({ length: 6 }, (_, at) => `text ${at} `.repeat(at * 1_000 + 1))

type Made = ReadonlyArray<{ readonly of: number; readonly text: number; readonly gone: boolean }>

const made: fc.Arbitrary<Made> = fc.array(
  fc.record({ of: fc.nat({ max: 2 }), text: fc.nat({ max: 5 }), gone: fc.boolean() }),
  { maxLength: 12 },
)

const agree = Effect.fnUntraced(function* (ledger: LedgerApi<"effect">, all: Made) {
  for (const { of, text, gone } of all) {
    const { id } = yield* ledger.save(`a${of}`, texts[text])
    if (gone) yield* ledger.delete(id)
  }
  const now = { undoDays: 0 }
  const before = yield* ledger.usage(now)
  expect((yield* ledger.usage()).undo).toBe(before.reclaimable)
  const kept = yield* Effect.forEach(texts, (text) =>
    ledger.whyKept(digestOf(Buffer.from(text)), now),
  )
  const dry = yield* ledger.sweep({ ...now, dryRun: true })
  expect(dry.bytes).toBe(before.reclaimable)
  expect(dry.blobs).toBe(kept.filter(({ stored, count }) => stored && count === 0).length)
  const done = yield* ledger.sweep(now)
  expect([done.versions, done.blobs]).toEqual([dry.versions, dry.blobs])
  const after = yield* ledger.usage(now)
  expect(after).toMatchObject({ stored: before.stored, logical: before.logical, reclaimable: 0 })
  for (const [at, text] of texts.entries()) {
    const { stored } = yield* ledger.whyKept(digestOf(Buffer.from(text)), now)
    expect(stored).toBe((kept[at]?.count ?? 0) > 0)
  }
})

describe("what is said about room", () => {
  it("agrees, whatever was saved and deleted", () =>
    fc.assert(
      fc.asyncProperty(made, (all) => new MemoryPlace(0).use((ledger) => agree(ledger, all))),
      { numRuns: 100 },
    ))
})
