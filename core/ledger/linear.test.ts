/**
 * Eight callers at once on a few names. Every answer they got, and every event, is explained by one
 * order of their calls: one in which no call comes before another that had ended when it began. A
 * search over such orders carries each out on a naive ledger.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { CoreRecorded } from "../event/catalog.js"
import { answerTo, Past } from "./answers.contract.js"
import { Model } from "./model.contract.js"
import { temporary } from "./places.contract.js"
import type { Call, Step } from "./state.contract.js"
import { type Home, inMemory, onDisk, World } from "./world.contract.js"

const runs = Number(process.env.LINEAR_RUNS ?? 100)
const seed = Number(process.env.LINEAR_SEED ?? Math.floor(Math.random() * 2 ** 31))
const callers = 8

/** A call, or the question what a reference means. */
type Deed = Call | { readonly asks: string }

/** What a caller did, when it began and ended on one scale for all, and what it was told. */
interface Record {
  readonly deed: Deed
  readonly began: number
  readonly ended: number
  readonly answer: Exit.Exit<unknown, unknown>
}

const values = ["one", "two"]
const name = fc.constantFrom("a", "b")
const reference = fc.constantFrom("a", "b", "a@1", "b@1", "a@only")
const of = fc.record({ text: reference })
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
  fc.record({ does: fc.constantFrom("hold" as const, "release" as const), of }),
)

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
)

const histories = fc.array(fc.array(deed, { minLength: 1, maxLength: 4 }), {
  minLength: callers,
  maxLength: callers,
})

/** What holds before: values that are known, one version of each artifact, and the tag. */
const begin = async (world: World, model: Model): Promise<void> => {
  const calls: ReadonlyArray<Step> = [
    ...values.map((one) => ({ does: "save", name: "known", value: one }) as const),
    { does: "defineTag", name: "only", meaning: { exclusive: true } },
    { does: "save", name: "a", value: "one" },
  ]
  for (const one of calls) await world.both(model, { as: "one", steps: [one] })
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
    const way = [model.state.position, ...records.map(({ began }) => began)].join()
    if (this.#vain.has(way)) return undefined
    const first = Math.min(...records.map(({ ended }) => ended))
    for (const record of records) {
      // Another had ended before this one began.
      if (record.began > first) continue
      const next = this.#explain(model, record)
      const rest = records.filter((other) => other !== record)
      const found = next === undefined ? undefined : this.order(next, rest)
      if (found !== undefined) return found
    }
    this.#vain.add(way)
    return undefined
  }

  /** The model after the call, if the call explains its answer and the next events. */
  #explain(model: Model, { deed: does, answer }: Record): Model | undefined {
    this.steps += 1
    const told = this.#world.settled([answer], 0)
    if ("asks" in does) {
      const past = new Past(model, model.state.position)
      const isTrue = this.#world.isAnswer(told, () => past.get({ text: does.asks }))
      return isTrue ? model : undefined
    }
    const next = model.fork()
    const outcome = next.perform(does)
    const [after, until] = [model.state.position, next.state.position]
    const events = this.#events.filter(({ position }) => position > after && position <= until)
    const isLogged = events.length === until - after
    if (!isLogged || !events.every((event) => this.#world.isSame(next, event))) return undefined
    return this.#world.isAnswer(told, () => answerTo(next, does, outcome)) ? next : undefined
  }
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
      const run = "asks" in does ? world.ledger.get(does.asks) : world.call(does)
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
