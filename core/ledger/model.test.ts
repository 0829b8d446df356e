/**
 * Random sessions against a naive ledger in memory: saves, tags, metadata, deletions, sweeps,
 * batches, retries, two calls at once, lists page by page, past moments, failing stores, closing,
 * crashes and rebuilds. Whatever is asked, both answer the same; and a replay from nothing makes
 * the very rows of the live views.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { sweptVersionCountMax } from "../limits.js"
import type { PolicyAsked } from "./answers.contract.js"
import { texts } from "./kept.contract.js"
import { temporary } from "./places.contract.js"
import {
  artifacts,
  type Fault,
  faults,
  keys,
  type Listing,
  Session,
  tags,
} from "./session.contract.js"
import type { Call, Of, Ref, Save, Step } from "./state.contract.js"
import { cut, cuts, failingSweep, type Sweep, sweep } from "./sweeping.contract.js"
import { type Home, inMemory, onDisk } from "./world.contract.js"

/** One command of a session; what it is, is its text. */
class Command implements fc.AsyncCommand<object, Session> {
  readonly #text: string
  readonly #run: (session: Session) => void | Promise<void>

  constructor(text: string, given: unknown, run: (session: Session) => void | Promise<void>) {
    this.#text = `${text} ${JSON.stringify(given)}`
    this.#run = run
  }

  check(): boolean {
    return true
  }

  async run(_model: object, session: Session): Promise<void> {
    await this.#run(session)
  }

  toString(): string {
    return this.#text
  }
}

const name = fc.constantFrom(...artifacts)
const tag = fc.constantFrom(...tags)
const someTags = fc.uniqueArray(tag, { minLength: 1, maxLength: 2 })
const values = fc.dictionary(
  fc.constantFrom(...keys),
  fc.constantFrom(1, -0.5, "s", null, true, new Date(5), [1, { n: "é" }], ""),
  { minKeys: 1, noNullPrototype: true },
)
// Two of three are also tags.
const label = fc.constantFrom("1", "5", "007", "x", "prod", "t", "x", "prod", "t")
const ref: fc.Arbitrary<Ref> = fc.oneof(
  fc
    .tuple(name, fc.constantFrom("", "@latest", "@1", "@2", "@x", "@prod", "@t"))
    .map(([of, selector]) => ({ text: of + selector })),
  fc.record({ saved: fc.nat({ max: 5 }), as: fc.constantFrom("id" as const, "tail" as const) }),
)
const whole = name.map((artifact) => ({ artifact }))
const target: fc.Arbitrary<Of> = fc.oneof({ weight: 3, arbitrary: ref }, whole)
/** A version of a number, or an artifact. */
const hidden: fc.Arbitrary<Of> = fc.oneof(
  fc.nat({ max: 3 }).map((saved) => ({ saved, as: "id" as const })),
  whole,
)
const expecting = fc.oneof(
  fc.record({ position: fc.nat({ max: 8 }) }),
  fc.record({ latest: fc.constantFrom("1", "2", "x", null) }),
  fc.record({ holder: fc.constantFrom("1", "2", "a", null) }),
)

/** A member that is there in one of `freq` cases. */
const rarely = <K extends string, A>(key: K, arbitrary: fc.Arbitrary<A>, freq = 5) =>
  fc.oneof(
    { weight: freq - 1, arbitrary: fc.constant({}) },
    { weight: 1, arbitrary: arbitrary.map((value) => ({ [key]: value }) as { [P in K]: A }) },
  )

const together = (...parts: ReadonlyArray<fc.Arbitrary<object>>) =>
  fc.tuple(...parts).map((members) => Object.assign({}, ...members) as object)

const inputs = fc.array(
  together(fc.record({ of: ref }), rarely("as", fc.constantFrom("train", "test"), 2)),
  { minLength: 1, maxLength: 2 },
)

