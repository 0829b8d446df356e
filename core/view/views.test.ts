/**
 * Views against a naive model that keeps a full copy of all rows at every position: random
 * histories, every position, every key, every list. Then commits that fail.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Outcome, ViewFailure } from "../errors.js"
import { beginBuild, openViews, switchOver } from "./build.js"
import type { TableKey, Tables, ViewSpec } from "./draft.js"
import { encodeKey, type KeyPart } from "./key.js"
import { layer as levelLayer } from "./level.js"
import { type Failpoint, layerWith } from "./memory.js"
import type { ListQuery, PastReader, Row } from "./moment.js"
import { slotRanges } from "./registry.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"
import type { Views } from "./views.js"

const specs: ReadonlyArray<ViewSpec> = [
  { name: "kept", revision: 1 },
  { name: "kept too", revision: 7 },
  { name: "plain", revision: 1, past: false },
]

type Key = TableKey<string>

// Tables and parts that run into one another, and characters at the edges of the encoding.
const keys: ReadonlyArray<Key> = [
  ["t"],
  ["t", ""],
  ["t", "", 7],
  ["t", "a"],
  ["t", "a", 0],
  ["t", "a", 10],
  ["t", "a\u0000"],
  ["t", "ab"],
  ["t", "ab", 2],
  ["t", "\uffff"],
  ["t", "\u{10000}"],
  ["t", "\u{10ffff}b"],
  ["ta", "a"],
  ["u", "b"],
]

type Change = readonly [view: number, key: number, value: number | undefined]
interface Commit {
  readonly events: ReadonlyArray<ReadonlyArray<Change>>
  readonly reopen: boolean
  /** Held in memory for now, not stored. */
  readonly held: boolean
}

