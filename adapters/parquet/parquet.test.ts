/**
 * Tables come back out of Parquet exactly as they were, or are refused and leave nothing behind.
 */
import { isDeepStrictEqual } from "node:util"
import { InvalidInput, type Ledger, LimitExceeded, openLedger, TypeMismatch } from "daybook"
import { filesOf, materializerContract, roundTrip } from "daybook/testing"
import fc from "fast-check"
import { parquetWriteBuffer } from "hyparquet-writer"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Row } from "./columns.js"
import { parquet } from "./parquet.js"

const every: ReadonlyArray<Row> = [
  {
    text: "Adélie 😀",
    mass: 3_750,
    bill: 39.1,
    male: true,
    id: 2n ** 63n - 1n,
    seen: new Date("2007-11-11T09:00:00.123Z"),
    photo: new Uint8Array([0xff, 0]),
    note: null,
  },
  {
    text: "\ufeff\0",
    mass: null,
    bill: -0,
    male: null,
    id: -(2n ** 63n),
    seen: new Date(-8.64e15),
    photo: new Uint8Array(0),
    note: null,
  },
  { text: null, mass: -1, bill: 0, male: false, id: null, seen: null, photo: null, note: null },
]

/** Enough rows for dictionaries, for bits in runs, and for a second group of rows. */
const many = (count: number): ReadonlyArray<Row> =>
  Array.from({ length: count }, (_, n) => ({
    n,
    large: Number.MAX_SAFE_INTEGER - n,
    zero: n % 3 === 0 ? -0 : 0,
    odd: n % 2 === 1,
    word: n < 2_000 ? null : `word ${n % 7}`,
    day: new Date((n % 5) * 86_400_000),
    id: n % 4 === 0 ? null : BigInt(n % 4),
    hash: new Uint8Array([n % 3]),
  }))

materializerContract(parquet, () => [
  every,
  many(3_000),
  [{ a: null }],
  [{ "": "", "10": 1, "2": 2, "a.b": 3, constructor: 4, "ünï 日本": 5, inline: "", root: 6 }],
  [
    { a: 1, b: "x" },
    { b: "y", a: 2 },
  ],
])

let ledger: Ledger
beforeAll(async () => {
  ledger = await openLedger({ memory: true, materializers: [parquet] })
})
afterAll(() => ledger.close())

const cells: ReadonlyArray<fc.Arbitrary<Row[string]>> = [
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: "binary" }).filter((text) => text.isWellFormed()),
  fc.constantFrom("", "a", "\ufeff", "null"),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, 0, 1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, 1n),
  fc.boolean(),
  fc.date({ noInvalidDate: true, min: new Date(-8.64e15), max: new Date(8.64e15) }),
  fc.uint8Array({ maxLength: 9 }),
  fc.constant(null),
]

const names = fc.uniqueArray(
  fc
    .string({ unit: "grapheme", maxLength: 5 })
    .filter((name) => name !== "__proto__" && !name.startsWith("\ufeff")),
  { minLength: 1, maxLength: 5 },
)

/** Columns of one kind each, with nulls in some. */
const tables = fc.tuple(names, fc.integer({ min: 1, max: 40 })).chain(([columns, length]) => {
  const column = fc
    .tuple(fc.constantFrom(...cells), fc.boolean())
    .chain(([cell, nulls]) =>
      fc.array(nulls ? fc.option(cell) : cell, { minLength: length, maxLength: length }),
    )
  return fc
    .tuple(...columns.map(() => column))
    .map((lists) =>
      Array.from(
        { length },
        (_, index): Row =>
          Object.fromEntries(columns.map((name, place) => [name, lists[place]?.[index] ?? null])),
      ),
    )
})

describe("any table", () => {
  it("comes back from a ledger as it was", async () => {
    await fc.assert(
      fc.asyncProperty(tables, async (table) => {
        const version = await ledger.save("table", table)
        expect(version.materializer).toBe("parquet@1")
        expect(await ledger.load(version)).toStrictEqual(table)
      }),
      { numRuns: 300 },
    )
  })

  it("comes back across groups of rows", async () => {
    const table = many(100_001)
    // Not compared by the test runner, which would take a minute to show a difference.
    expect(isDeepStrictEqual(await roundTrip(parquet, table), table)).toBe(true)
  })

  it("is refused with one cell of another kind, by its path, and nothing is stored", async () => {
    const strangers = [undefined, {}, [], "\ud800", 2n ** 63n, new Date(Number.NaN), Buffer.of(1)]
    const stranger = fc.constantFrom<unknown>(...strangers, Symbol("s"), () => 1, /x/)
    const spoilt = fc.tuple(tables, fc.nat(), fc.nat(), stranger)
    const [{ stored }, { position }] = [await ledger.usage(), ledger]
    await fc.assert(
      fc.asyncProperty(spoilt, async ([table, row, column, cell]) => {
        const index = row % table.length
        const all = Object.keys(table[0] ?? {})
        const name = all[column % all.length] ?? ""
        const rows = table.map((one, at) => (at === index ? { ...one, [name]: cell } : one))
        const refused = await ledger.save("spoilt", rows).catch((error) => error)
        expect(refused).toBeInstanceOf(InvalidInput)
        expect(refused.path.startsWith(`value[${index}]`)).toBe(true)
      }),
    )
    expect(await ledger.find("spoilt")).toBeUndefined()
    expect([(await ledger.usage()).stored, ledger.position]).toEqual([stored, position])
  })

  it("is refused with columns of mixed kinds, and nothing is stored", async () => {
    const before = ledger.position
    const ones = ["1", 1, 1n, true, new Date(1), new Uint8Array([1])]
    for (const one of ones)
      for (const other of ones.filter((cell) => cell !== one)) {
        const saving = ledger.save("mixed", [{ a: one }, { a: null }, { a: other }])
        await expect(saving).rejects.toMatchObject({ kind: "invalid", path: "value[2].a" })
      }
    expect(ledger.position).toBe(before)
  })
})

