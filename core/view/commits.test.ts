/**
 * Numbers of commits: any that was lost before a later one is noticed, and nothing else is; what
 * was given up never comes back.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { type NumberedStore, openNumbered } from "./commits.js"
import type { Failpoint } from "./memory.js"
import { layerWith } from "./memory.js"
import { newState, registryWrite } from "./registry.js"
import { ViewStore } from "./view-store.js"

type Rows = Map<string, Uint8Array>

const use = <A>(
  rows: Rows,
  body: (store: NumberedStore) => Effect.Effect<A, ViewFailure>,
  failpoint: Failpoint = () => undefined,
): Promise<A> =>
  Effect.runPromise(
    Effect.provide(
      ViewStore.use((store) => Effect.flatMap(openNumbered(store), body)),
      layerWith({ rows, failpoint }),
    ),
  )

const put = (key: string) => ({ key, value: Uint8Array.of(1) })
const found = (rows: Rows) => use(rows, (store) => Effect.succeed(store.found))
const numbersIn = (rows: Rows) => [...rows.keys()].filter((key) => key.startsWith("c\u0000"))

const commits = (count: number, from = 0) =>
  Effect.fnUntraced(function* (store: NumberedStore) {
    for (let n = from; n < from + count; n += 1) yield* store.commit([put(`n1\u0000${n}`)])
  })

const whole = { discarded: false, reached: 0, durable: false }

describe("commits", () => {
  it("of a new store, and of one that was closed or killed at any of them, are whole", async () => {
    const rows: Rows = new Map()
    expect(await found(rows)).toEqual(whole)
    for (let turn = 0; turn < 4; turn += 1) {
      await use(rows, commits(3, turn * 3))
      expect(await found(rows)).toEqual(whole)
    }
    expect(numbersIn(rows)).toHaveLength(12)
  })

  it("that were lost before others are noticed, whichever", async () => {
    const rows: Rows = new Map()
    await use(rows, commits(6))
    const numbers = numbersIn(rows)
    for (const lost of numbers) {
      const kept = new Map(rows)
      kept.delete(lost)
      const discarded = lost !== numbers.at(-1)
      expect(await found(kept)).toMatchObject({ discarded })
    }
    const bare = new Map([...rows].filter(([key]) => !numbers.includes(key)))
    expect(await found(bare)).toMatchObject({ discarded: true })
  })

  it("without their base, or of another format, are given up", async () => {
    const rows: Rows = new Map()
    await use(rows, commits(2))
    for (const spoil of [
      (kept: Rows) => void kept.delete("m\u0000"),
      (kept: Rows) => void kept.set("m\u0000", Uint8Array.of(1, 2, 3)),
      (kept: Rows) => void kept.set("r\u0000views\u0000current\u0000", Uint8Array.of(1)),
    ]) {
      const kept = new Map(rows)
      spoil(kept)
      expect(await found(kept)).toMatchObject({ discarded: true, reached: 0 })
    }
  })

  it("that failed and stored nothing leave no gap", async () => {
    const rows: Rows = new Map()
    let fails = false
    const failure = new ViewFailure({
      message: "no",
      operation: "commit",
      reason: "io",
      outcome: "none",
    })
    await use(
      rows,
      Effect.fnUntraced(function* (store) {
        yield* store.commit([put("n1\u0000a")])
        fails = true
        expect(yield* Effect.exit(store.commit([put("n1\u0000b")]))).toEqual(Exit.fail(failure))
        fails = false
        yield* store.commit([put("n1\u0000c")])
      }),
      (operation, phase) =>
        fails && operation === "commit" && phase === "before" ? failure : undefined,
    )
    expect(await found(rows)).toEqual(whole)
  })
})

describe("persisting", () => {
  it("lets the numbers go that came before the last time", async () => {
    const rows: Rows = new Map()
    await use(
      rows,
      Effect.fnUntraced(function* (store) {
        yield* commits(5)(store)
        yield* store.persist
        expect(numbersIn(rows)).toHaveLength(5)
        yield* commits(4, 5)(store)
        yield* store.persist
        yield* store.persist
        expect(numbersIn(rows)).toHaveLength(4)
        yield* commits(2, 9)(store)
      }),
    )
    expect(await found(rows)).toEqual(whole)
    const [first = "", second = ""] = numbersIn(rows).sort()
    for (const lost of [first, second]) {
      const kept = new Map(rows)
      kept.delete(lost)
      expect(await found(kept)).toMatchObject({ discarded: true })
    }
  })

  it("goes on so after it was opened again", async () => {
    const rows: Rows = new Map()
    for (let turn = 0; turn < 5; turn += 1)
      await use(rows, (store) => Effect.andThen(commits(3, turn * 3)(store), store.persist))
    expect(await found(rows)).toEqual(whole)
    expect(numbersIn(rows)).toHaveLength(3)
  })
})

describe("what is given up", () => {
  it("is gone, and what comes after it is whole", async () => {
    const rows: Rows = new Map()
    await use(rows, commits(4))
    rows.delete(numbersIn(rows)[1] ?? "")
    await use(
      rows,
      Effect.fnUntraced(function* (store) {
        expect(store.found.discarded).toBe(true)
        yield* store.renew
        expect(rows.size).toBe(0)
        yield* commits(2, 100)(store)
      }),
    )
    expect(await found(rows)).toEqual(whole)
    expect([...rows.keys()].filter((key) => key.startsWith("n1"))).toHaveLength(2)
  })
})

describe("what the views have seen", () => {
  it("is the furthest of those in use, and whether the log held it durably", async () => {
    const rows: Rows = new Map()
    const at = (name: string, position: number) => ({
      ...newState({ name, revision: 1 }, 1),
      position,
    })
    await use(
      rows,
      Effect.fnUntraced(function* (store) {
        yield* store.begin(true)
        yield* store.begin(true)
        yield* store.commit([
          registryWrite(at("a", 7), "current"),
          registryWrite(at("b", 12), "current"),
          registryWrite(at("c", 99), "building"),
        ])
      }),
    )
    expect(await found(rows)).toEqual({ discarded: false, reached: 12, durable: true })
    await use(rows, (store) => store.begin(false))
    expect(await found(rows)).toEqual({ discarded: false, reached: 12, durable: false })
  })
})
