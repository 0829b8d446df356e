/**
 * Numbers the commits of a view store, so that one which was lost before others is noticed.
 *
 * Commits are not synced. After a power loss a stretch of LevelDB's log may be gone while what was
 * written after it is there, and LevelDB skips the hole: rows would be missing, or old, and nothing
 * would show it. So every commit leaves a row with its number, and a number that is missing means
 * that all rows are given up and rebuilt. Knows nothing about views.
 */
import * as Effect from "effect/Effect"
import type { ViewFailure } from "../errors.js"
import { decodeKey, decodeNumber, encodeKey, type KeyRange, rangeOf } from "./key.js"
import { readRegistry, registryRange } from "./registry.js"
import { decodeRow, encodeRow } from "./row.js"
import {
  attempt,
  isDamage,
  type RowStore,
  type RowWrite,
  type StoredRow,
  type ViewStoreShape,
} from "./view-store.js"

/** Raised when rows of an older release cannot be read any more: then they are rebuilt. */
const viewFormat = 1

const numberRange: KeyRange = rangeOf(encodeKey(["c"]))
const numberKey = (number: number): string => encodeKey(["c", number])
const baseKey = encodeKey(["m"])
const everything: KeyRange = { gte: "", lt: "\u{10ffff}" }

// More commits than any ledger makes between two seals.
const countMax = 10_000_000

interface Base {
  /** Every commit from this number on has left its row. */
  readonly first: number
  /** Whether the log was synced before these commits: then what views have seen cannot be lost. */
  readonly durable: boolean
}

const baseWrite = ({ first, durable }: Base): RowWrite => ({
  key: baseKey,
  value: encodeRow(baseKey, [viewFormat, first, durable]),
})

const readBase = (row: Uint8Array | undefined): Base | undefined => {
  const decoded = row === undefined ? undefined : decodeRow(baseKey, row)
  if (!Array.isArray(decoded)) return undefined
  const [format, first, durable] = decoded as ReadonlyArray<unknown>
  return format === viewFormat && typeof first === "number" && typeof durable === "boolean"
    ? { first, durable }
    : undefined
}

const numberOf = ([key]: StoredRow): number => decodeNumber(decodeKey(key)[1] ?? "")

/** What a store held when it was opened. */
export interface Found {
  /** Rows are lost or cannot be read: all of them were given up. */
  readonly discarded: boolean
  /** The furthest that any view or the log was known to have come, 0 where nothing is known. */
  readonly reached: number
  /** Whether the log held all of that durably. */
  readonly durable: boolean
}

/** A store whose commits are numbered. */
export interface NumberedStore extends RowStore {
  readonly found: Found
  /** Makes what was committed durable, so that its numbers need not be kept for ever. */
  readonly persist: Effect.Effect<void, ViewFailure>
  /** Says of the commits to come whether the log is synced before them. */
  readonly begin: (durable: boolean) => Effect.Effect<void, ViewFailure>
}

interface Looked {
  readonly base: Base | undefined
  readonly next: number
  readonly reached: number
  readonly whole: boolean
}

const look = Effect.fnUntraced(function* (
  store: ViewStoreShape,
): Effect.fn.Return<Looked, ViewFailure> {
  const nothing = { base: undefined, next: 1, reached: 0 }
  if (store.beganAnew) return { ...nothing, whole: false }
  const scanned = yield* Effect.result(
    store.scan([
      { ...numberRange, reverse: false, countMax },
      { ...registryRange, reverse: false, countMax },
      { ...everything, reverse: false, countMax: 1 },
    ]),
  )
  if (scanned._tag === "Failure" && isDamage(scanned.failure)) return { ...nothing, whole: false }
  const [numbers = [], entries = [], any = []] = yield* Effect.fromResult(scanned)
  if (any.length === 0) return { ...nothing, whole: true }
  const read = yield* Effect.result(
    attempt(() => ({ base: readBase(store.get(baseKey)), registry: readRegistry(entries) })),
  )
  if (read._tag === "Failure" && isDamage(read.failure)) return { ...nothing, whole: false }
  const { base, registry } = yield* Effect.fromResult(read)
  if (base === undefined) return { ...nothing, whole: false }
  const whole = numbers.length > 0 && numbers.every((row, at) => numberOf(row) === base.first + at)
  const current = registry.filter(({ build }) => build === "current")
  const reached = Math.max(store.noted(), ...current.map(({ state }) => state.position))
  return { base, next: base.first + numbers.length, reached, whole }
})

class Numbered implements NumberedStore {
  readonly get: RowStore["get"]
  readonly scan: RowStore["scan"]
  readonly clear: RowStore["clear"]
  readonly beganAnew: boolean
  readonly isDamaged: RowStore["isDamaged"]
  readonly note: RowStore["note"]
  readonly noted: RowStore["noted"]
  readonly found: Found
  readonly #store: ViewStoreShape
  #base: Base
  #next: number
  /** The next number at the last `persist`: what came before is kept until the one after. */
  #marked: number

  constructor(store: ViewStoreShape, { base, next, reached, whole }: Looked) {
    this.get = store.get
    this.scan = store.scan
    this.clear = store.clear
    this.beganAnew = store.beganAnew
    this.isDamaged = store.isDamaged
    this.note = store.note
    this.noted = store.noted
    this.found = { discarded: !whole, reached, durable: base?.durable === true }
    this.#store = store
    this.#base = base ?? { first: next, durable: false }
    this.#next = next
    this.#marked = next
  }

  readonly commit: RowStore["commit"] = (writes) =>
    Effect.suspend(() => {
      const number = this.#next
      this.#next += 1
      const key = numberKey(number)
      const first = number === this.#base.first ? [baseWrite(this.#base)] : []
      const numbered = [...writes, ...first, { key, value: encodeRow(key, null) }]
      return Effect.tapError(this.#store.commit(numbered), ({ outcome }) =>
        Effect.sync(() => {
          if (outcome === "none") this.#next = number
        }),
      )
    })

  readonly persist = Effect.suspend((): Effect.Effect<void, ViewFailure> => {
    if (this.#next === this.#marked) return Effect.void
    const { first } = this.#base
    const base = { ...this.#base, first: this.#marked }
    const writes: Array<RowWrite> = [baseWrite(base)]
    for (let number = first; number < base.first; number += 1)
      writes.push({ key: numberKey(number), value: undefined })
    return Effect.map(this.#store.commitDurably(writes), () => {
      this.#base = base
      this.#marked = this.#next
    })
  })

  readonly begin = (durable: boolean): Effect.Effect<void, ViewFailure> =>
    Effect.suspend(() => {
      if (this.#base.durable === durable) return Effect.void
      this.#base = { ...this.#base, durable }
      return this.commit([baseWrite(this.#base)])
    })

  readonly renew = Effect.suspend(() => {
    this.#base = { ...this.#base, first: this.#next }
    this.#marked = this.#next
    return this.#store.renew
  })
}

/** Looks at the numbers of a store. Changes nothing; damage is that of all rows. */
export const openNumbered = (store: ViewStoreShape): Effect.Effect<NumberedStore, ViewFailure> =>
  Effect.map(look(store), (looked) => new Numbered(store, looked))
