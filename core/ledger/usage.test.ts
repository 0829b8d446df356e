/**
 * Usage: every chunk is counted once for each artifact that has it, and once in all.
 */

import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { noise, prose } from "../blob/samples.contract.js"
import { MemoryPlace, opened } from "./places.contract.js"
import { openLedger } from "./promise.js"

const [one, two, both] = [noise(5_000, 1), noise(7_000, 2), noise(11_000, 3)]

describe("what content takes", () => {
  it("is told by artifact, with what others have too and what would be given back", async () => {
    const ledger = await opened()
    const none = { logical: 0, stored: 0, undo: 0, reclaimable: 0, artifacts: [] }
    expect(await ledger.usage()).toEqual({ position: 1, ...none })
    await ledger.save("a", one)
    await ledger.save("a", one)
    await ledger.save("a", both)
    await ledger.save("b", both)
    await ledger.save("b", two)
    await ledger.delete("a@1")
    await ledger.delete("b@2")
    const kept = { logical: 27_000, stored: 16_000, undo: 7_000, reclaimable: 0 }
    const a = { name: "a", versions: 2, logical: 16_000, stored: 16_000, shared: 11_000 }
    const b = { name: "b", versions: 1, logical: 11_000, stored: 11_000, shared: 11_000 }
    expect(await ledger.usage()).toEqual({
      position: ledger.position,
      ...kept,
      artifacts: [
        { ...a, reclaimable: 0 },
        { ...b, reclaimable: 0 },
      ],
    })
    expect(await ledger.usage({ undoDays: 0 })).toEqual({
      position: ledger.position,
      ...kept,
      undo: 0,
      reclaimable: 7_000,
      // The one that takes the most first.
      artifacts: [
        { ...b, reclaimable: 7_000 },
        { ...a, reclaimable: 0 },
      ],
    })
    await ledger.sweep({ undoDays: 0 })
    expect(await ledger.usage({ undoDays: 0 })).toMatchObject({ reclaimable: 0, stored: 16_000 })
  })

  it("counts chunks that versions of one artifact share once", async () => {
    const ledger = await opened()
    const text = prose(2_000_000, 4)
    await ledger.save("table", text)
    const { stored } = await ledger.usage()
    await ledger.save("table", Buffer.concat([text, prose(100, 5)]))
    const { artifacts, ...usage } = await ledger.usage()
    expect(usage.logical).toBe(4_000_100)
    expect(usage.stored).toBeGreaterThan(stored)
    expect(usage.stored).toBeLessThan(stored * 1.5)
    expect(artifacts).toMatchObject([
      { name: "table", versions: 2, stored: usage.stored, shared: 0 },
    ])
  })

  it("tells what a save left that was never acknowledged as reclaimable", async () => {
    const place = new MemoryPlace(0)
    await place.use((ledger) => ledger.save("a", one))
    const left = new MemoryPlace({ ...place, blobs: place.blobs })
    await left.use((ledger) => ledger.save("a", two))
    const again = new MemoryPlace({
      identity: place.identity,
      records: place.records.slice(0, 2),
      blobs: left.blobs,
    })
    const usage = await again.use((ledger) => ledger.usage())
    expect(usage).toMatchObject({ stored: 5_000, reclaimable: 7_000 })
    expect(await again.use((ledger) => Effect.map(ledger.sweep(), ({ blobs }) => blobs))).toBe(1)
  })

  it("is told of as many artifacts as are asked for", async () => {
    const ledger = await opened()
    for (let at = 1; at <= 25; at += 1) await ledger.save(`a${at}`, noise(at * 100, at))
    const names = (await ledger.usage({ limit: 3 })).artifacts.map(({ name }) => name)
    expect(names).toEqual(["a25", "a24", "a23"])
    expect((await ledger.usage()).artifacts).toHaveLength(20)
    await expect(ledger.usage({ limit: 0 })).rejects.toMatchObject({ path: "options.limit" })
    await expect(ledger.usage({ undoDays: -1 })).rejects.toMatchObject({ path: "options.undoDays" })
  })

  it("can be asked of a ledger that is closed as little as anything", async () => {
    const ledger = await openLedger({ memory: true })
    await ledger.close()
    await expect(ledger.usage()).rejects.toMatchObject({ _tag: "LedgerClosed" })
  })
})
