/**
 * Views are a function of the log: whatever the pages in which it is read, wherever a process ends
 * and another goes on, whichever commit fails, and however often they are built anew, a log makes
 * the same rows, byte for byte. A fold that looks at the world is caught by that.
 */
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import * as MemoryBlobs from "../blob/memory.js"
import { LogFailure, ViewFailure } from "../errors.js"
import { EventLog } from "../log/event-log.js"
import * as MemoryLog from "../log/memory.js"
import { projection } from "../projection/projection.js"
import * as MemoryViews from "../view/memory.js"
import { rowsOf } from "./ledger.contract.js"
import { Ledger, type LedgerOptions, layerNoDeps } from "./ledger.js"
import { MemoryPlace } from "./places.contract.js"

const runs = Number(process.env.CERTIFICATE_RUNS ?? 100)
const seed = Number(process.env.CERTIFICATE_SEED ?? Math.floor(Math.random() * 2 ** 31))

const words = { message: "the disk failed", reason: "io" } as const

/** A caller's own view, whose rows come and go. */
const holders = projection<{ readonly of: ReadonlyArray<number>; readonly count: number }>()({
  name: "own/holders",
  revision: 1,
  on: {
    "tags-added": (rows, { position, data }) =>
      rows.put(["of", data.target.artifact.name], [position, data.tags.length]),
    "tags-removed": (rows, { data }) => rows.delete(["of", data.target.artifact.name]),
  },
  onEvery: (rows) => rows.put(["count"], (rows.get(["count"]) ?? 0) + 1),
})

/** Looks at the world: how many events this process has shown it. */
const careless = () => {
  let count = 0
  return projection<{ readonly seen: number }>()({
    name: "own/careless",
    revision: 1,
    on: {},
    onEvery: (rows, { position }) => {
      count += 1
      if (position % 7 === 0) rows.put(["seen", position], count)
    },
  })
}

/** One process: how much of the log there is, how it is read, what fails, and what it does. */
interface Life {
  readonly events: number
  readonly pages: ReadonlyArray<number>
  /** Which commit of the views fails, how; or which read of the log. */
  readonly fails?: { readonly at: number; readonly how: "none" | "unknown" | "stored" | "read" }
  readonly rebuilds: boolean
}

const history = new MemoryPlace(0)

const live = (life: Life, rows: Map<string, Uint8Array>, options: LedgerOptions) => {
  const place = new MemoryPlace({ ...history, records: history.records.slice(0, life.events) })
  // Without a seal every opening reads the whole log, page after page.
  place.fail.seal = new LogFailure({ ...words, operation: "seal", outcome: "none" })
  let [reads, commits] = [0, 0]
  const { at = 0, how } = life.fails ?? {}
  const failpoint: MemoryViews.Failpoint = (operation, phase) => {
    if (operation !== "commit") return undefined
    if (phase === "before") commits += 1
    const isNow = commits === at && (phase === "after") === (how === "stored")
    if (!isNow || how === undefined || how === "read") return undefined
    return new ViewFailure({ ...words, operation, outcome: how === "none" ? "none" : "unknown" })
  }
  const log = Layer.effect(
    EventLog,
    Effect.map(EventLog, (whole) => ({
      ...whole,
      read: (after: number, countMax: number) => {
        reads += 1
        if (how === "read" && reads === at)
          return Effect.fail(new LogFailure({ ...words, operation: "read", outcome: "none" }))
        const page = life.pages[reads % life.pages.length] ?? countMax
        return whole.read(after, Math.min(page, countMax))
      },
    })),
  ).pipe(Layer.provide(MemoryLog.layerWith({ records: place.records })))
  const stores = Layer.mergeAll(
    log,
    MemoryViews.layerWith({ rows, failpoint }),
    MemoryBlobs.layerWith({ store: place.blobs }),
  )
  const body = Ledger.use((ledger) =>
    life.rebuilds ? Effect.asVoid(ledger.rebuild()) : Effect.void,
  )
  const layer = Layer.provide(layerNoDeps(place, options), stores)
  return Effect.runPromise(Effect.exit(Effect.provide(body, layer)))
}

const rowsIn = (rows: Map<string, Uint8Array>) =>
  Effect.runPromise(Effect.provide(rowsOf, MemoryViews.layerWith({ rows })))

const whole = (): Life => ({ events: history.records.length, pages: [1_000], rebuilds: false })

/** Lives that ended where something failed. */
let failures = 0

