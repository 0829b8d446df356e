/**
 * The past: whatever is asked of a ledger as of a position is what a ledger would answer whose log
 * ends there. Random histories, every position, every question.
 */
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { DaybookError } from "../errors.js"
import type { CoreRecorded } from "../event/catalog.js"
import type { Context, Recorded } from "../event/event.js"
import type { ArtifactVersion } from "../model/artifact.js"
import type { Target } from "../model/reference.js"
import { projection } from "../projection/projection.js"
import type { LedgerApi, ReaderApi } from "./api.js"
import { type Asked, answers } from "./ledger.contract.js"
import { Ledger } from "./ledger.js"
import { layer } from "./local.js"
import { leftIn, MemoryPlace, temporary } from "./places.contract.js"

type Api = LedgerApi<"effect">

const artifacts = ["a", "b/c"]
const tags = ["new", "gold"]
const selectors = ["1", "007", ...tags]
const keys = ["score", "note"]

/** The versions saved so far, and what is done next. */
type Act = (ledger: Api, saved: Array<ArtifactVersion>) => Effect.Effect<unknown, DaybookError>

const name = fc.constantFrom(...artifacts)
const word = fc.constantFrom(...tags)
const words = fc.uniqueArray(word, { minLength: 1, maxLength: 2 })
const values = fc.dictionary(
  fc.constantFrom(...keys),
  fc.oneof(fc.integer(), fc.string({ maxLength: 3 }), fc.constant(null)),
  { minKeys: 1 },
)

/** One of the versions saved so far, or an artifact. */
const target = fc.tuple(fc.nat(), fc.nat({ max: 3 })).map(([index, kind]) => {
  return (saved: ReadonlyArray<ArtifactVersion>): Target => {
    const version = saved[index % Math.max(1, Math.min(3, saved.length))]
    if (version === undefined) return { artifact: "a" }
    return kind === 0 ? { artifact: version.name } : version.id
  }
})

const saving = fc.record(
  {
    version: fc.oneof({ weight: 3, arbitrary: fc.constant("007") }, word),
    tags: words,
    metadata: values,
    inputs: fc.constant(["a"]),
    reuse: fc.constant("content" as const),
    idempotencyKey: fc.constantFrom("k1", "k2"),
  },
  { requiredKeys: [] },
)

const save = fc.tuple(name, fc.nat({ max: 3 }), saving).map(
  ([of, value, options]): Act =>
    (ledger, saved) =>
      Effect.map(ledger.save(of, value, options), (version) => saved.push(version)),
)

const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: save },
  fc.tuple(target, words).map(
    ([of, some]): Act =>
      (ledger, saved) =>
        ledger.tag(of(saved), some),
  ),
  fc.tuple(target, word).map(
    ([of, tag]): Act =>
      (ledger, saved) =>
        ledger.untag(of(saved), tag),
  ),
  fc.tuple(word, fc.boolean()).map(
    ([tag, exclusive]): Act =>
      (ledger) =>
        ledger.defineTag(tag, { exclusive }),
  ),
  fc.tuple(target, values).map(
    ([of, some]): Act =>
      (ledger, saved) =>
        ledger.logMetadata(of(saved), some),
  ),
  fc.tuple(target, fc.constantFrom(...keys)).map(
    ([of, key]): Act =>
      (ledger, saved) =>
        ledger.removeMetadata(of(saved), key),
  ),
  target.map(
    (of): Act =>
      (ledger, saved) =>
        ledger.delete(of(saved), { force: true }),
  ),
  target.map(
    (of): Act =>
      (ledger, saved) =>
        ledger.restore(of(saved)),
  ),
)

interface Step {
  readonly act: Act
  /** Before the act, in milliseconds. */
  readonly pause: number
  readonly context: Context
}

const step: fc.Arbitrary<Step> = fc.record({
  act,
  pause: fc.nat({ max: 2 }),
  context: fc.record(
    { actor: fc.constantFrom("ann", "bob"), correlationId: fc.constant("c") },
    { requiredKeys: [] },
  ),
})

/** What is refused changes nothing. */
const history = (length: number) => fc.array(step, { minLength: length, maxLength: length })

