/**
 * The writer when storage fails: who hears what, what is stored then, and that nothing is decided
 * against a state that may be another by now.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { command } from "../command/command.js"
import { LogFailure, type Outcome, ViewFailure } from "../errors.js"
import { batchEventCountMax, heldEventCountMax, inboxCountMax } from "../limits.js"
import { versions } from "../projection/versions.js"
import type { LedgerApi } from "./api.js"
import { MemoryPlace } from "./places.contract.js"

type Api = LedgerApi<"effect">

const words = { message: "the disk failed", operation: "append", reason: "io" } as const
const logFailure = (outcome: Outcome) => new LogFailure({ ...words, outcome })
const viewFailure = (outcome: Outcome) => new ViewFailure({ ...words, outcome })

const failLog = (place: MemoryPlace, phase: "before" | "after", outcome: Outcome): void => {
  place.fail.log = (operation, when) =>
    operation === "append" && when === phase ? logFailure(outcome) : undefined
}

const failView = (place: MemoryPlace, phase: "before" | "after", outcome: Outcome): void => {
  place.fail.view = (operation, when) =>
    operation === "commit" && when === phase ? viewFailure(outcome) : undefined
}

const mend = (place: MemoryPlace): void => {
  delete place.fail.log
  delete place.fail.view
}

const keyed = (ledger: Api) => ledger.save("a", 1, { idempotencyKey: "k" })

const stopped = { _tag: "LogFailure", reason: "stopped", outcome: "none" }
/** Says which write it was that failed, and how that ended. */
const stoppedAfter = (outcome: Outcome) => ({ ...stopped, cause: { ...words, outcome } })

const savesIn = (ledger: Api) =>
  Effect.map(
    Stream.runCollect(ledger.replay({ types: ["version-saved"] })),
    (events) => events.length,
  )

/** Reopens the place and tries the keyed save again: one event, whatever the first try became. */
const expectOneSave = (place: MemoryPlace): Promise<void> => {
  mend(place)
  return place.use(
    Effect.fnUntraced(function* (ledger) {
      const version = yield* keyed(ledger)
      expect(yield* keyed(ledger)).toEqual(version)
      expect(yield* savesIn(ledger)).toBe(1)
      expect(yield* ledger.load(version)).toBe(1)
      expect(ledger.position).toBe(place.records.length)
    }),
  )
}

describe("an append that fails", () => {
  it("and stored nothing lets the next one through", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        failLog(place, "before", "none")
        expect(yield* Effect.flip(keyed(ledger))).toMatchObject({
          _tag: "LogFailure",
          kind: "unavailable",
          outcome: "none",
        })
        expect([ledger.position, place.records.length]).toEqual([1, 1])
        mend(place)
        expect((yield* keyed(ledger)).position).toBe(2)
      }),
    )
    await expectOneSave(place)
  })

  it.each([
    ["before", 1],
    ["after", 2],
  ] as const)("with unknown outcome, %s it was stored, stops the writer", async (phase, stored) => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        failLog(place, phase, "unknown")
        expect(yield* Effect.flip(keyed(ledger))).toMatchObject({ outcome: "unknown" })
        mend(place)
        const { size } = place.blobs.chunks
        expect(yield* Effect.flip(ledger.save("b", "new"))).toMatchObject(stoppedAfter("unknown"))
        const batch = ledger.batch((b) => void b.save("b", "new"))
        expect(yield* Effect.flip(batch)).toMatchObject(stopped)
        expect(yield* Effect.flip(keyed(ledger))).toMatchObject(stopped)
        expect(place.blobs.chunks.size).toBe(size)
        // What is readable is what was certain before.
        expect(yield* ledger.find("a")).toBeUndefined()
        expect(ledger.position).toBe(1)
      }),
    )
    expect(place.records).toHaveLength(stored)
    await expectOneSave(place)
  })

  it("although it stored everything stops the writer too", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        failLog(place, "after", "committed")
        expect(yield* Effect.flip(keyed(ledger))).toMatchObject({ outcome: "committed" })
        mend(place)
        expect(yield* Effect.flip(ledger.save("b", 1))).toMatchObject(stoppedAfter("committed"))
      }),
    )
    await expectOneSave(place)
  })

  it("is told to everyone whose answer may rest on it", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 0, { tags: "there" })
        failLog(place, "before", "none")
        const calls = [
          ledger.tag("a", "new"),
          ledger.logMetadata("a", { n: 1 }),
          ledger.tag("a", "there"),
        ]
        const failures = yield* Effect.forEach(calls, Effect.flip, { concurrency: "unbounded" })
        for (const failure of failures) expect(failure).toBeInstanceOf(LogFailure)
        expect(place.records).toHaveLength(2)
      }),
    )
  })
})

/** So many events that the writer has the views stored. */
const fillUp = (ledger: Api) =>
  Effect.forEach(
    Array.from({ length: heldEventCountMax }, (_, n) => n),
    (n) => ledger.logMetadata("a", { n }),
    { concurrency: 64, discard: true },
  )

