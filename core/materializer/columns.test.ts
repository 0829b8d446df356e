/**
 * What a table is, how its columns are typed, and what metadata says of them.
 */
import { describe, expect, it } from "vitest"
import { metadataValueBytesMax, tableColumnStatisticsMax, tableColumnsBytesMax } from "../limits.js"
import { dtype, encodeMetadata } from "../model/metadata.js"
import { pack } from "../model/msgpack.js"
import { Columns, type Row, scanTable, tableMetadata } from "./columns.js"
import { refusal } from "./flaw.js"

const columnsOf = (rows: ReadonlyArray<Row>): Columns => {
  const columns = scanTable(rows)
  if (!(columns instanceof Columns)) throw refusal(columns, "next")
  return columns
}

const dtypes = (rows: ReadonlyArray<Row>) =>
  columnsOf(rows)
    .schema()
    .map((column) => `${column.name} ${column.dtype}${column.nullable ? "?" : ""}`)

describe("a table", () => {
  it("has the columns of its first row, in its order", () => {
    expect(columnsOf([{ b: 1, a: 2 }]).names).toEqual(["b", "a"])
  })

  it("types columns by their cells", () => {
    const first = { id: 1, x: 1, big: 2 ** 53, name: "a", ok: true, none: null, odd: 1 }
    const second = { id: -2, x: 1.5, big: 1e300, name: null, ok: false, none: null, odd: "1" }
    expect(dtypes([first, second])).toEqual([
      "id int",
      "x float",
      "big float",
      "name string?",
      "ok bool",
      "none null?",
      "odd mixed",
    ])
  })

  it("hands rows on with their keys in the order of the first", () => {
    const rows: Array<Row> = []
    scanTable(
      [
        { b: 1, a: 2 },
        { a: 3, b: 4 },
        { b: 5, a: 6 },
      ],
      (row) => void rows.push(row),
    )
    expect(rows.map((row) => Object.keys(row).join())).toEqual(["b,a", "b,a", "b,a"])
    expect(rows[1]).toEqual({ a: 3, b: 4 })
  })

  const accessor = {
    get a() {
      return 1
    },
  }
  const symbol = { a: 1, [Symbol("s")]: 1 }
  const named = Object.assign([{ a: 1 }], { columns: ["a"] })

  it.each([
    ["no list", { a: 1 }, "value", /not a list/],
    ["no rows", [], "value", /is empty/],
    ["no columns", [{}, {}], "value[0]", /no columns/],
    ["a row that is not a record", [{ a: 1 }, [1]], "value[1]", /plain record/],
    ["a first row that is not a record", [1], "value[0]", /plain record/],
    ["a row of a class", [{ a: 1 }, new Date(0)], "value[1]", /plain record/],
    ["a missing key", [{ a: 1, b: 1 }, { a: 1 }], "value[1]", /has 1 keys/],
    ["another key", [{ a: 1 }, { b: 1 }], "value[1].b", /is not a column of the first row/],
    ["a list in a cell", [{ a: 1 }, { a: [1] }], "value[1].a", /not a scalar/],
    ["NaN", [{ a: 1 }, { a: Number.NaN }], "value[1].a", /is NaN/],
    ["-0", [{ a: -0 }], "value[0].a", /is -0/],
    ["undefined", [{ a: undefined }], "value[0].a", /is undefined/],
    ["half of a surrogate pair", [{ a: "\udc00" }], "value[0].a", /surrogate/],
    ["the key __proto__", JSON.parse('[{"__proto__":1}]'), "value[0].__proto__", /reserved/],
    ["a key of half a pair", [{ "\ud800": 1 }], 'value[0]["\\ud800"]', /surrogate/],
    ["a getter", [accessor], "value[0].a", /getter/],
    ["a symbol key", [{ a: 1 }, symbol], "value[1]", /plain record/],
    ["a named property", named, "value.columns", /named property/],
    ["a hole", Object.assign(new Array(3), [{ a: 1 }, { a: 2 }]), "value[2]", /hole/],
    ["a proxy", [{ a: 1 }, new Proxy({ a: 1 }, {})], "value[1]", /plain record/],
  ])("is not a list with %s", (_, value, path, reason) => {
    const found = scanTable(value)
    if (found instanceof Columns) throw new Error("was taken for a table")
    const error = refusal(found, "next")
    expect(error).toMatchObject({ path })
    expect(error.message).toMatch(reason)
  })
})

describe("metadata", () => {
  it("has the shape, and the dtype, nulls and statistics of each column", () => {
    const rows = [
      { id: 1, name: "a", x: null },
      { id: 3, name: null, x: 0.5 },
    ]
    expect(tableMetadata(rows)).toEqual({
      length: 2,
      shape: [2, 3],
      columns: {
        id: { dtype: dtype("int"), min: 1, max: 3, mean: 2, std: 1 },
        name: { dtype: dtype("string"), null_count: 1 },
        x: { dtype: dtype("float"), null_count: 1, min: 0.5, max: 0.5, mean: 0.5, std: 0 },
      },
    })
  })

  const wide = (count: number, name: (index: number) => string): Row =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), index + 0.123]))

  it("covers the first columns and counts the rest", () => {
    const { columns, omitted } = tableMetadata([wide(tableColumnStatisticsMax + 3, (i) => `c${i}`)])
    expect(Object.keys(Object(columns))).toEqual(
      Array.from({ length: tableColumnStatisticsMax }, (_, index) => `c${index}`),
    )
    expect(omitted).toBe(3)
  })

  it("covers columns up to the limit of bytes, and none beyond", () => {
    const size = (name: string) =>
      pack(encodeMetadata(Object(tableMetadata([{ [name]: 0.123 }]).columns), "columns")).length
    const around = size("x".repeat(200)) - 200
    const count = Math.floor(tableColumnsBytesMax / (200 + around)) - 1
    const rest = tableColumnsBytesMax - count * (200 + around)
    // Two columns share what the others leave.
    const lengths = [...new Array(count).fill(200), Math.floor(rest / 2) - around]
    for (const beyond of [0, 1]) {
      const last = Math.ceil(rest / 2) - around + beyond
      const names = [...lengths, last].map((length, index) => `${index}`.padStart(length, "x"))
      expect(names.reduce((sum, name) => sum + size(name), 0)).toBe(tableColumnsBytesMax + beyond)
      const { columns, omitted } = tableMetadata([
        Object.fromEntries(names.map((name) => [name, 0.123])),
      ])
      expect(Object.keys(Object(columns)).length).toBe(names.length - beyond)
      expect(omitted).toBe(beyond === 0 ? undefined : 1)
    }
  })

  it("stays small when names are long", () => {
    const metadata = tableMetadata([wide(64, (index) => `${index}`.padStart(255, "x"))])
    const plain = encodeMetadata(metadata, "metadata")
    expect(pack(plain.columns ?? null).length).toBeLessThan(metadataValueBytesMax)
    expect(metadata.omitted).toBe(64 - Object.keys(Object(metadata.columns)).length)
    expect(metadata.omitted).toBeGreaterThan(0)
  })

  it("leaves out columns whose names no metadata can hold", () => {
    const rows = [{ "": 1, "a\nb": 2, ["k".repeat(256)]: 3, omitted: 4, length: 5 }]
    const metadata = tableMetadata(rows)
    expect(Object.keys(Object(metadata.columns))).toEqual(["omitted", "length"])
    expect(metadata).toMatchObject({ length: 1, omitted: 3 })
    expect(() => encodeMetadata(metadata, "metadata")).not.toThrow()
  })
})
