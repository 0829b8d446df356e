/**
 * The laws every log must pass, as a suite of Vitest: order first, then failure.
 *
 * Knows only the port. What a technology can do wrong on its own (a flipped bit, a second opener)
 * is tested beside its driver. Nothing here waits for time to pass.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { describe, expect, it } from "vitest"
import { RecordCorrupted } from "../errors.js"
import { compositeCountMax, recordBytesMax } from "../limits.js"
import { EventLog, type LogRecord } from "./event-log.js"

/**
 * Makes an empty store for one law, gone when the scope ends, and gives the layer that opens it:
 * with `create` the first time, without it every further time. Each layer is built and released
 * before the next, and must find what the one before it was told was stored.
 */
export type FreshStore = Effect.Effect<
  (create: boolean) => Layer.Layer<EventLog, unknown>,
  unknown,
  Scope.Scope
>

type Program = Effect.Effect<void, unknown, EventLog>

/** States a law: the programs run one after the other, the log closed and reopened in between. */
type Law = (title: string, ...programs: ReadonlyArray<Program>) => void

const text = (body: Uint8Array): string => Buffer.from(body).toString()

/** Bodies that say where they should be. */
const bodies = (from: number, to: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: to - from + 1 }, (_, index) => Buffer.from(`record ${from + index}`))

const seen = (records: ReadonlyArray<LogRecord>): ReadonlyArray<string> =>
  records.map(({ position, body }) => `${position}: ${text(body)}`)

const dense = (from: number, to: number): ReadonlyArray<string> =>
  bodies(from, to).map((body, index) => `${from + index}: ${text(body)}`)

/** The whole log, as far as it says it goes. */
const all = Effect.gen(function* () {
  const log = yield* EventLog
  return seen(yield* log.read(0, yield* log.head))
})

const expectLog = (to: number): Program =>
  Effect.gen(function* () {
    const log = yield* EventLog
    expect(yield* log.head).toBe(to)
    expect(yield* all).toEqual(dense(1, to))
    expect(seen(yield* log.read(0, to + 10))).toEqual(dense(1, to))
  })

const append = (from: number, to: number): Program =>
  Effect.gen(function* () {
    const log = yield* EventLog
    yield* log.append(from - 1, bodies(from, to))
  })

const flush: Program = Effect.flatMap(EventLog, (log) => log.flush)

const inOrder = (...programs: ReadonlyArray<Program>): Program =>
  Effect.all(programs, { discard: true })

const expectConflict = (after: number, added: ReadonlyArray<Uint8Array>): Program =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const failure = yield* Effect.flip(log.append(after, added))
    expect(failure).toMatchObject({ _tag: "LogFailure", reason: "conflict", outcome: "none" })
    expect(failure.operation).toBe("append")
  })

const expectDefect = (after: number, added: ReadonlyArray<Uint8Array>): Program =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const exit = yield* Effect.exit(log.append(after, added))
    expect(Exit.isFailure(exit) && exit.cause.reasons.map((reason) => reason._tag)).toEqual(["Die"])
  })

const expectMissing = (positions: ReadonlyArray<number>, from: number, to: number): Program =>
  Effect.gen(function* () {
    const log = yield* EventLog
    const failure = yield* Effect.flip(log.get(positions))
    expect(failure).toBeInstanceOf(RecordCorrupted)
    expect(failure).toMatchObject({ kind: "corrupt", from, to })
  })

const patterned = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) + seed) & 255)

