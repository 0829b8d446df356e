/**
 * Moments to ask at: recorded events in a log and folded into views, over the stores that the
 * caller provides, without a writer. A test of a query begins with these.
 *
 * Knows no driver: with those in memory, a moment is a few plain calls away.
 */
import * as Effect from "effect/Effect"
import type { Failure } from "../errors.js"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import { EventLog } from "../log/event-log.js"
import { projections } from "../projection/all.js"
import { fold } from "../projection/projection.js"
import { ViewStore } from "../view/view-store.js"
import { Views } from "../view/views.js"
import type { Moment } from "./query.js"

export interface Moments {
  /** The ledger after the event of a position; the present where none is given. */
  readonly at: (position?: number | undefined) => Moment
  /** Takes over the events that were recorded since, as one commit. */
  readonly catchUp: Effect.Effect<void, Failure>
}

const codec = makeCodec(catalog)

/** `events` may grow: `catchUp` looks at them again. Both stores are empty at first. */
export const momentsOf = Effect.fnUntraced(function* (
  events: ReadonlyArray<Recorded>,
): Effect.fn.Return<Moments, Failure, EventLog | ViewStore> {
  const log = yield* EventLog
  const states = projections.map(({ name, revision, past = true }, slot) => {
    const state = { name, stamp: `${name}@${revision}`, slot, past }
    return [name, { ...state, position: 0, rowCount: 0, rowSum: 0, goneCount: 0 }] as const
  })
  const views = new Views(yield* ViewStore, "current", new Map(states))
  const catchUp = Effect.gen(function* () {
    const fresh = events.slice(views.head)
    yield* log.append(views.head, fresh.map(codec.encode))
    const draft = views.draft()
    for (const event of fresh)
      for (const projection of projections)
        fold(projection, draft.rows(projection, event.position), event)
    const { length } = events
    yield* views.commit(draft, new Map(projections.map(({ name }) => [name, length])))
  })
  yield* catchUp
  const at = (position = views.head): Moment => ({
    position,
    views: views.at(position),
    log,
    codec,
  })
  return { at, catchUp }
})
