/**
 * Typed arrays: each kind is known by its own name, and its bytes are little-endian.
 */
import { describe, expect, it } from "vitest"
import {
  arrayOf,
  elementBytes,
  isTypedArray,
  kindNamed,
  kindOf,
  kindOfDescr,
  swapped,
  viewBytes,
} from "./typed-array.js"

const arrays = [
  Int8Array.of(-128, 0, 127),
  Uint8Array.of(0, 255),
  Uint8ClampedArray.of(0, 255),
  Int16Array.of(-32_768, 258),
  Uint16Array.of(258, 65_535),
  Int32Array.of(-2_147_483_648, 16_909_060),
  Uint32Array.of(16_909_060, 4_294_967_295),
  Float32Array.of(1.5, Number.NaN, -0, Number.POSITIVE_INFINITY),
  Float64Array.of(0.1, Number.NaN, -0, Number.MIN_VALUE),
  BigInt64Array.of(-(2n ** 63n), 72_623_859_790_382_856n),
  BigUint64Array.of(2n ** 64n - 1n),
  Buffer.from("bytes"),
]

describe("kinds", () => {
  it("knows each kind, and gives its arrays back from their bytes", () => {
    for (const array of arrays) {
      const kind = kindOf(array)
      if (kind === undefined) throw new Error(`${array.constructor.name} is not known`)
      expect(kindNamed(kind.name)).toBe(kind)
      expect(kind.width).toBe(array.BYTES_PER_ELEMENT)
      const back = arrayOf(kind, elementBytes(array, kind.width))
      expect(back).toStrictEqual(array)
      expect(Object.getPrototypeOf(back)).toBe(Object.getPrototypeOf(array))
    }
  })

  it("names the usual kind of each npy type", () => {
    expect(kindOfDescr("|u1")?.name).toBe("Uint8Array")
    expect(kindOfDescr("<f4")?.name).toBe("Float32Array")
    expect(kindOfDescr("<i8")?.name).toBe("BigInt64Array")
    expect(kindOfDescr("|b1")).toBeUndefined()
  })

  it("does not take subclasses, views without elements, proxies or plain lists", () => {
    class Samples extends Float32Array {}
    const others = [new Samples(2), new DataView(new ArrayBuffer(8)), new Proxy(arrays, {}), [1], 1]
    for (const other of others) expect(isTypedArray(other)).toBe(false)
  })

  it("knows Float16Array exactly where the runtime has it", () => {
    const present = typeof Reflect.get(globalThis, "Float16Array") === "function"
    expect(kindOfDescr("<f2")?.dtype).toBe(present ? "float16" : undefined)
  })
})

describe("bytes", () => {
  it("puts the least byte first", () => {
    expect([...elementBytes(Uint16Array.of(0x0102), 2)]).toEqual([2, 1])
    expect([...elementBytes(BigInt64Array.of(1n), 8)]).toEqual([1, 0, 0, 0, 0, 0, 0, 0])
  })

  it("covers the elements of a view and nothing around them", () => {
    const view = new Uint16Array(Uint16Array.of(1, 2, 3, 4).buffer, 2, 2)
    expect([...elementBytes(view, 2)]).toEqual([2, 0, 3, 0])
  })

  it("reads bytes that begin at an odd address, into memory of their own", () => {
    const kind = kindNamed("Float64Array")
    if (kind === undefined) throw new Error("Float64Array is not known")
    const file = new Uint8Array(17)
    file.set(elementBytes(Float64Array.of(1, 2), 8), 1)
    const array = arrayOf(kind, file.subarray(1))
    file.fill(255)
    expect(array).toEqual(Float64Array.of(1, 2))
    expect(array.buffer.byteLength).toBe(16)
  })

  it("gives no bytes of a detached buffer", () => {
    const array = Float32Array.of(1, 2)
    structuredClone(array.buffer, { transfer: [array.buffer] })
    expect(elementBytes(array, 4)).toEqual(new Uint8Array(0))
  })

  it("copies bytes that another thread could change meanwhile", () => {
    const shared = new Uint8Array(new SharedArrayBuffer(2))
    const own = viewBytes(shared)
    shared.fill(7)
    expect([...own]).toEqual([0, 0])
    const plain = Uint8Array.of(1, 2)
    expect(viewBytes(plain).buffer).toBe(plain.buffer)
  })

  it("turns the bytes of each element around, for machines of the other kind", () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    expect([...swapped(bytes, 1)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect([...swapped(bytes, 2)]).toEqual([2, 1, 4, 3, 6, 5, 8, 7])
    expect([...swapped(bytes, 4)]).toEqual([4, 3, 2, 1, 8, 7, 6, 5])
    expect([...swapped(bytes, 8)]).toEqual([8, 7, 6, 5, 4, 3, 2, 1])
    expect([...bytes]).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })
})