const orderLaws = (law: Law): void => {
  law("a new log is empty", expectLog(0))

  law(
    "positions are dense from 1, in the order of the bodies, whatever the batches",
    inOrder(append(1, 1), expectLog(1), append(2, 4), append(5, 5), append(6, 300), expectLog(300)),
  )

  law(
    "a batch may be as long and as large as the writer makes it",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* append(1, compositeCountMax)
      yield* expectLog(compositeCountMax)
      const large = Array.from({ length: 64 }, (_, index) =>
        Buffer.alloc(recordBytesMax, `${index} `),
      )
      yield* log.append(compositeCountMax, large)
      const found = yield* log.read(compositeCountMax, 100)
      expect(found).toHaveLength(64)
      for (const [index, { position, body }] of found.entries()) {
        expect(position).toBe(compositeCountMax + 1 + index)
        expect(Buffer.compare(body, large[index] ?? Buffer.of())).toBe(0)
      }
    }),
  )

  law(
    "a read gives what is after, at most as many as asked and none beyond the head",
    append(1, 7),
    Effect.gen(function* () {
      const log = yield* EventLog
      for (let after = 0; after <= 9; after += 1)
        for (let count = 0; count <= 9; count += 1)
          expect(seen(yield* log.read(after, count))).toEqual(
            dense(1, 7).slice(after, after + count),
          )
      expect(seen(yield* log.read(2, Number.POSITIVE_INFINITY))).toEqual(dense(3, 7))
    }),
  )

  law(
    "records are got in the order asked, as often as asked",
    append(1, 12),
    Effect.gen(function* () {
      const log = yield* EventLog
      expect(yield* log.get([])).toEqual([])
      const asked = [7, 1, 12, 7, 2]
      const expected = asked.flatMap((position) => dense(position, position))
      expect(seen(yield* log.get(asked))).toEqual(expected)
    }),
  )

  law(
    "an empty append stores nothing",
    inOrder(append(1, 0), expectLog(0), append(1, 3), append(4, 3), expectLog(3)),
    expectLog(3),
  )

  law(
    "a flush changes nothing",
    inOrder(flush, expectLog(0), append(1, 5), flush, flush, expectLog(5), append(6, 6)),
    expectLog(6),
  )
}

const bodyLaws = (law: Law): void => {
  const samples = [
    new Uint8Array(0),
    Uint8Array.of(0),
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
    patterned(recordBytesMax - 1, 3),
    patterned(recordBytesMax, 4),
    new Uint8Array(0),
  ]

  const expectSamples = Effect.gen(function* () {
    const log = yield* EventLog
    const hex = samples.map((body) => Buffer.from(body).toString("hex"))
    const read = yield* log.read(0, 10)
    expect(read.map(({ body }) => Buffer.from(body).toString("hex"))).toEqual(hex)
    const got = yield* log.get([1, 2, 3, 4, 5, 6])
    expect(got.map(({ body }) => Buffer.from(body).toString("hex"))).toEqual(hex)
  })

  law(
    "bodies come back byte for byte, from no byte to the bound",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* log.append(0, samples)
      yield* expectSamples
    }),
    expectSamples,
  )

  law(
    "the log shares no bytes with its callers",
    Effect.gen(function* () {
      const log = yield* EventLog
      const given = Buffer.from("as it was")
      yield* log.append(0, [given])
      given.fill(0)
      for (const { body } of yield* log.read(0, 1)) body.fill(0)
      for (const { body } of yield* log.get([1])) body.fill(0)
      expect(seen(yield* log.read(0, 1))).toEqual(["1: as it was"])
      expect(seen(yield* log.get([1]))).toEqual(["1: as it was"])
    }),
  )
}

const refusalLaws = (law: Law): void => {
  law(
    "an append after anything but the head is a conflict, and stores nothing",
    inOrder(append(1, 5), expectConflict(4, bodies(5, 6)), expectConflict(0, bodies(1, 1))),
    inOrder(expectConflict(6, bodies(7, 7)), expectConflict(4, []), expectLog(5)),
    inOrder(append(6, 7), expectLog(7)),
  )

  law(
    "an append with one body above the bound is a defect, and stores none of them",
    inOrder(append(1, 2), expectDefect(2, [Buffer.of(1), new Uint8Array(recordBytesMax + 1)])),
    inOrder(expectLog(2), append(3, 4), expectLog(4)),
  )

  law(
    "a read that names no stretch is a defect",
    append(1, 2),
    Effect.gen(function* () {
      const log = yield* EventLog
      for (const [after, count] of [
        [-1, 1],
        [0.5, 1],
        [0, -1],
        [0, Number.NaN],
      ] as const) {
        const exit = yield* Effect.exit(log.read(after, count))
        expect(Exit.isFailure(exit) && Exit.hasDies(exit)).toBe(true)
      }
    }),
  )

  law(
    "a record that is not there is damage, named by its position",
    inOrder(expectMissing([1], 1, 1), append(1, 3), expectMissing([0], 0, 0)),
    expectMissing([3, -1], -1, -1),
    inOrder(expectMissing([2, 4, 1], 4, 4), expectMissing([3, 1_000_000], 1_000_000, 1_000_000)),
    expectMissing([1.5], 1.5, 1.5),
  )
}

