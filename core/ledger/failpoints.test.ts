/**
 * One operation of each kind, once for every call that it makes on its stores, each of which fails
 * there with every outcome that a store may tell, once or from then on. Whatever was said must be
 * true of what is found, and what is found must be whole: as at every system call, everywhere.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { beforeAll, describe, expect, it } from "vitest"
import {
  BlobFailure,
  type DaybookError,
  isDaybookError,
  LogFailure,
  type Outcome,
  ViewFailure,
} from "../errors.js"
import * as MemoryViews from "../view/memory.js"
import type { LedgerApi } from "./api.js"
import { differing, expectRoot, expectTrue, inspect, replayed } from "./oracle.contract.js"
import { MemoryPlace } from "./places.contract.js"

type Api = LedgerApi<"effect">
type Run = (ledger: Api) => Effect.Effect<unknown, DaybookError>

const swept = { idempotencyKey: "swept" }
const text = (word: string): string => `${word} `.repeat(40)

/** What is tried, and the types of the events that it makes. */
const operations: Readonly<Record<string, readonly [Run, ReadonlyArray<string>]>> = {
  save: [(ledger) => ledger.save("model", text("new"), swept), ["version-saved"]],
  batch: [
    (ledger) =>
      ledger.batch((b) => {
        const other = b.save("other", text("other"))
        b.tag({ id: other.id }, "kept")
        b.logMetadata({ artifact: "model" }, { n: 2 })
      }, swept),
    ["version-saved", "tags-added", "metadata-logged"],
  ],
  tag: [(ledger) => ledger.tag("model@2", "only", swept), ["tags-added"]],
  logMetadata: [(ledger) => ledger.logMetadata("model@1", { n: 3 }, swept), ["metadata-logged"]],
  delete: [(ledger) => ledger.delete("model@1", { ...swept, force: true }), ["version-deleted"]],
  load: [(ledger) => ledger.load("model"), []],
  rebuild: [(ledger) => ledger.rebuild(), []],
  close: [(ledger) => ledger.close(), []],
}

const fails = { log: LogFailure, view: ViewFailure, blob: BlobFailure } as const
type Store = keyof typeof fails

interface Call {
  readonly store: Store
  readonly operation: string
  readonly phase: "before" | "after"
}

/** What a store may tell of a call that failed: of one that it did never that it did not. */
const outcomesOf = ({ operation, phase }: Call): ReadonlyArray<Outcome> => {
  if (["clear", "flush"].includes(operation)) return ["unknown"]
  if (!["append", "commit"].includes(operation)) return ["none"]
  if (phase === "before") return ["none", "unknown"]
  return operation === "append" ? ["unknown", "committed"] : ["unknown"]
}

interface Fault {
  /** Which call fails, from 0. */
  readonly at: number
  readonly outcome: Outcome
  /** Whether whatever is asked of any store behind it fails too. */
  readonly forGood: boolean
}

/** Makes the calls fail that the fault says, and notes them all. */
const arm = (place: MemoryPlace, fault: Fault | undefined): Array<Call> => {
  const calls: Array<Call> = []
  const consult = (store: Store, operation: string, phase: Call["phase"]) => {
    const at = calls.push({ store, operation, phase }) - 1
    if (fault === undefined || at < fault.at) return undefined
    const isLater = at > fault.at
    if (isLater && !(fault.forGood && phase === "before")) return undefined
    const outcome = isLater ? "none" : fault.outcome
    return { message: "the disk failed", operation, reason: "io", outcome } as const
  }
  const { fail } = place
  fail.log = (...at) => {
    const told = consult("log", ...at)
    return told && new fails.log(told)
  }
  fail.view = (...at) => {
    const told = consult("view", ...at)
    return told && new fails.view(told)
  }
  fail.blob = (...at) => {
    const told = consult("blob", ...at)
    return told && new fails.blob(told)
  }
  return calls
}

const mend = ({ fail }: MemoryPlace): void => {
  delete fail.log
  delete fail.view
  delete fail.blob
}

const prepared = new MemoryPlace(0)
beforeAll(async () => {
  await prepared.use(
    Effect.fnUntraced(function* (ledger) {
      yield* ledger.save("model", text("first"), { tags: "kept" })
      yield* ledger.save("model", text("second"))
      yield* ledger.defineTag("only", { exclusive: true })
      yield* ledger.tag("model@1", "only")
    }),
  )
})

/** The ledger as it was prepared; its views too, or those of an earlier time. */
const copied = (rows = prepared.rows): MemoryPlace => {
  const { records, blobs, tip } = prepared
  const place = new MemoryPlace({
    ...prepared,
    records: [...records],
    blobs: { chunks: new Map(blobs.chunks), recipes: new Map(blobs.recipes) },
  })
  for (const [key, row] of rows) place.rows.set(key, row)
  place.tip = tip
  return place
}

