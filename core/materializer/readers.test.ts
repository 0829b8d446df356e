/**
 * What programs of others read of the built-in files: DuckDB of `table.jsonl`, NumPy of
 * `array.npy`.
 *
 * NumPy runs in a Python of its own; where there is none, that is said, and nothing of it is tried.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DuckDBInstance } from "@duckdb/node-api"
import { afterAll, describe, expect, it } from "vitest"
import { savedFiles } from "./materializer.contract.js"
import { type NdArray, ndarray, ndarrayMaterializer } from "./ndarray.js"
import { tableMaterializer } from "./table.js"
import type { TypedArray } from "./typed-array.js"

const home = mkdtempSync(join(tmpdir(), "daybook-files-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const written = (files: Readonly<Record<string, Uint8Array>>, path: string): string => {
  const at = join(home, path)
  writeFileSync(at, files[path] ?? "")
  return at
}

describe("table.jsonl", () => {
  it("is the same values in the same order for DuckDB", async () => {
    const rows = Array.from({ length: 3_000 }, (_, n) => ({
      n,
      half: n % 3 === 0 ? null : n / 2,
      species: n % 5 === 0 ? null : `Adélie "😀"\n${n % 7}`,
      male: n % 4 === 0 ? null : n % 4 === 1,
    }))
    const path = written(await savedFiles(tableMaterializer, rows), "table.jsonl")
    const instance = await DuckDBInstance.create()
    const connection = await instance.connect()
    const reader = await connection.runAndReadAll(`SELECT * FROM '${path}'`)
    expect(reader.columnTypes().map(String)).toEqual(["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN"])
    const seen = reader.getRowObjectsJS()
    connection.closeSync()
    instance.closeSync()
    // It gives whole numbers as bigints.
    expect(seen).toEqual(rows.map((row) => ({ ...row, n: BigInt(row.n) })))
  })
})

/** The Python that has NumPy, if any; Debian's own may stand behind another one. */
const python = ["python3", "/usr/bin/python3"].find(
  (program) => spawnSync(program, ["-c", "import numpy"]).status === 0,
)
const without = python === undefined ? " (skipped: there is no python3 with numpy here)" : ""

const script = `
import json, sys, numpy
def told(path):
  a = numpy.load(path, allow_pickle=False)
  return [a.dtype.name, a.shape, a.flags.c_contiguous, [str(x) for x in a.flat]]
print(json.dumps([told(path) for path in sys.argv[1:]]))`

/** As NumPy has them: dtype, shape, whether in C order, and the elements as texts. */
const loaded = (paths: ReadonlyArray<string>): unknown =>
  JSON.parse(execFileSync(python ?? "python3", ["-c", script, ...paths], { encoding: "utf8" }))

const saved = async (value: TypedArray | NdArray, place: number): Promise<string> => {
  const files = await savedFiles(ndarrayMaterializer, value)
  return written({ [`${place}.npy`]: files["array.npy"] ?? new Uint8Array() }, `${place}.npy`)
}

const arrays: ReadonlyArray<readonly [dtype: string, array: TypedArray, texts: Array<string>]> = [
  ["int8", new Int8Array([-128, 0, 127]), ["-128", "0", "127"]],
  ["uint8", new Uint8ClampedArray([0, 255]), ["0", "255"]],
  ["int16", new Int16Array([-32_768, 32_767]), ["-32768", "32767"]],
  ["uint16", new Uint16Array([65_535]), ["65535"]],
  ["int32", new Int32Array([-(2 ** 31)]), ["-2147483648"]],
  ["uint32", new Uint32Array([2 ** 32 - 1]), ["4294967295"]],
  ["float32", new Float32Array([0.5, -0, Number.NaN]), ["0.5", "-0.0", "nan"]],
  ["float64", new Float64Array([0.1, Number.POSITIVE_INFINITY, 1e300]), ["0.1", "inf", "1e+300"]],
  ["int64", new BigInt64Array([-(2n ** 63n)]), ["-9223372036854775808"]],
  ["uint64", new BigUint64Array([2n ** 64n - 1n]), ["18446744073709551615"]],
  ["float64", new Float64Array(0), []],
]

describe.skipIf(python === undefined)(`array.npy for NumPy${without}`, () => {
  it("is an array of each dtype", async () => {
    const paths = await Promise.all(arrays.map(([, array], place) => saved(array, place)))
    expect(loaded(paths)).toEqual(
      arrays.map(([dtype, { length }, texts]) => [dtype, [length], true, texts]),
    )
  })

  it("has the dimensions of an ndarray, the last of which runs fastest", async () => {
    const values = Float64Array.from({ length: 24 }, (_, n) => n / 2)
    const cube = await saved(ndarray(values, [2, 3, 4]), 100)
    const scalar = await saved(ndarray(new Int32Array([7]), []), 101)
    expect(loaded([cube, scalar])).toEqual([
      ["float64", [2, 3, 4], true, Array.from(values, (value) => value.toFixed(1))],
      ["int32", [], true, ["7"]],
    ])
  })
})
