/**
 * Building views beside those in use: stamps, switching over, and a crash at every single step,
 * after which either the old view or the new one is whole and nothing else is left.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { beginBuild, openViews, switchOver } from "./build.js"
import type { Tables, ViewSpec } from "./draft.js"
import { registryPrefix, slotPrefix } from "./key.js"
import { type Failpoint, layerWith } from "./memory.js"
import { slotMarkKey } from "./registry.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"
import type { Views } from "./views.js"

const mine: ViewSpec = { name: "mine", revision: 1 }
const theirs: ViewSpec = { name: "theirs", revision: 4 }
const raised: ViewSpec = { name: "mine", revision: 2 }

type Stored = Map<string, Uint8Array>

const onRows = <A>(
  rows: Stored,
  use: (store: ViewStoreShape) => Effect.Effect<A, unknown>,
  failpoint: Failpoint = () => undefined,
) =>
  Effect.runPromise(Effect.provide(Effect.flatMap(ViewStore, use), layerWith({ rows, failpoint })))

/** Three events in two commits: three rows, one of them changed, one deleted. */
const replay = Effect.fnUntraced(function* (views: Views, name: string, mark: string) {
  const fold = (position: number) => {
    const draft = views.draft()
    const rows = draft.rows<Tables>({ name }, position)
    rows.put(["row", "a"], `${mark} ${position}`)
    if (position === 1) rows.put(["row", "b"], `${mark} b`)
    if (position === 2) rows.delete(["row", "b"])
    rows.put(["row", "n", position], position)
    return views.commit(draft, new Map([[name, position]]))
  }
  for (const position of [1, 2, 3]) yield* fold(position)
})

const shown = (mark: string) => [
  [`${mark} 1`, `${mark} b`, 1],
  [`${mark} 2`, 1, 2],
  [`${mark} 3`, 1, 2, 3],
]

const look = Effect.fnUntraced(function* (views: Views, name: string) {
  const moments: Array<ReadonlyArray<unknown>> = []
  for (const position of [1, 2, 3]) {
    const reader = views.at(position).view<Tables>({ name })
    const { rows } = yield* reader.list({ prefix: ["row"], countMax: 9 })
    moments.push(rows.map(({ value }) => value))
  }
  return moments
})

const buildAll = Effect.fnUntraced(function* (
  store: ViewStoreShape,
  specs: ReadonlyArray<ViewSpec>,
  mark: string,
) {
  const { views, stale } = yield* openViews(store, specs)
  const built = yield* beginBuild(store, stale)
  for (const { name } of stale) yield* replay(built, name, mark)
  yield* switchOver(views, built)
  return views
})

/** A store in which these views were built by an earlier process. */
const existing = async (...specs: ReadonlyArray<ViewSpec>): Promise<Stored> => {
  const rows: Stored = new Map()
  await onRows(rows, (store) => buildAll(store, specs, "old"))
  return rows
}

const inSlot = (rows: Stored, slot: number) =>
  [...rows.keys()].filter((key) =>
    (["now", "gone", "was"] as const).some((space) => key.startsWith(slotPrefix(space, slot))),
  )

/** Keys of rows that belong to none of these views, nor to the registry. */
const strayKeys = (rows: Stored, views: Views): ReadonlyArray<string> => {
  const kept = [...views.states.values()].flatMap(({ slot }) => inSlot(rows, slot))
  const known = (key: string) => key.startsWith(registryPrefix) || key === slotMarkKey
  return [...rows.keys()].filter((key) => !(known(key) || kept.includes(key)))
}

const registryKeys = (rows: Stored) => [...rows.keys()].filter((key) => key.startsWith("r\u0000"))

describe("stamps", () => {
  it("of a new ledger are all stale", () =>
    onRows(new Map(), (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [mine, theirs])
        expect(stale).toEqual([mine, theirs])
        expect(views.states.size).toBe(0)
        expect(views.head).toBe(0)
      }),
    ))

  it("that did not change keep their rows where they are", async () => {
    const rows = await existing(mine, theirs)
    const before = new Map(rows)
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [mine, theirs])
        expect(stale).toEqual([])
        expect(views.head).toBe(3)
        expect(yield* look(views, "mine")).toEqual(shown("old"))
        expect(yield* look(views, "theirs")).toEqual(shown("old"))
      }),
    )
    expect(rows).toEqual(before)
  })

  it("are stale after a raised revision, and after keeping the past began or ended", async () => {
    const rows = await existing(mine)
    const staleAmong = (spec: ViewSpec) =>
      onRows(rows, (store) => Effect.map(openViews(store, [spec]), ({ stale }) => stale))
    expect(await staleAmong(raised)).toEqual([raised])
    expect(await staleAmong({ ...mine, past: false })).toEqual([{ ...mine, past: false }])
    expect(await staleAmong({ ...mine, past: true })).toEqual([])
  })
})

