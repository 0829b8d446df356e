/**
 * What readers of views ask and get: rows by exact key, and lists of neighbouring rows in pages,
 * all as of one position. Knows nothing about how rows are kept.
 */
import type * as Effect from "effect/Effect"
import type { ViewFailure } from "../errors.js"
import { compareUtf8 } from "../model/tree.js"
import type { RowReader, TableKey, Tables, ViewOf } from "./draft.js"
import { encodeKey, type KeyRange, rangeOf } from "./key.js"
import { keyParts, type Listed } from "./past.js"

export interface ListQuery<N> {
  /** The table, and the leading parts that all keys of the list share. */
  readonly prefix: TableKey<N>
  /** The last part of the prefix may be the beginning of a part. */
  readonly open?: boolean
  /** Only keys after this one, in the order of the list; encoded: the `cursor` of a row. */
  readonly after?: string | undefined
  readonly reverse?: boolean
  readonly countMax: number
}

export interface Row<V> {
  /** The parts of the key after the table, as text. */
  readonly key: ReadonlyArray<string>
  /** The encoded key, for `after`. */
  readonly cursor: string
  readonly value: V
}

export interface RowPage<V> {
  readonly rows: ReadonlyArray<Row<V>>
  /** Where to go on; undefined when there is nothing more. The page itself may be short. */
  readonly resume: string | undefined
}

/** The rows of one view as of one position. */
export interface PastReader<T extends Tables> extends RowReader<T> {
  readonly list: <N extends keyof T & string>(
    query: ListQuery<N>,
  ) => Effect.Effect<RowPage<T[N]>, ViewFailure>
}

/** Every view as of one position. */
export interface MomentReader {
  readonly position: number
  readonly view: <T extends Tables>(view: ViewOf<T>) => PastReader<T>
}

/** The keys of one page. */
export const pageRange = ({ prefix, open, after, reverse }: ListQuery<string>): KeyRange => {
  const range = rangeOf(encodeKey(prefix), open)
  if (after === undefined) return range
  // A cursor may come from anywhere: it never widens the range.
  if (reverse)
    return range.lt !== "" && compareUtf8(range.lt, after) < 0 ? range : { ...range, lt: after }
  return compareUtf8(after, range.gte) < 0 ? range : { ...range, gte: `${after}\u0000` }
}

export const toPage = <V>({ rows, resume }: Listed): RowPage<V> => ({
  rows: rows.map(([cursor, value]) => ({ key: keyParts(cursor), cursor, value: value as V })),
  resume,
})
