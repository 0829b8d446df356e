/**
 * Arrow tables come back as they were, of every type that is kept, or are refused by their column.
 */
import { createRequire } from "node:module"
import * as Arrow from "apache-arrow"
import { InvalidInput, type Ledger, openLedger, TypeMismatch } from "daybook"
import { filesOf, materializerContract } from "daybook/testing"
import fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type ArrowTable, arrow, bring } from "./arrow.js"

let ledger: Ledger
beforeAll(async () => {
  ledger = await openLedger({ memory: true, materializers: [arrow] })
})
afterAll(() => ledger.close())

type Values = fc.Arbitrary<unknown>
type Typed = readonly [type: Arrow.DataType, values: Values]

const text = fc.string({ unit: "grapheme", maxLength: 20 })
const bytes = fc.uint8Array({ maxLength: 20 })
const signed = (bits: bigint) =>
  fc.bigInt({ min: -(2n ** (bits - 1n)), max: 2n ** (bits - 1n) - 1n })

const scalars: ReadonlyArray<readonly [make: () => Arrow.DataType, values: Values]> = [
  [() => new Arrow.Null(), fc.constant(null)],
  [() => new Arrow.Bool(), fc.boolean()],
  [() => new Arrow.Int8(), fc.integer({ min: -128, max: 127 })],
  [() => new Arrow.Uint16(), fc.integer({ min: 0, max: 65_535 })],
  [() => new Arrow.Int32(), fc.integer()],
  [() => new Arrow.Int64(), signed(64n)],
  [() => new Arrow.Uint64(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })],
  [() => new Arrow.Float16(), fc.constantFrom(-0, 0, 1.5, Number.NaN, Number.POSITIVE_INFINITY)],
  [() => new Arrow.Float32(), fc.float()],
  [() => new Arrow.Float64(), fc.double()],
  [() => new Arrow.Decimal(2, 10, 128), fc.nat().map((n) => new Uint32Array([n, 0, 0, 0]))],
  [() => new Arrow.Utf8(), text],
  [() => new Arrow.LargeUtf8(), text],
  [() => new Arrow.Binary(), bytes],
  [() => new Arrow.LargeBinary(), bytes],
  [() => new Arrow.FixedSizeBinary(3), fc.uint8Array({ minLength: 3, maxLength: 3 })],
  [() => new Arrow.DateDay(), fc.date({ noInvalidDate: true })],
  [() => new Arrow.DateMillisecond(), fc.date({ noInvalidDate: true })],
  [() => new Arrow.TimestampMillisecond("UTC"), fc.integer()],
  [() => new Arrow.TimestampNanosecond(), fc.integer()],
  [() => new Arrow.TimeMillisecond(), fc.nat(86_399_999)],
  [() => new Arrow.DurationSecond(), signed(60n)],
  [() => new Arrow.IntervalMonthDayNano(), fc.constant(new Int32Array([1, 2, 3, 0]))],
  [
    () => new Arrow.Dictionary(new Arrow.Utf8(), new Arrow.Int32()),
    fc.constantFrom("a", "b", "", "é"),
  ],
]

const orNull = (values: Values): Values => fc.option(values, { freq: 4 })

// Each time a type of its own: dictionaries are told apart by it.
const scalar: fc.Arbitrary<Typed> = fc
  .constantFrom(...scalars)
  .map(([make, values]) => [make(), orNull(values)] as const)

const entry = (type: Arrow.DataType) => new Arrow.Field("entry", type, true)

