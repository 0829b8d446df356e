/**
 * Arrays of numbers: what they come back as, which shapes hold, and what is read off them.
 */
import { isDeepStrictEqual } from "node:util"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { InvalidInput, TypeMismatch } from "../errors.js"
import { arrayDimensionCountMax, copyBytesMax } from "../limits.js"
import { dtype } from "../model/metadata.js"
import { filesOf, materializerContract, roundTrip, savedFiles } from "./materializer.contract.js"
import type { FileSource } from "./materializer.js"
import { isNdArray, NdArray, ndarray, ndarrayMaterializer } from "./ndarray.js"
import { npyHeader } from "./npy.js"
import { isTypedArray, kindNamed, type TypedArray } from "./typed-array.js"

materializerContract(ndarrayMaterializer, () => [
  Int8Array.of(-1, 2),
  Uint8ClampedArray.of(1, 2, 3),
  Int16Array.of(-1),
  Uint16Array.of(1),
  Int32Array.of(-1),
  Uint32Array.of(1),
  Float32Array.of(1.5, Number.NaN, -0, Number.NEGATIVE_INFINITY),
  Float64Array.of(0.1, Number.NaN, -0),
  BigInt64Array.of(-1n),
  BigUint64Array.of(2n ** 64n - 1n),
  new Float32Array(0),
  ndarray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3]),
  ndarray(Uint8Array.of(1, 2, 3), [3]),
  ndarray(Buffer.of(1, 2), [2, 1]),
  ndarray(Uint8ClampedArray.of(1, 2), [1, 2]),
  ndarray(Float64Array.of(7), []),
  ndarray(new BigInt64Array(0), [0, 5]),
  ndarray(Float64Array.of(1, 2), [2]),
])

const float16: unknown = Reflect.get(globalThis, "Float16Array")

it("keeps Float16Array as such where the runtime has it, and knows none elsewhere", async () => {
  expect(kindNamed("Float16Array") !== undefined).toBe(typeof float16 === "function")
  if (typeof float16 !== "function") return
  const value: unknown = Reflect.construct(float16, [[0.5, -2]])
  if (!isTypedArray(value)) throw new Error("Float16Array is not known")
  const files = await savedFiles(ndarrayMaterializer, value)
  expect(Buffer.from(files["array.npy"] ?? []).toString("latin1")).toContain("'descr': '<f2'")
  const back = await roundTrip(ndarrayMaterializer, value)
  expect(isDeepStrictEqual(back, value)).toBe(true)
})

const name = (value: unknown): unknown => Object.getPrototypeOf(value).constructor.name

describe("ndarray", () => {
  it("takes a shape that holds exactly the data", () => {
    const { data, shape } = ndarray(Float64Array.of(1, 2, 3, 4), [2, 2])
    expect(shape).toEqual([2, 2])
    expect(data.length).toBe(4)
    expect(ndarray(new Float32Array(0), [2 ** 53 - 1, 2 ** 53 - 1, 0]).shape.length).toBe(3)
  })

  it.each([
    ["too few elements", [3], "shape"],
    ["too many elements", [], "shape"],
    ["a negative dimension", [-2, -1], "shape[0]"],
    ["a fraction", [4, 0.5], "shape[1]"],
    ["-0", [2, -0], "shape[1]"],
    ["a dimension that is not a number", [2, "1"], "shape[1]"],
    ["too many dimensions", [2, ...new Array(arrayDimensionCountMax).fill(1)], "shape"],
    ["no list", 2, "shape"],
  ])("refuses a shape with %s", (_, shape, path) => {
    const make = () => ndarray(Float32Array.of(1, 2), shape as Array<number>)
    expect(make).toThrow(InvalidInput)
    expect(make).toThrow(expect.objectContaining({ path }))
  })

  it("refuses data that is not a typed array", () => {
    const make = () => ndarray([1, 2] as unknown as Float32Array, [2])
    expect(make).toThrow(expect.objectContaining({ path: "data" }))
  })

  it("takes as many dimensions as NumPy opens", async () => {
    const shape = [2, ...new Array(arrayDimensionCountMax - 1).fill(1)]
    const array = ndarray(Float32Array.of(1, 2), shape)
    expect(await roundTrip(ndarrayMaterializer, array)).toStrictEqual(array)
  })

  it("does not follow the caller's list of dimensions", () => {
    const shape = [2]
    const array = ndarray(Float32Array.of(1, 2), shape)
    shape[0] = 9
    expect(array.shape).toEqual([2])
  })
})

