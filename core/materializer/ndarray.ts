/**
 * Arrays of numbers as `array.npy`, which NumPy opens: n-dimensional ones in C order, and plain
 * typed arrays, which come back as such. Uint8Array alone is bytes, and not taken here.
 *
 * `array.json` is written beside it only where the npy header does not say all: a constructor that
 * NumPy has no word for, or an n-dimensional array that happens to have one dimension.
 */
import { types } from "node:util"
import { InvalidInput } from "../errors.js"
import { arrayDimensionCountMax } from "../limits.js"
import { dtype, type Metadata } from "../model/metadata.js"
import { parseJson, pieces, readText, wrongFile } from "./files.js"
import { unlessThrown } from "./flaw.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { npyHeader, parseNpy } from "./npy.js"
import { bigStatistics, statistics } from "./statistics.js"
import {
  type ArrayKind,
  arrayOf,
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

/** Why `shape` cannot be that of `length` elements; `part` locates it, empty for the whole. */
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
    : { part: "", problem: `holds ${count} elements, but the data are ${length}` }
}

const refuse = (path: string, problem: string): InvalidInput =>
  new InvalidInput({ path, message: `${path} ${problem}` })

/**
 * An n-dimensional array over `data`, which is not copied. A shape of no dimension is a scalar.
 * Throws `InvalidInput` when the shape does not hold exactly the elements of `data`.
 */
export const ndarray = <Data extends TypedArray>(
  data: Data,
  shape: ReadonlyArray<number>,
): NdArray<Data> => {
  if (!isTypedArray(data)) throw refuse("data", "is not a typed array")
  const wrong = shapeProblem(shape, data.length)
  if (wrong !== undefined) throw refuse(`shape${wrong.part}`, wrong.problem)
  return new NdArray(data, Object.freeze([...shape]))
}

/** Whether the value is an n-dimensional array of this class whose shape holds its data. */
export const isNdArray = (value: unknown): value is NdArray =>
  typeof value === "object" &&
  value !== null &&
  !types.isProxy(value) &&
  Object.getPrototypeOf(value) === NdArray.prototype &&
  value instanceof NdArray &&
  isTypedArray(value.data) &&
  shapeProblem(value.shape, value.data.length) === undefined

type Form = "typed-array" | "ndarray"

interface Parts {
  readonly kind: ArrayKind
  readonly data: TypedArray
  readonly shape: ReadonlyArray<number>
  readonly form: Form
}

/** What a file comes back as that has no `array.json`. */
const usualForm = (shape: ReadonlyArray<number>): Form =>
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

const save = (value: unknown, out: FileOutput): void => {
  const parts = partsOf(value)
  if (parts === undefined)
    throw refuse(
      "value",
      "is neither ndarray(data, shape) nor a typed array: leave the materializer out",
    )
  const { kind, data, shape, form } = parts
  const header = npyHeader(kind.descr, shape)
  out.write("array.npy", pieces([header, elementBytes(data, kind.width)]))
  if (kindOfDescr(kind.descr) !== kind || usualForm(shape) !== form)
    out.write("array.json", `${JSON.stringify({ constructor: kind.name, form })}\n`)
}

const readHint = async (files: FileInput): Promise<{ kind: ArrayKind; form: Form } | undefined> => {
  if (!files.paths.includes("array.json")) return undefined
  const hint = parseJson(await readText(files, "array.json"), "array.json")
  const { constructor: name, form } = Object(hint) as Record<"constructor" | "form", unknown>
  const kind = typeof name === "string" ? kindNamed(name) : undefined
  if (kind === undefined || (form !== "typed-array" && form !== "ndarray"))
    throw wrongFile("array.json", "names no constructor and form of this runtime")
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
    throw wrongFile("array.npy", `has ${body.length} bytes of data, not those of its shape`)
  const data = arrayOf(kind, body)
  return (hint?.form ?? usualForm(npy.shape)) === "ndarray" ? ndarray(data, npy.shape) : data
}

const numbersOf = (data: TypedArray): Metadata =>
  data instanceof BigInt64Array || data instanceof BigUint64Array
    ? bigStatistics(data)
    : statistics(data)

/** `shape`, `dtype` and the statistics of the elements. */
export const arrayMetadata = (value: TypedArray | NdArray): Metadata => {
  const parts = partsOf(value)
  if (parts === undefined) return {}
  const { kind, data, shape, form } = parts
  return {
    ...(form === "typed-array" ? { length: data.length } : {}),
    shape,
    dtype: dtype(kind.dtype),
    ...numbersOf(data),
  }
}

/** Typed arrays but Uint8Array, and `ndarray(data, shape)`. Named properties are not looked for. */
export const ndarrayMaterializer: Materializer<TypedArray | NdArray, TypedArray | NdArray> = {
  name: "ndarray",
  revision: 1,
  accepts: unlessThrown((value) => partsOf(value) !== undefined, false),
  save,
  load,
  metadata: arrayMetadata,
}
