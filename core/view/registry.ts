/**
 * The registry: which views there are, where their rows lie, how far they have come.
 *
 * A slot is one build of a view. A view whose stamp changed is built in a new slot beside the old
 * one; switching is one row. Views that this program does not know keep their entries and rows.
 * Each entry counts its rows and sums their checksums, by which rows that vanished are noticed.
 */
import type { Plain } from "../model/msgpack.js"
import type { ViewSpec } from "./draft.js"
import { decodeKey, encodeKey, type KeyRange, rangeOf, registryPrefix, slotPrefix } from "./key.js"
import { decodeRow, encodeRow } from "./row.js"
import type { RowWrite, StoredRow } from "./view-store.js"

/** The sum of checksums is kept modulo this. */
export const sumModulus = 2 ** 48

export interface ViewState {
  readonly name: string
  /** `name@revision`: rows of another stamp are not read. */
  readonly stamp: string
  readonly slot: number
  readonly past: boolean | "positions"
  /** Every event up to here is folded in. */
  position: number
  rowCount: number
  /** Sum of the rows' checksums modulo 2^48: free of order, so it can be kept incrementally. */
  rowSum: number
  /** Rows in `gone`: while there is none, no write needs to look for a trace there. */
  goneCount: number
}

export const stampOf = (spec: ViewSpec): string => `${spec.name}@${spec.revision}`

export const registryRange: KeyRange = rangeOf(`${registryPrefix}\u0000`)

const registryKey = (view: string, build: "current" | "building"): string =>
  `${registryPrefix}\u0000${encodeKey([view, build])}`

/** A view that nothing was folded into yet. */
export const newState = (spec: ViewSpec, slot: number): ViewState => ({
  name: spec.name,
  stamp: stampOf(spec),
  slot,
  past: spec.past ?? true,
  position: 0,
  rowCount: 0,
  rowSum: 0,
  goneCount: 0,
})

export type Build = "current" | "building"

export const registryWrite = (state: ViewState, build: Build): RowWrite => {
  const key = registryKey(state.name, build)
  const { stamp, slot, past, position, rowCount, rowSum, goneCount } = state
  return { key, value: encodeRow(key, [stamp, slot, past, position, rowCount, rowSum, goneCount]) }
}

export const registryDelete = (view: string, build: Build): RowWrite => ({
  key: registryKey(view, build),
  value: undefined,
})

/** The entries in stored rows. Throws `ViewFailure` when one is damaged. */
export const readRegistry = (
  rows: ReadonlyArray<StoredRow>,
): ReadonlyArray<{ readonly state: ViewState; readonly build: Build }> =>
  rows.map(([key, row]) => {
    const [, name = "", build] = decodeKey(key)
    const [stamp, slot, past, position, rowCount, rowSum, goneCount] = decodeRow(
      key,
      row,
    ) as ReadonlyArray<Plain>
    const state = { name, stamp, slot, past, position, rowCount, rowSum, goneCount } as ViewState
    return { state, build: build === "building" ? "building" : "current" }
  })

/**
 * The highest slot ever given out. A slot is never given out again: a deletion of its rows that was
 * lost in a crash would bring them back among other rows.
 */
export const slotMarkKey = encodeKey(["s"])

export const slotMark = (row: Uint8Array | undefined): number =>
  row === undefined ? 0 : Number(decodeRow(slotMarkKey, row))

export const slotMarkWrite = (slot: number): RowWrite => ({
  key: slotMarkKey,
  value: encodeRow(slotMarkKey, slot),
})

/** Every row of a slot. */
export const slotRanges = (slot: number): ReadonlyArray<KeyRange> =>
  (["now", "gone", "was"] as const).map((space) => rangeOf(slotPrefix(space, slot)))
