/**
 * Eight callers at once on a few names. Every answer they got, and every event, is explained by one
 * order of their calls: one in which no call comes before another that had ended when it began. A
 * search over such orders carries each out on a naive ledger. What sweeps leave is what is needed.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { CoreRecorded } from "../event/catalog.js"
import { answerTo, Past } from "./answers.contract.js"
import type { Swept } from "./answers.js"
import { storedIn } from "./kept.contract.js"
import { Model } from "./model.contract.js"
import { temporary } from "./places.contract.js"
import { Standings, type Sweeping, undoOf } from "./standing.contract.js"
import type { Call, Step } from "./state.contract.js"
import { equal, type Home, inMemory, onDisk, World } from "./world.contract.js"

const runs = Number(process.env.LINEAR_RUNS ?? 100)
const seed = Number(process.env.LINEAR_SEED ?? Math.floor(Math.random() * 2 ** 31))
const callers = 8

/** A call, the question what a reference means, or a sweep. */
type Deed = Call | { readonly asks: string } | Sweep

interface Sweep {
  readonly sweeps: Sweeping
  /** How versions stood when it looked. */
  readonly seen?: Standings
}

/** What a caller did, when it began and ended on one scale for all, and what it was told. */
interface Record {
  readonly deed: Deed
  readonly began: number
  readonly ended: number
  readonly answer: Exit.Exit<unknown, unknown>
}

const values = ["one", "two", "three"]
const name = fc.constantFrom("a", "b")
const reference = fc.constantFrom("a", "b", "a@1", "b@1", "a@only")
const of = fc.record({ text: reference })
const labelled = fc.record({
  text: fc.constantFrom("known@3", "known@4", "known@4", "a@1", "b@1", "a@2"),
})
const latest = fc.record({ latest: fc.constantFrom(null, "1", "2") })
const value = fc.constantFrom(...values)

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ does: fc.constant("save" as const), name, value }),
  fc.record({ does: fc.constant("save" as const), name, value, expect: latest }),
  fc.record({
    does: fc.constant("save" as const),
    name,
    value,
    reuse: fc.constant("content" as const),
  }),
  fc.record({
    does: fc.constant("save" as const),
    name,
    value,
    tags: fc.constant(["only"]),
    inputs: fc.tuple(fc.record({ of })),
  }),
  fc.record({
    does: fc.constantFrom("tag" as const, "untag" as const),
    of,
    tags: fc.constantFrom(["only"], ["plain"]),
    expect: fc.constantFrom({}, { holder: "1" }, { holder: null }),
  }),
  fc.record({
    does: fc.constant("log" as const),
    of,
    values: fc.record({ k: fc.nat({ max: 2 }) }),
  }),
  fc.record({ does: fc.constantFrom("delete" as const, "restore" as const), of }),
  fc.record({ does: fc.constantFrom("delete" as const, "restore" as const), of: labelled }),
  fc.record({ does: fc.constantFrom("delete" as const, "restore" as const), of: labelled }),
  fc.record({ does: fc.constantFrom("hold" as const, "release" as const), of }),
)

/** Time stands still, so nothing is ever due by a window. */
const sweeps: ReadonlyArray<Sweeping> = [
  { undo: 0 },
  { undo: 0, actor: "ann" },
  { undo: 0, dryRun: true },
  { undo: 1 },
]

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(step, fc.option(fc.constantFrom("k1", "k2"), { freq: 4 }))
      .map(([one, key]): Call => {
        const call: Call = { as: "one", steps: [one] }
        return key === null ? call : { ...call, key }
      }),
  },
  { weight: 1, arbitrary: fc.record({ asks: reference }) },
  { weight: 1, arbitrary: fc.constantFrom(...sweeps).map((one) => ({ sweeps: one })) },
)

const histories = fc.array(fc.array(deed, { minLength: 1, maxLength: 4 }), {
  minLength: callers,
  maxLength: callers,
})

/** What holds before: values that are known, two of them of deleted versions, and the tag. */
const begin = async (world: World, model: Model): Promise<void> => {
  const calls: ReadonlyArray<Step> = [
    ...[...values, "zwölf"].map((one) => ({ does: "save", name: "known", value: one }) as const),
    { does: "delete", of: { text: "known@3" } },
    { does: "delete", of: { text: "known@4" } },
    { does: "defineTag", name: "only", meaning: { exclusive: true } },
    { does: "save", name: "a", value: "one" },
  ]
  for (const one of calls) await world.both(model, { as: "one", steps: [one] })
}

interface Explained {
  readonly next: Model
  /** What is left of the record. */
  readonly left?: Record
}

class Search {
  readonly #world: World
  readonly #events: ReadonlyArray<CoreRecorded>
  /** The position of the last of them, or of the one before them where there is none. */
  readonly #head: number
  /** By the place in the log and the calls that are left: ways that were tried in vain. */
  readonly #vain = new Set<string>()
  steps = 0

  constructor(world: World, before: number, events: ReadonlyArray<CoreRecorded>) {
    this.#world = world
    this.#events = events
    this.#head = before + events.length
  }

