/**
 * JSON values come back exactly; what JSON.stringify would drop or change is refused by its path.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput, TypeMismatch } from "../errors.js"
import { dtype } from "../model/metadata.js"
import type { Json } from "./files.js"
import { jsonMaterializer } from "./json.js"
import { filesOf, materializerContract, roundTrip, savedFiles } from "./materializer.contract.js"

materializerContract(jsonMaterializer, () => [
  null,
  true,
  0,
  -1.5e-300,
  Number.MAX_SAFE_INTEGER,
  "",
  "\u2028 \u0000 é",
  [],
  {},
  [null, null],
  [[1, 2], [3]],
  { b: 1, a: { "10": [], "2": {}, constructor: 1, toString: "x", "a b": null } },
  [{ a: 1 }, { b: 2 }],
])

describe("json", () => {
  it("gives any JSON value back, keys in their order", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue({ depthSize: "small" }), async (value) => {
        // -0 is no JSON value here, and __proto__ no key.
        const plain = JSON.parse(JSON.stringify(value).replaceAll("__proto__", "proto")) as Json
        const back = await roundTrip(jsonMaterializer, plain)
        expect(back).toStrictEqual(plain)
        expect(JSON.stringify(back)).toBe(JSON.stringify(plain))
      }),
    )
  })

  it("is stored as one compact text", async () => {
    const files = await savedFiles(jsonMaterializer, { b: [1], a: "é" })
    expect(Object.keys(files)).toEqual(["data.json"])
    expect(Buffer.from(files["data.json"] ?? []).toString()).toBe('{"b":[1],"a":"é"}')
  })

  it.each([
    ["undefined", { a: { b: undefined } }, "value.a.b"],
    ["NaN", [1, [Number.NaN]], "value[1][0]"],
    ["-0", { "a b": -0 }, 'value["a b"]'],
    ["bigint", 1n, "value"],
    ["a Date", { at: new Date(0) }, "value.at"],
    ["a typed array", { weights: Float32Array.of(1) }, "value.weights"],
    ["a record without a prototype", [Object.create(null)], "value[0]"],
    ["__proto__", JSON.parse('{"a":{"__proto__":1}}'), "value.a.__proto__"],
    ["half of a surrogate pair", ["ok", "\ud800"], "value[1]"],
  ])("leaves %s to others, and names it when it was chosen", async (_, value, path) => {
    expect(jsonMaterializer.accepts(value)).toBe(false)
    const refused = savedFiles(jsonMaterializer, value)
    await expect(refused).rejects.toThrow(InvalidInput)
    await expect(refused).rejects.toMatchObject({ path })
  })

  it("refuses a file that is not JSON", async () => {
    for (const text of ["", "{", "{'a': 1}", "NaN"]) {
      const load = async () => jsonMaterializer.load(filesOf({ "data.json": text }))
      await expect(load()).rejects.toThrow(TypeMismatch)
      await expect(load()).rejects.toMatchObject({ path: "data.json" })
    }
  })

  it("reads off the length of lists and records, and statistics of flat numbers", () => {
    const read = (value: Json) => jsonMaterializer.metadata?.(value)
    expect(read({ a: 1, b: 2 })).toEqual({ length: 2 })
    expect(read(["a"])).toEqual({ length: 1 })
    expect(read([])).toEqual({ length: 0 })
    expect(read("text")).toEqual({})
    expect(read(null)).toEqual({})
    expect(read([1, 2])).toMatchObject({ length: 2, shape: [2], dtype: dtype("int64"), mean: 1.5 })
  })
})
