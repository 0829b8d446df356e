/**
 * The view store in memory: the laws of the port, and the failpoints that other tests rely on.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { type Failpoint, layer, layerWith, type MemoryOptions } from "./memory.js"
import { viewStoreContract } from "./view-store.contract.js"
import { ViewStore, type ViewStoreShape } from "./view-store.js"

viewStoreContract(
  "memory",
  Effect.sync(() => layerWith({ rows: new Map() })),
)

const run = <A>(
  options: MemoryOptions,
  use: (store: ViewStoreShape) => Effect.Effect<A, unknown>,
): Promise<A> =>
  Effect.runPromise(Effect.provide(Effect.flatMap(ViewStore, use), layerWith(options)))

const broken = (outcome: ViewFailure["outcome"]): ViewFailure =>
  new ViewFailure({ message: "the disk is on fire", operation: "commit", reason: "io", outcome })

const row = { key: "k", value: Uint8Array.of(1) }
const all = { gte: "", lt: "\u{10ffff}", reverse: false, countMax: 10 }

describe("failpoints", () => {
  it("are asked before and after each operation", async () => {
    const asked: Array<string> = []
    const failpoint: Failpoint = (operation, phase) => {
      asked.push(`${phase} ${operation}`)
      return undefined
    }
    await run({ failpoint }, (store) =>
      Effect.gen(function* () {
        yield* store.commit([row])
        yield* store.scan([all])
        yield* store.clear(all)
      }),
    )
    expect(asked).toEqual(
      ["commit", "scan", "clear"].flatMap((operation) => [
        `before ${operation}`,
        `after ${operation}`,
      ]),
    )
  })

  it("stop a commit before anything of it is stored", async () => {
    const rows = new Map<string, Uint8Array>()
    const failure = broken("none")
    const failpoint: Failpoint = (_, phase) => (phase === "before" ? failure : undefined)
    const error = await run({ rows, failpoint }, (store) => Effect.flip(store.commit([row])))
    expect(error).toBe(failure)
    expect(rows.size).toBe(0)
  })

  it("report a commit as failed after all of it is stored", async () => {
    const rows = new Map<string, Uint8Array>()
    const failure = broken("committed")
    const failpoint: Failpoint = (_, phase) => (phase === "after" ? failure : undefined)
    const error = await run({ rows, failpoint }, (store) => Effect.flip(store.commit([row])))
    expect(error).toBe(failure)
    expect([...rows.keys()]).toEqual(["k"])
  })
})

describe("places in memory", () => {
  it("are fresh for every layer that is given no rows", async () => {
    const first = Effect.flatMap(ViewStore, (store) => store.commit([row]))
    const second = Effect.map(ViewStore, (store) => store.get("k"))
    await Effect.runPromise(Effect.provide(first, layer))
    expect(await Effect.runPromise(Effect.provide(second, layer))).toBeUndefined()
  })

  it("sort again after a row came or went", () =>
    run({}, (store) =>
      Effect.gen(function* () {
        const keys = Effect.map(store.scan([all]), ([rows = []]) => rows.map(([key]) => key))
        yield* store.commit([row])
        expect(yield* keys).toEqual(["k"])
        yield* store.commit([{ ...row, key: "a" }])
        expect(yield* keys).toEqual(["a", "k"])
        yield* store.commit([{ key: "k", value: undefined }])
        expect(yield* keys).toEqual(["a"])
      }),
    ))
})
