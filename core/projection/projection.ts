/**
 * The shape of a projection: folds that turn events into rows.
 *
 * A fold sees the rows of its own projection and the event, nothing else, so it gives the same
 * rows live, on replay and in a rebuild. Callers' own projections are values of this shape.
 */
import type { CoreEvents } from "../event/catalog.js"
import type { EventMap, Recorded } from "../event/event.js"
import type { Rows, Tables, ViewOf, ViewSpec } from "../view/draft.js"

/** Writes the rows that follow from an event: no clock, no chance, and the event stays as it is. */
export type Fold<T extends Tables, Type extends string, Data> = (
  rows: Rows<T>,
  event: Recorded<Type, Data>,
) => void

/** Folds by event type, and what is declared about their rows. */
export interface Projection<T extends Tables, Events extends EventMap = CoreEvents>
  extends ViewSpec,
    ViewOf<T> {
  /** One fold for each event type; types without one are skipped. */
  readonly on: { readonly [K in keyof Events & string]?: Fold<T, K, Events[K]> }
  /** Sees every event, those of unknown types too, before the fold of its type. */
  readonly onEvery?: Fold<T, string, unknown>
}

/** A projection whose rows are its own business: what lists hold. */
export interface AnyProjection extends ViewSpec {
  readonly on: { readonly [type: string]: ((rows: never, event: never) => void) | undefined }
  readonly onEvery?: (rows: never, event: never) => void
}

/** Keeps the types of a projection; `T` is given by the caller, the events by the folds. */
export const projection =
  <T extends Tables, Events extends EventMap = CoreEvents>() =>
  (definition: Projection<T, Events>): Projection<T, Events> =>
    definition

/** Folds one event into the rows of one projection. What a fold throws is its defect. */
export const fold = (target: AnyProjection, rows: Rows<Tables>, event: Recorded): void => {
  target.onEvery?.(rows as never, event as never)
  const on = Object.hasOwn(target.on, event.type) ? target.on[event.type] : undefined
  on?.(rows as never, event as never)
}