const change: fc.Arbitrary<Change> = fc.tuple(
  fc.nat({ max: specs.length - 1 }),
  fc.nat({ max: keys.length - 1 }),
  fc.option(fc.nat({ max: 99 }), { nil: undefined, freq: 2 }),
)
const history: fc.Arbitrary<ReadonlyArray<Commit>> = fc.array(
  fc.record({
    events: fc.array(fc.array(change, { minLength: 1, maxLength: 9 }), {
      minLength: 1,
      maxLength: 5,
    }),
    reopen: fc.boolean(),
    held: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
)

/** All rows of one view at one position, by the index of their key. */
type Moment = ReadonlyMap<number, string>
/** For each position, for each view. */
type Model = Array<ReadonlyArray<Moment>>

const openAll = Effect.fnUntraced(function* (store: ViewStoreShape) {
  const { views, stale } = yield* openViews(store, specs)
  if (stale.length > 0) yield* switchOver(views, yield* beginBuild(store, stale))
  return views
})

const play = Effect.fnUntraced(function* (store: ViewStoreShape, commits: ReadonlyArray<Commit>) {
  const model: Model = [specs.map(() => new Map())]
  let views = yield* openAll(store)
  for (const { events, reopen, held } of commits) {
    if (reopen) {
      yield* views.flush
      views = yield* openAll(store)
    }
    const draft = views.draft()
    for (const event of events) {
      const position = model.length
      const next = (model.at(-1) ?? []).map((moment) => new Map(moment))
      for (const [view, key, value] of event) {
        const rows = draft.rows<Tables>({ name: specs[view]?.name ?? "" }, position)
        const at = keys[key] ?? ["t"]
        const row = `${position}:${value}`
        if (value === undefined) rows.delete(at)
        else rows.put(at, row)
        if (value === undefined) next[view]?.delete(key)
        else next[view]?.set(key, row)
      }
      model.push(next)
    }
    const head = model.length - 1
    const positions = new Map(specs.map(({ name }) => [name, head]))
    if (held) views.hold(draft, positions, 1)
    else yield* views.commit(draft, positions)
  }
  return { views, model }
})

const utf8 = (text: string): Buffer => Buffer.from(text, "utf8")
const textPart = (part: KeyPart): string =>
  typeof part === "string" ? part : part.toString(36).padStart(11, "0")

const compareKeys = (a: Key, b: Key): number => {
  const parts = Math.min(a.length, b.length)
  for (let index = 0; index < parts; index += 1) {
    const order = utf8(textPart(a[index] ?? "")).compare(utf8(textPart(b[index] ?? "")))
    if (order !== 0) return order
  }
  return a.length - b.length
}

const beginsWith = (key: Key, prefix: Key, open: boolean): boolean =>
  key.length >= prefix.length &&
  prefix.every((part, index) =>
    open && index === prefix.length - 1
      ? textPart(key[index] ?? "").startsWith(textPart(part))
      : key[index] === part,
  )

interface Query {
  readonly prefix: Key
  readonly open: boolean
  readonly reverse: boolean
  readonly after: Key | undefined
}

const naiveList = (moment: Moment, { prefix, open, reverse, after }: Query) => {
  const sign = reverse ? -1 : 1
  return [...moment]
    .map(([index, value]) => ({ key: keys[index] ?? ["t"], value }))
    .filter(({ key }) => beginsWith(key, prefix, open))
    .filter(({ key }) => after === undefined || sign * compareKeys(key, after) > 0)
    .sort((a, b) => sign * compareKeys(a.key, b.key))
    .map(({ key, value }) => ({ key: key.slice(1).map(textPart), value }))
}

/** Every page, one after the other. */
const pages = Effect.fnUntraced(function* (reader: PastReader<Tables>, query: ListQuery<string>) {
  const rows: Array<Row<Tables[string]>> = []
  let after = query.after
  for (let turn = 0; turn <= keys.length; turn += 1) {
    const page = yield* reader.list({ ...query, after })
    if (page.rows.length > query.countMax) throw new Error("a page holds more than was asked for")
    for (const row of page.rows) rows.push(row)
    if (page.resume === undefined) return rows.map(({ key, value }) => ({ key, value }))
    after = page.resume
  }
  throw new Error("the pages never end")
})

const queries = (seed: number): ReadonlyArray<ListQuery<string> & { readonly naive: Query }> => {
  const prefixes: ReadonlyArray<readonly [Key, boolean]> = [
    [["t"], false],
    [["t"], true],
    [["t", ""], true],
    [["t", "a"], false],
    [["t", "a"], true],
    [["t", "\u{10ffff}"], true],
    [["absent"], false],
  ]
  return prefixes.flatMap(([prefix, open], index) =>
    [false, true].map((reverse) => {
      const turn = seed + 3 * index + Number(reverse)
      const after = turn % 3 === 0 ? keys[turn % keys.length] : undefined
      return {
        prefix,
        open,
        reverse,
        after: after === undefined ? undefined : encodeKey(after),
        countMax: [1, 2, 5, 1_000][turn % 4] ?? 1,
        naive: { prefix, open, reverse, after },
      }
    }),
  )
}

/** What one view shows at a position, as the model has it and as it was found. */
const compareAt = Effect.fnUntraced(function* (
  views: Views,
  view: number,
  moment: Moment,
  position: number,
) {
  const reader = views.at(position).view<Tables>({ name: specs[view]?.name ?? "" })
  const expected: Array<unknown> = keys.map((_, index) => moment.get(index))
  const found: Array<unknown> = keys.map((key) => reader.get(key))
  for (const query of queries(position + view)) {
    expected.push(naiveList(moment, query.naive))
    found.push(yield* pages(reader, query))
  }
  return { expected, found }
})

const getsAgree = (views: Views, view: number, moment: Moment, position: number): void => {
  const reader = views.at(position).view<Tables>({ name: specs[view]?.name ?? "" })
  const found = keys.map((key) => reader.get(key))
  const expected = keys.map((_, index) => moment.get(index))
  if (!isDeepStrictEqual(found, expected))
    expect(found, `${view} at ${position}`).toStrictEqual(expected)
}

/** Fails with the first position and view at which the two differ. */
const agreesAt = Effect.fnUntraced(function* (
  views: Views,
  view: number,
  moment: Moment,
  position: number,
) {
  const { expected, found } = yield* compareAt(views, view, moment, position)
  // One cheap comparison of everything: thousands of matchers would take most of the time.
  if (!isDeepStrictEqual(found, expected))
    expect(found, `${view} at ${position}`).toStrictEqual(expected)
})

/** The counts in the states, found again by scanning every row of every slot. */
const audit = Effect.fnUntraced(function* (store: ViewStoreShape, views: Views) {
  for (const state of views.states.values()) {
    const [now = [], gone = [], was = []] = yield* store.scan(
      slotRanges(state.slot).map((range) => ({ ...range, reverse: false, countMax: 1e9 })),
    )
    const rows = [...now, ...gone, ...was]
    let sum = 0n
    for (const [, row] of rows) sum += BigInt(`0x${Buffer.from(row).toString("hex", 0, 4)}`)
    const found = {
      rowCount: rows.length,
      goneCount: gone.length,
      rowSum: Number(sum % 2n ** 48n),
    }
    expect(state, state.name).toMatchObject(found)
    if (!state.past) expect(gone.length + was.length).toBe(0)
  }
  const reopened = yield* openViews(store, specs)
  expect(new Map(reopened.views.states)).toEqual(new Map(views.states))
})

const agrees = Effect.fnUntraced(function* (store: ViewStoreShape, commits: ReadonlyArray<Commit>) {
  const { views, model } = yield* play(store, commits)
  const head = model.length - 1
  expect(views.head).toBe(head)
  // Before any list, which would have stored what is held.
  for (const [position, moments] of model.entries())
    for (const [view, moment] of moments.entries())
      if (specs[view]?.past !== false || position === head) getsAgree(views, view, moment, position)
  for (const [position, moments] of model.entries()) {
    for (const [view, moment] of moments.entries()) {
      const kept = specs[view]?.past !== false
      if (kept) yield* agreesAt(views, view, moment, position)
      else if (position % 4 === 0)
        // Only the present is kept: it is what every position reads.
        yield* agreesAt(views, view, model[head]?.[view] ?? new Map(), position)
    }
  }
  for (const [view, moment] of (model[head] ?? []).entries())
    yield* agreesAt(views, view, moment, head + 10)
  yield* audit(store, views)
})

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-views-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true })),
)

