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

export class Folding {
  readonly codec: Codec
  readonly core: ReadonlyArray<AnyProjection>
  readonly own: ReadonlyArray<AnyProjection>
  readonly stopped = new Map<string, Stopped>()
  readonly #byType = new Map<string, ReadonlyArray<AnyProjection>>()

  constructor(codec: Codec, core: ReadonlyArray<AnyProjection>, own: ReadonlyArray<AnyProjection>) {
    this.codec = codec
    this.core = core
    this.own = own
  }

  #interested(type: string): ReadonlyArray<AnyProjection> {
    let list = this.#byType.get(type)
    if (list === undefined) {
      list = this.core.filter(({ on, onEvery }) => onEvery !== undefined || Object.hasOwn(on, type))
      this.#byType.set(type, list)
    }
    return list
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

  #fold(projection: AnyProjection, draft: Draft, event: Recorded, isCore: boolean): void {
    // What a newer release records may concern any view of the ledger's own.
    const concerns = isCore || Object.hasOwn(projection.on, event.type)
    const newer = concerns ? newerEvent(this.codec, event) : undefined
    if (newer !== undefined) throw newer
    const rows = draft.rows(projection, event.position)
    const put: typeof rows.put = (key, row) => rows.put(key, row)
    const remove: typeof rows.delete = (key) => rows.delete(key)
    const own = { ...copying(draft).view(projection), put, delete: remove }
    fold(projection, isCore ? rows : own, event)
  }

  /**
   * Folds events into one view, beginning behind the position it has reached; answers with the
   * position up to which it came.
   */
  foldOne(
    projection: AnyProjection,
    draft: Draft,
    events: ReadonlyArray<Recorded>,
    reached: number,
  ): number {
    const isCore = this.core.includes(projection)
    let position = reached
    for (const event of events) {
      if (event.position <= position || this.stopped.has(projection.name)) continue
      if (event.position !== position + 1)
        throw new Error(`${projection.name} would miss the events after ${position}`)
      const layer = draft.fork()
      try {
        this.#fold(projection, layer, event, isCore)
        if (!isCore) takeRows(layer)
      } catch (cause) {
        if (isCore) throw cause
        this.stopped.set(projection.name, { position: event.position, cause })
        return position
      }
      draft.merge(layer)
      position = event.position
    }
    return position
  }
}
