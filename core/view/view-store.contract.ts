/**
 * The laws of the view store, as a suite that every driver calls.
 *
 * A driver author gives a name and a way to a fresh, empty place. Knows nothing about technologies:
 * what only one of them can break is tested beside its driver.
 */
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import type { ViewFailure } from "../errors.js"
import { type RowWrite, type ScanRange, ViewStore, type ViewStoreShape } from "./view-store.js"

/**
 * Makes a fresh, empty place and gives the layer over it. The layer can be built several times, one
 * after the other, over the same rows; the place is removed when the scope closes.
 */
export type ViewStorePlace = Effect.Effect<Layer.Layer<ViewStore, ViewFailure>, never, Scope.Scope>

type Use<A> = (store: ViewStoreShape) => Effect.Effect<A, ViewFailure>

const using = <A>(layer: Layer.Layer<ViewStore, ViewFailure>, use: Use<A>) =>
  Effect.scoped(Effect.provide(Effect.flatMap(ViewStore, use), layer))

const inPlace = (place: ViewStorePlace, ...uses: ReadonlyArray<Use<void>>) =>
  Effect.runPromise(
    Effect.scoped(
      Effect.flatMap(place, (layer) =>
        Effect.forEach(uses, (use) => using(layer, use), { discard: true }),
      ),
    ),
  )

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text))
const put = (key: string, text = key): RowWrite => ({ key, value: bytes(text) })
const drop = (key: string): RowWrite => ({ key, value: undefined })
const everything = { gte: "", lt: "\u{10ffff}" }

const range = (gte: string, lt: string, options: Partial<ScanRange> = {}): ScanRange => ({
  gte,
  lt,
  reverse: false,
  countMax: 1_000,
  ...options,
})

/** Texts of the keys that one scan finds. */
const keysIn = (store: ViewStoreShape, scanned: ScanRange) =>
  Effect.map(store.scan([scanned]), ([rows = []]) => rows.map(([key]) => key))

const textOf = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString()

// One of each length in UTF-8, the edges between them, and what sorts differently by code unit.
const ordered = [
  "\u0000",
  "\u0000\u0000",
  "\u0001",
  "a",
  "a\u0000",
  "a\u0000z",
  "a\u0001",
  "ab",
  "b",
  "\u007f",
  "\u0080",
  "\u07ff",
  "\u0800",
  "\ud7ff",
  "\ue000",
  "\uffff",
  "\u{10000}",
  "\u{10000}a",
  "\u{1f600}",
  "\u{10fffe}",
]

const rowLaws = (place: ViewStorePlace): void => {
  it("gives back a row's bytes, and undefined where there is no row", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        const values = [0, 1, 255, 4_096, 200_000].map((length) => new Uint8Array(length).fill(7))
        yield* store.commit(values.map((value) => ({ key: `k${value.length}`, value })))
        for (const value of values)
          expect(Buffer.compare(store.get(`k${value.length}`) ?? bytes("none"), value)).toBe(0)
        expect(store.get("k")).toBeUndefined()
        expect(store.get("k10")).toBeUndefined()
      }),
    ))

  it("lets the later of two writes of one key win", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        yield* store.commit([put("old")])
        yield* store.commit([
          put("twice", "first"),
          put("twice", "second"),
          put("dropped"),
          drop("dropped"),
          drop("old"),
          put("old", "new"),
        ])
        expect(textOf(store.get("twice"))).toBe("second")
        expect(store.get("dropped")).toBeUndefined()
        expect(textOf(store.get("old"))).toBe("new")
      }),
    ))

  it("takes commits of nothing, and deletions of what is not there", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        yield* store.commit([])
        yield* store.commit([drop("absent"), put("a")])
        yield* store.commit([drop("absent")])
        expect(yield* keysIn(store, range("", everything.lt))).toEqual(["a"])
      }),
    ))
}

const scanLaws = (place: ViewStorePlace): void => {
  it("orders rows by the UTF-8 bytes of their keys, either way", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        yield* store.commit(ordered.toReversed().map((key) => put(key)))
        expect(yield* keysIn(store, range("", everything.lt))).toEqual(ordered)
        const backwards = yield* keysIn(store, range("", everything.lt, { reverse: true }))
        expect(backwards).toEqual(ordered.toReversed())
      }),
    ))

  it("scans half-open ranges and stops at countMax", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        yield* store.commit(["a", "b", "c", "d"].map((key) => put(key)))
        const scanned = yield* store.scan([
          range("b", "d"),
          range("b", "d", { reverse: true }),
          range("a", "z", { countMax: 3 }),
          range("a", "z", { countMax: 3, reverse: true }),
          range("a", "z", { countMax: 0 }),
          range("b", "b"),
          range("d", "a"),
          range("bb", "bz"),
        ])
        expect(scanned.map((rows) => rows.map(([key]) => key).join(""))).toEqual([
          "bc",
          "cb",
          "abc",
          "dcb",
          "",
          "",
          "",
          "",
        ])
        expect(yield* store.scan([])).toEqual([])
      }),
    ))

  it("agrees with a sorted list on every range between any two keys", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        // Every other key is stored, so that ends of ranges are met by rows and miss them.
        const stored = ordered.filter((_, index) => index % 2 === 0)
        yield* store.commit(stored.map((key) => put(key)))
        const ranges = ordered.flatMap((gte) =>
          ordered.flatMap((lt) =>
            [1, 4, 100].flatMap((countMax) => [
              range(gte, lt, { countMax }),
              range(gte, lt, { countMax, reverse: true }),
            ]),
          ),
        )
        const scanned = yield* store.scan(ranges)
        const found = scanned.map((rows) => rows.map(([key]) => key))
        expect(found).toEqual(ranges.map((scan) => between(stored, scan)))
      }),
    ))
}

