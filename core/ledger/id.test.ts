import { decodeTime } from "ulid"
import { describe, expect, it } from "vitest"
import { isId } from "../model/names.js"
import { freshId } from "./id.js"

const time = Date.UTC(2026, 10, 23)

describe("fresh ids", () => {
  it("are ULIDs of their time", () => {
    const id = freshId(time)
    expect(isId(id)).toBe(true)
    expect(decodeTime(id)).toBe(time)
  })

  it("are told apart by their last six characters alone", () => {
    const ids = Array.from({ length: 2_000 }, () => freshId(time))
    expect(new Set(ids).size).toBe(ids.length)
    // 2,000 of 2^30 values: two alike are met about once in 500 runs, four alike in none.
    expect(new Set(ids.map((id) => id.slice(-6))).size).toBeGreaterThan(ids.length - 4)
  })

  it("use every character of the alphabet in every random place", () => {
    const ids = Array.from({ length: 4_000 }, () => freshId(time).slice(10))
    for (let place = 0; place < 16; place += 1)
      expect(new Set(ids.map((id) => id[place])).size).toBe(32)
  })
})
