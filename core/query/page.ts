/**
 * Pages: a list in an order, cut to a limit, with a cursor to go on from.
 *
 * A cursor carries the position of the first page, so later pages answer as of then and are stable
 * while others write. It names the query that it belongs to and is refused by any other, but not
 * the ledger: another ledger takes it for one of its own.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InvalidInput, type ViewFailure } from "../errors.js"
import { cursorBytesMax, pageSizeDefault, pageSizeMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { type Plain, pack, unpack } from "../model/msgpack.js"
import { compareUtf8 } from "../model/tree.js"
import type { RowPage } from "../view/moment.js"

export interface Page<A> {
  readonly entries: ReadonlyArray<A>
  /** The cursor of the next page; absent on the last. */
  readonly next?: string
}

export type Order = "asc" | "desc"

/** The signal by which a caller ends a query that is under way. */
export const signalField = { signal: Schema.optional(Schema.instanceOf(AbortSignal)) }

/** What all list queries have in common. */
export const pageFields = {
  limit: Schema.optional(Schema.Int),
  cursor: Schema.optional(Schema.String),
  ...signalField,
}

/** As callers write them. */
export interface PageQuery {
  /** 1 to 1,000; default 20. */
  readonly limit?: number
  readonly cursor?: string
  /** Aborts the query; a promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export const sortSchema = <const Keys extends ReadonlyArray<string>>(keys: Keys) =>
  Schema.optional(
    Schema.Struct({
      by: Schema.Literals(keys),
      order: Schema.optional(Schema.Literals(["asc", "desc"])),
    }),
  )

/** Where a page ended: the sort value of its last entry, and the row's key for ties. */
export interface Place {
  readonly value: string | number
  readonly key: string
}

export interface Cursor {
  readonly position: number
  readonly place: Place
}

const notDigested = { cursor: undefined, limit: undefined, signal: undefined }

/** Names a query by its filters and order. Cursor, limit and signal may differ between pages. */
export const queryDigest = (kind: string, query: object): string =>
  digestOf(pack([kind, JSON.stringify({ ...query, ...notDigested })])).slice(0, 16)

export const encodeCursor = (digest: string, { position, place }: Cursor): string =>
  Buffer.from(pack([digest, position, place.value, place.key])).toString("base64url")

const badCursor = (): InvalidInput =>
  new InvalidInput({
    message: "the cursor is not one that this query gave: begin again without it",
    path: "query.cursor",
  })

const isPosition = (value: Plain | undefined): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0

/** Throws `InvalidInput` for a cursor of another query, or what is no cursor at all. */
export const decodeCursor = (digest: string, text: string): Cursor => {
  if (text.length > cursorBytesMax) throw badCursor()
  let fields: Plain
  try {
    fields = unpack(Buffer.from(text, "base64url"))
  } catch {
    throw badCursor()
  }
  if (!Array.isArray(fields)) throw badCursor()
  const [of, position, value, key] = fields as ReadonlyArray<Plain>
  const placed = typeof value === "string" || typeof value === "number"
  if (of !== digest || !isPosition(position) || !placed || typeof key !== "string")
    throw badCursor()
  const cursor = { position, place: { value, key } }
  // Other bytes, or letters that Buffer skips, can be read as the same: those we never gave.
  if (encodeCursor(digest, cursor) !== text) throw badCursor()
  return cursor
}

/** How many entries a page has. Throws `InvalidInput` outside 1 to 1,000. */
export const checkLimit = (path: string, limit: number = pageSizeDefault): number => {
  if (Number.isInteger(limit) && limit >= 1 && limit <= pageSizeMax) return limit
  const message = `${path} is ${limit}: it goes from 1 to ${pageSizeMax}`
  throw new InvalidInput({ message, path })
}

/** A row that passed the filters, ready to become an answer. */
export interface Found<A> {
  readonly place: Place
  readonly answer: () => A
}

/** Pages of candidates: `undefined` members did not pass the filters. */
export interface Source<A> {
  /** Whether rows come in the order asked for; else all are read and the first ones kept. */
  readonly sorted: boolean
  readonly read: (
    after: string | undefined,
    countMax: number,
  ) => Effect.Effect<RowPage<Found<A> | undefined>, ViewFailure>
}

const compareValues = (a: string | number, b: string | number): number =>
  typeof a === "number" && typeof b === "number" ? a - b : compareUtf8(String(a), String(b))

/** Keeps the first `countMax` of what it is given, in order. */
const firstOf = <A>(order: Order, countMax: number, beyond: Place | undefined) => {
  const sign = order === "asc" ? 1 : -1
  const compare = (a: Place, b: Place) =>
    sign * (compareValues(a.value, b.value) || compareUtf8(a.key, b.key))
  let kept: Array<Found<A>> = []
  const trim = () => {
    kept.sort((a, b) => compare(a.place, b.place))
    kept = kept.slice(0, countMax)
  }
  return {
    add: (found: Found<A>) => {
      if (beyond !== undefined && compare(found.place, beyond) <= 0) return
      kept.push(found)
      // Sorting at twice the size keeps the cost of each addition logarithmic.
      if (kept.length >= countMax * 2) trim()
    },
    result: (): ReadonlyArray<Found<A>> => {
      trim()
      return kept
    },
  }
}

const readAhead = 4

/** How many rows to read next: twice as many where the filters let little pass. */
const nextStep = (step: number, passed: number, missing: number): number =>
  passed * 2 < step ? Math.min(step * 2, pageSizeMax) : Math.max(missing, readAhead)

/** The first `countMax` entries of a source after a place. */
export const collect = Effect.fnUntraced(function* <A>(
  source: Source<A>,
  order: Order,
  countMax: number,
  from: Place | undefined,
): Effect.fn.Return<ReadonlyArray<Found<A>>, ViewFailure> {
  const first = firstOf<A>(order, countMax, source.sorted ? undefined : from)
  const found: Array<Found<A>> = []
  let after = source.sorted ? from?.key : undefined
  let step = source.sorted ? Math.max(countMax, readAhead) : pageSizeMax
  for (;;) {
    const before = found.length
    const page = yield* source.read(after, step)
    for (const { value } of page.rows) {
      if (value === undefined) continue
      if (source.sorted) found.push(value)
      else first.add(value)
    }
    after = page.resume
    if (after === undefined || (source.sorted && found.length >= countMax)) break
    if (source.sorted) step = nextStep(step, found.length - before, countMax - found.length)
  }
  return source.sorted ? found.slice(0, countMax) : first.result()
})

export interface PageRequest {
  readonly digest: string
  readonly position: number
  readonly order: Order
  readonly limit: number
  readonly from: Place | undefined
}

/** One page out of a source. */
export const toPage = Effect.fnUntraced(function* <A>(
  source: Source<A>,
  { digest, position, order, limit, from }: PageRequest,
): Effect.fn.Return<Page<A>, ViewFailure> {
  // One more than the limit shows whether there is a next page.
  const found = yield* collect(source, order, limit + 1, from)
  const shown = found.slice(0, limit)
  const entries = shown.map(({ answer }) => answer())
  const last = shown.at(-1)
  if (found.length <= limit || last === undefined) return { entries }
  return { entries, next: encodeCursor(digest, { position, place: last.place }) }
})
