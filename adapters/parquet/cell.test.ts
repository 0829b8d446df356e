/**
 * Which values are cells, of which kind, and which kinds a column may have together.
 */
import { describe, expect, it } from "vitest"
import { cellProblem, joined, kindOf } from "./cell.js"

class Moment extends Date {}

describe("kinds", () => {
  it.each([
    ["null", [null]],
    ["bool", [true, false]],
    ["int", [0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]],
    [
      "float",
      [-0, 0.1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 2 ** 53, 5e-324],
    ],
    ["bigint", [0n, 2n ** 63n - 1n, -(2n ** 63n)]],
    ["string", ["", "é😀", "\0", "\ufeff"]],
    ["date", [new Date(0), new Date(8.64e15), new Date(-8.64e15)]],
    ["bytes", [new Uint8Array(0), new Uint8Array([1])]],
  ])("of %s", (kind, cells) => {
    for (const cell of cells) expect(kindOf(cell)).toBe(kind)
  })

  it.each<readonly [string, unknown, string]>([
    ["half a character", "\ud800", "contains half of a surrogate pair"],
    ["a bigint too large", 2n ** 63n, "is a bigint beyond 64 bits"],
    ["a bigint too small", -(2n ** 63n) - 1n, "is a bigint beyond 64 bits"],
    ["nothing", undefined, "is undefined: use null"],
    ["an invalid date", new Date(Number.NaN), "is an invalid Date: use null"],
    ["a Buffer", Buffer.from("a"), "is a Buffer or the like"],
    ["a Date of a class", new Moment(0), "is not a scalar"],
    ["a Date with more to it", Object.assign(new Date(0), { zone: "UTC" }), "is not a scalar"],
    ["another typed array", new Float32Array(1), "is not a scalar"],
    ["a record", { a: 1 }, "is not a scalar"],
    ["a list", [1], "is not a scalar"],
    ["a proxy", new Proxy(new Date(0), {}), "is not a scalar"],
    ["a function", () => 1, "is a function: leave the column out"],
    ["a symbol", Symbol("s"), "is a symbol: leave the column out"],
  ])("of none: %s", (_, value, problem) => {
    expect(kindOf(value)).toBeUndefined()
    expect(cellProblem(value)).toContain(problem)
  })
})

describe("kinds of a column", () => {
  it("are one kind with nulls among it, and whole numbers are among others", () => {
    expect(joined("null", "null")).toBe("null")
    expect(joined("null", "date")).toBe("date")
    expect(joined("bytes", "null")).toBe("bytes")
    expect(joined("int", "float")).toBe("float")
    expect(joined("float", "int")).toBe("float")
  })

  it("are never mixed otherwise", () => {
    const kinds = ["bool", "float", "bigint", "string", "date", "bytes"] as const
    for (const one of kinds)
      for (const other of kinds) expect(joined(one, other)).toBe(one === other ? one : undefined)
    expect(joined("int", "bigint")).toBeUndefined()
  })
})
