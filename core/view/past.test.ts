/**
 * Reads of the past where they are hard: rows that changed very often, hundreds that came back,
 * commits that land between two reads of one answer, and rows that are damaged.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { rungLength } from "../limits.js"
import { beginBuild, openViews, switchOver } from "./build.js"
import type { Rows, Tables, ViewOf, ViewSpec } from "./draft.js"
import { layer as levelLayer } from "./level.js"
import { layerWith } from "./memory.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"
import type { Views } from "./views.js"

const words: ViewOf<Tables> = { name: "words" }
const specs = [{ name: "words", revision: 1 }]

const openWords = Effect.fnUntraced(function* (
  store: ViewStoreShape,
  declared: ReadonlyArray<ViewSpec> = specs,
) {
  const { views, stale } = yield* openViews(store, declared)
  yield* switchOver(views, yield* beginBuild(store, stale))
  return views
})

type Fold = (rows: Rows<Tables>, position: number) => void

/** One commit of the events at these positions. */
const commit = (views: Views, fold: Fold, ...positions: ReadonlyArray<number>) => {
  const draft = views.draft()
  for (const position of positions) fold(draft.rows(words, position), position)
  return views.commit(draft, new Map([[words.name, positions.at(-1) ?? 0]]))
}

const onStore = <A>(
  use: (views: Views, store: ViewStoreShape) => Effect.Effect<A, unknown>,
  rows = new Map<string, Uint8Array>(),
) =>
  Effect.runPromise(
    Effect.provide(
      Effect.flatMap(ViewStore, (store) =>
        Effect.flatMap(openWords(store), (views) => use(views, store)),
      ),
      layerWith({ rows }),
    ),
  )

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)

const valuesOf = (views: Views, position: number, reverse = false) =>
  Effect.map(
    views
      .at(position)
      .view(words)
      .list({ prefix: ["word"], reverse, countMax: 1_000 }),
    ({ rows }) => rows.map(({ value }) => value),
  )

describe("rows with a long past", () => {
  it("that changed 2,000 times are read as of every position", () =>
    onStore((views) =>
      Effect.gen(function* () {
        // Every third position changes the row, every hundredth deletes it; 50 events a commit.
        const fold: Fold = (rows, position) => {
          if (position % 100 === 0) rows.delete(["word", "a"])
          else if (position % 3 === 0) rows.put(["word", "a"], position)
        }
        const last = 6_060
        for (let from = 1; from <= last; from += 50)
          yield* commit(views, fold, ...range(from, Math.min(from + 49, last)))

        let expected: number | undefined
        const wrong: Array<number> = []
        for (const position of range(1, last)) {
          if (position % 100 === 0) expected = undefined
          else if (position % 3 === 0) expected = position
          if (views.at(position).view(words).get(["word", "a"]) !== expected) wrong.push(position)
          if (position % 50 === 0) {
            const listed = yield* valuesOf(views, position)
            if (listed[0] !== expected || listed.length > 1) wrong.push(position)
          }
        }
        expect(wrong).toEqual([])
      }),
    ))

  it("that are positions are read as of every one, from a sixteenth of the closed rows", () => {
    const rows = new Map<string, Uint8Array>()
    return onStore(
      (_, store) =>
        Effect.gen(function* () {
          const spec = { name: "words", revision: 2, past: "positions" } as const
          const views = yield* openWords(store, [spec])
          const fold: Fold = (changed, position) => {
            if (position % 3 === 0) changed.put(["word", "a"], position)
            if (position % 700 === 0) changed.put(["word", "b"], position)
          }
          const last = 6_000
          for (let from = 1; from <= last; from += 50)
            yield* commit(views, fold, ...range(from, from + 49))
          const wrong = range(0, last).filter((position) => {
            const reader = views.at(position).view(words)
            const expected = [3, 700].map((step) => position - (position % step) || undefined)
            return !isDeepStrictEqual(
              [reader.get(["word", "a"]), reader.get(["word", "b"])],
              expected,
            )
          })
          expect(wrong).toEqual([])
          expect(yield* valuesOf(views, 4_203)).toEqual([4_203, 4_200])
          const closed = [...rows.keys()].filter((key) => key.startsWith("w"))
          expect(closed).toHaveLength(Math.floor(1_999 / rungLength))
        }),
      rows,
    )
  })

  it("that were deleted and created again, 300 of them, are listed as of each moment", () =>
    onStore((views) =>
      Effect.gen(function* () {
        const all = range(1, 300)
        const each =
          (fold: (rows: Rows<Tables>, n: number) => void): Fold =>
          (rows) => {
            for (const n of all) fold(rows, n)
          }
        yield* commit(
          views,
          each((rows, n) => rows.put(["word", n], `first ${n}`)),
          1,
        )
        yield* commit(
          views,
          each((rows, n) => rows.delete(["word", n])),
          2,
        )
        const again = each((rows, n) => {
          if (n % 2 === 1) rows.put(["word", n], `again ${n}`)
        })
        yield* commit(views, again, 3)
        yield* commit(
          views,
          each((rows, n) => rows.delete(["word", n])),
          4,
        )

        const odd = all.filter((n) => n % 2 === 1).map((n) => `again ${n}`)
        const first = all.map((n) => `first ${n}`)
        expect(yield* valuesOf(views, 0)).toEqual([])
        expect(yield* valuesOf(views, 1)).toEqual(first)
        expect(yield* valuesOf(views, 1, true)).toEqual(first.toReversed())
        expect(yield* valuesOf(views, 2)).toEqual([])
        expect(yield* valuesOf(views, 3)).toEqual(odd)
        expect(yield* valuesOf(views, 4)).toEqual([])
        expect(views.states.get("words")?.goneCount).toBe(300)
      }),
    ))
})

