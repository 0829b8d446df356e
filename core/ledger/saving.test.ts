/**
 * Saving in its order: what can be refused is refused before content is stored, what could only be
 * refused now but not then is not, and the value is that of the call.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import type { LedgerApi } from "./api.js"
import type { SaveOptions } from "./call-options.js"
import { MemoryPlace } from "./places.contract.js"

type Api = LedgerApi<"effect">

/** A stream that tells whether anybody has pulled it. */
const watched = () => {
  const seen = { pulled: false }
  const stream = (async function* () {
    seen.pulled = true
    yield await Promise.resolve(new Uint8Array(100_000).fill(7))
  })()
  return { seen, stream }
}

const situation = Effect.fnUntraced(function* (ledger: Api) {
  yield* ledger.save("a", 1, { version: "used" })
  yield* ledger.defineTag("only", { exclusive: true })
  yield* ledger.tag("a", "only")
  yield* ledger.save("gone", 1)
  yield* ledger.delete({ artifact: "gone" })
})

const refusals: ReadonlyArray<readonly [string, string, SaveOptions, string]> = [
  ["a label that is used", "a", { version: "used" }, "VersionExists"],
  ["a label that is an exclusive tag", "a", { version: "only" }, "NameTaken"],
  ["an artifact that is deleted", "gone", {}, "NameTaken"],
  ["an input that is missing", "a", { inputs: ["nowhere"] }, "ArtifactMissing"],
  ["an expectation that fails", "a", { expect: { latest: null } }, "ExpectationFailed"],
  ["a key that is none", "a", { idempotencyKey: "" }, "InvalidInput"],
  ["a reason that is too long", "a", { reason: "x".repeat(2_000) }, "InvalidInput"],
]

describe("a save that is refused", () => {
  it.each(refusals)("for %s stores nothing, and reads no stream", async (_, name, options, tag) => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* situation(ledger)
        const before = [place.blobs.chunks.size, place.blobs.recipes.size, ledger.position]
        const { seen, stream } = watched()
        expect(yield* Effect.flip(ledger.save(name, stream, options))).toMatchObject({ _tag: tag })
        const { idempotencyKey, reason, ...one } = options
        const all = [
          { name: "new", value: "fresh" },
          { name, value: stream, ...one },
        ]
        const whole = {
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
          ...(reason === undefined ? {} : { reason }),
        }
        expect(yield* Effect.flip(ledger.saveAll(all, whole))).toMatchObject({ _tag: tag })
        const batch = ledger.batch((b) => {
          b.save("new", "fresh")
          b.save(name, stream, one)
        }, whole)
        expect(yield* Effect.flip(batch)).toMatchObject({ _tag: tag })
        expect([place.blobs.chunks.size, place.blobs.recipes.size, ledger.position]).toEqual(before)
        expect(seen.pulled).toBe(false)
      }),
    )
  })

  it("because its context lacks what the ledger requires stores nothing", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        expect(yield* Effect.flip(ledger.save("a", "text"))).toMatchObject({
          path: "context.actor",
        })
        expect(place.blobs.chunks.size).toBe(0)
      }),
      { requireContext: ["actor"] },
    )
  })
})

describe("a save that is not refused", () => {
  it("because what it needs was handed in before it", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const first = yield* Effect.forkChild(ledger.save("a", 1), { startImmediately: true })
        const second = yield* Effect.forkChild(ledger.save("b", 2, { inputs: ["a"] }), {
          startImmediately: true,
        })
        const { id } = yield* Fiber.join(first)
        expect((yield* Fiber.join(second)).inputs).toMatchObject([{ id }])
      }),
    )
  })

  it("in a batch whose earlier writes make it right", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const [, made] = yield* ledger.batch((b) => {
          const { id } = b.save("a", 1, { version: "x", tags: "t" })
          b.save("b", 2, { inputs: [{ id }, "a@x"], expect: { latest: null } })
        })
        expect(made).toMatchObject({ name: "b", version: "1" })
      }),
    )
  })

  it("when it is a retry, whatever it would be refused for by now", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const options = { version: "x", expect: { latest: null }, idempotencyKey: "k" }
        const first = yield* ledger.save("a", 1, options)
        yield* ledger.save("a", 2)
        expect(yield* ledger.save("a", 1, options)).toEqual(first)
      }),
    )
  })

  it("for content that the latest version has, under the label that it has", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const first = yield* ledger.save("a", 1, { version: "x" })
        const again = { version: "x", reuse: "content" } as const
        expect((yield* ledger.save("a", 1, again)).id).toBe(first.id)
        const all = yield* ledger.saveAll([{ name: "a", value: 1, ...again }])
        expect(all[0]?.id).toBe(first.id)
      }),
    )
  })
})
