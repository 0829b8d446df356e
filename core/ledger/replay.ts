/**
 * Catching up: the log, from where the views stand, through the folds, into the views.
 *
 * Runs when a ledger is opened and for a rebuild. Memory does not grow with the log: a page of
 * records is folded and committed before the next is read.
 */
import * as Effect from "effect/Effect"
import type { DaybookError } from "../errors.js"
import { replayPageCount } from "../limits.js"
import type { EventLogShape } from "../log/event-log.js"
import type { AnyProjection } from "../projection/projection.js"
import { decodeRecords, readUpTo } from "../query/records.js"
import type { Views } from "../view/views.js"
import type { Folding } from "./folding.js"
import { calling } from "./foreign.js"

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
  const reached = new Map(
    projections.map(({ name }) => [name, views.states.get(name)?.position ?? 0]),
  )
  const begun = new Map(reached)
  const behind = (): ReadonlyArray<AnyProjection> =>
    projections.filter(({ name }) => (reached.get(name) ?? 0) < head && !folding.stopped.has(name))
  let after = Math.min(head, ...reached.values())
  // A caller's view that stopped gets nothing more: no need to read on for it alone.
  while (after < head && behind().length > 0) {
    const records = yield* readUpTo(log, after, Math.min(replayPageCount, head - after))
    const events = yield* decodeRecords(folding.codec, records)
    const draft = views.draft()
    yield* calling(() => {
      for (const projection of projections) {
        const from = reached.get(projection.name) ?? 0
        reached.set(projection.name, folding.foldOne(projection, draft, events, from))
      }
    })
    yield* views.commit(draft, reached)
    after = events.at(-1)?.position ?? head
  }
  return Math.max(0, ...[...reached].map(([name, end]) => end - (begun.get(name) ?? 0)))
})

/** The same, as far as the log can be read: what is whole before damage is folded all the same. */
export const catchUpAround = (
  log: EventLogShape,
  folding: Folding,
  views: Views,
): Effect.Effect<number, DaybookError> =>
  Effect.catchTag(catchUp(log, folding, views), "RecordCorrupted", () => Effect.succeed(0))
