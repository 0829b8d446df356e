/**
 * Settling: what a draft collected, as writes of rows.
 *
 * Each state that ended becomes a closed row under `was`, the last one the live row under `now`, or
 * a trace under `gone`. Keeps the view's row count and sum in step. Reads nothing but these rows.
 */

import type { RowChange } from "./draft.js"
import { encodeKey, type Key, slotPrefix } from "./key.js"
import { emptyLadder, isStep, type Ladder, ownLadder, pushChange } from "./ladder.js"
import type { LiveRow, LiveRows, RawRead } from "./live.js"
import { sumModulus, type ViewState } from "./registry.js"
import type { NowRow } from "./row.js"
import { decodeGone, encodeGone, encodeNow, encodeWas, rowChecksum } from "./row.js"
import type { RowWrite } from "./view-store.js"

/** Where a row's states lie in a slot. */
export const nowKey = (slot: number, key: string): string => slotPrefix("now", slot) + key
export const goneKey = (slot: number, key: string): string => slotPrefix("gone", slot) + key
export const wasKey = (slot: number, key: string, from: number): string =>
  slotPrefix("was", slot) + key + encodeKey([from] satisfies Key)

/** The rows that settling reads. */
export interface Stored {
  readonly live: Pick<LiveRows, "get" | "peek">
  readonly read: RawRead
}

/** A live row that changes. */
export interface LiveChange {
  /** With the slot. */
  readonly key: string
  readonly before: LiveRow | undefined
  readonly row: LiveRow | undefined
}

/** What settling writes, and the live rows that are other ones then. */
export interface Settled {
  readonly writes: ReadonlyArray<RowWrite>
  readonly live: ReadonlyArray<LiveChange>
}

class Settling implements Settled {
  readonly writes: Array<RowWrite> = []
  readonly live: Array<LiveChange> = []
  readonly #state: ViewState
  readonly #stored: Stored

  constructor(state: ViewState, stored: Stored) {
    this.#state = state
    this.#stored = stored
  }

  #count(checksum: number, sign: 1 | -1): void {
    const sum = this.#state.rowSum + sign * checksum
    this.#state.rowSum = (sum + sumModulus) % sumModulus
    this.#state.rowCount += sign
  }

  #write(key: string, before: number | undefined, value: Uint8Array | undefined): void {
    if (before === undefined && value === undefined) return
    if (before !== undefined) this.#count(before, -1)
    if (value !== undefined) this.#count(rowChecksum(value), 1)
    this.writes.push({ key, value })
  }

  #writeNow(at: string, before: LiveRow | undefined, now: NowRow | undefined): void {
    if (before === undefined && now === undefined) return
    const bytes = now === undefined ? undefined : encodeNow(at, now)
    this.#write(at, before?.checksum, bytes)
    if (now === undefined || bytes === undefined) {
      this.live.push({ key: at, before, row: undefined })
      return
    }
    const { from, ladder, value } = now
    const row = { from, ladder, value, checksum: rowChecksum(bytes), bytes: bytes.length }
    this.live.push({ key: at, before, row })
  }

  row(key: string, changes: ReadonlyArray<RowChange>): void {
    const at = nowKey(this.#state.slot, key)
    const stored = this.#stored.live.peek(at)
    if (this.#state.past) this.#keepPast(key, at, stored, changes)
    else {
      const { position = 0, value } = changes.at(-1) ?? {}
      const row = value === undefined ? undefined : { from: position, ladder: emptyLadder, value }
      this.#writeNow(at, stored, row)
    }
  }

  #keepPast(
    key: string,
    at: string,
    stored: LiveRow | undefined,
    changes: ReadonlyArray<RowChange>,
  ): void {
    const { slot, goneCount } = this.#state
    const goneAt = goneKey(slot, key)
    const trace = stored === undefined && goneCount > 0 ? this.#stored.read(goneAt) : undefined
    let live: NowRow | undefined = stored
    const before =
      stored?.ladder ?? (trace === undefined ? emptyLadder : decodeGone(goneAt, trace).ladder)
    // One for all changes: what a closed row carries of it is written before the next one.
    const ladder = ownLadder(before)
    let goneTo: number | undefined
    const isPosition = this.#state.past === "positions"
    for (const { position, value } of changes) {
      if (isPosition && value !== position)
        throw new Error(`a row of ${this.#state.name} is not the position of its event`)
      if (live !== undefined) this.#close(key, live, position)
      else if (value === undefined) continue
      if (value === undefined) {
        live = undefined
        goneTo = position
      } else {
        pushChange(ladder, position)
        live = { from: position, ladder, value }
      }
    }
    this.#writeNow(at, stored, live)
    this.#leaveTrace(goneAt, trace, live, ladder, goneTo)
  }

  #close(key: string, live: NowRow, to: number): void {
    // What the row was is said by the ladder: only what a search steps on is kept.
    if (this.#state.past === "positions" && !isStep(live.ladder)) return
    const at = wasKey(this.#state.slot, key, live.from)
    const ladder = isStep(live.ladder) ? live.ladder : emptyLadder
    this.#write(at, undefined, encodeWas(at, { to, ladder, value: live.value }))
  }

  #leaveTrace(
    at: string,
    before: Uint8Array | undefined,
    live: NowRow | undefined,
    ladder: Ladder,
    to: number | undefined,
  ): void {
    if (live === undefined && to === undefined) return
    const trace =
      live === undefined && to !== undefined ? encodeGone(at, { to, ladder }) : undefined
    this.#state.goneCount += (trace === undefined ? 0 : 1) - (before === undefined ? 0 : 1)
    this.#write(at, before === undefined ? undefined : rowChecksum(before), trace)
  }
}

/** The writes that store the changes of one view; updates the counts in `state`. */
export const settle = (
  state: ViewState,
  changes: ReadonlyMap<string, ReadonlyArray<RowChange>>,
  stored: Stored,
): Settled => {
  const settling = new Settling(state, stored)
  for (const [key, list] of changes) settling.row(key, list)
  return settling
}
