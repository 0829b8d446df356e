/**
 * Reading rows as of a position: the live row when it is old enough, else the closed row that the
 * ladder leads to. The present is the case in which the first read is the answer.
 */
import * as Effect from "effect/Effect"
import type { ViewFailure } from "../errors.js"
import type { Plain } from "../model/msgpack.js"
import { compareUtf8 } from "../model/tree.js"
import { decodeKey, type KeyRange, rangeOf, slotPrefix } from "./key.js"
import { climb, type Ladder } from "./ladder.js"
import type { RawRead } from "./live.js"
import type { ViewState } from "./registry.js"
import { decodeGone, decodeNow, decodeWas, type NowRow } from "./row.js"
import { goneKey, nowKey, type Stored, wasKey } from "./settle.js"
import { attempt, type RowStore, type StoredRow } from "./view-store.js"

const climbDown = (
  read: RawRead,
  { slot, past }: ViewState,
  key: string,
  start: Ladder,
  position: number,
): Plain | undefined => {
  let ladder = start
  for (;;) {
    const step = climb(ladder, position)
    if (step === undefined) return undefined
    if (step.found && past === "positions") return step.position
    const at = wasKey(slot, key, step.position)
    const row = read(at)
    // The ladder says that the row is there: its absence is damage, never an answer.
    const was = decodeWas(at, row ?? new Uint8Array(0))
    if (step.found) return was.to > position ? was.value : undefined
    ladder = was.ladder
  }
}

/**
 * The value of an encoded key as of a position; `undefined` when there was none. `present` says
 * that nothing after `position` is stored yet.
 */
export const readAt = (
  { live, read }: Stored,
  state: ViewState,
  key: string,
  position: number,
  present: boolean,
): Plain | undefined => {
  const at = nowKey(state.slot, key)
  const row = live.get(at)
  if (row !== undefined) return resolveNow(read, state, key, row, position)
  if (present || !state.past) return undefined
  const trace = read(goneKey(state.slot, key))
  if (trace !== undefined) return resolveGone(read, state, key, trace, position)
  // A commit that brings the row back may have landed between the two reads.
  const back = read(at)
  return back === undefined
    ? undefined
    : resolveNow(read, state, key, decodeNow(at, back), position)
}

const resolveNow = (
  read: RawRead,
  state: ViewState,
  key: string,
  now: NowRow,
  position: number,
): Plain | undefined => {
  if (now.from <= position || !state.past) return now.value
  return climbDown(read, state, key, now.ladder, position)
}

const resolveGone = (
  read: RawRead,
  state: ViewState,
  key: string,
  row: Uint8Array,
  position: number,
): Plain | undefined => {
  const gone = decodeGone(goneKey(state.slot, key), row)
  return gone.to <= position ? undefined : climbDown(read, state, key, gone.ladder, position)
}

export interface ListOptions {
  /** Encoded prefix of the keys, and the encoded key after which to go on (exclusive). */
  readonly range: KeyRange
  readonly reverse: boolean
  readonly countMax: number
}

/** A key, encoded and without its slot, and the value at that moment. */
export type ListedRow = readonly [key: string, value: Plain]

export interface Listed {
  readonly rows: ReadonlyArray<ListedRow>
  /** The encoded key where the scan stopped; undefined when the range is exhausted. */
  readonly resume: string | undefined
}

const within = (prefix: string, range: KeyRange): KeyRange => ({
  gte: prefix + range.gte,
  lt: range.lt === "" ? rangeOf(prefix).lt : prefix + range.lt,
})

/**
 * One page of rows of a range as of a position. May hold fewer rows than asked for, even none, and
 * still have a `resume` key, since rows that did not exist then are skipped. `present` says
 * that nothing after `position` is stored yet, so that no row in `gone` was alive then.
 */
export const listAt = Effect.fnUntraced(function* (
  store: RowStore,
  state: ViewState,
  { range, reverse, countMax }: ListOptions,
  position: number,
  present: boolean,
): Effect.fn.Return<Listed, ViewFailure> {
  const spaces: ReadonlyArray<"now" | "gone"> = present || !state.past ? ["now"] : ["now", "gone"]
  const scanned = yield* store.scan(
    spaces.map((space) => ({
      ...within(slotPrefix(space, state.slot), range),
      reverse,
      countMax,
    })),
  )
  const cut = (space: "now" | "gone", [key, row]: StoredRow) =>
    [key.slice(slotPrefix(space, state.slot).length), space, row] as const
  const merged = scanned.flatMap((found, index) =>
    found.map((row) => cut(spaces[index] ?? "now", row)),
  )
  if (spaces.length > 1) merged.sort(([a], [b]) => (reverse ? -1 : 1) * compareUtf8(a, b))
  const page = merged.slice(0, countMax)
  const rows = yield* attempt(() => {
    const alive: Array<ListedRow> = []
    for (const [key, space, row] of page) {
      const value =
        space === "now"
          ? resolveNow(store.get, state, key, decodeNow(nowKey(state.slot, key), row), position)
          : resolveGone(store.get, state, key, row, position)
      if (value !== undefined) alive.push([key, value])
    }
    return alive
  })
  const full = merged.length >= countMax
  return { rows, resume: full ? page.at(-1)?.[0] : undefined }
})

/** The parts of a listed key, without its table. */
export const keyParts = (key: string): ReadonlyArray<string> => decodeKey(key).slice(1)
