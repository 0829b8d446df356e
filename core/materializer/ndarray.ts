/**
 * Arrays of numbers as `array.npy`, which NumPy opens: n-dimensional ones in C order, and plain
 * typed arrays, which come back as such. Uint8Array alone is bytes, and not taken here.
 *
 * `array.json` is written beside it only where the npy header does not tell everything: a
 * constructor that NumPy has no word for, or an n-dimensional array that has one dimension.
 */
import { types } from "node:util"
import { arrayDimensionCountMax, copyBytesMax } from "../limits.js"
import { refuse } from "../model/input.js"
import { dtype, type Metadata } from "../model/metadata.js"
import { parseJson, pieces, readText, wrongFile } from "./files.js"
import { chooseAnother, flaw, refusal, unlessThrown } from "./flaw.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { npyHeader, parseNpy } from "./npy.js"
import { bigStatistics, statistics } from "./statistics.js"
import {
  type ArrayKind,
  arrayOf,
  copyOf,
  elementBytes,
  isTypedArray,
  kindNamed,
  kindOf,
  kindOfDescr,
  type TypedArray,
} from "./typed-array.js"

/** Elements in C order: the last index runs fastest. Made by `ndarray`. */
export class NdArray<Data extends TypedArray = TypedArray> {
  readonly data: Data
  readonly shape: ReadonlyArray<number>
  constructor(data: Data, shape: ReadonlyArray<number>) {
    this.data = data
    this.shape = shape
  }
}

const isDimension = (dimension: unknown): boolean =>
  Number.isSafeInteger(dimension) && Number(dimension) >= 0 && !Object.is(dimension, -0)

/** Why `shape` cannot be that of `length` elements; `part` says where, empty for the whole. */
export const shapeProblem = (
  shape: unknown,
  length: number,
): { readonly part: string; readonly problem: string } | undefined => {
  if (!Array.isArray(shape)) return { part: "", problem: "is not a list of dimensions" }
  if (shape.length > arrayDimensionCountMax)
    return { part: "", problem: `has more than ${arrayDimensionCountMax} dimensions` }
  const bad = shape.findIndex((dimension) => !isDimension(dimension))
  if (bad >= 0) return { part: `[${bad}]`, problem: "is not a whole number from 0" }
  const count = shape.reduce<number>((product, dimension) => product * Number(dimension), 1)
  // An empty dimension makes the product 0 whatever the others are.
  return count === length || (length === 0 && shape.includes(0))
    ? undefined
    : { part: "", problem: `holds ${count} elements, but the data has ${length}` }
}

/**
 * An n-dimensional array over `data`, which is not copied. A shape without dimensions is a scalar.
 * Throws `InvalidInput` when the shape does not hold exactly the elements of `data`.
 */
export const ndarray = <Data extends TypedArray>(
  data: Data,
  shape: ReadonlyArray<number>,
): NdArray<Data> => {
  if (!isTypedArray(data)) return refuse("data", "is not a typed array")
  const wrong = shapeProblem(shape, data.length)
  if (wrong !== undefined) return refuse(`shape${wrong.part}`, wrong.problem)
  return new NdArray(data, Object.freeze([...shape]))
}

const ownValue = (value: object, key: string): unknown =>
  Object.getOwnPropertyDescriptor(value, key)?.value

/** Whether the value is an NdArray itself and its shape holds its data. Runs no getter of it. */
export const isNdArray = (value: unknown): value is NdArray => {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false
  if (Object.getPrototypeOf(value) !== NdArray.prototype) return false
  const [data, shape] = [ownValue(value, "data"), ownValue(value, "shape")]
  if (!isTypedArray(data) || types.isProxy(shape)) return false
  return shapeProblem(shape, data.length) === undefined
}

/** What a value is to come back as; the word stands in `array.json`. */
type ArrayForm = "typed-array" | "ndarray"

interface Parts {
  readonly kind: ArrayKind
  readonly data: TypedArray
  readonly shape: ReadonlyArray<number>
  readonly form: ArrayForm
}

/** What a file without `array.json` comes back as. */
const usualForm = (shape: ReadonlyArray<number>): ArrayForm =>
  shape.length === 1 ? "typed-array" : "ndarray"

