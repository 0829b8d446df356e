/**
 * The draft: changes of rows that are not stored yet, laid over what is stored. Reads fall through,
 * writes collect; the second command of a batch sees what the first one did.
 *
 * A draft keeps every change with its position, not only the last, since every state is kept. A
 * fork is a layer of its own that is merged or dropped whole. Knows neither events nor storage.
 */
import type { Plain } from "../model/msgpack.js"
import { encodeKey, type KeyPart } from "./key.js"

/** The rows of a projection by the first part of their key. */
export type Tables = { readonly [table: string]: Plain }

/** The key of a row: its table, then further parts. Keys sort part by part. */
export type TableKey<T> = readonly [table: T, ...rest: ReadonlyArray<KeyPart>]

/** Rows of one projection by their exact key; undefined where there is none. */
export interface RowReader<T extends Tables> {
  readonly get: <N extends keyof T & string>(key: TableKey<N>) => T[N] | undefined
}

/** What a fold works on: the rows of its own projection. Values are never changed in place. */
export interface Rows<T extends Tables> extends RowReader<T> {
  readonly put: <N extends keyof T & string>(key: TableKey<N>, row: T[N]) => void
  readonly delete: (key: TableKey<keyof T & string>) => void
}

/** Names a view and carries the type of its rows. */
export interface ViewOf<T extends Tables> {
  readonly name: string
  readonly tables?: T
}

/** What a view is, as its projection declares it. */
export interface ViewSpec {
  /** A caller's own has a slash, as `birds/stations`. */
  readonly name: string
  /** From 1. Raised when the meaning of a fold or the form of a row changes. */
  readonly revision: number
  /** `false`: only the present is kept, for rows that nothing asks about at a past moment. */
  readonly past?: boolean
}

/** What decisions read: the rows of any projection, the batch's earlier changes included. */
export interface ViewReader {
  readonly view: <T extends Tables>(view: ViewOf<T>) => RowReader<T>
}

/** What became of a row with the event at a position. */
export interface RowChange {
  readonly position: number
  /** Undefined: the row was deleted. */
  readonly value: Plain | undefined
}

/** Reads a stored row by view name and encoded key. */
export type StoredRead = (view: string, key: string) => Plain | undefined

export class Draft implements ViewReader {
  readonly #below: StoredRead
  readonly #changes = new Map<string, Map<string, Array<RowChange>>>()

  constructor(below: StoredRead) {
    this.#below = below
  }

  /** Changes by view, then by encoded key, in the order of positions. */
  get changes(): ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<RowChange>>> {
    return this.#changes
  }

  readonly #read = (view: string, key: string): Plain | undefined => {
    const last = this.#changes.get(view)?.get(key)?.at(-1)
    return last === undefined ? this.#below(view, key) : last.value
  }

  #write(view: string, key: string, change: RowChange): void {
    const rows = this.#changes.get(view) ?? new Map<string, Array<RowChange>>()
    this.#changes.set(view, rows)
    const changes = rows.get(key)
    if (changes === undefined) rows.set(key, [change])
    else if (changes.at(-1)?.position === change.position) changes[changes.length - 1] = change
    else changes.push(change)
  }

  view<T extends Tables>(view: ViewOf<T>): RowReader<T> {
    return { get: (key) => this.#read(view.name, encodeKey(key)) as T[(typeof key)[0]] | undefined }
  }

  /** The rows of one view, writable; what is written holds from `position` on. */
  rows<T extends Tables>(view: ViewOf<T>, position: number): Rows<T> {
    return {
      ...this.view(view),
      put: (key, value) => this.#write(view.name, encodeKey(key), { position, value }),
      delete: (key) => this.#write(view.name, encodeKey(key), { position, value: undefined }),
    }
  }

  /** A layer above this draft. */
  fork(): Draft {
    return new Draft(this.#read)
  }

  /** Takes over everything that a fork collected. */
  merge(fork: Draft): void {
    for (const [view, rows] of fork.#changes)
      for (const [key, changes] of rows)
        for (const change of changes) this.#write(view, key, change)
  }
}
