/**
 * Structured values come back without loss, or are refused by the path of the part that would not.
 */
import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput, TypeMismatch } from "../errors.js"
import { pack } from "../model/msgpack.js"
import { filesOf, materializerContract, roundTrip, savedFiles } from "./materializer.contract.js"
import { ndarray } from "./ndarray.js"
import { structuredMaterializer } from "./structured.js"

materializerContract(structuredMaterializer, () => [
  undefined,
  Number.NaN,
  -0,
  Number.NEGATIVE_INFINITY,
  1n,
  -(2n ** 200n),
  new Date(0),
  new Map<unknown, unknown>([
    [{ a: 1 }, new Set([1n, undefined])],
    [Number.NaN, new Date(-1)],
  ]),
  new Set([[], {}, "a"]),
  { b: undefined, a: { "10": 1, "2": -0 }, list: [undefined, null] },
  Object.assign(Object.create(null), { a: 1 }),
  { arrays: [Uint8Array.of(1), Buffer.of(2), Float64Array.of(Number.NaN), new ArrayBuffer(3)] },
  { layers: [ndarray(Float32Array.of(1, 2), [2, 1]), ndarray(Uint8Array.of(1), [1])] },
])

describe("structured", () => {
  it("keeps the order of keys, members and entries", async () => {
    const value = {
      z: 1,
      a: new Map([
        ["z", 1],
        ["a", 2],
      ]),
      m: new Set(["z", "a"]),
    }
    const back = Object(await roundTrip(structuredMaterializer, value))
    expect(Object.keys(back)).toEqual(["z", "a", "m"])
    expect([...back.a.keys()]).toEqual(["z", "a"])
    expect([...back.m]).toEqual(["z", "a"])
  })

  it("tells integers from numbers, and bytes of different constructors", async () => {
    const value = [1, 1n, 2 ** 53, 2n ** 53n, Buffer.of(1), Uint8Array.of(1)]
    const back = Object(await roundTrip(structuredMaterializer, value))
    expect(back.map((member: unknown) => typeof member).slice(0, 4)).toEqual(
      value.slice(0, 4).map((member) => typeof member),
    )
    expect(Buffer.isBuffer(back[4])).toBe(true)
    expect(Buffer.isBuffer(back[5])).toBe(false)
  })

  it("keeps an invalid date", async () => {
    const back = await roundTrip(structuredMaterializer, [new Date(Number.NaN)])
    expect(String(Object(back)[0])).toBe("Invalid Date")
  })

  it("writes what occurs twice twice", async () => {
    const shared = new Date(1)
    const back = Object(await roundTrip(structuredMaterializer, [shared, shared]))
    expect(back).toEqual([shared, shared])
    expect(back[0]).not.toBe(back[1])
  })

  it("gives back anything that it accepts", async () => {
    const options = {
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withNullPrototype: true,
      withSparseArray: true,
    }
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(fc.anything(options), async (value) => {
        if (!structuredMaterializer.accepts(value)) return
        accepted += 1
        const back = await roundTrip(structuredMaterializer, value)
        // Two invalid dates are not equal, so those are compared by their text.
        expect(isDeepStrictEqual(back, value) || fc.stringify(back) === fc.stringify(value)).toBe(
          true,
        )
      }),
      { numRuns: 300 },
    )
    expect(accepted).toBeGreaterThan(100)
  })

  it("refuses with the path and the next step", async () => {
    const refused = savedFiles(structuredMaterializer, { a: [() => 1] })
    await expect(refused).rejects.toThrow(InvalidInput)
    await expect(refused).rejects.toMatchObject({
      path: "value.a[0]",
      message: expect.stringContaining("materializer of your own"),
    })
  })

  it.each([
    ["something else than MessagePack", Buffer.from("c1c1", "hex")],
    ["more than one value", Buffer.concat([pack([1]), pack([1])])],
    ["nothing", new Uint8Array(0)],
    ["tokens that are not a value", pack([["list", 1]])],
    // A list of one: extension 0x65, of which msgpackr makes an Error.
    ["an extension of MessagePack", Buffer.from("91d4650093010203", "hex")],
    ["nesting that overflows readers", Buffer.alloc(50_000, 0x91)],
  ])("refuses a file of %s", async (_, bytes) => {
    const load = async () => structuredMaterializer.load(filesOf({ "data.msgpack": bytes }))
    await expect(load()).rejects.toThrow(TypeMismatch)
    await expect(load()).rejects.toMatchObject({ path: "data.msgpack" })
  })

  it("reads off the length of lists, records, Maps and Sets", () => {
    const read = structuredMaterializer.metadata
    expect(read?.(new Map([[1, 1]]))).toEqual({ length: 1 })
    expect(read?.(new Set([1, 2]))).toEqual({ length: 2 })
    expect(read?.({ a: 1n })).toEqual({ length: 1 })
    expect(read?.([1, Number.NaN])).toMatchObject({ length: 2, shape: [2], nan_count: 1, max: 1 })
    expect(read?.(new Date(0))).toEqual({})
    expect(read?.(5n)).toEqual({})
  })
})