const inMemory = <A>(
  use: (store: ViewStoreShape) => Effect.Effect<A, unknown>,
  failpoint?: Failpoint,
) =>
  Effect.runPromise(
    Effect.provide(
      Effect.flatMap(ViewStore, use),
      layerWith({ rows: new Map(), ...(failpoint === undefined ? {} : { failpoint }) }),
    ),
  )

const onLevel = <A>(use: (store: ViewStoreShape) => Effect.Effect<A, unknown>) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(temporaryDirectory, (directory) =>
        Effect.scoped(Effect.provide(Effect.flatMap(ViewStore, use), levelLayer({ directory }))),
      ),
    ),
  )

describe("any history agrees with full copies, at every position", () => {
  it("in memory", () =>
    fc.assert(
      fc.asyncProperty(history, (commits) => inMemory((store) => agrees(store, commits))),
      { numRuns: 25 },
    ))

  it("on LevelDB", () =>
    fc.assert(
      fc.asyncProperty(history, (commits) => onLevel((store) => agrees(store, commits))),
      { numRuns: 4 },
    ))
})

const three: ReadonlyArray<Commit> = [
  {
    reopen: false,
    held: false,
    events: [[0, 1, 2].flatMap((view) => [3, 4, 7].map((key) => [view, key, 1] as const))],
  },
  {
    reopen: false,
    held: false,
    events: [[0, 1, 2].map((view) => [view, 3, undefined] as const)],
  },
]

