/**
 * The laws of projections: rows depend on the events alone, so that live folding, replay and a
 * rebuild agree. For the ledger's own and for callers' own; each is called with a history.
 *
 * Rows lie in a plain map here, one state of them: no storage, no past, no draft.
 */
import { describe, expect, it } from "vitest"
import type { Recorded } from "../event/event.js"
import { type Plain, pack, unpack } from "../model/msgpack.js"
import type { RowReader, Rows, TableKey, Tables, ViewOf, ViewReader } from "../view/draft.js"
import { type AnyProjection, fold } from "./projection.js"

/** Rows by the JSON of their keys, as `["at","01J…",7]`. */
export type FoldedRows = { readonly [key: string]: Plain }

const frozen = <A>(value: A): A => {
  if (typeof value === "object" && value !== null && !(value instanceof Uint8Array))
    for (const member of Object.values(Object.freeze(value))) frozen(member)
  return value
}

/** Views folded in memory, and read as commands and queries read them. */
export class FoldedViews implements ViewReader {
  readonly #projections: ReadonlyArray<AnyProjection>
  readonly #views = new Map<string, Map<string, Plain>>()

  constructor(projections: ReadonlyArray<AnyProjection>) {
    this.#projections = projections
    for (const { name } of projections) this.#views.set(name, new Map())
  }

  #rows(name: string): Map<string, Plain> {
    const rows = this.#views.get(name)
    if (rows === undefined) throw new Error(`the projection ${name} is not among those folded`)
    return rows
  }

  view<T extends Tables>({ name }: ViewOf<T>): RowReader<T> {
    const rows = this.#rows(name)
    return { get: (key) => rows.get(JSON.stringify(key)) as T[(typeof key)[0]] | undefined }
  }

  /** Folds events into every view. Rows and events are frozen, so that no fold changes one. */
  fold(events: ReadonlyArray<Recorded>): this {
    for (const event of events.map(frozen))
      for (const projection of this.#projections) {
        const rows = this.#rows(projection.name)
        const writable: Rows<Tables> = {
          ...this.view<Tables>(projection),
          put: (key: TableKey<string>, row: Plain) =>
            void rows.set(JSON.stringify(key), frozen(row)),
          delete: (key) => void rows.delete(JSON.stringify(key)),
        }
        fold(projection, writable, event)
      }
    return this
  }

  /** Stores every row and reads it back, as happens between two batches. */
  store(): this {
    for (const rows of this.#views.values())
      for (const [key, row] of rows) rows.set(key, unpack(pack(row)))
    return this
  }

  /** The rows of one view, in the order of their keys, as they are read back. */
  rows({ name }: { readonly name: string }): FoldedRows {
    const rows = [...this.#rows(name)].sort(([a], [b]) => (a < b ? -1 : 1))
    return Object.fromEntries(rows.map(([key, row]) => [key, unpack(pack(row))]))
  }
}

/** The rows of one projection after these events. */
export const foldedRows = (
  projection: AnyProjection,
  events: ReadonlyArray<Recorded>,
): FoldedRows => new FoldedViews([projection]).fold(events).rows(projection)

const inBatches = (
  projection: AnyProjection,
  events: ReadonlyArray<Recorded>,
  size: number,
): FoldedRows => {
  const views = new FoldedViews([projection])
  for (let start = 0; start < events.length; start += size)
    views.fold(events.slice(start, start + size)).store()
  return views.rows(projection)
}

/** The suite. `history` makes fresh events at each call, some for every fold. */
export const projectionContract = (
  projection: AnyProjection,
  history: () => ReadonlyArray<Recorded>,
): void => {
  describe(`the projection ${projection.name}`, () => {
    it("has a name in kebab-case and a revision from 1", () => {
      expect(projection.name).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/)
      expect(Number.isSafeInteger(projection.revision) && projection.revision >= 1).toBe(true)
    })

    it("is shown every event that it has a fold for, and makes rows of them", () => {
      const shown = new Set(history().map(({ type }) => type))
      expect(Object.keys(projection.on).filter((type) => !shown.has(type))).toEqual([])
      expect(Object.keys(foldedRows(projection, history()))).not.toEqual([])
    })

    it("has the same rows each time, and changes neither events nor rows in place", () => {
      const [one, other] = [new FoldedViews([projection]), new FoldedViews([projection])]
      for (const event of history()) {
        // In turns: a fold that keeps state outside its rows would mix up the two.
        one.fold([event])
        other.fold([event])
      }
      expect(one.rows(projection)).toEqual(foldedRows(projection, history()))
      expect(other.rows(projection)).toEqual(one.rows(projection))
    })

    it("has the same rows in batches of any size", () => {
      const rows = foldedRows(projection, history())
      for (const size of [1, 2, 3, 7, 64])
        expect(inBatches(projection, history(), size)).toEqual(rows)
    })

    it("takes events of types that it does not know", () => {
      const events = history()
      const last = events.at(-1)
      const unknown = { id: "U", type: "no-such-event", revision: 1, time: last?.time ?? 0 }
      const position = (last?.position ?? 0) + 1
      const event: Recorded = { ...unknown, position, subjects: [], data: { strange: true } }
      expect(() => foldedRows(projection, [...events, event])).not.toThrow()
    })
  })
}