const save = together(
  fc.record({
    does: fc.constant("save"),
    name,
    value: fc.constantFrom(...texts),
  }),
  rarely("version", label, 3),
  rarely("tags", someTags, 2),
  rarely("metadata", values, 3),
  rarely("inputs", inputs, 3),
  rarely("reuse", fc.constant("content"), 3),
  rarely("expect", expecting, 8),
) as fc.Arbitrary<Save>

const does = <D extends Step["does"]>(step: D, ...parts: ReadonlyArray<fc.Arbitrary<object>>) =>
  together(
    fc.constant({ does: step }),
    ...parts,
    rarely("expect", expecting, 8),
  ) as fc.Arbitrary<Step>

const on = fc.record({ of: target })
const define = does(
  "defineTag",
  fc.record({
    name: tag,
    meaning: fc.record(
      { exclusive: fc.constantFrom(true, true, false), color: fc.constantFrom("red", "blue") },
      { requiredKeys: [], noNullPrototype: true },
    ),
  }),
)
/** Of one version each. */
const holding: ReadonlyArray<fc.Arbitrary<Step>> = [
  does("hold", fc.record({ of: ref })),
  does("release", fc.record({ of: ref })),
]
const changes: ReadonlyArray<fc.Arbitrary<Step>> = [
  ...holding,
  does("tag", on, fc.record({ tags: someTags })),
  does("untag", on, fc.record({ tags: someTags })),
  does("log", on, fc.record({ values })),
  does(
    "unlog",
    on,
    fc.record({ keys: fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1 }) }),
  ),
  define,
  define,
]
const hiding: ReadonlyArray<fc.Arbitrary<Step>> = [
  does("delete", on, rarely("force", fc.constant(true), 2)),
  does("restore", fc.record({ of: fc.oneof(target, hidden) })),
]

const key = rarely("key", fc.constantFrom("k1", "k2", "k3"), 4)
const actor = rarely("actor", fc.constantFrom("ann", "bob"), 3)

const calling = (as: Call["as"], steps: fc.Arbitrary<ReadonlyArray<Step>>) =>
  together(fc.record({ as: fc.constant(as), steps }), key, actor) as fc.Arbitrary<Call>

/** In a batch a save has no `reuse`, and later steps may mean what earlier ones save. */
const batchStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: save.map(({ reuse, ...rest }) => rest) },
  ...changes,
)
const planning = (steps: ReadonlyArray<Step>): ReadonlyArray<Step> =>
  steps.map((step, index) => {
    const planned = steps.findIndex(({ does: verb }) => verb === "save")
    // Every other change behind a save is of what it saves.
    return "of" in step && planned >= 0 && planned < index && index % 2 === 1
      ? { ...step, of: { planned } }
      : step
  })

const call: fc.Arbitrary<Call> = fc.oneof(
  {
    weight: 12,
    arbitrary: calling(
      "one",
      fc
        .oneof({ weight: 6, arbitrary: save }, ...changes, ...hiding, ...hiding)
        .map((step) => [step]),
    ),
  },
  { weight: 1, arbitrary: calling("saveAll", fc.array(save, { minLength: 1, maxLength: 3 })) },
  { weight: 2, arbitrary: calling("batch", fc.array(batchStep, { maxLength: 4 }).map(planning)) },
)

const order = fc.constantFrom("asc" as const, "desc" as const)
const sorting = (...by: ReadonlyArray<string>) =>
  rarely("sort", fc.record({ by: fc.constantFrom(...by), order }), 2)