/**
 * Over a store: a commit stays under way until it lands, just before the read that `landBefore`
 * counts down to, and is over only when `finish` is called.
 */
const slowCommits = (inner: ViewStoreShape) => {
  let land: (() => void) | undefined
  let finish: (() => void) | undefined
  const slow = { landBefore: Number.POSITIVE_INFINITY, finish: () => finish?.() }
  const read = () => {
    if (slow.landBefore === 0) land?.()
    slow.landBefore -= 1
  }
  const store: ViewStoreShape = {
    ...inner,
    get: (key) => {
      read()
      return inner.get(key)
    },
    scan: (ranges) =>
      Effect.suspend(() => {
        read()
        return inner.scan(ranges)
      }),
    commit: (writes) =>
      Effect.callback<void, ViewFailure>((resume) => {
        let landed = false
        land = () => {
          if (!landed) Effect.runSync(inner.commit(writes))
          landed = true
        }
        finish = () => {
          land?.()
          resume(Effect.void)
        }
      }),
  }
  return { store, slow }
}

interface Scene {
  readonly before: ReadonlyArray<Fold>
  readonly landing: Fold
  /** As of these positions, this value of the row `a`. */
  readonly expected: ReadonlyArray<readonly [position: number, value: string | undefined]>
}

const put =
  (value: string): Fold =>
  (rows) =>
    rows.put(["word", "a"], value)
const remove: Fold = (rows) => rows.delete(["word", "a"])

const scenes: Readonly<Record<string, Scene>> = {
  "changes the row": {
    before: [put("old"), put("newer")],
    landing: put("newest"),
    expected: [
      [0, undefined],
      [1, "old"],
      [2, "newer"],
    ],
  },
  "deletes the first row ever": {
    before: [put("old")],
    landing: remove,
    expected: [
      [0, undefined],
      [1, "old"],
    ],
  },
  "brings the row back": {
    before: [put("old"), remove],
    landing: put("again"),
    expected: [
      [0, undefined],
      [1, "old"],
      [2, undefined],
    ],
  },
}

/** What is read while a commit lands before the `turn`th access to the store. */
const whileLanding = Effect.fnUntraced(function* <A>(
  scene: Scene,
  turn: number,
  read: (views: Views) => Effect.Effect<A, ViewFailure>,
) {
  const inner = yield* ViewStore
  const prepared = yield* openWords(inner)
  for (const [index, fold] of scene.before.entries()) yield* commit(prepared, fold, index + 1)
  const { store, slow } = slowCommits(inner)
  const { views } = yield* openViews(store, specs)
  const landing = yield* Effect.forkChild(commit(views, scene.landing, scene.before.length + 1), {
    startImmediately: true,
  })
  slow.landBefore = turn
  const shown = yield* read(views)
  slow.finish()
  yield* Fiber.join(landing)
  return [shown, yield* read(views)]
})

const inFreshMemory = <A>(effect: Effect.Effect<A, unknown, ViewStore>) =>
  Effect.runPromise(Effect.provide(effect, layerWith({ rows: new Map() })))

describe.each(Object.entries(scenes))("while a commit that %s is under way", (_, scene) => {
  // A read takes at most this many accesses to the store; in the last turn the commit lands after.
  const turns = range(0, 5)

  it.each(scene.expected)("as of %s its row reads as it was: %s", async (at, value) => {
    const get = (views: Views) => Effect.sync(() => views.at(at).view(words).get(["word", "a"]))
    const list = (views: Views) => Effect.map(valuesOf(views, at), ([first]) => first)
    for (const turn of turns) {
      const got = await inFreshMemory(whileLanding(scene, turn, get))
      const listed = await inFreshMemory(whileLanding(scene, turn, list))
      expect([...got, ...listed], `landing before access ${turn}`).toEqual(Array(4).fill(value))
    }
  })
})