describe("views that have come further than the log", () => {
  it("are stale, and dropped when they are another program's", async () => {
    const rows = await existing(mine, theirs)
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [mine], 2)
        expect(stale).toEqual([mine])
        expect([...views.states.keys()]).toEqual(["mine"])
        expect(registryKeys(rows)).toHaveLength(1)
        expect(strayKeys(rows, views)).toEqual([])
        // The program that knows it finds it missing, and builds it from what the log has by then.
        expect((yield* openViews(store, [mine, theirs], 9)).stale).toEqual([theirs])
      }),
    )
  })

  it("are left as they are when they have come just as far", async () => {
    const rows = await existing(mine, theirs)
    const before = new Map(rows)
    expect(await onRows(rows, (store) => openViews(store, [mine], 3))).toMatchObject({ stale: [] })
    expect(rows).toEqual(before)
  })
})

describe("a build", () => {
  it("starts from nothing, in a slot of its own, while the old rows are read", async () => {
    const rows = await existing(mine, theirs)
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [raised, theirs])
        const oldSlot = views.states.get("mine")?.slot ?? 0
        const built = yield* beginBuild(store, stale)
        expect(built.head).toBe(0)
        expect(built.draft().view<Tables>({ name: "mine" }).get(["row", "a"])).toBeUndefined()
        yield* replay(built, "mine", "new")
        expect(yield* look(views, "mine")).toEqual(shown("old"))

        yield* switchOver(views, built)
        expect(yield* look(views, "mine")).toEqual(shown("new"))
        expect(yield* look(views, "theirs")).toEqual(shown("old"))
        expect(inSlot(rows, oldSlot)).toEqual([])
        expect(strayKeys(rows, views)).toEqual([])
        expect(registryKeys(rows)).toHaveLength(2)
      }),
    )
  })

  it("is in use after the next opening, and goes on from where it is", async () => {
    const rows = await existing(mine)
    await onRows(rows, (store) => buildAll(store, [raised], "new"))
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [raised])
        expect(stale).toEqual([])
        const draft = views.draft()
        draft.rows<Tables>({ name: "mine" }, 4).put(["row", "a"], "later")
        yield* views.commit(draft, new Map([["mine", 4]]))
        expect(yield* look(views, "mine")).toEqual(shown("new"))
        expect(views.at(4).view<Tables>({ name: "mine" }).get(["row", "a"])).toBe("later")
      }),
    )
  })

  it("that is begun again drops what the first attempt left", async () => {
    const rows = await existing(mine)
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [raised])
        yield* replay(yield* beginBuild(store, stale), "mine", "given up")
        const built = yield* beginBuild(store, stale)
        yield* replay(built, "mine", "new")
        yield* switchOver(views, built)
        expect(yield* look(views, "mine")).toEqual(shown("new"))
        expect(strayKeys(rows, views)).toEqual([])
      }),
    )
  })

  it("of nothing changes nothing", async () => {
    const rows = await existing(mine)
    const before = new Map(rows)
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [mine])
        yield* switchOver(views, yield* beginBuild(store, stale))
        expect(yield* look(views, "mine")).toEqual(shown("old"))
      }),
    )
    expect(rows).toEqual(before)
  })
})

describe("a crash", () => {
  it("in the middle of a build leaves the old view in use and clears the leftovers", async () => {
    const rows = await existing(mine)
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { stale } = yield* openViews(store, [raised])
        yield* replay(yield* beginBuild(store, stale), "mine", "half")
      }),
    )
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [raised])
        expect(stale).toEqual([raised])
        expect(yield* look(views, "mine")).toEqual(shown("old"))
        expect(strayKeys(rows, views)).toEqual([])
        expect(registryKeys(rows)).toHaveLength(1)
      }),
    )
  })

  it("at any step leaves one of the two views whole, and no row of the other", async () => {
    const crash = new ViewFailure({
      message: "the power is gone",
      operation: "commit",
      reason: "io",
      outcome: "unknown",
    })
    const outcomes = new Set<string>()
    let steps = 0
    for (let survived = false; !survived; steps += 1) {
      const rows = await existing(mine, theirs)
      let left = steps
      const failpoint: Failpoint = () => (left-- === 0 ? crash : undefined)
      survived = await onRows(
        rows,
        (store) =>
          Effect.match(buildAll(store, [raised], "new"), {
            onFailure: () => false,
            onSuccess: () => true,
          }),
        failpoint,
      )
      const state = await onRows(rows, (store) =>
        Effect.gen(function* () {
          const { views } = yield* openViews(store, [raised, theirs])
          expect(yield* look(views, "theirs")).toEqual(shown("old"))
          expect(strayKeys(rows, views), `crash at step ${steps}`).toEqual([])
          expect(registryKeys(rows)).toHaveLength(2)
          const stamp = views.states.get("mine")?.stamp
          const mark = stamp === "mine@2" ? "new" : "old"
          expect(yield* look(views, "mine"), `crash at step ${steps}`).toEqual(shown(mark))
          return mark
        }),
      )
      outcomes.add(state)
    }
    expect(steps).toBeGreaterThan(12)
    expect(outcomes).toEqual(new Set(["old", "new"]))
  })
})