/** The naive answer: all keys, compared as bytes. */
const between = (
  keys: ReadonlyArray<string>,
  { gte, lt, reverse, countMax }: ScanRange,
): ReadonlyArray<string> => {
  const inside = keys
    .map((text) => Buffer.from(text))
    .filter((text) => text.compare(Buffer.from(gte)) >= 0 && text.compare(Buffer.from(lt)) < 0)
    .sort((a, b) => (reverse ? b.compare(a) : a.compare(b)))
  return inside.slice(0, countMax).map(String)
}

const momentLaws = (place: ViewStorePlace): void => {
  it("reads several ranges from one moment while commits run", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        const here = range("here", "herf")
        const there = range("there", "therf")
        yield* store.commit([put("here")])
        const move = (round: number) =>
          store.commit(
            round % 2 === 0 ? [drop("here"), put("there")] : [drop("there"), put("here")],
          )
        const look = (round: number) =>
          Effect.map(store.scan(round % 3 === 0 ? [here, there] : [there, here]), (found) => {
            expect(found.flat().length).toBe(1)
          })
        const rounds = Array.from({ length: 150 }, (_, round) => round)
        yield* Effect.all(
          [
            Effect.forEach(rounds, move, { discard: true }),
            Effect.forEach(rounds, look, { discard: true }),
          ],
          { concurrency: 2, discard: true },
        )
      }),
    ))

  it("shows all of a commit or nothing of it", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        const keys = Array.from({ length: 200 }, (_, index) => `row${index}`)
        const rounds = Array.from({ length: 40 }, (_, round) => String(round))
        const write = (round: string) => store.commit(keys.map((row) => put(row, round)))
        const look = Effect.map(store.scan([range("", everything.lt)]), ([rows = []]) => {
          expect(new Set(rows.map(([, value]) => textOf(value))).size).toBe(1)
          expect(rows.length).toBe(keys.length)
        })
        yield* write("start")
        yield* Effect.all([Effect.forEach(rounds, write), Effect.forEach(rounds, () => look)], {
          concurrency: 2,
          discard: true,
        })
        expect(keys.map((row) => textOf(store.get(row)))).toEqual(keys.map(() => rounds.at(-1)))
      }),
    ))
}

const lastingLaws = (place: ViewStorePlace): void => {
  it("gives up every row when it begins anew, and goes on", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        expect([store.beganAnew, store.isDamaged()]).toEqual([false, false])
        yield* store.commit([put("a"), put("b")])
        yield* store.renew
        expect(store.get("a")).toBeUndefined()
        expect(yield* keysIn(store, range("", everything.lt))).toEqual([])
        yield* store.commit([put("b", "other")])
        expect(textOf(store.get("b"))).toBe("other")
      }),
    ))

  it("clears a half-open range and nothing else", () =>
    inPlace(place, (store) =>
      Effect.gen(function* () {
        yield* store.commit(ordered.map((text) => put(text)))
        yield* store.clear({ gte: "a\u0000", lt: "\ue000" })
        const kept = ordered.filter((_, index) => index < 4 || index >= ordered.indexOf("\ue000"))
        expect(yield* keysIn(store, range("", everything.lt))).toEqual(kept)
        expect(store.get("ab")).toBeUndefined()
        yield* store.clear({ gte: "x", lt: "x" })
        yield* store.clear({ gte: "z", lt: "a" })
        expect(yield* keysIn(store, range("", everything.lt))).toEqual(kept)
        yield* store.commit([put("ab", "again")])
        expect(textOf(store.get("ab"))).toBe("again")
      }),
    ))

  it("commits durably as it commits otherwise", () =>
    inPlace(
      place,
      (store) =>
        Effect.gen(function* () {
          yield* store.commit([put("a"), put("b")])
          yield* store.commitDurably([drop("a"), put("c"), put("c", "last")])
          yield* store.commitDurably([])
          expect(yield* keysIn(store, range("", everything.lt))).toEqual(["b", "c"])
        }),
      (store) =>
        Effect.sync(() => {
          expect([store.get("a"), textOf(store.get("c"))]).toEqual([undefined, "last"])
        }),
    ))

  it("keeps its rows when it is closed and opened again", () =>
    inPlace(
      place,
      (store) =>
        Effect.gen(function* () {
          yield* store.commit(ordered.map((text) => put(text)))
          yield* store.commit([drop("b"), put("ab", "changed")])
          yield* store.clear({ gte: "\ue000", lt: "\u{10000}" })
        }),
      (store) =>
        Effect.gen(function* () {
          const gone = new Set(["b", "\ue000", "\uffff"])
          const kept = ordered.filter((text) => !gone.has(text))
          expect(yield* keysIn(store, range("", everything.lt))).toEqual(kept)
          expect(textOf(store.get("ab"))).toBe("changed")
          yield* store.commit([put("later")])
        }),
      (store) =>
        Effect.sync(() => {
          expect(textOf(store.get("later"))).toBe("later")
          expect(store.get("b")).toBeUndefined()
        }),
    ))
}

/** Every law of the port. `place` makes a fresh, empty place for each test. */
export const viewStoreContract = (name: string, place: ViewStorePlace): void => {
  describe(`view store: ${name}`, () => {
    rowLaws(place)
    scanLaws(place)
    momentLaws(place)
    lastingLaws(place)
  })
}
