/**
 * The rules that drivers share, at their boundaries. That each driver keeps them is the business
 * of the contract.
 */
import { describe, expect, it } from "vitest"
import { recordBytesMax } from "../limits.js"
import { checkBodies, conflict, corrupted, isCovered, lastCovered, stopped } from "./rules.js"

describe("the last position that a read covers", () => {
  it.each([
    [0, 0, 9, 0],
    [0, 1, 9, 1],
    [4, 5, 9, 9],
    [4, 6, 9, 9],
    [9, 1, 9, 9],
    [12, 3, 9, 12],
    [0, 2.9, 9, 2],
    [0, Number.POSITIVE_INFINITY, 9, 9],
    [0, Number.MAX_SAFE_INTEGER, 0, 0],
  ])("after %d, at most %d, with the head at %d, is %d", (after, countMax, head, last) => {
    expect(lastCovered(after, countMax, head)).toBe(last)
  })

  it.each([
    [-1, 1],
    [0.5, 1],
    [2 ** 53, 1],
    [Number.NaN, 1],
    [0, -1],
    [0, Number.NaN],
  ])("after %d, at most %d, is a defect", (after, countMax) => {
    expect(() => lastCovered(after, countMax, 9)).toThrow("names no stretch of the log")
  })
})

describe("a position in the log", () => {
  it("is a whole number from 1 to the head", () => {
    const positions = [-1, 0, 0.5, 1, 8.5, 9, 10, Number.NaN, Number.POSITIVE_INFINITY]
    expect(positions.filter((position) => isCovered(position, 9))).toEqual([1, 9])
    expect(isCovered(1, 0)).toBe(false)
  })
})

describe("a body", () => {
  it("may be as long as the bound and no longer, in any place of a batch", () => {
    const largest = new Uint8Array(recordBytesMax)
    expect(() => checkBodies([largest, new Uint8Array(0), largest])).not.toThrow()
    expect(() => checkBodies([largest, new Uint8Array(recordBytesMax + 1)])).toThrow("65536 bytes")
  })
})

describe("the failures that drivers share", () => {
  it("say what is stored and what to do next", () => {
    const none = { _tag: "LogFailure", operation: "append", outcome: "none" }
    expect(conflict(4, 7)).toMatchObject({ ...none, reason: "conflict" })
    expect(conflict(4, 7).message).toMatch(/^the log ends at 7, not at 4: /)
    expect(stopped()).toMatchObject({ ...none, reason: "stopped" })
    expect(stopped().message).toMatch(/: open it again$/)
  })

  it("name one damaged record, or a stretch of them", () => {
    expect(corrupted(3, 3)).toMatchObject({ _tag: "RecordCorrupted", from: 3, to: 3 })
    expect(corrupted(3, 3).message).toMatch(/^record 3 of the log /)
    expect(corrupted(3, 5)).toMatchObject({ kind: "corrupt", from: 3, to: 5 })
    expect(corrupted(3, 5).message).toMatch(/^records 3 to 5 of the log /)
  })
})
