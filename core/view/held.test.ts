/**
 * What is held before it is stored: any moment of it, and when it is enough.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { heldBytesMax, heldEventCountMax } from "../limits.js"
import { beginBuild, openViews, switchOver } from "./build.js"
import { Draft, type Tables } from "./draft.js"
import { Held } from "./held.js"
import { encodeKey } from "./key.js"
import { type Failpoint, layerWith } from "./memory.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"
import type { Views } from "./views.js"

const view = { name: "v" }
const key = encodeKey(["t", "a"])

/** What one event came to: a row put, or deleted. */
const holdingOf = (position: number, value: string | undefined, bytes = 1) => {
  const draft = new Draft(() => undefined)
  const rows = draft.rows<Tables>(view, position)
  if (value === undefined) rows.delete(["t", "a"])
  else rows.put(["t", "a"], value)
  return { draft, positions: new Map([["v", position]]), count: 1, bytes }
}

describe("what is held", () => {
  it("is seen as of each position, deletions too", () => {
    const held = new Held()
    held.take(holdingOf(4, "one"))
    held.take(holdingOf(6, undefined))
    held.take(holdingOf(9, "two"))
    const seen = [3, 4, 5, 6, 8, 9, 99].map((position) => held.at("v", key, position))
    const [one, none, two] = [
      { position: 4, value: "one" },
      { position: 6, value: undefined },
      { position: 9, value: "two" },
    ]
    expect(seen).toEqual([undefined, one, one, none, none, two, two])
    expect(held.at("w", key, 9)).toBeUndefined()
    expect(held.at("v", encodeKey(["t", "b"]), 9)).toBeUndefined()
    expect(held.positions).toEqual(new Map([["v", 9]]))
  })

  it("takes over what another held", () => {
    const [earlier, later] = [new Held(), new Held()]
    earlier.take(holdingOf(4, "one", 10))
    later.take(holdingOf(5, "two", 20))
    earlier.take(later)
    expect(earlier.at("v", key, 4)?.value).toBe("one")
    expect(earlier.at("v", key, 5)?.value).toBe("two")
    expect([earlier.count, earlier.bytes]).toEqual([2, 30])
  })

  it("is enough by the number of events, or by their bytes", () => {
    const many = new Held()
    for (let n = 1; n <= heldEventCountMax; n += 1) {
      expect(many.fullness).toBe(0)
      many.take(holdingOf(n, "x"))
    }
    expect(many.fullness).toBe(1)
    const large = new Held()
    large.take(holdingOf(1, "x", heldBytesMax - 1))
    expect(large.fullness).toBe(0)
    large.take(holdingOf(2, "x", 1))
    expect(large.fullness).toBe(1)
    large.take(holdingOf(3, "x", heldBytesMax))
    expect(large.fullness).toBe(2)
  })
})

const openView = Effect.fnUntraced(function* (store: ViewStoreShape) {
  const { views, stale } = yield* openViews(store, [{ ...view, revision: 1 }])
  yield* switchOver(views, yield* beginBuild(store, stale))
  return views
})

const onStore = <A>(
  use: (store: ViewStoreShape) => Effect.Effect<A, unknown>,
  failpoint: Failpoint = () => undefined,
) => Effect.runPromise(Effect.provide(Effect.flatMap(ViewStore, use), layerWith({ failpoint })))

const hold = (views: Views, position: number): void => {
  const { draft, positions, bytes } = holdingOf(position, `at ${position}`)
  views.hold(draft, positions, bytes)
}

const read = (views: Views, ...positions: ReadonlyArray<number>) =>
  positions.map((position) => views.at(position).view<Tables>(view).get(["t", "a"]))

const listed = (views: Views, position: number) =>
  Effect.map(
    views
      .at(position)
      .view<Tables>(view)
      .list({ prefix: ["t"], countMax: 9 }),
    ({ rows }) => rows.map(({ value }) => value),
  )

describe("views that hold changes", () => {
  it("show them at once, and keep them for the next opening once they are stored", () =>
    onStore((store) =>
      Effect.gen(function* () {
        const views = yield* openView(store)
        for (const position of [1, 2, 3]) hold(views, position)
        expect(read(views, 0, 1, 2, 3)).toEqual([undefined, "at 1", "at 2", "at 3"])
        expect([views.head, views.reached("v"), store.noted()]).toEqual([3, 3, 3])
        expect((yield* openView(store)).head).toBe(0)
        yield* views.flush
        const reopened = yield* openView(store)
        expect(reopened.head).toBe(3)
        expect(read(reopened, 0, 1, 2, 3)).toEqual([undefined, "at 1", "at 2", "at 3"])
      }),
    ))

  it("still hold what cannot be stored, and store it with what came since", () => {
    let broken = false
    const words = { message: "no", operation: "commit", reason: "io", outcome: "none" } as const
    const failpoint: Failpoint = (operation) =>
      broken && operation === "commit" ? new ViewFailure(words) : undefined
    return onStore(
      (store) =>
        Effect.gen(function* () {
          const views = yield* openView(store)
          broken = true
          hold(views, 1)
          expect(yield* Effect.flip(views.flush)).toMatchObject(words)
          hold(views, 2)
          expect(read(views, 1, 2)).toEqual(["at 1", "at 2"])
          expect(yield* Effect.flip(listed(views, 2))).toMatchObject(words)
          // Of what lies before all that is held, the rows are there.
          expect(yield* listed(views, 0)).toEqual([])
          broken = false
          expect(yield* listed(views, 2)).toEqual(["at 2"])
          expect(read(yield* openView(store), 1, 2)).toEqual(["at 1", "at 2"])
        }),
      failpoint,
    )
  })

  it("let drafts and readers see them while they are being stored", () =>
    onStore((store) =>
      Effect.gen(function* () {
        const views = yield* openView(store)
        hold(views, 1)
        const storing = yield* Effect.forkChild(views.flush, { startImmediately: true })
        hold(views, 2)
        expect(views.draft().view<Tables>(view).get(["t", "a"])).toBe("at 2")
        expect(read(views, 1, 2)).toEqual(["at 1", "at 2"])
        yield* Fiber.join(storing)
        expect(yield* listed(views, 2)).toEqual(["at 2"])
        expect(read(yield* openView(store), 1, 2)).toEqual(["at 1", "at 2"])
      }),
    ))
})