/** The rows after these lives, the last of which sees the whole log and nothing that fails. */
const rowsAfter = async (lives: ReadonlyArray<Life>, options: LedgerOptions) => {
  const rows = new Map<string, Uint8Array>()
  for (const life of lives) {
    const exit = await live(life, rows, options)
    if (life.fails === undefined) expect(Exit.isSuccess(exit)).toBe(true)
    if (Exit.isFailure(exit)) failures += 1
  }
  return rowsIn(rows)
}

const life: fc.Arbitrary<Life> = fc
  .record(
    {
      events: fc.integer({ min: 1, max: 200 }),
      pages: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 3 }),
      rebuilds: fc.boolean(),
      fails: fc.record({
        at: fc.integer({ min: 1, max: 12 }),
        how: fc.constantFrom(
          "none" as const,
          "unknown" as const,
          "stored" as const,
          "read" as const,
        ),
      }),
    },
    { requiredKeys: ["events", "pages", "rebuilds"] },
  )
  .map((drawn) => ({ ...drawn, events: Math.min(drawn.events, history.records.length) }))

const names = ["a", "b/c"]

beforeAll(() =>
  history.use(
    Effect.fnUntraced(function* (ledger) {
      yield* ledger.defineTag("only", { exclusive: true, color: "red" })
      for (let n = 0; n < 24; n += 1) {
        const name = names[n % 2] ?? ""
        const inputs = n === 0 ? [] : [names[(n + 1) % 2] ?? ""]
        // What is deleted for good has content of its own, so that it is swept.
        const value = `${n % 4 < 2 ? n % 5 : n}`
        yield* ledger.save(name, value, { tags: ["only", `t${n % 3}`], inputs })
        yield* ledger
          .tag({ artifact: name }, ["only", "t1"], { idempotencyKey: `key ${n % 9}` })
          .pipe(Effect.ignore)
        yield* ledger.logMetadata(name, { n, list: [n, null] })
        yield* ledger.untag(`${name}@1`, ["t0", "t1"])
        yield* ledger.removeMetadata(name, n % 3 === 0 ? "n" : "list")
        yield* ledger.hold(`${name}@latest`)
        if (n % 6 !== 1) yield* ledger.release(`${name}@latest`)
        yield* Effect.ignore(ledger.delete(`${name}@latest`, { force: true }))
        if (n % 4 < 2) yield* ledger.restore(`${name}@${Math.floor(n / 2) + 1}`)
        if (n % 8 === 3) yield* ledger.sweep({ undoDays: 0 })
        if (n % 8 === 6) yield* ledger.delete({ artifact: name }, { force: true })
        if (n % 8 === 6) yield* ledger.restore({ artifact: name })
      }
      for (const value of ["x", "y", "0"]) yield* ledger.save("whole", value)
      yield* ledger.delete("whole@1")
      yield* ledger.delete({ artifact: "whole" })
      yield* ledger.sweep({ undoDays: 0 })
      const swept = yield* Stream.runCollect(ledger.replay({ types: ["content-swept"] }))
      expect(swept.length).toBeGreaterThan(2)
    }),
  ),
)

describe(`the rows of a log (CERTIFICATE_RUNS=${runs} CERTIFICATE_SEED=${seed})`, () => {
  const options = { projections: [holders] }

  it("are the same however it is read and whatever fails", { timeout: 3_600_000 }, async () => {
    const expected = await rowsAfter([whole()], options)
    expect(expected.size).toBeGreaterThan(history.records.length)
    const property = fc.asyncProperty(fc.array(life, { maxLength: 6 }), async (drawn) => {
      // Logs only grow: a process never finds less than the one before.
      const lives = drawn.toSorted((a, b) => a.events - b.events)
      const found = await rowsAfter([...lives, whole()], options)
      if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected)
    })
    await fc.assert(property, { numRuns: runs, seed })
    expect(failures).toBeGreaterThan(runs / 10)
  })

  it("are the same when every event is folded by a process of its own", async () => {
    const lives = history.records.map((_, index) => ({ ...whole(), events: index + 1 }))
    expect(await rowsAfter(lives, options)).toEqual(await rowsAfter([whole()], options))
  })

  it("differ where a fold looks at the world", async () => {
    const first = { ...whole(), events: 50 }
    const rows = (lives: ReadonlyArray<Life>) => rowsAfter(lives, { projections: [careless()] })
    expect(await rows([whole()])).toEqual(await rows([whole()]))
    expect(await rows([first, { ...first, rebuilds: true }, whole()])).not.toEqual(
      await rows([whole()]),
    )
  })
})
