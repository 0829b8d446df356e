/**
 * Metadata values: what callers give, how they are checked, and the plain form in records.
 *
 * Plain form: strings, finite numbers, booleans, null, 64-bit integers, bytes, lists and maps stand
 * for themselves. The kinds that MessagePack lacks are a map whose empty key names the kind (no
 * caller's key is empty): `{ "": "date", value: ms }`. The kind `sealed` is reserved.
 */
import {
  metadataBytesMax,
  metadataDepthMax,
  metadataKeyCountMax,
  metadataValueBytesMax,
} from "../limits.js"
import { type Plain, packedLength } from "./msgpack.js"
import { memberPath, metadataKeyProblem, textProblem, utf8Bytes } from "./names.js"
import { sortedKeys } from "./packing.js"
import { reading, unreadable } from "./reading.js"

/** A string or a number that means something more; the constructors are `uri`, `path`, … */
export class Marked<Kind extends string = string, Value = string | number> {
  readonly mark: Kind
  readonly value: Value
  constructor(mark: Kind, value: Value) {
    this.mark = mark
    this.value = value
  }
}

export type Uri = Marked<"uri", string>
export type PathText = Marked<"path", string>
export type Dtype = Marked<"dtype", string>
/** A number of bytes. */
export type StorageSize = Marked<"storage-size", number>

export const uri = (text: string): Uri => new Marked("uri", text)
export const path = (text: string): PathText => new Marked("path", text)
export const dtype = (text: string): Dtype => new Marked("dtype", text)
export const storageSize = (bytes: number): StorageSize => new Marked("storage-size", bytes)

export type MetadataValue =
  | string
  | number
  | boolean
  | null
  | bigint
  | Date
  | Uint8Array
  | Uri
  | PathText
  | Dtype
  | StorageSize
  | ReadonlyArray<MetadataValue>
  | { readonly [key: string]: MetadataValue }

export type Metadata = { readonly [key: string]: MetadataValue }

/** Metadata in the form of records. */
export type PlainMetadata = { readonly [key: string]: Plain }

/** Why a value was refused: `path` locates the part, `limit` names the bound if one was passed. */
export class MetadataProblem extends Error {
  readonly path: string
  readonly limit?: { readonly name: string; readonly allowed: number; readonly actual: number }
  constructor(
    at: string,
    message: string,
    limit?: MetadataProblem["limit"],
    options?: ErrorOptions,
  ) {
    super(message, options)
    this.path = at
    if (limit !== undefined) this.limit = limit
  }
}

const refuse = (at: string, message: string): never => {
  throw new MetadataProblem(at, message)
}

const exceed = (at: string, name: string, allowed: number, actual: number): never => {
  throw new MetadataProblem(at, `passes ${name}: ${actual}, allowed ${allowed}`, {
    name,
    allowed,
    actual,
  })
}

/**
 * A walk through one value. Every part takes at least one byte, so that lists which contain the
 * same lists many times end at the bound, before they are expanded.
 */
interface Walk {
  /** The part that is being read. */
  at: string
  bytes: number
}

const take = (walk: Walk, at: string, bytes: number): void => {
  walk.at = at
  walk.bytes += bytes
  if (walk.bytes > metadataValueBytesMax)
    exceed(at, "metadataValueBytesMax", metadataValueBytesMax, walk.bytes)
}

const markedKinds = { uri: "string", path: "string", dtype: "string", "storage-size": "number" }

const encodeMarked = ({ mark, value }: Marked, at: string, walk: Walk): Plain => {
  if (mark === "sealed") return refuse(at, "is sealed, which this release cannot store yet")
  if (!Object.hasOwn(markedKinds, mark)) return refuse(at, `has the unknown mark ${mark}`)
  if (typeof value !== markedKinds[mark as keyof typeof markedKinds])
    return refuse(at, `is marked ${mark} but holds a ${typeof value}`)
  if (typeof value === "number" && !(Number.isSafeInteger(value) && value >= 0))
    return refuse(at, "is a storage size that is not a whole number of bytes")
  return { "": mark, value: encodeScalar(value, at, walk) }
}

const encodeScalar = (value: string | number, at: string, walk: Walk): Plain => {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return refuse(at, `is ${value}, which no record can hold`)
    return value === 0 ? 0 : value
  }
  take(walk, at, utf8Bytes(value))
  const problem = textProblem(value, metadataValueBytesMax)
  return problem === undefined ? value : refuse(at, problem)
}

const encodeBigint = (value: bigint, at: string): Plain =>
  BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value
    ? value
    : refuse(at, "is an integer of more than 64 bits")

const encodeDate = (value: Date, at: string): Plain => {
  const time = value.getTime()
  return Number.isNaN(time) ? refuse(at, "is an invalid date") : { "": "date", value: time }
}

const encodeBytes = (value: Uint8Array, at: string, walk: Walk): Plain => {
  take(walk, at, value.length)
  return new Uint8Array(value)
}