describe("what is taken", () => {
  it("is not plain bytes, a subclass, a broken shape or anything else", () => {
    class Samples extends Float32Array {}
    const broken = new NdArray(Float32Array.of(1), [5])
    const throwing = Object.defineProperty(ndarray(Float32Array.of(1), [1]), "data", {
      get: () => {
        throw new Error("looked at")
      },
    })
    const others = [Uint8Array.of(1), Buffer.of(1), new Samples(1), broken, throwing, [1], null]
    for (const other of others) expect(ndarrayMaterializer.accepts(other)).toBe(false)
    expect(isNdArray(new Proxy(ndarray(Float32Array.of(1), [1]), {}))).toBe(false)
  })

  it("is refused by save with the next step when it was named by mistake", async () => {
    const refused = savedFiles(ndarrayMaterializer, [1, 2] as unknown as Float32Array)
    await expect(refused).rejects.toThrow(InvalidInput)
  })
})

describe("files", () => {
  it("are one array.npy, and array.json only where NumPy has no word for it", async () => {
    const paths = async (value: Float32Array | Uint8ClampedArray | NdArray) =>
      Object.keys(await savedFiles(ndarrayMaterializer, value))
    expect(await paths(Float32Array.of(1))).toEqual(["array.npy"])
    expect(await paths(ndarray(Float32Array.of(1), [1, 1]))).toEqual(["array.npy"])
    expect(await paths(ndarray(Float32Array.of(1), [1]))).toEqual(["array.npy", "array.json"])
    expect(await paths(Uint8ClampedArray.of(1))).toEqual(["array.npy", "array.json"])
  })

  it("come back with the constructor and in the form that went in", async () => {
    expect(name(await roundTrip(ndarrayMaterializer, Uint8ClampedArray.of(300)))).toBe(
      "Uint8ClampedArray",
    )
    const back = await roundTrip(ndarrayMaterializer, ndarray(Float32Array.of(1), [1]))
    expect(name(back)).toBe("NdArray")
  })

  it("hold any data of any shape", async () => {
    const shapes = fc.array(fc.nat(3), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(shapes, fc.float64Array({ maxLength: 81 }), async (shape, seed) => {
        const length = shape.reduce((product, dimension) => product * dimension, 1)
        const data = Float64Array.from({ length }, (_, index) => seed[index] ?? index)
        const array = ndarray(data, shape)
        expect(await roundTrip(ndarrayMaterializer, array)).toStrictEqual(array)
      }),
      { numRuns: 50 },
    )
  })

  it("give arrays of their own memory", async () => {
    const back = await roundTrip(ndarrayMaterializer, Float64Array.of(1, 2))
    if (isNdArray(back)) throw new Error("came back as an ndarray")
    expect(back.buffer.byteLength).toBe(16)
  })

  const sourceOf = async (value: TypedArray): Promise<AsyncIterable<Uint8Array>> => {
    const sources: Array<FileSource> = []
    await ndarrayMaterializer.save(value, { write: (_, source) => void sources.push(source) })
    return sources[0] as AsyncIterable<Uint8Array>
  }

  it("hold the elements of the moment of saving, whatever becomes of the array", async () => {
    const array = new Uint16Array(copyBytesMax / 2)
    const source = await sourceOf(array)
    array.fill(7)
    const chunks: Array<Uint8Array> = []
    for await (const chunk of source) chunks.push(chunk)
    expect(Buffer.concat(chunks.slice(1)).equals(Buffer.alloc(copyBytesMax))).toBe(true)
  })

  it("are copied slice by slice where the array is larger", async () => {
    const array = new Uint16Array(copyBytesMax / 2 + 1)
    const source = await sourceOf(array)
    array.fill(0x0101)
    const slices: Array<Uint8Array> = []
    for await (const slice of source) {
      slices.push(slice)
      array.fill(0x0202)
    }
    const [, first, second, ...more] = slices
    expect([first?.length, second?.length, more.length]).toEqual([copyBytesMax, 2, 0])
    expect(first?.every((byte) => byte === 1 || byte === 2)).toBe(true)
    expect(new Set(first).size).toBe(1)
    expect([...(second ?? [])]).toEqual([2, 2])
    array.fill(0)
    expect(second?.[0]).toBe(2)
  })

  it("are refused when the array loses its memory meanwhile", async () => {
    for (const pulls of [0, 1, 2]) {
      const array = new Float64Array(copyBytesMax / 8 + 1)
      const source = (await sourceOf(array))[Symbol.asyncIterator]()
      for (let pull = 0; pull < pulls; pull += 1) await source.next()
      structuredClone(array.buffer, { transfer: [array.buffer] })
      const rest = async () => {
        while (!(await source.next()).done);
      }
      await expect(rest()).rejects.toMatchObject({ kind: "invalid", path: "value" })
    }
  })

  const file = (descr: string, shape: ReadonlyArray<number>, bytes: number) =>
    Buffer.concat([npyHeader(descr, shape), Buffer.alloc(bytes)])

  it.each([
    ["nothing", { "array.npy": "" }, "array.npy"],
    ["a type without a typed array", { "array.npy": file("|b1", [2], 2) }, "array.npy"],
    ["complex numbers", { "array.npy": file("<c8", [1], 8) }, "array.npy"],
    ["too few bytes", { "array.npy": file("<f4", [2], 7) }, "array.npy"],
    ["too many bytes", { "array.npy": file("<f4", [2], 12) }, "array.npy"],
    ["a huge claim", { "array.npy": file("<f8", [2 ** 50], 8) }, "array.npy"],
    [
      "a hint that is not JSON",
      { "array.npy": file("|u1", [1], 1), "array.json": "{" },
      "array.json",
    ],
    ["an empty hint", { "array.npy": file("|u1", [1], 1), "array.json": "null" }, "array.json"],
    [
      "a hint of another width",
      {
        "array.npy": file("|u1", [1], 1),
        "array.json": '{"constructor":"Float32Array","form":"ndarray"}',
      },
      "array.npy",
    ],
  ])("are refused when they hold %s", async (_, files, path) => {
    const load = async () => ndarrayMaterializer.load(filesOf(files as Record<string, string>))
    await expect(load()).rejects.toThrow(TypeMismatch)
    await expect(load()).rejects.toMatchObject({ path })
  })
})

describe("metadata", () => {
  const read = (value: Float32Array | BigInt64Array | NdArray) =>
    ndarrayMaterializer.metadata?.(value)

  it("has shape, dtype and statistics", () => {
    expect(read(Float32Array.of(1, 3))).toEqual({
      length: 2,
      shape: [2],
      dtype: dtype("float32"),
      min: 1,
      max: 3,
      mean: 2,
      std: 1,
    })
    const grid = ndarray(BigInt64Array.of(1n, 2n ** 60n), [2, 1])
    expect(read(grid)).toMatchObject({ shape: [2, 1], dtype: dtype("int64"), max: 2n ** 60n })
  })

  it("has no figures for an empty array", () => {
    expect(read(new Float32Array(0))).toEqual({ length: 0, shape: [0], dtype: dtype("float32") })
    expect(read(ndarray(new BigInt64Array(0), [0, 2]))).toEqual({
      shape: [0, 2],
      dtype: dtype("int64"),
    })
  })
})