const named = rarely(
  "name",
  fc.constantFrom<unknown>("a", { startsWith: "b" }, { contains: "/" }, { ne: "a" }, { in: ["a"] }),
  3,
)
const tagged = rarely(
  "tags",
  fc.constantFrom("all", "any", "none").chain((how) => fc.record({ [how]: someTags })),
  3,
)
const labelled = rarely(
  "version",
  fc.constantFrom<unknown>({ notIn: ["1"] }, { endsWith: "7" }, { eq: "x" }),
  4,
)
const held = rarely("held", fc.boolean(), 4)
const listing: fc.Arbitrary<Listing> = fc.oneof(
  together(named, tagged, labelled, held, sorting("createdAt", "name", "version", "size")).map(
    (query) => ({ list: "versions", query }) as Listing,
  ),
  together(named, tagged, sorting("name", "createdAt", "updatedAt")).map(
    (query) => ({ list: "artifacts", query }) as Listing,
  ),
  together(rarely("exclusive", fc.boolean(), 3), sorting("name", "createdAt")).map(
    (query) => ({ list: "tags", query }) as Listing,
  ),
)
const policy = together(
  fc.record({ keepLast: fc.integer({ min: 1, max: 2 }) }),
  rarely("where", fc.record({ name: fc.constantFrom("a", "b/c") }), 4),
  rarely("where", fc.record({ tags: fc.record({ none: someTags }) }), 6),
  rarely("keepLast", fc.constant(0), 2),
  rarely("keepTagged", fc.oneof(fc.constant(true), someTags), 2),
  fc.record({ olderThan: fc.integer({ min: 0, max: 60 }).map((time) => new Date(time)) }),
  rarely("unusedOnly", fc.constant(true), 4),
) as fc.Arbitrary<PolicyAsked>
const limit = fc.integer({ min: 1, max: 3 })
const how = fc.constantFrom("close" as const, "crash" as const)
const fault = fc.constantFrom(...(Object.keys(faults) as ReadonlyArray<Fault>))

/** What goes with its artifact never comes again, so that is rare. */
const goes = fc.oneof({ weight: 9, arbitrary: fc.nat({ max: 5 }) }, { weight: 1, arbitrary: whole })
const sweeping = fc.record({
  of: fc.array(goes, { maxLength: 2 }),
  wait: fc.constantFrom(0, 0, 1, 2, 4),
  sweeping: together(
    rarely("undo", fc.constantFrom(1, 3), 3).map((given) => ({ undo: 0, ...given })),
    rarely("dryRun", fc.constant(true)),
    actor,
  ),
}) as fc.Arbitrary<Sweep>

const common: ReadonlyArray<fc.WeightedArbitrary<Command>> = [
  {
    weight: 30,
    arbitrary: call.map((given) => new Command("call", given, (it) => it.perform(given))),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat({ max: 7 }), fc.boolean())
      .map((given) => new Command("again", given, (it) => it.again(...given))),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(call, call)
      .map((given) => new Command("at once", given, (it) => it.pair(...given))),
  },
  {
    weight: 2,
    arbitrary: how.map((given) => new Command("reopen", given, (it) => it.reopen(given))),
  },
  {
    weight: 5,
    arbitrary: fc
      .tuple(policy, fc.constantFrom("policy" as const, "plan" as const))
      .map((given) => new Command("prune", given, (it) => it.prune(...given))),
  },
  {
    weight: 4,
    arbitrary: sweeping.map((given) => new Command("sweep", given, (it) => sweep(it, given))),
  },
  { weight: 1, arbitrary: fc.constant(new Command("rebuild", [], (it) => it.rebuild())) },
  {
    weight: 4,
    arbitrary: fc
      .integer({ min: -3, max: 5 })
      .map((given) => new Command("wait", given, (it) => it.wait(given))),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(listing, limit, fc.nat({ max: 9 }))
      .map((given) => new Command("list", given, (it) => it.begin(...given))),
  },
  {
    weight: 3,
    arbitrary: limit.map((given) => new Command("next page", given, (it) => it.next(given))),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 12 })
      .map((given) => new Command("as of", given, (it) => it.lookAt(given))),
  },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 12 })
      .map((given) => new Command("as of the date", given, (it) => it.lookOn(given))),
  },
]

