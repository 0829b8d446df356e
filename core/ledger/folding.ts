/**
 * Folding events into drafts: the ledger's projections as one, callers' own each for itself.
 *
 * A fold of the ledger's own that throws is a defect of the ledger. One of a caller's stops its own
 * view at that event and says so; nothing else is held up. An event of a newer revision than this
 * program knows is not folded: the ledger's own views refuse it, and with it the opening.
 */
import type { Codec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import { plain } from "../model/input.js"
import { type AnyProjection, fold } from "../projection/projection.js"
import { newerEvent } from "../query/records.js"
import { copying, type Draft } from "../view/draft.js"

/** Where a caller's projection stopped, and what its fold threw. */
export interface Stopped {
  readonly position: number
  readonly cause: unknown
}

/** Rows of a caller's fold that cannot be stored must show now, not when everyone's are stored. */
const takeRows = (layer: Draft): void => {
  for (const [name, rows] of layer.changes)
    for (const [key, changes] of rows) {
      plain(key, `a key of ${name}`)
      for (const { value } of changes) if (value !== undefined) plain(value, `a row of ${name}`)
    }
  layer.detach()
}

type Interest = (type: string) => ReadonlyArray<AnyProjection>

/** Which of these have a fold for an event type. */
const interestOf = (projections: ReadonlyArray<AnyProjection>): Interest => {
  const byType = new Map<string, ReadonlyArray<AnyProjection>>()
  return (type) => {
    let list = byType.get(type)
    if (list === undefined) {
      list = projections.filter(
        ({ on, onEvery }) => onEvery !== undefined || Object.hasOwn(on, type),
      )
      byType.set(type, list)
    }
    return list
  }
}

/** The events behind a position that a view has reached. None may be missing between them. */
const eventsBehind = (
  events: ReadonlyArray<Recorded>,
  reached: number,
  name: string,
): ReadonlyArray<Recorded> => {
  const [first] = events
  if (first === undefined) return events
  if (first.position > reached + 1)
    throw new Error(`${name} would miss the events after ${reached}`)
  return events.slice(reached + 1 - first.position)
}

export class Folding {
  readonly codec: Codec
  readonly core: ReadonlyArray<AnyProjection>
  readonly own: ReadonlyArray<AnyProjection>
  readonly stopped = new Map<string, Stopped>()
  readonly #interested: Interest

  constructor(codec: Codec, core: ReadonlyArray<AnyProjection>, own: ReadonlyArray<AnyProjection>) {
    this.codec = codec
    this.core = core
    this.own = own
    this.#interested = interestOf(core)
  }

  /** Folds an event into all views of the ledger's own. */
  readonly foldCore = (draft: Draft, event: Recorded): void => {
    for (const projection of this.#interested(event.type))
      fold(projection, draft.rows(projection, event.position), event)
  }

  /** Takes over what became of a rebuild, whose views are in use now. */
  adopt(built: Folding): void {
    this.stopped.clear()
    for (const [name, stopped] of built.stopped) this.stopped.set(name, stopped)
  }

  /** Takes back what was noted of events behind a position, which were never stored. */
  forget(position: number): void {
    for (const [name, stopped] of this.stopped)
      if (stopped.position > position) this.stopped.delete(name)
  }

  #foldOwn(projection: AnyProjection, draft: Draft, event: Recorded): void {
    const concerns = Object.hasOwn(projection.on, event.type)
    const newer = concerns ? newerEvent(this.codec, event) : undefined
    if (newer !== undefined) throw newer
    const rows = draft.rows(projection, event.position)
    const put: typeof rows.put = (key, row) => rows.put(key, row)
    const remove: typeof rows.delete = (key) => rows.delete(key)
    fold(projection, { ...copying(draft).view(projection), put, delete: remove }, event)
  }

  /**
   * Folds events into one view of a caller's, beginning behind the position it has reached; answers
   * with the position up to which it came.
   */
  foldOne(
    projection: AnyProjection,
    draft: Draft,
    events: ReadonlyArray<Recorded>,
    reached: number,
  ): number {
    let position = reached
    if (this.stopped.has(projection.name)) return position
    for (const event of eventsBehind(events, reached, projection.name)) {
      const layer = draft.fork()
      try {
        this.#foldOwn(projection, layer, event)
        takeRows(layer)
      } catch (cause) {
        this.stopped.set(projection.name, { position: event.position, cause })
        return position
      }
      draft.merge(layer)
      position = event.position
    }
    return position
  }

  /** The same for views of the ledger's own that have come equally far, in one pass. */
  foldTogether(
    projections: ReadonlyArray<AnyProjection>,
    draft: Draft,
    events: ReadonlyArray<Recorded>,
    reached: number,
  ): void {
    const interested = interestOf(projections)
    for (const event of eventsBehind(events, reached, projections[0]?.name ?? "")) {
      // What a newer release records may concern any view of the ledger's own.
      const newer = newerEvent(this.codec, event)
      if (newer !== undefined) throw newer
      for (const projection of interested(event.type))
        fold(projection, draft.rows(projection, event.position), event)
    }
  }

  /** Folds events into all of these views, each from where it is, and notes how far each came. */
  foldAll(
    projections: ReadonlyArray<AnyProjection>,
    draft: Draft,
    events: ReadonlyArray<Recorded>,
    reached: Map<string, number>,
  ): void {
    const end = events.at(-1)?.position ?? 0
    const abreast = new Map<number, Array<AnyProjection>>()
    for (const projection of projections) {
      const from = reached.get(projection.name) ?? 0
      if (from >= end) continue
      if (!this.core.includes(projection))
        reached.set(projection.name, this.foldOne(projection, draft, events, from))
      else abreast.set(from, [...(abreast.get(from) ?? []), projection])
    }
    for (const [from, views] of abreast) {
      this.foldTogether(views, draft, events, from)
      for (const { name } of views) reached.set(name, end)
    }
  }
}
