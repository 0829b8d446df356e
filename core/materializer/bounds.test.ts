/**
 * Limits that are too large to be reached in a test, made small: what is exactly as large is saved,
 * what is one byte larger is refused.
 */
import { describe, expect, it, vi } from "vitest"
import { LimitExceeded } from "../errors.js"
import { jsonTextLengthMax, valueBytesMax } from "../limits.js"
import { pack } from "../model/msgpack.js"
import { jsonMaterializer } from "./json.js"
import { savedFiles } from "./materializer.contract.js"
import { structuredMaterializer } from "./structured.js"
import { tableMaterializer } from "./table.js"
import { findFlaw } from "./walk.js"

vi.mock("../limits.js", async (original) => ({
  ...(await original<typeof import("../limits.js")>()),
  valueBytesMax: 2_000,
  jsonTextLengthMax: 1_000,
}))

vi.mock("../model/msgpack.js", async (original) => {
  const module = await original<typeof import("../model/msgpack.js")>()
  return { ...module, pack: vi.fn(module.pack) }
})

const exceeded = (limit: string, allowed: number, actual: number) => ({
  limit,
  allowed,
  actual,
  message: expect.stringContaining("save it in parts"),
})

describe("a JSON text", () => {
  it("is as long as the limit allows, in json and in each row of a table", async () => {
    const fits = "x".repeat(jsonTextLengthMax - 2)
    const files = await savedFiles(jsonMaterializer, fits)
    expect(files["data.json"]?.length).toBe(jsonTextLengthMax)
    const refused = savedFiles(jsonMaterializer, `${fits}x`)
    await expect(refused).rejects.toThrow(LimitExceeded)
    await expect(refused).rejects.toMatchObject(
      exceeded("jsonTextLengthMax", jsonTextLengthMax, jsonTextLengthMax + 1),
    )
    const row = { a: "x".repeat(jsonTextLengthMax - '{"a":""}'.length) }
    await expect(savedFiles(tableMaterializer, [row])).resolves.toBeDefined()
    await expect(savedFiles(tableMaterializer, [{ a: `${row.a}x` }])).rejects.toMatchObject({
      limit: "jsonTextLengthMax",
    })
  })
})

describe("a table", () => {
  it("has as many bytes as the limit allows", async () => {
    const cell = "x".repeat(valueBytesMax / 4 - '{"a":""}\n'.length)
    const rows = Array.from({ length: 4 }, () => ({ a: cell }))
    const files = await savedFiles(tableMaterializer, rows)
    expect(files["table.jsonl"]?.length).toBe(valueBytesMax)
    const larger = [...rows.slice(1), { a: `${cell}x` }]
    const refused = savedFiles(tableMaterializer, larger)
    await expect(refused).rejects.toThrow(LimitExceeded)
    await expect(refused).rejects.toMatchObject(
      exceeded("valueBytesMax", valueBytesMax, valueBytesMax + 1),
    )
  })
})

describe("a value in memory", () => {
  it("takes at most as many bytes as the limit allows", () => {
    // A slot of eight bytes, and one for each character.
    const fits = "x".repeat(valueBytesMax - 8)
    for (const notation of ["json", "structured"] as const) {
      expect(findFlaw(fits, notation)).toBeUndefined()
      expect(findFlaw(`${fits}x`, notation)).toMatchObject({
        limit: { name: "valueBytesMax", allowed: valueBytesMax, actual: valueBytesMax + 1 },
      })
    }
  })
})

describe("a structured file", () => {
  it("has as many bytes as the limit allows, however few the value takes in memory", async () => {
    // Three bytes of UTF-8 for each character, and a few for the file around them.
    const sample = await savedFiles(structuredMaterializer, { "": "€".repeat(500) })
    const around = (sample["data.msgpack"]?.length ?? 0) - 1_500
    const long = Math.floor((valueBytesMax - around) / 3)
    const text = "€".repeat(long) + "x".repeat(valueBytesMax - around - long * 3)
    const value = (last: string) => ({ "": text + last })
    const files = await savedFiles(structuredMaterializer, value(""))
    expect(files["data.msgpack"]?.length).toBe(valueBytesMax)
    const refused = savedFiles(structuredMaterializer, value("x"))
    await expect(refused).rejects.toThrow(LimitExceeded)
    await expect(refused).rejects.toMatchObject(
      exceeded("valueBytesMax", valueBytesMax, valueBytesMax + 1),
    )
  })

  it("that no buffer can hold is a limit, not a crash", async () => {
    vi.mocked(pack).mockImplementationOnce(() => {
      throw new RangeError("Array buffer allocation failed")
    })
    await expect(savedFiles(structuredMaterializer, 1n)).rejects.toMatchObject(
      exceeded("valueBytesMax", valueBytesMax, valueBytesMax + 1),
    )
  })
})