const nested: ReadonlyArray<fc.Arbitrary<Typed>> = [
  scalar.map(([type, values]) => [
    new Arrow.List(entry(type)),
    orNull(fc.array(values, { maxLength: 4 })),
  ]),
  scalar.map(([type, values]) => [
    new Arrow.LargeList(entry(type)),
    orNull(fc.array(values, { maxLength: 4 })),
  ]),
  scalar.map(([type, values]) => [
    new Arrow.FixedSizeList(2, entry(type)),
    orNull(fc.array(values, { minLength: 2, maxLength: 2 })),
  ]),
  fc
    .tuple(scalar, scalar)
    .map(([[a, ofA], [b, ofB]]) => [
      new Arrow.Struct([new Arrow.Field("a", a, true), new Arrow.Field("b", b, true)]),
      orNull(fc.record({ a: ofA, b: ofB })),
    ]),
  scalar.map(([type, values]) => {
    const pair = new Arrow.Struct<{ key: Arrow.Utf8; value: Arrow.DataType }>([
      new Arrow.Field("key", new Arrow.Utf8(), false),
      new Arrow.Field("value", type, true),
    ])
    return [
      new Arrow.Map_(new Arrow.Field("entries", pair, false)),
      orNull(fc.array(fc.tuple(text, values), { maxLength: 3 }).map((list) => new Map(list))),
    ]
  }),
]

const vectorOf = (type: Arrow.DataType, values: ReadonlyArray<unknown>): Arrow.Vector =>
  Arrow.vectorFromArray(values as ReadonlyArray<never>, type)

/** Whole tables, slices of them, and such of several batches, the second beginning in a byte. */
const tables: fc.Arbitrary<Arrow.Table> = fc
  .oneof({ arbitrary: scalar, weight: 2 }, ...nested)
  .chain(([type, values]) =>
    fc.tuple(
      fc.constant(type),
      fc.array(values, { minLength: 1, maxLength: 40 }),
      fc.nat(20),
      fc.integer({ min: 1, max: 60 }),
      fc.boolean(),
    ),
  )
  .map(([type, values, start, end, twice]) => {
    const whole = new Arrow.Table({ x: vectorOf(type, values) })
    const from = start % values.length
    return (twice ? whole.concat(whole.slice(from)) : whole).slice(from, from + end)
  })

const plain = (value: unknown): unknown => {
  if (value instanceof Arrow.Vector) return Array.from(value, plain)
  if (value instanceof Arrow.MapRow || value instanceof Arrow.StructRow)
    return Object.entries(value.toJSON()).map(([key, one]) => [key, plain(one)])
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("hex")
    : value
}

const cellsOf = (table: ArrowTable): unknown =>
  table.schema.fields.map((_, place) => Array.from(table.getChildAt(place) ?? [], plain))

// The same ones each time: dictionaries have numbers, which are counted on, in the file.
const samples = [
  Arrow.tableFromArrays({ n: Int32Array.of(1, -1), word: ["a", "é"], x: [0.5, null] }),
  new Arrow.Table({ many: vectorOf(new Arrow.Utf8(), ["a", null, "", "b"]) }).slice(1, 3),
  new Arrow.Table(),
]

// Tables are compared cell by cell: how they lie in memory is another matter.
materializerContract(
  { ...arrow, load: async (files) => cellsOf(await arrow.load(files)) },
  () => samples,
  cellsOf,
)

describe("any table", () => {
  it("comes back from a ledger as it was", async () => {
    await fc.assert(
      fc.asyncProperty(tables, async (table) => {
        const version = await ledger.save("table", table)
        expect(version.materializer).toBe("arrow@1")
        const loaded = await ledger.load(version)
        expect(loaded).toBeInstanceOf(Arrow.Table)
        expect(String(loaded.schema)).toBe(String(table.schema))
        expect(cellsOf(loaded)).toStrictEqual(cellsOf(table))
      }),
      { numRuns: 400 },
    )
  })

  it("comes back with the metadata of its schema and fields, and without rows", async () => {
    const field = new Arrow.Field("x", new Arrow.Int32(), false, new Map([["unit", "mm"]]))
    const schema = new Arrow.Schema([field], new Map([["source", "é"]]))
    const loaded = await ledger.load(await ledger.save("no rows", new Arrow.Table(schema)))
    expect(loaded.schema.metadata).toEqual(schema.metadata)
    expect(loaded.schema.fields[0]).toMatchObject({ name: "x", nullable: false })
    expect(loaded.schema.fields[0]?.metadata).toEqual(field.metadata)
    expect(loaded.numRows).toBe(0)
  })
})

