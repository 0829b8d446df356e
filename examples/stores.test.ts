/**
 * A ledger over three stores is one like any other: it is made, saved to, closed and found again.
 */
import { decodeIdentity, decodeTip, encodeIdentity, encodeTip, Ledger } from "daybook/effect"
import { emptyBlobs, memoryBlobsWith, memoryLogWith, memoryViewsWith } from "daybook/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { expect, it } from "vitest"
import { type Kept, layerOver } from "./stores.js"

const places = () => ({
  records: [] as Array<Uint8Array>,
  rows: new Map<string, Uint8Array>(),
  store: emptyBlobs(),
})

/** Opens the ledger over what the stores were left with, uses it, and closes it. */
const use = <A, E>(
  kept: Kept,
  { records, rows, store }: ReturnType<typeof places>,
  body: (ledger: typeof Ledger.Service) => Effect.Effect<A, E>,
): Promise<A> => {
  const stores = Layer.mergeAll(
    memoryLogWith({ records }),
    memoryViewsWith({ rows }),
    memoryBlobsWith({ store }),
  )
  return Effect.runPromise(Effect.provide(Ledger.use(body), Layer.provide(layerOver(kept), stores)))
}

it("makes a ledger over fresh stores, and finds it again", async () => {
  const kept: Kept = {}
  const stores = places()
  const saved = await use(kept, stores, (ledger) => ledger.save("greeting", { hello: "world" }))
  expect(kept.tip).toMatchObject({ ledger: kept.identity?.id, edge: { size: saved.position } })
  const found = await use(kept, stores, (ledger) =>
    Effect.map(ledger.load(saved), (value) => ({ value, trust: ledger.trust })),
  )
  expect(found.value).toEqual({ hello: "world" })
  expect(found.trust).toMatchObject({ ledger: kept.identity?.id, sealed: 2, repaired: [] })
})

it("keeps its identity and its seal as texts too", async () => {
  const kept: Kept = {}
  await use(kept, places(), (ledger) => ledger.save("greeting", "hello"))
  const { identity, tip } = kept
  expect(identity && decodeIdentity(encodeIdentity(identity), "three stores")).toEqual(identity)
  expect(tip && decodeTip(encodeTip(tip))?.ledger).toBe(tip?.ledger)
})

it("makes no ledger over a log that holds something", async () => {
  const stores = places()
  await use({}, stores, () => Effect.void)
  await expect(use({}, stores, () => Effect.void)).rejects.toMatchObject({ reason: "conflict" })
})