describe("saving", () => {
  it("tells the shape of the table and the dtypes of its columns", async () => {
    const { metadata } = await ledger.save("every", every)
    expect(metadata).toMatchObject({ length: 3, shape: [3, 8] })
    expect(metadata.columns).toMatchObject({
      text: { dtype: { value: "string" }, null_count: 1 },
      mass: { dtype: { value: "int" }, null_count: 1 },
      bill: { dtype: { value: "float" } },
      male: { dtype: { value: "bool" } },
      id: { dtype: { value: "bigint" } },
      seen: { dtype: { value: "date" } },
      photo: { dtype: { value: "bytes" } },
      note: { dtype: { value: "null" }, null_count: 3 },
    })
  })

  it("takes the table as it is at the moment of the call", async () => {
    const table = [{ a: new Uint8Array([1]), b: new Date(1), c: "c" }]
    const saving = ledger.save("changed", table)
    const [row] = table
    row?.a.fill(2)
    row?.b.setTime(2)
    table.push({ a: new Uint8Array(0), b: new Date(0), c: "" })
    await saving
    const expected = [{ a: new Uint8Array([1]), b: new Date(1), c: "c" }]
    expect(await ledger.load("changed")).toStrictEqual(expected)
  })

  it("leaves lists to the built-in materializers where it comes behind them", async () => {
    const behind = await openLedger({
      memory: true,
      materializers: (builtIn) => [...builtIn, parquet],
    })
    const rows = [{ a: 1 }]
    expect((await behind.save("table", rows)).materializer).toBe("table@1")
    const chosen = await behind.save("table", rows, { materializer: "parquet" })
    expect(chosen.materializer).toBe("parquet@1")
    expect(await behind.load("table")).toEqual(rows)
    const wrong = behind.save("table", [{ a: [] }], { materializer: parquet })
    await expect(wrong).rejects.toMatchObject({ path: "value[0].a" })
    await behind.close()
  })

  it("refuses more than a file may hold, and takes as much as it may", async () => {
    const text = "x".repeat(2 ** 26)
    const row = { text }
    const rows = Array.from({ length: 16 }, () => row)
    expect(await roundTrip(parquet, rows)).toHaveLength(16)
    const refused = await ledger.save("large", [...rows, row]).catch((error) => error)
    expect(refused).toBeInstanceOf(LimitExceeded)
    expect(refused).toMatchObject({ limit: "tableBytesMax", allowed: 2 ** 30 })
  })

  it("shows the first rows", () => {
    const long = { id: 1n, bytes: new Uint8Array([1, 2]), text: "😀".repeat(200) }
    const lines = parquet.preview?.(Array.from({ length: 9 }, () => long)).split("\n") ?? []
    expect(lines).toHaveLength(5)
    expect(lines[0]).toMatch(/^\{"id":"1","bytes":"1,2","text":"(😀)+.?…$/u)
    expect(lines[0]).toHaveLength(120)
  })
})

describe("loading", () => {
  it("gives each row cells of its own, though equal ones are stored once", async () => {
    const rows = Array.from({ length: 1_000 }, () => ({ a: new Date(1), b: new Uint8Array(64) }))
    const [first, second] = await roundTrip(parquet, rows)
    if (!(first?.a instanceof Date && first.b instanceof Uint8Array)) throw new Error("no row")
    first.a.setTime(2)
    first.b.fill(2)
    expect(second).toStrictEqual({ a: new Date(1), b: new Uint8Array(64) })
  })

  const written = (kinds: string | undefined, type: "INT32" | "STRING" = "INT32") =>
    new Uint8Array(
      parquetWriteBuffer({
        columnData: [{ name: "a", data: type === "INT32" ? [1] : ["x"], type }],
        ...(kinds === undefined ? {} : { kvMetadata: [{ key: "daybook.kinds", value: kinds }] }),
      }),
    )
  const broken = written('["string"]', "STRING")
  broken.fill(0xff, 4, 40)

  it.each([
    ["what is no Parquet", Buffer.from("PAR1"), "table.parquet"],
    ["a broken page", broken, "table.parquet"],
    ["a file without kinds", written(undefined), "table.parquet"],
    ["kinds that are not JSON", written("["), "table.parquet"],
    ["kinds of other columns", written('["int","int"]'), "table.parquet"],
    ["kinds that are no list", written('{"length":1}'), "table.parquet"],
    ["a cell of another kind", written('["string"]'), 'table.parquet[0]["a"]'],
    ["a kind that there is not", written('["text"]', "STRING"), 'table.parquet[0]["a"]'],
  ])("refuses %s", async (_, bytes, path) => {
    const loading = (async () => parquet.load(filesOf({ "table.parquet": bytes })))()
    await expect(loading).rejects.toThrow(TypeMismatch)
    await expect(loading).rejects.toMatchObject({ path })
  })
})