describe("a commit that begins while a list of the present is read", () => {
  it("does not take from the list what it deletes", () =>
    onStore((_, inner) =>
      Effect.gen(function* () {
        let intrude: Effect.Effect<void, ViewFailure> = Effect.void
        const store: ViewStoreShape = {
          ...inner,
          scan: (ranges) =>
            Effect.suspend(() => {
              const first = intrude
              intrude = Effect.void
              return Effect.andThen(first, inner.scan(ranges))
            }),
        }
        const { views } = yield* openViews(store, specs)
        yield* commit(views, put("old"), 1)
        intrude = commit(views, remove, 2)
        expect(yield* valuesOf(views, 1)).toEqual(["old"])
        expect(yield* valuesOf(views, 2)).toEqual([])
      }),
    ))

  it("is seen to its end when its caller is interrupted", () =>
    onStore((_, inner) =>
      Effect.gen(function* () {
        const { store, slow } = slowCommits(inner)
        const { views } = yield* openViews(store, specs)
        const running = yield* Effect.forkChild(commit(views, put("kept"), 1), {
          startImmediately: true,
        })
        const interruption = yield* Effect.forkChild(Fiber.interrupt(running), {
          startImmediately: true,
        })
        slow.finish()
        yield* Fiber.join(interruption)
        expect(views.head).toBe(1)
        expect(views.states.get("words")).toMatchObject({ position: 1, rowCount: 1 })
        expect(views.at(1).view(words).get(["word", "a"])).toBe("kept")
      }),
    ))
})

const temporaryDirectory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-past-"))),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true })),
)

describe("on LevelDB, an old position", () => {
  it("reads the same while commits go on", () =>
    Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const layer = levelLayer({ directory: yield* temporaryDirectory })
          const racing = Effect.gen(function* () {
            const views = yield* openWords(yield* ViewStore)
            const start: Fold = (rows) => {
              for (const n of range(0, 59)) rows.put(["word", n], `old ${n}`)
            }
            yield* commit(views, start, 1)
            const expected = range(0, 59).map((n) => `old ${n}`)
            // Each commit deletes, brings back and changes rows, in turns.
            const fold: Fold = (rows, position) => {
              for (const n of range(0, 59))
                if ((n + position) % 4 === 0) rows.delete(["word", n])
                else if ((n + position) % 4 === 1) rows.put(["word", n], `new ${position}`)
            }
            const look = Effect.gen(function* () {
              const got = range(0, 59).map((n) => views.at(1).view(words).get(["word", n]))
              return [got, yield* valuesOf(views, 1)]
            })
            const [, looks] = yield* Effect.all(
              [
                Effect.forEach(range(2, 61), (position) => commit(views, fold, position)),
                Effect.forEach(range(1, 60), () => look),
              ],
              { concurrency: 2 },
            )
            expect(views.head).toBe(61)
            expect(looks).toEqual(looks.map(() => [expected, expected]))
          })
          yield* Effect.scoped(Effect.provide(racing, layer))
        }),
      ),
    ))
})

describe("damage", () => {
  /** Views opened over a row with a past, one byte of which is changed where it lies in `space`. */
  const damaged = (space: string, use: (views: Views) => Effect.Effect<void, unknown>) => {
    const rows = new Map<string, Uint8Array>()
    return onStore(
      (views, store) =>
        Effect.gen(function* () {
          yield* commit(views, put("old"), 1)
          yield* commit(views, put("newer"), 2)
          if (space === "g") yield* commit(views, remove, 3)
          for (const [key, row] of rows)
            if (key.startsWith(space)) rows.set(key, Uint8Array.from(row).fill(0, 5, 6))
          yield* use(yield* openWords(store))
        }),
      rows,
    )
  }

  it.each([
    ["live", "n", 2],
    ["deleted", "g", 2],
    ["closed", "w", 1],
  ])("of a %s row is a view failure of get and list alike", (_, space, position) =>
    damaged(space, (views) =>
      Effect.gen(function* () {
        const reader = views.at(position).view(words)
        expect(() => reader.get(["word", "a"])).toThrow(ViewFailure)
        const failed = yield* Effect.flip(reader.list({ prefix: ["word"], countMax: 9 }))
        expect(failed).toBeInstanceOf(ViewFailure)
      }),
    ),
  )

  it("of a row that a commit changes fails the commit, of which nothing is stored", () =>
    damaged("n", (views) =>
      Effect.gen(function* () {
        const failed = yield* Effect.flip(commit(views, put("newest"), 3))
        expect(failed).toMatchObject({ _tag: "ViewFailure", outcome: "none" })
        expect(views.head).toBe(2)
      }),
    ))

  it("of a row that went missing is a view failure, never an answer", () => {
    const rows = new Map<string, Uint8Array>()
    return onStore(
      (views) =>
        Effect.gen(function* () {
          yield* commit(views, put("old"), 1)
          yield* commit(views, put("newer"), 2)
          for (const key of rows.keys()) if (key.startsWith("w")) rows.delete(key)
          expect(() => views.at(1).view(words).get(["word", "a"])).toThrow(ViewFailure)
        }),
      rows,
    )
  })
})