/** What stores that can be told to fail allow beside. */
const failing: ReadonlyArray<fc.WeightedArbitrary<Command>> = [
  {
    weight: 3,
    arbitrary: fc
      .tuple(call, fault, how)
      .map((given) => new Command("failing", given, (it) => it.failing(...given))),
  },
  {
    weight: 1,
    arbitrary: call.map((given) => new Command("spoiled", given, (it) => it.spoiled(given))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(sweeping, fc.constantFrom(...cuts), how)
      .map((given) => new Command("cut", given, (it) => cut(it, ...given))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(sweeping, fault, how)
      .map((given) => new Command("failing sweep", given, (it) => failingSweep(it, ...given))),
  },
]

const commands = (where: "memory" | "disk") =>
  fc.commands([fc.oneof(...common, ...(where === "memory" ? failing : []))], {
    maxCommands: 20,
    size: "max",
  })

const runs = Number(process.env.MODEL_RUNS ?? 1_000)
const seed = Number(process.env.MODEL_SEED ?? Math.floor(Math.random() * 2 ** 31))
/** Of so many runs one more is on disk, which takes as long as ten others. */
const memoryShare = 25

const moment = fc.nat({ max: 30 })

const play = async (
  home: Home,
  all: Iterable<fc.AsyncCommand<object, Session>>,
  past: number,
): Promise<void> => {
  const session = new Session(home)
  try {
    await session.world.open()
    await fc.asyncModelRun(() => ({ model: {}, real: session }), all)
    await session.end(past)
  } finally {
    await session.world.abandon()
  }
}

const one = (step: Step): Call => ({ as: "one", steps: [step] })
const tagging = (text: string, word: string): Call =>
  one({ does: "tag", of: { text }, tags: [word] })

/** Sessions in which the two once differed, made as small as they can be. */
const found: ReadonlyArray<readonly [string, (session: Session) => Promise<void>]> = [
  [
    "a call that changed nothing was answered as of the one beside it",
    async (session) => {
      await session.perform(one({ does: "save", name: "a", value: "", tags: ["t"] }))
      await session.pair(tagging("a", "t"), tagging("a", "x"))
    },
  ],
  [
    "a keyed batch was tried without its key, and what it was refused for had another place",
    async (session) => {
      await session.perform(one({ does: "save", name: "a", value: "", tags: ["t"] }))
      await session.perform({
        as: "batch",
        key: "k",
        steps: [
          { does: "save", name: "b", value: "", version: "1" },
          { does: "defineTag", name: "t", meaning: {} },
          { does: "defineTag", name: "x", meaning: {} },
          { does: "defineTag", name: "x", meaning: {}, expect: { position: 0 } },
        ],
      })
    },
  ],
]

describe("sessions that were found", () => {
  it.each(found)("%s: answers as the model does", async (_, run) => {
    const session = new Session(inMemory())
    await session.world.open()
    await run(session)
    await session.end(1)
  })
})

describe("a sweep of more versions than fit one event", () => {
  it("answers as the model does", async () => {
    const session = new Session(inMemory())
    await session.world.open()
    const one: Step = { does: "save", name: "a", value: "one" }
    const saves = Array.from({ length: sweptVersionCountMax + 6 }, () => one)
    await session.perform({ as: "saveAll", steps: saves })
    await sweep(session, { of: [3, { artifact: "a" }], wait: 0, sweeping: { undo: 0 } })
    expect(session.model.events.at(-2)?.type).toBe("content-swept")
    await session.end(1)
  })
})

describe(`random sessions (MODEL_RUNS=${runs} MODEL_SEED=${seed})`, () => {
  it("in memory answer as the model does", { timeout: 3_600_000 }, async () => {
    let count = 0
    const property = fc.asyncProperty(commands("memory"), moment, async (all, past) => {
      count += 1
      await play(inMemory(), all, past)
    })
    await fc.assert(property, { numRuns: runs, seed })
    expect(count).toBeGreaterThanOrEqual(runs)
  })

  it("on disk answer as the model does", { timeout: 3_600_000 }, async () => {
    const home = temporary()
    let count = 0
    const durability = fc.constantFrom("synced" as const, "buffered" as const)
    const property = fc.asyncProperty(
      commands("disk"),
      moment,
      durability,
      async (all, past, durable) => {
        count += 1
        await play(onDisk(`${home}/${count}`, durable), all, past)
      },
    )
    await fc.assert(property, { numRuns: Math.ceil(runs / memoryShare), seed })
    expect(count).toBeGreaterThanOrEqual(runs / memoryShare)
  })
})