/** Rows created, some of them deleted; then one commit more, which a failpoint meets. */
const failing = (phase: "before" | "after", outcome: Outcome) => {
  let armed = false
  const failure = new ViewFailure({ message: "no", operation: "commit", reason: "io", outcome })
  const failpoint: Failpoint = (operation, at) =>
    armed && operation === "commit" && at === phase ? failure : undefined
  const commit = Effect.fnUntraced(function* (views: Views) {
    const draft = views.draft()
    for (const { name } of specs) {
      const rows = draft.rows<Tables>({ name }, 3)
      rows.delete(["t", "a", 0])
      rows.put(["t", "a"], "back")
      rows.put(["u", "b"], "new")
    }
    armed = true
    const failed = yield* Effect.flip(
      views.commit(draft, new Map(specs.map(({ name }) => [name, 3]))),
    )
    armed = false
    expect(failed).toBe(failure)
    return draft
  })
  return { failpoint, commit }
}

const goOn = (views: Views) => {
  const draft = views.draft()
  for (const { name } of specs) draft.rows<Tables>({ name }, 4).put(["t", "ab"], "later")
  return views.commit(draft, new Map(specs.map(({ name }) => [name, 4])))
}

describe("a commit that fails", () => {
  it("before anything is stored changes nothing, and can be made again", () => {
    const { failpoint, commit } = failing("before", "none")
    return inMemory(
      (store) =>
        Effect.gen(function* () {
          const { views } = yield* play(store, three)
          const draft = yield* commit(views)
          expect(views.head).toBe(2)
          expect(views.at(2).view<Tables>({ name: "kept" }).get(["t", "a", 0])).toBe("1:1")
          yield* audit(store, views)
          yield* views.commit(draft, new Map(specs.map(({ name }) => [name, 3])))
          expect(views.head).toBe(3)
          expect(views.at(3).view<Tables>({ name: "kept" }).get(["t", "a"])).toBe("back")
          yield* audit(store, views)
        }),
      failpoint,
    )
  })

  it("after all is stored, and says so, counts as stored", () => {
    const { failpoint, commit } = failing("after", "committed")
    return inMemory(
      (store) =>
        Effect.gen(function* () {
          const { views } = yield* play(store, three)
          yield* commit(views)
          expect(views.head).toBe(3)
          yield* audit(store, views)
          yield* goOn(views)
          yield* audit(store, views)
        }),
      failpoint,
    )
  })

  it.each(["before", "after"] as const)(
    "and leaves no word (%s it was stored) is the last until the views are opened again",
    (phase) => {
      const { failpoint, commit } = failing(phase, "unknown")
      return inMemory(
        (store) =>
          Effect.gen(function* () {
            const { views } = yield* play(store, three)
            yield* commit(views)
            const refused = yield* Effect.flip(goOn(views))
            expect(refused).toMatchObject({ reason: "stopped", outcome: "none" })
            const past = views.at(2).view<Tables>({ name: "kept" })
            expect([past.get(["t", "a"]), past.get(["t", "a", 0])]).toEqual([undefined, "1:1"])
            const { rows } = yield* past.list({ prefix: ["t"], countMax: 9 })
            expect(rows.map(({ value }) => value)).toEqual(["1:1", "1:1"])

            const reopened = yield* openAll(store)
            expect(reopened.head).toBe(phase === "before" ? 2 : 3)
            yield* audit(store, reopened)
            yield* goOn(reopened)
            yield* audit(store, reopened)
          }),
        failpoint,
      )
    },
  )
})

describe("a commit", () => {
  it("moves on only the views that it names", () =>
    inMemory((store) =>
      Effect.gen(function* () {
        const views = yield* openAll(store)
        const draft = views.draft()
        draft.rows<Tables>({ name: "kept" }, 5).put(["t"], 1)
        yield* views.commit(draft, new Map([["kept", 5]]))
        const positions = [...views.states.values()].map(({ position }) => position)
        expect(positions).toEqual([5, 0, 0])
        expect(views.head).toBe(5)
      }),
    ))

  it("names a view that was not opened as the defect it is", () =>
    inMemory((store) =>
      Effect.gen(function* () {
        const views = yield* openAll(store)
        expect(() => views.at(0).view<Tables>({ name: "absent" }).get(["t"])).toThrow("absent")
      }),
    ))
})
