/**
 * The memory log: the laws of the port, then its failpoints, its bound, and the holes that a test
 * may make in its records.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { LogFailure, type Outcome, RecordCorrupted } from "../errors.js"
import { eventLogContract } from "./event-log.contract.js"
import { EventLog } from "./event-log.js"
import { type Failpoint, layer, layerWith, type MemoryLogOptions } from "./memory.js"

eventLogContract(
  "memory",
  Effect.sync(() => {
    const records: Array<Uint8Array> = []
    return () => layerWith({ records })
  }),
)

const bytes = (text: string): Uint8Array => Buffer.from(text)
const texts = (records: Iterable<Uint8Array>) =>
  Array.from(records, (body) => Buffer.from(body).toString())

const run = <A, E>(options: MemoryLogOptions, use: Effect.Effect<A, E, EventLog>): Promise<A> =>
  Effect.runPromise(Effect.provide(use, layerWith(options)))

const disk = (outcome: Outcome): LogFailure =>
  new LogFailure({ message: "the disk failed", operation: "append", reason: "io", outcome })

/** Fails once, at the n-th time that this operation comes to this phase. */
const failOnce = (
  operation: "append" | "read" | "get" | "flush",
  phase: "before" | "after",
  outcome: Outcome,
  turn = 1,
): Failpoint => {
  let left = turn
  return (at, when) => {
    if (at !== operation || when !== phase) return undefined
    left -= 1
    return left === 0 ? disk(outcome) : undefined
  }
}

const expectStopped = Effect.gen(function* () {
  const log = yield* EventLog
  const head = yield* log.head
  for (const after of [head, head + 1]) {
    const failure = yield* Effect.flip(log.append(after, [bytes("late")]))
    expect(failure).toMatchObject({ reason: "stopped", outcome: "none", operation: "append" })
  }
})

describe("the memory log told to fail", () => {
  it("stores nothing when it fails before an append", async () => {
    const records: Array<Uint8Array> = []
    const use = Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(0, [bytes("a")])
      const failure = yield* Effect.flip(log.append(1, [bytes("b")]))
      expect(failure).toMatchObject({ message: "the disk failed", outcome: "none" })
      expect(yield* log.head).toBe(1)
      yield* log.append(1, [bytes("c")])
    })
    await run({ records, failpoint: failOnce("append", "before", "none", 2) }, use)
    expect(texts(records)).toEqual(["a", "c"])
  })

  it.each([
    ["before", ["a"]],
    ["after", ["a", "b", "c"]],
  ] as const)("refuses appends after an unknown outcome, failing %s", async (phase, stored) => {
    const records: Array<Uint8Array> = []
    const use = Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(0, [bytes("a")])
      yield* Effect.flip(log.append(1, [bytes("b"), bytes("c")]))
      expect(yield* log.head).toBe(1)
      expect(yield* log.read(0, 10)).toHaveLength(1)
      expect(yield* Effect.flip(log.get([2]))).toBeInstanceOf(RecordCorrupted)
      yield* expectStopped
    })
    await run({ records, failpoint: failOnce("append", phase, "unknown", 2) }, use)
    expect(texts(records)).toEqual(stored)
    const reopened = Effect.gen(function* () {
      const log = yield* EventLog
      expect(yield* log.head).toBe(stored.length)
      yield* log.append(stored.length, [bytes("d")])
      return (yield* log.read(0, 10)).map(({ body }) => body)
    })
    expect(texts(await run({ records }, reopened))).toEqual([...stored, "d"])
  })

  it("goes on after a failure that says it was committed", async () => {
    const use = Effect.gen(function* () {
      const log = yield* EventLog
      yield* Effect.flip(log.append(0, [bytes("a")]))
      expect(yield* log.head).toBe(1)
      yield* log.append(1, [bytes("b")])
      return (yield* log.read(0, 10)).map(({ body }) => body)
    })
    const failpoint = failOnce("append", "after", "committed")
    expect(texts(await run({ failpoint }, use))).toEqual(["a", "b"])
  })

  it.each([
    ["read", "before"],
    ["read", "after"],
    ["get", "before"],
    ["get", "after"],
    ["flush", "before"],
    ["flush", "after"],
  ] as const)("fails a %s %s it, once, and stops when told so", async (operation, phase) => {
    const attempt = Effect.gen(function* () {
      const log = yield* EventLog
      if (operation === "read") yield* log.read(0, 1)
      else if (operation === "get") yield* log.get([1])
      else yield* log.flush
    })
    const use = Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(0, [bytes("a")])
      expect(yield* Effect.flip(attempt)).toMatchObject({ message: "the disk failed" })
      yield* attempt
    })
    const once = failOnce(operation, phase, "none")
    await run({ failpoint: once }, Effect.andThen(use, Effect.asVoid(attempt)))
    const unknown = failOnce(operation, phase, "unknown")
    await run({ failpoint: unknown }, Effect.andThen(use, expectStopped))
  })
})

describe("the bound of the memory log", () => {
  it("is full at the byte beyond, and takes what still fits", async () => {
    const records = [bytes("12")]
    const use = Effect.gen(function* () {
      const log = yield* EventLog
      const failure = yield* Effect.flip(log.append(1, [bytes("34"), bytes("567")]))
      expect(failure).toMatchObject({ reason: "full", outcome: "none", operation: "append" })
      yield* log.append(1, [bytes("34"), bytes("56")])
      expect(yield* Effect.flip(log.append(3, [bytes("7")]))).toMatchObject({ reason: "full" })
      yield* log.append(3, [bytes("")])
    })
    await run({ records, bytesMax: 6 }, use)
    expect(texts(records)).toEqual(["12", "34", "56", ""])
  })

  it("is a log of its own in every build of the plain layer", async () => {
    const use = Effect.flatMap(EventLog, (log) => log.append(0, [bytes("a")]))
    await Effect.runPromise(Effect.provide(use, layer))
    await Effect.runPromise(Effect.provide(use, layer))
    const head = await Effect.runPromise(
      Effect.provide(
        Effect.flatMap(EventLog, (log) => log.head),
        layer,
      ),
    )
    expect(head).toBe(0)
  })
})

describe("a hole made in the records of a memory log", () => {
  it.each([
    [[3], 0, 10, 3, 3],
    [[3, 4, 5, 8], 0, 10, 3, 5],
    [[3, 4, 5], 3, 1, 4, 4],
    [[1], 0, 2, 1, 1],
  ])("at %j is found reading after %i, %i records", async (holes, after, count, from, to) => {
    const records = Array.from({ length: 10 }, (_, index) => bytes(String(index)))
    for (const position of holes) delete records[position - 1]
    const use = Effect.flatMap(EventLog, (log) => Effect.flip(log.read(after, count)))
    const failure = await run({ records }, use)
    expect(failure).toBeInstanceOf(RecordCorrupted)
    expect(failure).toMatchObject({ from, to })
  })
})
