/**
 * What the list queries share: reading a query's cursor, and walking a table in either direction.
 */
import * as Effect from "effect/Effect"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type { Refusal } from "../errors.js"
import { shaped } from "../model/input.js"
import type { TableKey, Tables, ViewOf } from "../view/draft.js"
import type { Row } from "../view/moment.js"
import { parsedInput } from "./input.js"
import {
  checkLimit,
  decodeCursor,
  type Found,
  type Order,
  queryDigest,
  type Source,
} from "./page.js"
import type { Moment } from "./query.js"

interface Paged {
  readonly limit?: number | undefined
  readonly cursor?: string | undefined
}

/** A query as parsed, with its limit and the place where its page begins. */
export interface Listing<Q> {
  readonly query: Q
  readonly digest: string
  readonly limit: number
  readonly from: { readonly value: string | number; readonly key: string } | undefined
  /** Of the first page; undefined when this is the first. */
  readonly position: number | undefined
}

/** Parses what a caller gave to a list query. */
export const parseListing = <Q extends Paged>(
  kind: string,
  schema: StandardSchemaV1<unknown, Q>,
  value: unknown,
): Effect.Effect<Listing<Q>, Refusal> =>
  parsedInput(() => {
    const query = shaped(schema, value ?? {}, "query")
    const digest = queryDigest(kind, query)
    const limit = checkLimit("query.limit", query.limit)
    const cursor = query.cursor === undefined ? undefined : decodeCursor(digest, query.cursor)
    return { query, digest, limit, from: cursor?.place, position: cursor?.position }
  })

/** What to walk, in which direction. */
export interface Walk<T extends Tables, N extends keyof T & string> {
  readonly view: ViewOf<T>
  readonly prefix: TableKey<N>
  readonly order: Order
  /** Whether the keys are in the order asked for. */
  readonly sorted: boolean
}

/** A source over the rows of one table; `pick` leaves out what does not pass the filters. */
export const tableSource = <T extends Tables, N extends keyof T & string, A>(
  moment: Moment,
  { view, prefix, order, sorted }: Walk<T, N>,
  pick: (row: Row<T[N]>) => Found<A> | undefined,
): Source<A> => ({
  sorted,
  read: (after, countMax) =>
    Effect.map(
      moment.views
        .view(view)
        .list({ prefix, after, reverse: sorted && order === "desc", countMax }),
      (page) => ({ ...page, rows: page.rows.map((row) => ({ ...row, value: pick(row) })) }),
    ),
})
