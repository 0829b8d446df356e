/**
 * Settling: what a draft collected, as writes of rows.
 *
 * Each state that ended becomes a closed row under `was`, the last one the live row under `now`, or
 * a trace under `gone`. Keeps the view's row count and sum in step. Reads nothing but these rows.
 */

import type { RowChange } from "./draft.js"
import { encodeKey, type Key, slotPrefix } from "./key.js"
import { emptyLadder, isStep, type Ladder, pushChange } from "./ladder.js"
import { sumModulus, type ViewState } from "./registry.js"
import type { NowRow } from "./row.js"
import { decodeGone, decodeNow, encodeGone, encodeNow, encodeWas, rowChecksum } from "./row.js"
import type { RowWrite } from "./view-store.js"

export type RawRead = (key: string) => Uint8Array | undefined

/** Where a row's states lie in a slot. */
export const nowKey = (slot: number, key: string): string => slotPrefix("now", slot) + key
export const goneKey = (slot: number, key: string): string => slotPrefix("gone", slot) + key
export const wasKey = (slot: number, key: string, from: number): string =>
  slotPrefix("was", slot) + key + encodeKey([from] satisfies Key)

class Settling {
  readonly writes: Array<RowWrite> = []
  readonly #state: ViewState
  readonly #read: RawRead

  constructor(state: ViewState, read: RawRead) {
    this.#state = state
    this.#read = read
  }

  #count(row: Uint8Array | undefined, sign: 1 | -1): void {
    if (row === undefined) return
    const sum = this.#state.rowSum + sign * rowChecksum(row)
    this.#state.rowSum = (sum + sumModulus) % sumModulus
    this.#state.rowCount += sign
  }

  #write(key: string, before: Uint8Array | undefined, value: Uint8Array | undefined): void {
    if (before === undefined && value === undefined) return
    this.#count(before, -1)
    this.#count(value, 1)
    this.writes.push({ key, value })
  }

  row(key: string, changes: ReadonlyArray<RowChange>): void {
    const at = nowKey(this.#state.slot, key)
    const stored = this.#read(at)
    if (this.#state.past) this.#keepPast(key, at, stored, changes)
    else {
      const { position = 0, value } = changes.at(-1) ?? {}
      const row =
        value === undefined
          ? undefined
          : encodeNow(at, { from: position, ladder: emptyLadder, value })
      this.#write(at, stored, row)
    }
  }

  #keepPast(
    key: string,
    at: string,
    stored: Uint8Array | undefined,
    changes: ReadonlyArray<RowChange>,
  ): void {
    const { slot, goneCount } = this.#state
    const goneAt = goneKey(slot, key)
    const trace = stored === undefined && goneCount > 0 ? this.#read(goneAt) : undefined
    let live: NowRow | undefined = stored === undefined ? undefined : decodeNow(at, stored)
    let ladder: Ladder =
      live?.ladder ?? (trace === undefined ? emptyLadder : decodeGone(goneAt, trace).ladder)
    let goneTo: number | undefined
    for (const { position, value } of changes) {
      if (live !== undefined) this.#close(key, live, position)
      else if (value === undefined) continue
      if (value === undefined) {
        live = undefined
        goneTo = position
      } else {
        ladder = pushChange(ladder, position)
        live = { from: position, ladder, value }
      }
    }
    this.#write(at, stored, live === undefined ? undefined : encodeNow(at, live))
    this.#leaveTrace(goneAt, trace, live, ladder, goneTo)
  }

  #close(key: string, live: NowRow, to: number): void {
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
    this.#write(at, before, trace)
  }
}

/** The writes that store the changes of one view; updates the counts in `state`. */
export const settle = (
  state: ViewState,
  changes: ReadonlyMap<string, ReadonlyArray<RowChange>>,
  read: RawRead,
): ReadonlyArray<RowWrite> => {
  const settling = new Settling(state, read)
  for (const [key, list] of changes) settling.row(key, list)
  return settling.writes
}
