/**
 * Folding: every projection of the list keeps the laws, and its rows are the same wherever they
 * stay: as of every position, in batches of any size, in a view store as in a plain map.
 */
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import type { Recorded } from "../event/event.js"
import { everyEvent, Recorder } from "../event/recorder.contract.js"
import type { TargetRef, VersionTarget } from "../event/subject.js"
import { copyPlain } from "../model/msgpack.js"
import { beginBuild, openViews, switchOver } from "../view/build.js"
import type { TableKey, Tables } from "../view/draft.js"
import { layer } from "../view/memory.js"
import { ViewStore } from "../view/view-store.js"
import type { Views } from "../view/views.js"
import { projections } from "./all.js"
import { FoldedViews, foldedRows, projectionContract } from "./projection.contract.js"
import { type AnyProjection, fold, projection } from "./projection.js"

for (const one of projections) projectionContract(one, everyEvent)

describe("the list of projections", () => {
  it("has each name once", () => {
    expect(new Set(projections.map(({ name }) => name)).size).toBe(projections.length)
  })

  it("keeps the past of everything that is asked about as of then", () => {
    const present = projections.filter(({ past }) => past === false).map(({ name }) => name)
    expect(present).toEqual(["receipts", "totals", "newest"])
  })
})

type Seen = { readonly seen: ReadonlyArray<string> }

const note = (text: string) => (rows: FoldRows) =>
  rows.put(["seen"], [...(rows.get(["seen"]) ?? []), text])

type FoldRows = Parameters<NonNullable<(typeof witness)["onEvery"]>>[0]

const witness = projection<Seen, { readonly "roof-closed": unknown }>()({
  name: "witness",
  revision: 1,
  on: { "roof-closed": (rows) => note("closed")(rows) },
  onEvery: (rows, { type }) => note(type)(rows),
})

const eventOf = (type: string): Recorded =>
  new Recorder().record({ type, data: null, subjects: [] })

describe("an event", () => {
  it("is shown to the fold of every event first, then to that of its type", () => {
    const events = [eventOf("roof-opened"), eventOf("roof-closed")]
    expect(foldedRows(witness, events)).toEqual({
      '["seen"]': ["roof-opened", "roof-closed", "closed"],
    })
  })

  it.each(["constructor", "toString", "__proto__", "hasOwnProperty"])(
    "of the type %s meets no fold that nobody wrote",
    (type) => {
      const bare: AnyProjection = { name: "bare", revision: 1, on: {} }
      const rows = new FoldedViews([bare]).view<Tables>(bare)
      const writable = { ...rows, put: () => expect.fail(), delete: () => expect.fail() }
      expect(() => fold(bare, writable, eventOf(type))).not.toThrow()
    },
  )
})

const artifactNames = ["a", "b"] as const

/** A history that grows by one event for each number. */
const historyOf = (numbers: ReadonlyArray<number>): ReadonlyArray<Recorded> => {
  const recorder = new Recorder()
  const targets: Array<VersionTarget> = [recorder.save("a"), recorder.save("b")]
  recorder.defineTag("main", { exclusive: true })
  recorder.defineTag("raw")
  const acts: ReadonlyArray<(target: VersionTarget, of: string | TargetRef) => void> = [
    (target) => void targets.push(recorder.save(target.artifact.name, { inputs: [target] })),
    (target) => void targets.push(recorder.save(target.artifact.name, { tags: ["main"] })),
    (_, of) => recorder.tag(of, "raw"),
    (_, of) => recorder.tag(of, "main"),
    (_, of) => recorder.untag(of, "raw", "main"),
    (_, of) => recorder.log(of, { n: recorder.position }),
    (_, of) => recorder.unlog(of, "n"),
    (target) => recorder.delete(target),
    (target) => recorder.restore(target),
    (target) => recorder.hold(target),
    (target) => recorder.release(target),
    (target) => recorder.delete(target.artifact.name),
    (target) => recorder.restore(target.artifact.name),
  ]
  for (const number of numbers) {
    const target = targets[(number >> 4) % targets.length]
    if (target === undefined) continue
    const name = artifactNames[(number >> 12) & 1] ?? "a"
    acts[number % acts.length]?.(target, number & 8 ? target : name)
  }
  return recorder.events
}

const commitInBatches = Effect.fnUntraced(function* (
  events: ReadonlyArray<Recorded>,
  sizes: ReadonlyArray<number>,
) {
  const store = yield* ViewStore
  const { views, stale } = yield* openViews(store, projections)
  yield* switchOver(views, yield* beginBuild(store, stale))
  for (let start = 0, round = 0; start < events.length; round += 1) {
    const batch = events.slice(start, start + (sizes[round % sizes.length] ?? 1))
    const draft = views.draft()
    for (const event of batch)
      for (const one of projections) fold(one, draft.rows(one, event.position), event)
    start += batch.length
    yield* views.commit(draft, new Map(projections.map(({ name }) => [name, start])))
  }
  return views
})

const rowsAt = Effect.fnUntraced(function* (
  views: Views,
  { name }: AnyProjection,
  position: number,
  tables: ReadonlyArray<string>,
) {
  const reader = views.at(position).view<Tables>({ name })
  let count = 0
  for (const table of tables)
    count += (yield* reader.list({ prefix: [table], countMax: 1_000 })).rows.length
  // A row that is still in memory has its bytes as they were given, not in a Buffer.
  const get = (key: string) => copyPlain(reader.get(JSON.parse(key) as TableKey<string>) ?? null)
  return { count, get }
})

describe("rows in a view store", () => {
  const numbers = fc.array(fc.nat(0xffff), { minLength: 8, maxLength: 30 })
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })

  it("are those of a plain map: now, and as of then for what keeps its past", () =>
    fc.assert(
      fc.asyncProperty(numbers, sizes, fc.nat(99), async (acts, batches, past) => {
        const events = historyOf(acts)
        const views = await Effect.runPromise(
          Effect.provide(commitInBatches(events, batches), layer),
        )
        for (const position of [events.length, past % (events.length + 1)])
          for (const one of projections) {
            if (one.past === false && position < events.length) continue
            const expected = foldedRows(one, events.slice(0, position))
            const all = [expected, foldedRows(one, events)].flatMap(Object.keys)
            const tables = [...new Set(all.map((key) => String(JSON.parse(key)[0])))]
            const rows = await Effect.runPromise(rowsAt(views, one, position, tables))
            const found = Object.keys(expected).map((key) => [key, rows.get(key)] as const)
            expect(Object.fromEntries(found)).toEqual(copyPlain(expected))
            expect(rows.count).toBe(found.length)
          }
      }),
      { numRuns: 12 },
    ))
})
