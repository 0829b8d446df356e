/**
 * Catching up: the log, from where the views stand, through the folds, into the views.
 *
 * Runs when a ledger is opened and for a rebuild. While a page of events is folded, the next one is
 * read and what came of those before is stored. Memory does not grow with the log.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { DaybookError, ViewFailure } from "../errors.js"
import { foldedBytesMax, foldedCountMax, replayPageCount } from "../limits.js"
import type { EventLogShape, LogRecord } from "../log/event-log.js"
import type { AnyProjection } from "../projection/projection.js"
import { decodeRecords, readUpTo } from "../query/records.js"
import type { Views } from "../view/views.js"
import type { Folding } from "./folding.js"
import { calling } from "./foreign.js"

/** A fork does not wait until the one that forks it has nothing else to do. */
const now = { startImmediately: true } as const

const bytesOf = (records: ReadonlyArray<LogRecord>): number =>
  records.reduce((sum, { body }) => sum + body.length, 0)

/** Stores what views hold once that is enough, beside what goes on; at most one such at a time. */
class Storing {
  readonly #views: Views
  #count = 0
  #bytes = 0
  #last: Fiber.Fiber<void, ViewFailure> | undefined

  constructor(views: Views) {
    this.#views = views
  }

  readonly took = Effect.fnUntraced(function* (this: Storing, count: number, bytes: number) {
    this.#count += count
    this.#bytes += bytes
    if (this.#count < foldedCountMax && this.#bytes < foldedBytesMax) return
    this.#count = 0
    this.#bytes = 0
    if (this.#last !== undefined) yield* Fiber.join(this.#last)
    this.#last = yield* Effect.forkChild(this.#views.flush, now)
  })
}

/** Folds everything that these views have not seen. Answers with the number of events folded. */
export const catchUp = Effect.fnUntraced(function* (
  log: EventLogShape,
  folding: Folding,
  views: Views,
): Effect.fn.Return<number, DaybookError> {
  const head = yield* log.head
  const projections: ReadonlyArray<AnyProjection> = [...folding.core, ...folding.own].filter(
    ({ name }) => views.states.has(name),
  )
  const reached = new Map(projections.map(({ name }) => [name, views.reached(name)]))
  const begun = new Map(reached)
  const isBehind = ({ name }: AnyProjection): boolean =>
    (reached.get(name) ?? 0) < head && !folding.stopped.has(name)
  const pageBehind = (after: number) =>
    Effect.forkChild(readUpTo(log, after, Math.min(replayPageCount, head - after)), now)

  const follow = Effect.fnUntraced(function* (first: number) {
    const storing = new Storing(views)
    let after = first
    let reading = yield* pageBehind(after)
    // A caller's view that stopped gets nothing more: no need to read on for it alone.
    while (after < head && projections.some(isBehind)) {
      const records = yield* Fiber.join(reading)
      after = records.at(-1)?.position ?? head
      if (after < head) reading = yield* pageBehind(after)
      const events = yield* decodeRecords(folding.codec, records)
      const draft = views.draft()
      yield* calling(() => folding.foldAll(projections, draft, events, reached))
      const bytes = bytesOf(records)
      views.take(draft, reached, bytes)
      yield* storing.took(events.length, bytes)
    }
  })

  const first = Math.min(head, ...reached.values())
  if (first < head && projections.some(isBehind))
    // The pages before a failure are whole.
    yield* Effect.tapError(follow(first), () => Effect.ignore(views.flush))
  yield* views.flush
  return Math.max(0, ...[...reached].map(([name, end]) => end - (begun.get(name) ?? 0)))
})

/** The same, as far as the log can be read: what is whole before damage is folded all the same. */
export const catchUpAround = (
  log: EventLogShape,
  folding: Folding,
  views: Views,
): Effect.Effect<number, DaybookError> =>
  Effect.catchTag(catchUp(log, folding, views), "RecordCorrupted", () => Effect.succeed(0))