const partsOf = (value: unknown): Parts | undefined => {
  if (isNdArray(value)) {
    const kind = kindOf(value.data)
    return kind && { kind, data: value.data, shape: value.shape, form: "ndarray" }
  }
  const kind = kindOf(value)
  // Plain Uint8Arrays and Buffers are bytes.
  if (kind === undefined || !isTypedArray(value) || types.isUint8Array(value)) return undefined
  return { kind, data: value, shape: [value.length], form: "typed-array" }
}

// A list of dimensions may still hold getters.
const readableParts = unlessThrown(partsOf, undefined)

/** A slice at a time, each copied when it is pulled. `length` is that of the moment of saving. */
function* slices(bytes: Uint8Array, length: number): Generator<Uint8Array> {
  for (let start = 0; start < length; start += copyBytesMax) {
    if (bytes.byteLength !== length)
      refuse("value", "was resized or transferred while it was saved: save a copy of it")
    yield copyOf(bytes.subarray(start, start + copyBytesMax))
  }
}

function* npyFile(header: Uint8Array, elements: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield header
  yield* elements
}

/**
 * The caller may change his array as soon as this returns. One of up to `copyBytesMax` is copied
 * before that; of a larger one, each slice is of one moment.
 */
const save = (value: unknown, out: FileOutput): void => {
  const parts = readableParts(value)
  if (parts === undefined)
    throw refusal(flaw("is neither ndarray(data, shape) nor a typed array"), chooseAnother)
  const { kind, data, shape, form } = parts
  const header = npyHeader(kind.descr, shape)
  const bytes = elementBytes(data, kind.width)
  const elements =
    bytes.byteLength <= copyBytesMax ? [copyOf(bytes)] : slices(bytes, bytes.byteLength)
  out.write("array.npy", pieces(npyFile(header, elements)))
  if (kindOfDescr(kind.descr) !== kind || usualForm(shape) !== form)
    out.write("array.json", `${JSON.stringify({ constructor: kind.name, form })}\n`)
}

const readHint = async (
  files: FileInput,
): Promise<{ kind: ArrayKind; form: ArrayForm } | undefined> => {
  if (!files.paths.includes("array.json")) return undefined
  const hint = parseJson(await readText(files, "array.json"), "array.json")
  const { constructor: name, form } = Object(hint) as Record<"constructor" | "form", unknown>
  const kind = typeof name === "string" ? kindNamed(name) : undefined
  if (kind === undefined || (form !== "typed-array" && form !== "ndarray"))
    throw wrongFile("array.json", "does not name a constructor and a form of this runtime")
  return { kind, form }
}

const load = async (files: FileInput): Promise<TypedArray | NdArray> => {
  const hint = await readHint(files)
  const bytes = await files.bytes("array.npy")
  const npy = parseNpy(bytes)
  if (typeof npy === "string") throw wrongFile("array.npy", npy)
  const kind = hint?.kind ?? kindOfDescr(npy.descr)
  if (kind === undefined || kind.descr !== npy.descr)
    throw wrongFile("array.npy", `holds ${npy.descr}, which no typed array of this runtime does`)
  const body = bytes.subarray(npy.offset)
  if (shapeProblem(npy.shape, body.length / kind.width) !== undefined)
    throw wrongFile(
      "array.npy",
      `has ${body.length} bytes of data, which is not what its shape holds`,
    )
  const data = arrayOf(kind, body)
  return (hint?.form ?? usualForm(npy.shape)) === "ndarray" ? ndarray(data, npy.shape) : data
}

const statisticsOf = (data: TypedArray): Metadata =>
  data instanceof BigInt64Array || data instanceof BigUint64Array
    ? bigStatistics(data)
    : statistics(data)

/** `shape`, `dtype` and the statistics of the elements. */
const metadata = (value: TypedArray | NdArray): Metadata => {
  const parts = partsOf(value)
  if (parts === undefined) return {}
  const { kind, data, shape, form } = parts
  return {
    ...(form === "typed-array" ? { length: data.length } : {}),
    shape,
    dtype: dtype(kind.dtype),
    ...statisticsOf(data),
  }
}

/** Typed arrays except Uint8Array, and NdArrays. Named properties are not looked for. */
export const ndarrayMaterializer: Materializer<TypedArray | NdArray, TypedArray | NdArray> = {
  name: "ndarray",
  revision: 1,
  accepts: (value) => readableParts(value) !== undefined,
  save,
  load,
  metadata,
}
