/**
 * The typed arrays of JavaScript and their names elsewhere: constructor, NumPy dtype, npy descr.
 *
 * Bytes outside memory are little-endian on every machine. Knows neither files nor shapes.
 */
import { endianness } from "node:os"
import { types } from "node:util"

/** Every kind that all supported runtimes have; a newer runtime's Float16Array passes as well. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array

/** One constructor, and its names elsewhere. */
export interface ArrayKind {
  /** The constructor's name, or `Buffer`. */
  readonly name: string
  /** NumPy's word: `float32`. */
  readonly dtype: string
  /** The type in an npy header: `<f4`. */
  readonly descr: string
  /** Bytes of an element. */
  readonly width: number
  readonly over: (buffer: ArrayBuffer) => TypedArray
}

interface ArrayConstructor {
  new (buffer: ArrayBuffer): TypedArray
  readonly name: string
  readonly prototype: object
  readonly BYTES_PER_ELEMENT: number
}

const byPrototype = new Map<object, ArrayKind>()
const byName = new Map<string, ArrayKind>()
const byDescr = new Map<string, ArrayKind>()

const declare = (prototype: object, kind: ArrayKind): void => {
  byPrototype.set(prototype, kind)
  byName.set(kind.name, kind)
  // The first of a descr is what a file without further hint comes back as.
  if (!byDescr.has(kind.descr)) byDescr.set(kind.descr, kind)
}

const declareArray = (array: ArrayConstructor, dtype: string, descr: string): void =>
  declare(array.prototype, {
    name: array.name,
    dtype,
    descr,
    width: array.BYTES_PER_ELEMENT,
    over: (buffer) => new array(buffer),
  })

declareArray(Int8Array, "int8", "|i1")
declareArray(Uint8Array, "uint8", "|u1")
declareArray(Uint8ClampedArray, "uint8", "|u1")
declareArray(Int16Array, "int16", "<i2")
declareArray(Uint16Array, "uint16", "<u2")
declareArray(Int32Array, "int32", "<i4")
declareArray(Uint32Array, "uint32", "<u4")
declareArray(Float32Array, "float32", "<f4")
declareArray(Float64Array, "float64", "<f8")
declareArray(BigInt64Array, "int64", "<i8")
declareArray(BigUint64Array, "uint64", "<u8")
declare(Buffer.prototype, {
  name: "Buffer",
  dtype: "uint8",
  descr: "|u1",
  width: 1,
  over: (buffer) => Buffer.from(buffer),
})
const float16: unknown = Reflect.get(globalThis, "Float16Array")
if (typeof float16 === "function") declareArray(float16 as ArrayConstructor, "float16", "<f2")

/** The kind of a typed array; of a subclass, or of anything else, `undefined`. Runs no traps. */
export const kindOf = (value: unknown): ArrayKind | undefined =>
  types.isTypedArray(value) ? byPrototype.get(Object.getPrototypeOf(value)) : undefined

export const isTypedArray = (value: unknown): value is TypedArray => kindOf(value) !== undefined

/** By the name of its constructor, `Buffer` included. */
export const kindNamed = (name: string): ArrayKind | undefined => byName.get(name)

/** The kind that a descr comes back as when nothing else is said. */
export const kindOfDescr = (descr: string): ArrayKind | undefined => byDescr.get(descr)

/** A copy in memory of its own: exactly these bytes. */
export const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const copy = new Uint8Array(bytes.byteLength)
  copy.set(bytes)
  return copy
}

/** A copy with the bytes of each element in opposite order. */
export const swapped = (bytes: Uint8Array, width: number): Uint8Array<ArrayBuffer> => {
  const copy = copyOf(bytes)
  const buffer = Buffer.from(copy.buffer)
  if (width === 2) buffer.swap16()
  if (width === 4) buffer.swap32()
  if (width === 8) buffer.swap64()
  return copy
}

const machineIsLittle = endianness() === "LE"

/** The bytes of a view, not copied unless another thread could change them meanwhile. */
export const viewBytes = (view: ArrayBufferView): Uint8Array => {
  // A detached buffer has no bytes, and no view can be made of it.
  if (view.byteLength === 0) return new Uint8Array(0)
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  return types.isSharedArrayBuffer(view.buffer) ? copyOf(bytes) : bytes
}

/** The elements as little-endian bytes: a view where the machine agrees, else a copy. */
export const elementBytes = (array: TypedArray, width: number): Uint8Array => {
  const bytes = viewBytes(array)
  return machineIsLittle || width === 1 ? bytes : swapped(bytes, width)
}

/** An array of its own memory from little-endian bytes, a whole number of elements. */
export const arrayOf = (kind: ArrayKind, bytes: Uint8Array): TypedArray => {
  const own = machineIsLittle || kind.width === 1 ? copyOf(bytes) : swapped(bytes, kind.width)
  return kind.over(own.buffer)
}