  /** The model after an order that explains everything, if there is one. */
  order(model: Model, records: ReadonlyArray<Record>): Model | undefined {
    if (records.length === 0) return model.state.position === this.#head ? model : undefined
    // Events are those of the log, so the place in it says which state that is.
    const left = records.map(
      ({ began, deed }) => `${began} ${"seen" in deed && deed.seen?.position}`,
    )
    const way = [model.state.position, ...left.toSorted()].join()
    if (this.#vain.has(way)) return undefined
    const first = Math.min(...records.map(({ ended }) => ended))
    for (const record of records) {
      // Another had ended before this one began.
      if (record.began > first) continue
      const { next, left: more = [] } = this.#explain(model, record) ?? {}
      const rest = records.filter((other) => other !== record)
      const found = next === undefined ? undefined : this.order(next, rest.concat(more))
      if (found !== undefined) return found
    }
    this.#vain.add(way)
    return undefined
  }

  /** What becomes of the model, if the deed explains its answer and the next events. */
  #explain(model: Model, record: Record): Explained | undefined {
    this.steps += 1
    const { deed } = record
    const told = this.#world.settled([record.answer], 0)
    if ("asks" in deed) {
      const past = new Past(model, model.state.position)
      const isTrue = this.#world.isAnswer(told, () => past.get({ text: deed.asks }))
      return isTrue ? { next: model } : undefined
    }
    if ("sweeps" in deed) return this.#explainSweep(model, record, deed, told as Swept)
    const next = model.fork()
    const outcome = next.perform(deed)
    const isTrue = this.#world.isAnswer(told, () => answerTo(next, deed, outcome))
    return isTrue && this.#isLogged(model, next) ? { next } : undefined
  }

  /** A sweep is two things: it sees how versions stand, and later gives up those still deleted. */
  #explainSweep(
    model: Model,
    record: Record,
    { sweeps, seen }: Sweep,
    { versions, waiting }: Swept,
  ): Explained | undefined {
    const { state } = model
    const standings = seen ?? new Standings(state, model.now, undoOf(sweeps.undo))
    const isTrue = (count: number) => versions === count && waiting === standings.waiting
    if (sweeps.dryRun === true) return isTrue(standings.due.length) ? { next: model } : undefined
    if (seen === undefined)
      return { next: model, left: { ...record, deed: { sweeps, seen: standings } } }
    const next = model.fork()
    const due = new Standings(state, model.now, undoOf(sweeps.undo)).among(seen.due)
    next.giveUp(due, sweeps.actor)
    return isTrue(due.length) && this.#isLogged(model, next) ? { next } : undefined
  }

  /** Whether the next events are those by which one model comes to be another. */
  #isLogged({ state }: Model, next: Model): boolean {
    const [after, until] = [state.position, next.state.position]
    const events = this.#events.filter(({ position }) => position > after && position <= until)
    const isThere = events.length === until - after
    return isThere && events.every((event) => this.#world.isSame(next, event))
  }
}

const runOf = (world: World, does: Deed): Effect.Effect<unknown, unknown> => {
  if ("asks" in does) return world.ledger.get(does.asks)
  return "sweeps" in does ? world.sweep(does.sweeps) : world.call(does)
}

/** All that survives is there, and of the rest a last sweep leaves nothing. */
const checkLeft = async (world: World, model: Model): Promise<void> => {
  const [sweeping, before] = [{ undo: 0 }, model.state.position]
  for (const { saved, value, deleted } of model.state.versions) {
    const of = { saved, as: "id" } as const
    if (deleted === undefined)
      world.compare(
        await world.run(model.now, world.ledger.load(world.refer(of) as string)),
        () => value,
      )
  }
  await storedIn(world, model)
  await world.run(model.now, world.sweep(sweeping))
  const { needed } = model.sweep(sweeping)
  await world.learn(model, before)
  equal(await storedIn(world, model), needed)
}

const play = async (home: Home, plans: ReadonlyArray<ReadonlyArray<Deed>>): Promise<number> => {
  const world = new World(home)
  const model = Model.begin(0)
  try {
    await world.open()
    await begin(world, model)
    const records: Array<Record> = []
    let moment = 0
    const tick = (): number => {
      moment += 1
      return moment
    }
    const one = Effect.fnUntraced(function* (does: Deed) {
      const began = tick()
      const run = runOf(world, does)
      const answer = yield* Effect.exit(run)
      records.push({ deed: does, began, ended: tick(), answer })
    })
    const all = plans.map((plan) => Effect.forEach(plan, one))
    await world.run(model.now, Effect.all(all, { concurrency: "unbounded" }))
    const before = model.state.position
    const search = new Search(world, before, await world.events(model.now, before))
    const found = search.order(model, records)
    // The history itself, where no order explains it.
    if (found === undefined) expect(records).toEqual("explained by an order of these calls")
    else await checkLeft(world, found)
    await world.close()
    await world.compareRows()
    return search.steps
  } finally {
    await world.abandon()
  }
}

describe(`callers at once (LINEAR_RUNS=${runs} LINEAR_SEED=${seed})`, () => {
  it("in memory get answers that one order explains", { timeout: 3_600_000 }, async () => {
    let most = 0
    const property = fc.asyncProperty(histories, async (plans) => {
      most = Math.max(most, await play(inMemory(), plans))
    })
    await fc.assert(property, { numRuns: runs, seed })
    expect(most).toBeGreaterThan(callers)
  })

  it("on disk get answers that one order explains", { timeout: 3_600_000 }, async () => {
    const directory = temporary()
    let count = 0
    const property = fc.asyncProperty(histories, async (plans) => {
      count += 1
      await play(onDisk(`${directory}/${count}`, "buffered"), plans)
    })
    await fc.assert(property, { numRuns: Math.ceil(runs / 5), seed })
    expect(count).toBeGreaterThanOrEqual(runs / 5)
  })
})