describe("views that cannot be stored", () => {
  it.each([
    ["before", "none"],
    ["before", "unknown"],
    ["after", "unknown"],
  ] as const)("%s it is tried, outcome %s, take no answer back", async (phase, outcome) => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        failView(place, phase, outcome)
        expect(yield* keyed(ledger)).toMatchObject({ version: "1", position: 2 })
        expect(yield* ledger.load("a")).toBe(1)
        const events = place.records.length
        yield* fillUp(ledger)
        expect(place.records).toHaveLength(events + heldEventCountMax)
        // What is to come would be held without end: nothing more is taken.
        const refused = yield* Effect.flip(ledger.save("b", 1))
        expect(refused).toMatchObject(stopped)
        expect(refused.cause).toMatchObject({ _tag: "ViewFailure", outcome: "committed" })
        mend(place)
        expect(yield* Effect.flip(ledger.save("b", 1))).toMatchObject(stopped)
        expect((yield* ledger.get("a")).metadata).toMatchObject({ n: heldEventCountMax - 1 })
      }),
    )
    await expectOneSave(place)
  })

  it("because of a defect stop the writer all the same", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* keyed(ledger)
        place.fail.view = (operation) => {
          if (operation === "commit") throw new Error("no such row")
          return undefined
        }
        yield* fillUp(ledger)
        expect(yield* Effect.flip(ledger.save("b", 1))).toMatchObject(stopped)
        mend(place)
      }),
    )
    await expectOneSave(place)
  })

  it("fail a list, which is of stored rows, and nothing that reads one row", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 0)
        failView(place, "before", "none")
        yield* ledger.save("a", 1, { tags: "new" })
        expect(yield* Effect.flip(ledger.listVersions())).toMatchObject({ _tag: "ViewFailure" })
        expect((yield* ledger.get("a")).tags).toEqual(["new"])
        expect((yield* ledger.asOf(2).get("a")).version).toBe("1")
        expect(yield* Stream.runCollect(ledger.replay())).toHaveLength(3)
        mend(place)
        expect((yield* ledger.listVersions()).entries).toHaveLength(2)
        expect((yield* ledger.save("a", 2)).version).toBe("3")
      }),
    )
  })
})

const broken = command<null>({
  name: "own/break",
  parse: () => null,
  decide: () => {
    throw new Error("no such thing")
  },
})

describe("a decision that throws", () => {
  it("costs its own caller only", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const calls = [
          ledger.save("a", 1),
          Effect.catchDefect(ledger.execute(broken, null), (defect) =>
            Effect.succeed({ thrown: String(defect) }),
          ),
          ledger.save("a", 2),
        ] as const
        const [first, thrown, last] = yield* Effect.all(calls, { concurrency: "unbounded" })
        expect(thrown).toEqual({ thrown: "Error: no such thing" })
        expect([first.position, last.position, ledger.position]).toEqual([2, 3, 3])
      }),
      { commands: [broken] },
    )
  })

  it("because a row is damaged is a failure of the views", async () => {
    const place = new MemoryPlace(0)
    const { id } = await place.use((ledger) => ledger.save("a", 1))
    const key = [...place.rows.keys()].find((row) => row.includes(`\u0000id\u0000${id}`))
    place.rows.set(key ?? "", new Uint8Array(9))
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const failure = yield* Effect.flip(ledger.tag(id, "t"))
        expect(failure).toMatchObject({ _tag: "ViewFailure", outcome: "none" })
        expect(ledger.view(versions)).toBeDefined()
        expect((yield* ledger.tag("a", "t")).changed).toBe(true)
      }),
    )
  })
})

describe("many callers", () => {
  it("share their appends", async () => {
    const place = new MemoryPlace(0)
    let appends = 0
    place.fail.log = (operation, phase) => {
      if (operation === "append" && phase === "before") appends += 1
      return undefined
    }
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 1)
        const calls = Array.from({ length: 1_000 }, (_, n) => ledger.logMetadata("a", { n }))
        const receipts = yield* Effect.all(calls, { concurrency: "unbounded" })
        expect(new Set(receipts.map(({ position }) => position)).size).toBe(1_000)
        expect(appends).toBeLessThan(20)
      }),
    )
  })

  it("are answered as of their own place, not as of the end of the round", async () => {
    await new MemoryPlace(0).use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 1, { tags: "t" })
        const calls = ["t", "u", "t"].map((tag) => ledger.tag("a", tag))
        expect(yield* Effect.all(calls, { concurrency: "unbounded" })).toEqual([
          { position: 2, changed: false },
          { position: 3, changed: true },
          { position: 3, changed: false },
        ])
      }),
    )
  })

  it("whose calls make many events each are not all decided at once", async () => {
    const place = new MemoryPlace(0)
    const sizes: Array<number> = []
    let before = 1
    place.fail.log = (operation, phase) => {
      if (operation !== "append" || phase === "before") return undefined
      sizes.push(place.records.length - before)
      before = place.records.length
      return undefined
    }
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const call = (part: number) =>
          ledger.batch((b) => {
            for (let n = 0; n < 900; n += 1) b.defineTag(`${part} ${n}`)
          })
        const calls = Array.from({ length: 12 }, (_, part) => call(part))
        const receipts = yield* Effect.all(calls, { concurrency: "unbounded" })
        expect(receipts.map((results) => results.length)).toEqual(calls.map(() => 900))
        expect(ledger.position).toBe(1 + 12 * 900)
        expect(yield* ledger.stats()).toMatchObject({ waiting: 0 })
      }),
    )
    expect(sizes.length).toBeGreaterThan(2)
    expect(Math.max(...sizes)).toBeLessThan(batchEventCountMax + 900)
  })

  it("wait when the inbox is full, and all get their answer", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("a", 1, { tags: "t" })
        const calls = Array.from({ length: inboxCountMax + 100 }, () => ledger.tag("a", "t"))
        const receipts = yield* Effect.all(calls, { concurrency: "unbounded" })
        expect(receipts.every(({ changed }) => !changed)).toBe(true)
        expect(ledger.position).toBe(2)
      }),
    )
  })
})
