/**
 * Settling, change by change: which rows are written for which changes, and what the counts say.
 */
import { describe, expect, it } from "vitest"
import { rungLength } from "../limits.js"
import type { RowChange } from "./draft.js"
import { encodeKey } from "./key.js"
import { LiveRows } from "./live.js"
import { newState, type ViewState } from "./registry.js"
import { decodeGone, decodeNow, decodeWas, rowChecksum } from "./row.js"
import { goneKey, nowKey, settle, wasKey } from "./settle.js"

const key = encodeKey(["t", "a"])

/** A slot that takes one settled change after the other. */
const slotOf = (past: boolean | "positions") => {
  const state: ViewState = newState({ name: "v", revision: 1, past }, 1)
  const rows = new Map<string, Uint8Array>()
  const take = (...changes: ReadonlyArray<RowChange>) => {
    const read = (at: string) => rows.get(at)
    const { writes } = settle(state, new Map([[key, changes]]), { live: new LiveRows(read), read })
    for (const { key: at, value } of writes)
      if (value === undefined) rows.delete(at)
      else rows.set(at, value)
    return writes.map((write) => write.key)
  }
  const read = (at: string) => rows.get(at) ?? new Uint8Array(0)
  return { state, rows, read, take }
}

const put = (position: number, value: string): RowChange => ({ position, value })
const remove = (position: number): RowChange => ({ position, value: undefined })

const now = nowKey(1, key)
const gone = goneKey(1, key)
const was = (from: number) => wasKey(1, key, from)

describe("settling with a past", () => {
  it("writes a new row and nothing else", () => {
    const { read, take } = slotOf(true)
    expect(take(put(5, "a"))).toEqual([now])
    expect(decodeNow(now, read(now))).toEqual({
      from: 5,
      ladder: { count: 1, rungs: [[5]] },
      value: "a",
    })
  })

  it("closes each state that ends, at the position of the next", () => {
    const { read, take } = slotOf(true)
    take(put(5, "a"))
    expect(take(put(7, "b"), put(9, "c"))).toEqual([was(5), was(7), now])
    expect(decodeWas(was(5), read(was(5)))).toMatchObject({
      to: 7,
      value: "a",
    })
    expect(decodeWas(was(7), read(was(7)))).toMatchObject({
      to: 9,
      value: "b",
    })
  })

  it("leaves a trace of a deleted row, and takes it away when the row comes back", () => {
    const { state, rows, read, take } = slotOf(true)
    take(put(5, "a"))
    expect(take(remove(6))).toEqual([was(5), now, gone])
    expect(decodeGone(gone, read(gone))).toEqual({
      to: 6,
      ladder: { count: 1, rungs: [[5]] },
    })
    expect(state.goneCount).toBe(1)
    expect(take(put(8, "b"))).toEqual([now, gone])
    expect([...rows.keys()]).toEqual([was(5), now])
    expect(decodeNow(now, read(now)).ladder.rungs).toEqual([[5, 8]])
    expect(state.goneCount).toBe(0)
  })

  it("keeps a row that came and went within one commit as a closed state and a trace", () => {
    const { state, read, take } = slotOf(true)
    expect(take(put(5, "a"), remove(6))).toEqual([was(5), gone])
    expect(take(put(7, "b"), remove(9))).toEqual([was(7), gone])
    expect(decodeGone(gone, read(gone)).to).toBe(9)
    expect(state).toMatchObject({ goneCount: 1, rowCount: 3 })
  })

  it("writes nothing when what is not there is deleted", () => {
    const { state, take } = slotOf(true)
    expect(take(remove(5))).toEqual([])
    take(put(6, "a"), remove(7))
    const before = { ...state }
    expect(take(remove(8))).toEqual([])
    expect(state).toEqual(before)
  })

  it("carries the ladder only in the closed rows that a search steps on", () => {
    const { read, take } = slotOf(true)
    const count = 2 * rungLength + 2
    for (let position = 1; position <= count; position += 1) take(put(position, "x"))
    const withLadder = Array.from({ length: count - 1 }, (_, index) => index + 1).filter(
      (from) => decodeWas(was(from), read(was(from))).ladder.count > 0,
    )
    expect(withLadder).toEqual([rungLength, 2 * rungLength])
  })
})

describe("settling positions", () => {
  it("closes only the states that a search steps on", () => {
    const { rows, take } = slotOf("positions")
    const count = 2 * rungLength + 2
    for (let position = 1; position <= count; position += 1) take({ position, value: position })
    expect([...rows.keys()]).toEqual([now, was(rungLength), was(2 * rungLength)])
  })

  it("refuses as a defect what the ladder could not say", () => {
    const { take } = slotOf("positions")
    take({ position: 5, value: 5 })
    expect(() => take({ position: 7, value: 6 })).toThrow("is not the position of its event")
    expect(() => take(remove(8))).toThrow("is not the position of its event")
  })
})

describe("settling without a past", () => {
  it("writes the last state, or deletes the row", () => {
    const { state, rows, read, take } = slotOf(false)
    expect(take(put(5, "a"), put(6, "b"))).toEqual([now])
    expect(decodeNow(now, read(now))).toMatchObject({ from: 6, value: "b" })
    expect(take(put(7, "c"), remove(8))).toEqual([now])
    expect(rows.size).toBe(0)
    expect(take(remove(9))).toEqual([])
    expect(state).toMatchObject({ rowCount: 0, rowSum: 0, goneCount: 0 })
  })
})

describe("the counts", () => {
  it("are those of the rows that lie there, after each change", () => {
    for (const past of [true, false]) {
      const { state, rows, take } = slotOf(past)
      for (let position = 1; position <= 60; position += 1) {
        take(position % 7 === 0 ? remove(position) : put(position, `value ${position}`))
        const sum = [...rows.values()].reduce((total, row) => total + rowChecksum(row), 0)
        expect(state.rowCount).toBe(rows.size)
        expect(state.rowSum).toBe(sum % 2 ** 48)
      }
    }
  })

  it("wrap around at 2^48, both ways", () => {
    const { state, read, take } = slotOf(false)
    state.rowSum = 2 ** 48 - 1
    take(put(1, "a"))
    expect(state.rowSum).toBe(rowChecksum(read(now)) - 1)
    take(remove(2))
    expect(state.rowSum).toBe(2 ** 48 - 1)
  })
})