const perform = Effect.fnUntraced(function* (ledger: Api, steps: ReadonlyArray<Step>) {
  const saved: Array<ArtifactVersion> = []
  for (const of of artifacts) saved.push(yield* ledger.save(of, 0, { tags }))
  for (const { act: does, pause, context } of steps) {
    yield* TestClock.adjust(pause)
    yield* Effect.exit(does(ledger.with(context), saved))
  }
})

/** A caller's own view, to be asked like any other, with rows that come and go. */
const saves = projection<{ readonly last: number; readonly total: number }>()({
  name: "own/saves",
  revision: 1,
  on: {
    "version-saved": (rows, { data, position }) => {
      rows.put(["last", data.artifact.name], position)
      rows.put(["total"], (rows.get(["total"]) ?? 0) + 1)
    },
    "tags-added": (rows, { data, position }) =>
      rows.put(["last", data.target.artifact.name], position),
    "tags-removed": (rows, { data }) => rows.delete(["last", data.target.artifact.name]),
  },
})
const options = { projections: [saves] }

const everything = Effect.fnUntraced(function* (reader: ReaderApi<"effect">, asked: Asked) {
  const view = reader.view(saves)
  const own = { total: yield* view.get(["total"]), last: yield* view.list(["last"]) }
  return { ...(yield* answers(reader, asked)), own }
})

const savedIds = (events: ReadonlyArray<Recorded>): ReadonlyArray<string> =>
  (events as ReadonlyArray<CoreRecorded>).flatMap((event) =>
    event.type === "version-saved" ? [event.data.version.id] : [],
  )

const differences = (
  some: Readonly<Record<string, unknown>>,
  others: Readonly<Record<string, unknown>>,
) =>
  Object.keys({ ...some, ...others })
    .filter((question) => !isDeepStrictEqual(some[question], others[question]))
    .map((question) => ({ question, is: some[question], shouldBe: others[question] }))

/** What a ledger leaves behind: its records and its blobs. */
type Left = ConstructorParameters<typeof MemoryPlace>[0] & object

/** Compares each moment of the ledger with one whose log ends there. */
const compareAll = Effect.fnUntraced(function* (ledger: Api, left: Left) {
  const events = yield* Stream.runCollect(ledger.replay())
  const ids = savedIds(events)
  const asked = { artifacts, selectors, tags, keys, ids: [...ids.slice(0, 2), ...ids.slice(-1)] }
  for (const { position, time } of events) {
    const shorter = new MemoryPlace({ ...left, records: left.records.slice(0, position) })
    const then = yield* Effect.promise(() =>
      shorter.use((earlier) => everything(earlier, asked), options),
    )
    expect(differences(yield* everything(ledger.asOf(position), asked), then)).toEqual([])
    // Several events may have happened in one millisecond: a date means the last of them.
    const last = events.findLast((event) => event.time === time)
    const dated = yield* Stream.runCollect(ledger.asOf(new Date(time)).replay())
    expect(dated.at(-1)).toEqual(last)
  }
  return events.length
})

const timed = <A, E>(run: Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.provide(run, TestClock.layer()))

/** What is left in a directory, with blobs in memory that hold all values of the histories. */
const leftWithValues = async (directory: string): Promise<Left> => {
  const values = new MemoryPlace(0)
  await values.use((ledger) => Effect.forEach([0, 1, 2, 3], (value) => ledger.save("v", value)))
  return { ...(await leftIn(directory)), blobs: values.blobs }
}

describe("as of any position", () => {
  it.each([
    [24, 5],
    [2, 16],
  ])(
    "a ledger in memory answers as one whose log ends there: %i times %i acts",
    async (runs, length) => {
      let events = 0
      const check = async (steps: ReadonlyArray<Step>): Promise<void> => {
        const place = new MemoryPlace(0)
        const compared = Ledger.use((ledger) =>
          Effect.andThen(perform(ledger, steps), compareAll(ledger, place)),
        )
        events += await timed(Effect.provide(compared, place.layer(options)))
      }
      await fc.assert(fc.asyncProperty(history(length), check), { numRuns: runs })
      // Acts that were all refused would leave nothing to compare.
      expect(events).toBeGreaterThan(runs * (3 + length / 10))
    },
  )

  it("a ledger on LevelDB answers the same", async () => {
    const check = async (steps: ReadonlyArray<Step>): Promise<void> => {
      const directory = temporary()
      const place = layer({ directory, ...options })
      await timed(
        Effect.provide(
          Ledger.use((ledger) => perform(ledger, steps)),
          place,
        ),
      )
      const left = await leftWithValues(directory)
      const events = await timed(
        Effect.provide(
          Ledger.use((ledger) => compareAll(ledger, left)),
          place,
        ),
      )
      expect(events).toBe(left.records.length)
    }
    await fc.assert(fc.asyncProperty(history(6), check), { numRuns: 3 })
  })
})

