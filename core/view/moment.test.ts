/**
 * Pages of lists: which keys one covers, and what is in it.
 */
import { describe, expect, it } from "vitest"
import { encodeKey, rangeOf } from "./key.js"
import { pageRange, toPage } from "./moment.js"

const prefix = ["t", "a"] as const
const whole = rangeOf(encodeKey(prefix))

describe("the keys of a page", () => {
  it("are all with the prefix, or with a last part that begins with its last", () => {
    expect(pageRange({ prefix, countMax: 1 })).toEqual(whole)
    expect(pageRange({ prefix, open: true, countMax: 1 })).toEqual(rangeOf(encodeKey(prefix), true))
  })

  it("go on behind a cursor, in either direction", () => {
    const after = encodeKey(["t", "a", 5])
    expect(pageRange({ prefix, after, countMax: 1 })).toEqual({
      gte: `${after}\u0000`,
      lt: whole.lt,
    })
    expect(pageRange({ prefix, after, reverse: true, countMax: 1 })).toEqual({
      gte: whole.gte,
      lt: after,
    })
  })

  it("are never more than those of the prefix, wherever a cursor comes from", () => {
    expect(pageRange({ prefix, after: "", countMax: 1 })).toEqual(whole)
    expect(pageRange({ prefix, after: "z", reverse: true, countMax: 1 })).toEqual(whole)
  })
})

describe("a page", () => {
  it("has the parts of each key after the table, the key itself, and the value", () => {
    const cursor = encodeKey(["t", "a", 5])
    expect(toPage({ rows: [[cursor, "x"]], resume: cursor })).toEqual({
      rows: [{ key: ["a", "00000000005"], cursor, value: "x" }],
      resume: cursor,
    })
  })
})