const word = (list: ReadonlyArray<string>) =>
  new Arrow.Table({ x: vectorOf(new Arrow.Dictionary(new Arrow.Utf8(), new Arrow.Int32()), list) })

const views = new Arrow.Struct([new Arrow.Field("view", new Arrow.Utf8View(), true)])

/** That of CommonJS, which shares nothing with the one that is imported. */
const other: typeof Arrow = createRequire(import.meta.url)("apache-arrow")

const one = vectorOf(new Arrow.Int32(), [1])

describe("saving", () => {
  it.each<readonly [string, Arrow.Table, string]>([
    ["a view", new Arrow.Table({ v: vectorOf(new Arrow.Utf8View(), ["a"]) }), "value.v"],
    ["a view within", new Arrow.Table({ "a b": vectorOf(views, [{}]) }), 'value["a b"].view'],
    ["batches with dictionaries of their own", word(["a"]).concat(word(["b"])), "value"],
    ["a table of another copy of the package", other.tableFromArrays({ x: [1] }), "value"],
    ["half a character in a name", new Arrow.Table({ "\ud800": one }), "value.schema"],
    ["a byte order mark in a name", new Arrow.Table({ "\ufeffx": one }), "value.schema"],
  ])("refuses %s, and nothing is stored", async (_, table, path) => {
    const before = ledger.position
    const refused = await ledger.save("refused", table).catch((error) => error)
    expect(refused).toBeInstanceOf(InvalidInput)
    expect(refused).toMatchObject({ path })
    expect(ledger.position).toBe(before)
  })

  it("takes nothing but tables", () => {
    const hostile = new Proxy({}, { get: () => true })
    for (const value of [undefined, null, 1, {}, [], [{ a: 1 }], new Map(), one, hostile])
      expect(arrow.accepts(value)).toBe(false)
  })

  it("tells the shape of the table and the types of its columns", async () => {
    const table = new Arrow.Table({
      when: vectorOf(new Arrow.TimestampMillisecond("UTC"), [1, null]),
      word: vectorOf(new Arrow.Utf8(), ["a", "b"]),
    })
    const { metadata } = await ledger.save("told", table)
    expect(metadata).toMatchObject({ length: 2, shape: [2, 2] })
    expect(metadata.columns).toMatchObject({
      when: { dtype: { value: "Timestamp<MILLISECOND, UTC>" }, null_count: 1 },
      word: { dtype: { value: "Utf8" } },
    })
  })
})

describe("loading", () => {
  it.each([
    ["what is no Arrow", Buffer.from("PAR1")],
    ["an empty file", Buffer.alloc(0)],
    ["a file that ends early", Buffer.from("ARROW1\0\0\xff\xff\xff\xff", "latin1")],
  ])("refuses %s", async (_, content) => {
    const loading = (async () => arrow.load(filesOf({ "table.arrow": content })))()
    await expect(loading).rejects.toThrow(TypeMismatch)
    await expect(loading).rejects.toMatchObject({ path: "table.arrow" })
  })
})

describe("a package that is not installed", () => {
  const failing = (code: string) => () =>
    Promise.reject(Object.assign(new Error("cannot find"), { code }))

  it("is named, with how to install it", async () => {
    const brought = bring(failing("ERR_MODULE_NOT_FOUND"))
    await expect(brought).rejects.toThrow(InvalidInput)
    await expect(brought).rejects.toThrow("npm install apache-arrow")
  })

  it("is not blamed for anything else", async () => {
    await expect(bring(failing("EACCES"))).rejects.toThrow("cannot find")
    expect(await bring(async () => 1)).toBe(1)
  })
})