const saveAt = (ledger: Api, time: number) =>
  Effect.andThen(TestClock.setTime(time), ledger.save("a", time))

/** A ledger made at 0 with versions saved at 10, 20, 20 and 30 milliseconds, at 40. */
const atTimes = <E>(body: (ledger: Api) => Effect.Effect<void, E>): Promise<void> => {
  const use = Ledger.use((ledger) =>
    Effect.gen(function* () {
      for (const time of [10, 20, 20, 30]) yield* saveAt(ledger, time)
      yield* TestClock.setTime(40)
      yield* body(ledger)
    }),
  )
  return timed(Effect.provide(use, new MemoryPlace(0).layer()))
}

const headOf = (reader: ReaderApi<"effect">) =>
  Effect.map(Stream.runCollect(reader.replay()), (events) => events.length)

describe("as of a date", () => {
  it.each([
    [-1, 0],
    [0, 1],
    [9, 1],
    [10, 2],
    [19, 2],
    [20, 4],
    [29, 4],
    [30, 5],
    [99, 5],
  ])("of %i ms is position %i", (time, position) =>
    atTimes(
      Effect.fnUntraced(function* (ledger) {
        expect(yield* headOf(ledger.asOf(new Date(time)))).toBe(position)
      }),
    ),
  )

  it("a date is recorded time, which goes on when the clock is set back", () =>
    atTimes(
      Effect.fnUntraced(function* (ledger) {
        yield* saveAt(ledger, 15)
        const [event] = yield* Stream.runCollect(ledger.replay({ after: 5 }))
        expect(event).toMatchObject({ time: 30, clock: 15 })
        expect(yield* headOf(ledger.asOf(new Date(29)))).toBe(4)
        expect(yield* headOf(ledger.asOf(new Date(30)))).toBe(6)
      }),
    ))

  it("a date to come pins the head at the first read", () =>
    atTimes(
      Effect.fnUntraced(function* (ledger) {
        const reader = ledger.asOf(new Date(1_000))
        yield* saveAt(ledger, 50)
        expect((yield* reader.get("a")).version).toBe("5")
        yield* saveAt(ledger, 60)
        expect((yield* reader.get("a")).version).toBe("5")
        expect((yield* ledger.get("a")).version).toBe("6")
      }),
    ))
})

describe("as of nothing that is", () => {
  it.each([6, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN)])(
    "%s is refused at the first read",
    (moment) =>
      atTimes(
        Effect.fnUntraced(function* (ledger) {
          const reader = ledger.asOf(moment)
          const refused = { _tag: "InvalidInput", kind: "invalid", path: "asOf" }
          expect(yield* Effect.flip(reader.get("a"))).toMatchObject(refused)
          expect(yield* Effect.flip(headOf(reader))).toMatchObject(refused)
        }),
      ),
  )

  it("the position before everything has nothing in it", () =>
    atTimes(
      Effect.fnUntraced(function* (ledger) {
        const reader = ledger.asOf(0)
        expect(yield* headOf(reader)).toBe(0)
        expect(yield* reader.find("a")).toBeUndefined()
        expect(yield* reader.listArtifacts()).toEqual({ entries: [] })
      }),
    ))
})

describe("a row with a long past", () => {
  it("is found as of each of its changes", () =>
    timed(
      Effect.provide(
        Ledger.use((ledger) =>
          Effect.gen(function* () {
            const { id } = yield* ledger.save("a", 0)
            for (let n = 1; n <= 300; n += 1) yield* ledger.logMetadata(id, { n })
            for (let n = 1; n <= 300; n += 1) {
              const { metadata } = yield* ledger.asOf(n + 2).get(id)
              expect(metadata.n).toBe(n)
            }
          }),
        ),
        new MemoryPlace(0).layer(),
      ),
    ))
})