const concurrencyLaws = (law: Law): void => {
  law(
    "of concurrent appends after the same position exactly one wins, whole",
    Effect.gen(function* () {
      const log = yield* EventLog
      const rivals = Array.from({ length: 8 }, (_, rival) =>
        [1, 2, 3].map((part) => Buffer.from(`rival ${rival} part ${part}`)),
      )
      const appends = rivals.map((added) => Effect.exit(log.append(0, added)))
      const exits = yield* Effect.all(appends, { concurrency: "unbounded" })
      const winners = rivals.filter((_, rival) => exits[rival]?._tag === "Success")
      expect(winners).toHaveLength(1)
      expect(yield* log.head).toBe(3)
      const won = winners[0]?.map((body, index) => `${index + 1}: ${text(body)}`)
      expect(yield* all).toEqual(won)
      for (const exit of exits)
        if (Exit.isFailure(exit))
          expect(exit.cause.reasons).toMatchObject([
            { _tag: "Fail", error: { reason: "conflict", outcome: "none" } },
          ])
    }),
  )

  law(
    "a read beside appends sees the log as it was at some moment",
    Effect.gen(function* () {
      const log = yield* EventLog
      const writing = Effect.gen(function* () {
        for (let batch = 0; batch < 20; batch += 1) yield* append(batch * 5 + 1, batch * 5 + 5)
      })
      const reading = Effect.gen(function* () {
        for (let turn = 0; turn < 40; turn += 1) {
          const records = seen(yield* log.read(0, 1_000))
          expect(records).toEqual(dense(1, records.length))
          expect(records.length % 5).toBe(0)
          expect(yield* log.head).toBeGreaterThanOrEqual(records.length)
          yield* Effect.yieldNow
        }
      })
      yield* Effect.all([writing, reading, reading], { concurrency: "unbounded", discard: true })
      yield* expectLog(100)
    }),
  )

  law(
    "an interrupted append is stored whole or not at all, and what follows it in its place",
    Effect.gen(function* () {
      const log = yield* EventLog
      yield* append(1, 3)
      const fiber = yield* Effect.forkChild(append(4, 100))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(fiber)
      // It may also be refused, by a driver that cannot tell what became of the first.
      yield* Effect.exit(log.append(yield* log.head, [Buffer.from("next")]))
    }),
    Effect.gen(function* () {
      const found = yield* all
      const stored = found.length >= 100 ? 100 : 3
      expect([3, 4, 100, 101]).toContain(found.length)
      expect(found.slice(0, stored)).toEqual(dense(1, stored))
      const next = found.length === stored ? [] : [`${stored + 1}: next`]
      expect(found.slice(stored)).toEqual(next)
    }),
  )
}

const reopeningLaws = (law: Law): void => {
  law("an empty log stays empty", expectLog(0), expectLog(0), append(1, 1), expectLog(1))

  law(
    "a reopened log is the same log, and goes on where it ended",
    append(1, 40),
    inOrder(expectLog(40), append(41, 45)),
    inOrder(expectConflict(40, bodies(41, 41)), expectLog(45)),
    inOrder(append(46, 1_500), flush, expectLog(1_500)),
    expectLog(1_500),
  )
}

/** Runs the laws against a driver; the name says which, with its options. */
export const eventLogContract = (name: string, freshStore: FreshStore): void => {
  const law: Law = (title, ...programs) => {
    it(title, async () => {
      const run = Effect.gen(function* () {
        const open = yield* freshStore
        for (const [index, program] of programs.entries())
          yield* Effect.provide(program, open(index === 0))
      })
      await Effect.runPromise(Effect.scoped(run))
    })
  }

  describe(`the laws of an event log: ${name}`, () => {
    describe("order", () => orderLaws(law))
    describe("bodies", () => bodyLaws(law))
    describe("refusals", () => refusalLaws(law))
    describe("concurrency", () => concurrencyLaws(law))
    describe("reopening", () => reopeningLaws(law))
  })
}
