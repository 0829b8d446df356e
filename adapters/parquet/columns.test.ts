/**
 * Tables are scanned cell by cell, and refused with the path of the first part that is not of one.
 */
import { InvalidInput } from "daybook"
import { describe, expect, it } from "vitest"
import type { Cell } from "./cell.js"
import { beginsWithRecord, scanTable } from "./columns.js"

class Penguin {
  readonly mass = 1
}

const withGetter = Object.defineProperty({}, "a", { enumerable: true, get: () => 1 })
const hidden = Object.defineProperty({}, "a", { value: 1 })
const hole = [{ a: 1 }, { a: 2 }]
delete hole[1]

describe("scanning", () => {
  it("finds the columns, their kinds and their nulls, in the order of the first row", () => {
    const cells: Array<readonly [number, Cell]> = []
    const rows = [
      { b: 1, a: "x", c: null },
      { a: null, b: 0.5, c: null },
    ]
    expect(scanTable(rows, (place, cell) => cells.push([place, cell]))).toEqual([
      { name: "b", kind: "float", nullCount: 0 },
      { name: "a", kind: "string", nullCount: 1 },
      { name: "c", kind: "null", nullCount: 2 },
    ])
    expect(cells).toEqual([
      [0, 1],
      [1, "x"],
      [2, null],
      [0, 0.5],
      [1, null],
      [2, null],
    ])
  })

  it.each<readonly [string, unknown, string, string]>([
    ["a string", "rows", "value", "is not a plain list"],
    ["an empty list", [], "value", "is empty"],
    ["a list of a subclass", new (class Rows extends Array {})(), "value", "is not a plain list"],
    ["a proxy", new Proxy([{ a: 1 }], {}), "value", "is not a plain list"],
    ["a hole", hole, "value[1]", "is a hole"],
    ["a list with more to it", Object.assign([{ a: 1 }], { by: 1 }), "value.by", "is a property"],
    ["a list with a symbol", Object.assign([{ a: 1 }], { [Symbol()]: 1 }), "value", "has a symbol"],
    ["a number in place of a row", [{ a: 1 }, 2], "value[1]", "is not a plain record"],
    ["an instance of a class", [new Penguin()], "value[0]", "is not a plain record"],
    ["no prototype", [Object.create(null)], "value[0]", "is not a plain record"],
    ["a symbol key", [{ [Symbol("s")]: 1 }], "value[0]", "is not a plain record"],
    ["a row without columns", [{}], "value[0]", "has no columns"],
    ["another column", [{ a: 1 }, { b: 1 }], "value[1].b", "is not a column of the first row"],
    ["one column more", [{ a: 1 }, { a: 1, b: 1 }], "value[1].b", "is not a column"],
    ["a missing column", [{ a: 1, b: 1 }, { a: 1 }], "value[1].b", "is missing: use null"],
    ["a getter", [withGetter], "value[0].a", "is a getter or not enumerable"],
    ["a hidden property", [{ a: 1 }, hidden], "value[1].a", "is a getter or not enumerable"],
    ["a reserved name", [JSON.parse('{"__proto__":1}')], "value[0].__proto__", "is a reserved key"],
    ["half a character in a name", [{ "\ud800": 1 }], 'value[0]["\ufffd"]', "half of a surrogate"],
    ["a byte order mark", [{ "\ufeffa": 1 }], 'value[0]["\ufeffa"]', "begins with a byte order"],
    ["a nested record", [{ a: 1 }, { a: { b: 1 } }], "value[1].a", "is not a scalar"],
    ["nothing", [{ "a b": undefined }], 'value[0]["a b"]', "is undefined: use null"],
    ["an invalid date", [{ a: new Date(Number.NaN) }], "value[0].a", "is an invalid Date"],
    [
      "strings among numbers",
      [{ a: 1 }, { a: null }, { a: "1" }],
      "value[2].a",
      "is of kind string",
    ],
    ["numbers among bigints", [{ a: 1n }, { a: 1 }], "value[1].a", "in a column of kind bigint"],
    ["dates among strings", [{ a: "" }, { a: new Date(0) }], "value[1].a", "is of kind date"],
  ])("refuses %s", (_, value, path, problem) => {
    const scan = () => scanTable(value)
    expect(scan).toThrow(InvalidInput)
    expect(scan).toThrow(expect.objectContaining({ path }))
    expect(scan).toThrow(problem)
  })
})

describe("a value that may be a table", () => {
  it("begins with a record, whatever follows", () => {
    for (const value of [[{ a: 1 }], [{}, 2], [{ a: {} }]])
      expect(beginsWithRecord(value)).toBe(true)
    for (const value of [undefined, {}, [], [1], [[1]], [new Penguin()], "rows", new Map()])
      expect(beginsWithRecord(value)).toBe(false)
  })
})