/** The outcome that an exit tells; of an answer, that all is stored. */
const outcomeOf = (exit: Exit.Exit<unknown, DaybookError>): Outcome => {
  if (Exit.isSuccess(exit)) return "committed"
  const error = Exit.findErrorOption(exit)
  const failure = error._tag === "Some" ? error.value : undefined
  expect(failure ?? exit.cause).toSatisfy(isDaybookError)
  expect(failure).toMatchObject({ kind: "unavailable", outcome: expect.any(String) })
  return (failure as LogFailure).outcome
}

/** Opens a place, which must be whole, and answers with its events. */
const lookAt = (place: MemoryPlace) =>
  place.use((ledger) =>
    Effect.map(inspect(ledger), (events) => {
      expectRoot(ledger.trust, place.records)
      return events
    }),
  )

/** Opens what is left, which must be whole, and tries the operation again. */
const look = async (place: MemoryPlace, run: Run | undefined) => {
  mend(place)
  const events = await lookAt(place)
  const views = MemoryViews.layerWith({ rows: place.rows })
  expect(await differing(views, (await replayed(place)).rows)).toEqual([])
  if (run !== undefined) await place.use(run)
  const again = run === undefined ? events : await lookAt(place)
  const typesOf = (key: string, among = events) =>
    among.filter(({ idempotencyKey }) => idempotencyKey === key).map(({ type }) => type)
  return { swept: typesOf("swept"), later: typesOf("later"), again: typesOf("swept", again) }
}

/** Every call with every outcome, once and for good. */
const everyFault = (calls: ReadonlyArray<Call>): ReadonlyArray<Fault> =>
  calls.flatMap((call, at) =>
    outcomesOf(call).flatMap((outcome) =>
      [false, true].map((forGood) => ({ at, outcome, forGood })),
    ),
  )

/** Runs the operation, a write behind it, and closes. */
const attempt = async (run: Run, fault?: Fault) => {
  const place = copied()
  const ends = await place.use(
    Effect.fnUntraced(function* (ledger) {
      const calls = arm(place, fault)
      const act = yield* Effect.exit(run(ledger))
      const made = [...calls]
      const values = { later: true }
      const write = ledger.logMetadata({ artifact: "model" }, values, { idempotencyKey: "later" })
      const later = yield* Effect.exit(write)
      yield* Effect.exit(ledger.close())
      return { calls: made, act, later }
    }),
  )
  return { ...ends, place }
}

describe.each(Object.entries(operations))("every store call of %s", (name, [run, made]) => {
  it("may fail, and nothing false is said or lost", async () => {
    const { calls } = await attempt(run)
    const problems: Array<unknown> = []
    for (const fault of everyFault(calls)) {
      const { act, later, place } = await attempt(run, fault)
      try {
        const answered = outcomeOf(act)
        const found = await look(place, made.length > 0 ? run : undefined)
        if (made.length > 0) expectTrue(answered, found.swept, made)
        expect(found.again).toEqual(made)
        if (name === "close") continue
        expectTrue(outcomeOf(later), found.later, ["metadata-logged"])
        if (made.length > 0 && Exit.isFailure(act) && answered !== "none")
          expect(Exit.findErrorOption(later)).toMatchObject({ value: { reason: "stopped" } })
      } catch (error) {
        problems.push({ ...calls[fault.at], ...fault, error: String(error) })
      }
    }
    expect(problems).toEqual([])
  })
})

describe.each([
  ["its views as they were", () => prepared.rows],
  ["no views", () => new Map<string, Uint8Array>()],
])("every store call of an opening with %s", (_, rows) => {
  it("may fail, and the ledger opens when that is mended", async () => {
    const open = async (fault?: Fault) => {
      const place = copied(rows())
      const calls = arm(place, fault)
      const exit = await place
        .use((ledger) => Effect.succeed(ledger.position))
        .then(
          (position) => Exit.succeed(position),
          (error: DaybookError) => Exit.fail(error),
        )
      return { calls: [...calls], exit, place }
    }
    const { calls } = await open()
    const problems: Array<unknown> = []
    for (const fault of everyFault(calls)) {
      const { exit, place } = await open(fault)
      try {
        outcomeOf(exit)
        await look(place, undefined)
        expect(place.records).toEqual(prepared.records)
      } catch (error) {
        problems.push({ ...calls[fault.at], ...fault, error: String(error) })
      }
    }
    expect(problems).toEqual([])
  })
})