describe("a view that only another program knows", () => {
  it("is untouched by opening, building and switching over", async () => {
    const rows = await existing(mine, theirs)
    const ofTheirs = await onRows(rows, (store) =>
      Effect.map(openViews(store, [theirs]), ({ views }) => views.states.get("theirs")?.slot ?? 0),
    )
    const before = inSlot(rows, ofTheirs).map((key) => [key, rows.get(key)])
    expect(before.length).toBeGreaterThan(3)

    await onRows(rows, (store) => buildAll(store, [raised], "new"))
    expect(inSlot(rows, ofTheirs).map((key) => [key, rows.get(key)])).toEqual(before)
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        const { views, stale } = yield* openViews(store, [raised, theirs])
        expect(stale).toEqual([])
        expect(yield* look(views, "theirs")).toEqual(shown("old"))
        expect(yield* look(views, "mine")).toEqual(shown("new"))
      }),
    )
  })
})

describe("a list that runs over a switch", () => {
  // The switch falls between the scan and its rows, whose past has gone by the time it is read.
  it.each(["before", "after"] as const)("%s its scan is not torn", async (moment) => {
    const rows = await existing(mine)
    await onRows(rows, (inner) =>
      Effect.gen(function* () {
        let intrude: Effect.Effect<void, ViewFailure> = Effect.void
        const once = Effect.suspend(() => {
          const act = intrude
          intrude = Effect.void
          return act
        })
        const store: ViewStoreShape = {
          ...inner,
          scan: (ranges) =>
            moment === "before"
              ? Effect.andThen(once, inner.scan(ranges))
              : Effect.tap(inner.scan(ranges), once),
        }
        const { views, stale } = yield* openViews(store, [raised])
        const built = yield* beginBuild(store, stale)
        yield* replay(built, "mine", "new")
        intrude = switchOver(views, built)
        const reader = views.at(2).view<Tables>({ name: "mine" })
        const { rows: listed } = yield* reader.list({ prefix: ["row"], countMax: 9 })
        expect(listed.map(({ value }) => value)).toEqual(shown("new")[1])
      }),
    )
  })
})

describe("a damaged registry", () => {
  it("is a view failure of opening and of building", async () => {
    const rows = await existing(mine)
    for (const key of registryKeys(rows)) rows.set(key, Uint8Array.of(1, 2, 3, 4, 5, 6))
    await onRows(rows, (store) =>
      Effect.gen(function* () {
        expect(yield* Effect.flip(openViews(store, [mine]))).toBeInstanceOf(ViewFailure)
        expect(yield* Effect.flip(beginBuild(store, [mine]))).toBeInstanceOf(ViewFailure)
      }),
    )
  })
})

describe("views over rows that turn out to be damaged", () => {
  it("answer nothing, not even what they hold or have read, until others take their place", () =>
    onRows(new Map(), (inner) =>
      Effect.gen(function* () {
        let isDamaged = false
        const renew = Effect.map(inner.renew, () => {
          isDamaged = false
        })
        const store: ViewStoreShape = { ...inner, isDamaged: () => isDamaged, renew }
        const views = yield* buildAll(store, [mine, theirs], "old")
        const draft = views.draft()
        draft.rows<Tables>(mine, 4).put(["row", "held"], "held")
        views.hold(draft, new Map([[mine.name, 4]]), 10)
        const get = (view: ViewSpec, key: string) =>
          Effect.try({
            try: () => views.at(4).view<Tables>(view).get(["row", key]),
            catch: (cause) => cause,
          })
        const before = views.draft()
        expect([yield* get(mine, "held"), yield* get(theirs, "a")]).toEqual(["held", "old 3"])
        isDamaged = true
        const expectNothing = Effect.gen(function* () {
          const damaged = { _tag: "ViewFailure", reason: "damaged" }
          expect(views.failure).toMatchObject(damaged)
          for (const [view, key] of [[mine, "held"] as const, [theirs, "a"] as const]) {
            expect(yield* Effect.flip(get(view, key))).toMatchObject(damaged)
            expect(() => before.view<Tables>(view).get(["row", key])).toThrow(ViewFailure)
          }
          expect(yield* Effect.flip(look(views, mine.name))).toMatchObject(damaged)
          expect(yield* Effect.flip(views.flush)).toMatchObject(damaged)
        })
        yield* expectNothing
        views.forsake()
        yield* store.renew
        yield* expectNothing
        // Their slots begin from the first one again, so rows of the old ones had the same keys.
        const built = yield* beginBuild(store, [mine, theirs])
        for (const { name } of [mine, theirs]) yield* replay(built, name, "new")
        yield* switchOver(views, built)
        expect(views.failure).toBeUndefined()
        expect([yield* get(mine, "held"), yield* get(theirs, "a")]).toEqual([undefined, "new 3"])
        expect(yield* look(views, mine.name)).toEqual(shown("new"))
      }),
    ))
})
