/**
 * The draft: changes of rows that are not stored yet, laid over what is stored. Reads fall through,
 * writes collect; the second command of a batch sees what the first one did.
 *
 * A draft keeps every change with its position, not only the last, since every state is kept. A
 * fork is a layer of its own that is merged or dropped whole. Knows neither events nor storage.
 */
import { copyPlain, type Plain } from "../model/msgpack.js"
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
  /**
   * `false`: only the present is kept, for rows that nothing asks about at a past moment.
   * `positions`: every row is the position of the event that put it, and none is ever deleted; so
   * the ladder says what it was, and hardly any closed row is needed.
   */
  readonly past?: boolean | "positions"
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

/** A reader for code of callers', who may change what they get: rows stay in memory, and shared. */
export const copying = (views: ViewReader): ViewReader => ({
  view: <T extends Tables>(view: ViewOf<T>): RowReader<T> => {
    const rows = views.view(view)
    return { get: (key) => copied(rows.get(key)) }
  },
})

const copied = <V extends Plain>(row: V | undefined): V | undefined =>
  row === undefined ? undefined : copyPlain(row)

type Changes = Map<string, Array<RowChange>>

class Reader<T extends Tables> implements RowReader<T> {
  readonly #read: StoredRead
  readonly name: string

  constructor(read: StoredRead, name: string) {
    this.#read = read
    this.name = name
  }

  get<N extends keyof T & string>(key: TableKey<N>): T[N] | undefined {
    return this.#read(this.name, encodeKey(key)) as T[N] | undefined
  }
}

/** A class, since every fold of every event gets one of its own. */
class Writer<T extends Tables> extends Reader<T> implements Rows<T> {
  readonly #write: (view: string, key: string, change: RowChange) => void
  readonly #position: number

  constructor(
    read: StoredRead,
    write: (view: string, key: string, change: RowChange) => void,
    name: string,
    position: number,
  ) {
    super(read, name)
    this.#write = write
    this.#position = position
  }

  put<N extends keyof T & string>(key: TableKey<N>, value: T[N]): void {
    this.#write(this.name, encodeKey(key), { position: this.#position, value })
  }

  delete(key: TableKey<keyof T & string>): void {
    this.#write(this.name, encodeKey(key), { position: this.#position, value: undefined })
  }
}

export class Draft implements ViewReader {
  readonly #below: StoredRead
  readonly #changes = new Map<string, Changes>()

  constructor(below: StoredRead) {
    this.#below = below
  }

  /** Changes by view, then by encoded key, in the order of positions. */
  get changes(): ReadonlyMap<string, ReadonlyMap<string, ReadonlyArray<RowChange>>> {
    return this.#changes
  }

  readonly #read: StoredRead = (view, key) => {
    const last = this.#changes.get(view)?.get(key)?.at(-1)
    return last === undefined ? this.#below(view, key) : last.value
  }

  #rowsOf(view: string): Changes {
    let rows = this.#changes.get(view)
    if (rows === undefined) {
      rows = new Map()
      this.#changes.set(view, rows)
    }
    return rows
  }

  readonly #write = (view: string, key: string, change: RowChange): void => {
    const rows = this.#rowsOf(view)
    const changes = rows.get(key)
    if (changes === undefined) rows.set(key, [change])
    else if (changes.at(-1)?.position === change.position) changes[changes.length - 1] = change
    else changes.push(change)
  }

  view<T extends Tables>({ name }: ViewOf<T>): RowReader<T> {
    return new Reader(this.#read, name)
  }

  /** The rows of one view, writable; what is written holds from `position` on. */
  rows<T extends Tables>({ name }: ViewOf<T>, position: number): Rows<T> {
    return new Writer(this.#read, this.#write, name, position)
  }

  /** A layer above this draft. */
  fork(): Draft {
    return new Draft(this.#read)
  }

  /** Puts copies in the place of all values: whoever put them may go on changing them. */
  detach(): void {
    for (const rows of this.#changes.values())
      for (const changes of rows.values())
        for (const [index, { position, value }] of changes.entries())
          changes[index] = { position, value: copied(value) }
  }

  /** Takes over everything that a fork collected; the fork is not used any more. */
  merge(fork: Draft): void {
    for (const [view, changed] of fork.#changes) {
      const rows = this.#rowsOf(view)
      for (const [key, changes] of changed) {
        if (!rows.has(key)) rows.set(key, changes)
        else for (const change of changes) this.#write(view, key, change)
      }
    }
  }
}
