/**
 * Tables come back exactly, and their files are what other programs read.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput, TypeMismatch } from "../errors.js"
import type { Row, Table } from "./columns.js"
import { filesOf, materializerContract, roundTrip, savedFiles } from "./materializer.contract.js"
import { tableMaterializer } from "./table.js"

const penguins = [
  { species: "Adélie", mass: 3750, bill: 39.1, male: true, note: null },
  { species: "Gentoo", mass: null, bill: 50, male: null, note: 'two\nlines, "quoted"' },
]

materializerContract(tableMaterializer, () => [
  penguins,
  [{ a: null }],
  [{ "": "", "10": 1, "2": 2, "a b": 3, constructor: 4 }],
  [
    { a: 1, b: "x" },
    { b: "y", a: 2 },
  ],
  Array.from({ length: 3_000 }, (_, id) => ({ id, text: `row ${id} ${"é".repeat(id % 50)}` })),
])

const textOf = (files: Record<string, Uint8Array>, path: string): string =>
  Buffer.from(files[path] ?? []).toString()

describe("files", () => {
  it("are JSON Lines in the order of the first row, and a schema", async () => {
    const rows = [
      { b: 1, a: "x\n" },
      { a: "\u2028", b: null },
    ]
    const files = await savedFiles(tableMaterializer, rows)
    expect(Object.keys(files)).toEqual(["table.jsonl", "schema.json"])
    expect(textOf(files, "table.jsonl")).toBe('{"b":1,"a":"x\\n"}\n{"b":null,"a":"\u2028"}\n')
    expect(JSON.parse(textOf(files, "schema.json"))).toEqual({
      columns: [
        { name: "b", dtype: "int", nullable: true },
        { name: "a", dtype: "string", nullable: false },
      ],
      rows: 2,
    })
  })

  it("hold any table", async () => {
    const cell = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
    )
    const key = fc.string({ minLength: 1, maxLength: 5 }).filter((name) => name !== "__proto__")
    const tables = fc
      .uniqueArray(key, { minLength: 1, maxLength: 5 })
      .chain((names) => {
        const row = fc.tuple(...names.map(() => cell))
        return fc.tuple(fc.constant(names), fc.array(row, { minLength: 1, maxLength: 8 }))
      })
      .map(([names, rows]): Table => {
        const record = (cells: Array<Row[string]>): Row =>
          Object.fromEntries(names.map((name, index) => [name, cells[index] ?? null]))
        return rows.map(record)
      })
    await fc.assert(
      fc.asyncProperty(tables, async (table) => {
        expect(tableMaterializer.accepts(table)).toBe(true)
        expect(await roundTrip(tableMaterializer, table)).toStrictEqual(table)
      }),
    )
  })

  it("are taken at the moment of saving, whatever becomes of the rows", async () => {
    const rows = Array.from({ length: 5_000 }, (_, id) => ({ id, text: "x".repeat(40) }))
    const files: Array<AsyncIterable<Uint8Array>> = []
    await tableMaterializer.save(rows, {
      write: (_, source) => {
        if (typeof source !== "string" && !(source instanceof Uint8Array)) files.push(source)
      },
    })
    for (const row of rows) row.id = -1
    const chunks: Array<Uint8Array> = []
    for await (const chunk of files[0] ?? []) chunks.push(chunk)
    expect(chunks.length).toBeGreaterThan(1)
    expect(Buffer.concat(chunks).toString()).not.toContain("-1")
  })
})

describe("saving", () => {
  it("refuses what is no table by its path, when it was chosen by name", async () => {
    const refused = savedFiles(tableMaterializer, [{ a: 1 }, { a: [] }])
    await expect(refused).rejects.toThrow(InvalidInput)
    await expect(refused).rejects.toMatchObject({ path: "value[1].a" })
  })

  it("survives lists that throw when they are looked at", () => {
    const list = Object.defineProperty([{ a: 1 }], 0, {
      get: () => {
        throw new Error("looked at")
      },
    })
    expect(tableMaterializer.accepts(list)).toBe(false)
  })

  it("shows the first rows", () => {
    const many = Array.from({ length: 100 }, (_, id) => ({ id, long: "x".repeat(500) }))
    const lines = tableMaterializer.preview?.(many).split("\n") ?? []
    expect(lines.length).toBe(5)
    expect(lines[0]).toMatch(/^\{"id":0,"long":"x+…$/)
  })
})

describe("loading", () => {
  const schema = '{"columns":[{"name":"a","dtype":"int","nullable":false}],"rows":2}'

  it("does not depend on how the file is cut", async () => {
    const files = await savedFiles(tableMaterializer, penguins)
    for (const pieceBytes of [1, 2, 3, 1_000]) {
      expect(await tableMaterializer.load(filesOf(files, pieceBytes))).toEqual(penguins)
    }
  })

  it.each([
    ["a cut line", '{"a":1}\n{"a":2}', schema, "table.jsonl"],
    ["a line that is not JSON", '{"a":1}\n{"a":}\n', schema, "table.jsonl[1]"],
    ["an empty line", '{"a":1}\n\n{"a":2}\n', schema, "table.jsonl[1]"],
    ["a line that is not a record", '{"a":1}\n[2]\n', schema, "table.jsonl[1]"],
    ["a row of other columns", '{"a":1}\n{"b":2}\n', schema, "table.jsonl[1]"],
    ["too few rows", '{"a":1}\n', schema, "table.jsonl"],
    ["too many rows", '{"a":1}\n{"a":2}\n{"a":3}\n', schema, "table.jsonl"],
    ["bytes that are not UTF-8", Buffer.from('{"a":"\xff"}\n', "latin1"), schema, "table.jsonl"],
    ["half a character", Buffer.of(0xc3), schema, "table.jsonl"],
    ["a schema without columns", '{"a":1}\n', '{"rows":1}', "schema.json"],
    ["a schema that is not a record", '{"a":1}\n', "[]", "schema.json"],
  ])("refuses %s", async (_, table, columns, path) => {
    const files = filesOf({ "table.jsonl": table, "schema.json": columns })
    const load = async () => tableMaterializer.load(files)
    await expect(load()).rejects.toThrow(TypeMismatch)
    await expect(load()).rejects.toMatchObject({ path })
  })
})
