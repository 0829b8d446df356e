/**
 * What programs of others read of the files: DuckDB of `table.parquet`, Flechette, which is another
 * implementation of Arrow, of `table.arrow`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import { DuckDBInstance } from "@duckdb/node-api"
import { tableFromIPC } from "@uwdata/flechette"
import * as Arrow from "apache-arrow"
import { type Ledger, openLedger } from "daybook"
import { arrow, parquet } from "daybook/parquet"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const home = mkdtempSync(join(tmpdir(), "daybook-parquet-"))

let ledger: Ledger
beforeAll(async () => {
  ledger = await openLedger({ memory: true, materializers: [parquet, arrow] })
})
afterAll(async () => {
  await ledger.close()
  rmSync(home, { recursive: true, force: true })
})

const count = 3_000

const rows = Array.from({ length: count }, (_, n) => ({
  n: n * 3_000_000_000,
  half: n % 3 === 0 ? null : n / 2,
  odd: [Number.NaN, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][n % 4] ?? 0,
  species: n < 1_500 ? null : `Adélie 😀 ${n % 3}`,
  male: n % 3 === 0 ? null : n % 3 === 1,
  id: (n % 2 === 0 ? 1n : -1n) * (2n ** 63n - BigInt(n + 1)),
  seen: n % 5 === 0 ? null : new Date(1_194_771_600_123 + n),
  photo: new Uint8Array([n % 7, 255]),
  note: null,
}))

/** The file of the version saved last, written to the disk. */
const written = async (name: string, path: string): Promise<string> => {
  const at = join(home, path)
  const chunks: Array<Uint8Array> = []
  for await (const chunk of ledger.open(name, path)) chunks.push(chunk)
  writeFileSync(at, Buffer.concat(chunks))
  return at
}

/** All rows that DuckDB reads in a file, values as JavaScript has them. */
const read = async (query: string, path: string) => {
  const instance = await DuckDBInstance.create()
  const connection = await instance.connect()
  try {
    const reader = await connection.runAndReadAll(query.replace("FILE", `'${path}'`))
    return { rows: reader.getRowObjectsJS(), types: reader.columnTypes().map(String) }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

describe("table.parquet", () => {
  it("is the same values in the same order for DuckDB", async () => {
    await ledger.save("birds", rows)
    const path = await written("birds", "table.parquet")
    const { rows: seen, types } = await read("SELECT * FROM FILE", path)
    expect(types).toEqual([
      ...["BIGINT", "DOUBLE", "DOUBLE", "VARCHAR", "BOOLEAN", "BIGINT"],
      ...["TIMESTAMP WITH TIME ZONE", "BLOB", "INTEGER"],
    ])
    expect(seen).toHaveLength(count)
    // It gives bytes as Buffers, and numbers of 64 bits as bigints, though they fit a number.
    const wanted = rows.map((row) => ({ ...row, n: BigInt(row.n), photo: Buffer.from(row.photo) }))
    // Not as a whole: what differs would fill the terminal.
    expect(seen.filter((row, at) => !isDeepStrictEqual(row, wanted[at])).slice(0, 3)).toEqual([])
  })

  it("is what DuckDB can count and compare by its statistics", async () => {
    const path = await written("birds", "table.parquet")
    const query =
      "SELECT count(*) AS count, count(species) AS named, min(id) AS least, max(seen) AS last " +
      "FROM FILE WHERE n >= 3000000000 AND seen < TIMESTAMPTZ '2007-11-11 09:00:00.140+00'"
    const kept = rows.slice(1, 17).filter(({ seen }) => seen !== null)
    const least = kept.map(({ id }) => id).reduce((a, b) => (a < b ? a : b))
    expect((await read(query, path)).rows).toEqual([
      { count: BigInt(kept.length), named: 0n, least, last: kept.at(-1)?.seen },
    ])
  })

  it("has the names of its columns for DuckDB", async () => {
    await ledger.save("names", [{ "a b": 1, "日本 é": 2, "x.y": 3, "10": 4 }])
    const path = await written("names", "table.parquet")
    const [row] = (await read("SELECT * FROM FILE", path)).rows
    expect(row).toEqual({ "10": 4n, "a b": 1n, "日本 é": 2n, "x.y": 3n })
  })
})

describe("table.arrow", () => {
  it("is the same values in the same order for Flechette", async () => {
    const table = new Arrow.Table({
      n: Arrow.vectorFromArray(
        rows.map(({ n }) => BigInt(n)),
        new Arrow.Int64(),
      ),
      half: Arrow.vectorFromArray(
        rows.map(({ half }) => half),
        new Arrow.Float64(),
      ),
      species: Arrow.vectorFromArray(
        rows.map(({ species }) => species),
        new Arrow.Utf8(),
      ),
      male: Arrow.vectorFromArray(
        rows.map(({ male }) => male),
        new Arrow.Bool(),
      ),
      seen: Arrow.vectorFromArray(
        rows.map(({ seen }) => seen),
        new Arrow.TimestampMillisecond(),
      ),
      photo: Arrow.vectorFromArray(
        rows.map(({ photo }) => photo),
        new Arrow.Binary(),
      ),
    })
    await ledger.save("birds in arrow", table)
    const path = await written("birds in arrow", "table.arrow")
    const seen = tableFromIPC(new Uint8Array(readFileSync(path)), {
      useBigInt: true,
      useDate: true,
    }).toArray()
    const columns = ({ n, half, species, male, seen, photo }: (typeof rows)[number]) => ({
      ...{ n: BigInt(n), half, species, male, seen, photo },
    })
    expect(seen).toEqual(rows.map(columns))
  })
})
