/**
 * Pruning where it is cut short, aborted, or refused before it begins; the rest is its contract.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { LogFailure } from "../errors.js"
import { pruneCountMax } from "../limits.js"
import { MemoryPlace, opened, temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"

describe("a prune", () => {
  it("that fails midway has deleted what it has, and the same plan goes on", async () => {
    const place = new MemoryPlace(0)
    const count = pruneCountMax * 2
    const plan = await place.use(
      Effect.fnUntraced(function* (ledger) {
        const saves = Array.from({ length: count + 1 }, (_, value) => ({ name: "a", value }))
        yield* ledger.saveAll(saves)
        const shown = yield* ledger.prune({ keepLast: 1, dryRun: true })
        let appends = 0
        place.fail.log = (operation, phase) => {
          if (operation !== "append" || phase !== "before") return undefined
          appends += 1
          const words = { message: "the disk failed", operation, reason: "io" } as const
          return appends > 1 ? new LogFailure({ ...words, outcome: "unknown" }) : undefined
        }
        const failed = yield* Effect.flip(ledger.prune(shown))
        expect(failed).toMatchObject({ _tag: "LogFailure", outcome: "unknown" })
        delete place.fail.log
        expect(yield* Effect.flip(ledger.prune(shown))).toMatchObject({ reason: "stopped" })
        return shown
      }),
    )
    expect(plan.count).toBe(count)
    const done = await place.use((ledger) => ledger.prune(plan))
    expect(done.count).toBeGreaterThan(0)
    expect(done.count).toBeLessThan(count)
    expect(done.count + done.skipped.length).toBe(count)
    expect(new Set(done.skipped.map(({ why }) => why))).toEqual(new Set(["deleted"]))
  })

  it("that is aborted rejects with the reason of its signal, and can be done again", async () => {
    const ledger = await opened()
    for (const value of [1, 2, 3]) await ledger.save("a", value)
    const gone = AbortSignal.abort(new Error("not now"))
    const head = ledger.position
    await expect(ledger.prune({ keepLast: 1, signal: gone })).rejects.toThrow("not now")
    const plan = await ledger.prune({ keepLast: 1, dryRun: true })
    await expect(ledger.prune(plan, { signal: gone })).rejects.toThrow("not now")
    expect(ledger.position).toBe(head)
    expect((await ledger.prune(plan)).count).toBe(2)
  })

  it("of a ledger that is only read is a plan, and nothing else", async () => {
    const directory = join(temporary(), "ledger")
    const writer = await openLedger(directory)
    for (const value of [1, 2]) await writer.save("a", value)
    const reader = await opened({ directory, readOnly: true })
    const plan = await reader.prune({ keepLast: 1, dryRun: true })
    expect(plan).toMatchObject({ count: 1, done: false })
    const readOnly = { _tag: "LedgerReadOnly" }
    await expect(reader.prune({ keepLast: 1 })).rejects.toMatchObject(readOnly)
    await expect(reader.prune(plan)).rejects.toMatchObject(readOnly)
    // What a reader has planned, the writer can carry out.
    expect(await writer.prune(plan)).toMatchObject({ count: 1, done: true })
    await writer.close()
  })

  it("without what every write must carry is refused before anything is planned", async () => {
    const ledger = await opened({ memory: true, requireContext: ["reason"] })
    await ledger.save("a", 1, { reason: "first" })
    await ledger.save("a", 2, { reason: "second" })
    const refused = { _tag: "InvalidInput", path: "context.reason" }
    await expect(ledger.prune({ keepLast: 1 })).rejects.toMatchObject(refused)
    const plan = await ledger.prune({ keepLast: 1, dryRun: true })
    await expect(ledger.prune(plan)).rejects.toMatchObject(refused)
    expect(await ledger.prune(plan, { reason: "room" })).toMatchObject({ count: 1 })
  })

  it("by a tag that does not exist is told which there are", async () => {
    const ledger = await opened()
    await ledger.save("a", 1, { tags: "production" })
    const asked = ledger.prune({ keepTagged: ["prodution"] })
    await expect(asked).rejects.toMatchObject({ _tag: "TagMissing", candidates: ["production"] })
  })

  it("of a ledger that is closed is refused", async () => {
    const ledger = await openLedger({ memory: true })
    await ledger.close()
    const closed = { _tag: "LedgerClosed" }
    await expect(ledger.prune({ keepLast: 1 })).rejects.toMatchObject(closed)
    await expect(ledger.prune({ keepLast: 1, dryRun: true })).rejects.toMatchObject(closed)
  })
})
