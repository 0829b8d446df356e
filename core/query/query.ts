/**
 * What a query looks at: one moment of the ledger, with the log for what only the log knows.
 *
 * A query is a function of a moment and an input. The present is a moment too, the one at which
 * the query began, so every query answers for any moment without code of its own.
 */
import type * as Effect from "effect/Effect"
import type { Failure, Refusal } from "../errors.js"
import type { Codec } from "../event/codec.js"
import type { EventLogShape } from "../log/event-log.js"
import type { MomentReader } from "../view/moment.js"

export interface Moment {
  /** Nothing after it is seen. */
  readonly position: number
  readonly views: MomentReader
  readonly log: EventLogShape
  readonly codec: Codec
}

export type Asked<A> = Effect.Effect<A, Refusal | Failure>