const isRecord = (value: object): value is Record<string, unknown> => {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const encodeObject = (value: object, at: string, depth: number, walk: Walk): Plain => {
  if (value instanceof Date) return encodeDate(value, at)
  if (value instanceof Uint8Array) return encodeBytes(value, at, walk)
  if (value instanceof Marked) return encodeMarked(value, at, walk)
  if (depth > metadataDepthMax) return exceed(at, "metadataDepthMax", metadataDepthMax, depth)
  if (Array.isArray(value)) return encodeList(value, at, depth + 1, walk)
  if (!isRecord(value)) return refuse(at, `is a ${value.constructor?.name ?? "class"} instance`)
  return encodeMap(value, at, depth + 1, walk)
}

/** Nothing is dropped silently: what a record cannot hold is refused, hidden or not. */
const hiddenKey = (at: string, key: string | symbol, problem: string): never =>
  refuse(typeof key === "symbol" ? `${at}[${String(key)}]` : memberPath(at, key), problem)

const encodeList = (
  list: ReadonlyArray<unknown>,
  at: string,
  depth: number,
  walk: Walk,
): ReadonlyArray<Plain> => {
  // Array.from, unlike map, visits the holes too, and a hole is refused as undefined.
  const plain = Array.from(list, (member, index) => encode(member, `${at}[${index}]`, depth, walk))
  walk.at = at
  for (const key of Reflect.ownKeys(list).slice(plain.length))
    if (key !== "length") hiddenKey(at, key, "is a property of a list, which holds members only")
  return plain
}

const isEnumerable = (map: object, key: string): boolean =>
  Object.getOwnPropertyDescriptor(map, key)?.enumerable === true

const encodeMap = (
  map: Record<string, unknown>,
  at: string,
  depth: number,
  walk: Walk,
): PlainMetadata => {
  const plain: Record<string, Plain> = {}
  for (const key of Reflect.ownKeys(map)) {
    if (typeof key === "symbol") return hiddenKey(at, key, "is a symbol, which no record can hold")
    const member = memberPath(at, key)
    if (!isEnumerable(map, key)) return refuse(member, "is not enumerable")
    const problem = metadataKeyProblem(key)
    if (problem !== undefined) return refuse(member, `has a key that ${problem}`)
    walk.at = member
    // At the top each key has a value of its own; below, keys are part of it.
    if (depth === 1) walk.bytes = 0
    else take(walk, member, utf8Bytes(key))
    plain[key] = encode(map[key], member, depth, walk)
  }
  return plain
}

const encode = (value: unknown, at: string, depth: number, walk: Walk): Plain => {
  take(walk, at, 1)
  switch (typeof value) {
    case "string":
    case "number":
      return encodeScalar(value, at, walk)
    case "boolean":
      return value
    case "bigint":
      return encodeBigint(value, at)
    case "object":
      return value === null ? null : encodeObject(value, at, depth, walk)
    default:
      return refuse(at, `is ${value === undefined ? "undefined" : `a ${typeof value}`}`)
  }
}

/** The packed form counts, since that is what a record holds. */
const checkSize = (plain: PlainMetadata, at: string): void => {
  let total = 0
  for (const [key, value] of Object.entries(plain)) {
    const bytes = packedLength(value)
    if (bytes > metadataValueBytesMax)
      exceed(memberPath(at, key), "metadataValueBytesMax", metadataValueBytesMax, bytes)
    total += bytes + utf8Bytes(key)
  }
  if (total > metadataBytesMax) exceed(at, "metadataBytesMax", metadataBytesMax, total)
}

// The walk is known before the first look at the value: a proxy may throw at once.
const encodeRecord = (metadata: unknown, walk: Walk): PlainMetadata => {
  const at = walk.at
  if (typeof metadata !== "object" || metadata === null || Array.isArray(metadata))
    return refuse(at, "is not a record of keys and values")
  if (!isRecord(metadata)) return refuse(at, "is not a plain record")
  const count = Object.keys(metadata).length
  if (count > metadataKeyCountMax)
    return exceed(at, "metadataKeyCountMax", metadataKeyCountMax, count)
  return encodeMap(metadata, at, 1, walk)
}

/** Checks a record of metadata and gives its plain form; throws `MetadataProblem`. */
export const encodeMetadata = (metadata: unknown, at: string): PlainMetadata => {
  const walk: Walk = { at, bytes: 0 }
  const plain = reading(
    () => encodeRecord(metadata, walk),
    (thrown) => thrown instanceof MetadataProblem,
    (cause) => new MetadataProblem(walk.at, unreadable, undefined, { cause }),
  )
  checkSize(plain, at)
  return plain
}

/** The value that a caller sees, from its plain form. */
export const decodeMetadataValue = (plain: Plain): MetadataValue => {
  if (typeof plain !== "object" || plain === null) return plain
  // The decoder gives a Buffer, which is not what was given and prints differently.
  if (plain instanceof Uint8Array) return new Uint8Array(plain)
  if (Array.isArray(plain)) return plain.map(decodeMetadataValue)
  const map = plain as { readonly [key: string]: Plain }
  const mark = map[""]
  if (typeof mark === "string") {
    const value = map.value as string | number
    return mark === "date" ? new Date(value) : (new Marked(mark, value) as MetadataValue)
  }
  return decodeMetadata(map)
}

/** Keys come in one order, whether the row was stored or is on its way. */
export const decodeMetadata = (plain: PlainMetadata): Metadata => {
  const metadata: Record<string, MetadataValue> = {}
  for (const key of sortedKeys(plain)) metadata[key] = decodeMetadataValue(plain[key] ?? null)
  return metadata
}
