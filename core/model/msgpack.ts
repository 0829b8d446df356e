/**
 * MessagePack (msgpack.org, spec of 2017) in one canonical form: plain maps with keys sorted by
 * code unit, no extension types, 64-bit integers only for `bigint`. Equal values give equal bytes.
 * The one import of msgpackr, which would store some values as something else: a Date as an empty
 * map, a function as an extension, half a surrogate pair as U+FFFD. Nothing of that kind passes.
 */
import { Packr } from "msgpackr"
import { valueDepthMax } from "../limits.js"
import { memberPath } from "./names.js"

/** What a record or a row may hold. `undefined` members of a map are left out. */
export type Plain =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | ReadonlyArray<Plain>
  | { readonly [key: string]: Plain | undefined }

const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  int64AsType: "bigint",
  moreTypes: false,
  structuredClone: false,
  copyBuffers: true,
})

type PlainMap = { readonly [key: string]: Plain | undefined }

/** A value, or a part of one, that is not plain. `path` locates the part; "" is the whole. */
export class NotPlain extends Error {
  readonly path: string
  readonly problem: string

  constructor(path: string, problem: string) {
    super(`${path === "" ? "the value" : path} ${problem}`)
    this.path = path
    this.problem = problem
  }
}

const notPlain = (problem: string): never => {
  throw new NotPlain("", problem)
}

const within = (thrown: unknown, key: string | number): unknown =>
  thrown instanceof NotPlain
    ? new NotPlain(
        (typeof key === "number" ? `[${key}]` : memberPath("", key)) + thrown.path,
        thrown.problem,
      )
    : thrown

/** Whether a value is a map of `Plain`, and nothing that only looks like one. */
export const isPlainMap = (value: unknown): value is PlainMap => {
  if (typeof value !== "object" || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

// An object keeps integer-like keys in numeric order before all others; a Map keeps ours. And
// msgpackr takes an object with an own key "constructor" for a class instance, and would call its
// member "toJSON"; a Map is only iterated.
const needsMap = (key: string): boolean => /^[0-9]/.test(key) || key === "constructor"

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : 1)

const wellFormed = (text: string): string =>
  text.isWellFormed()
    ? text
    : notPlain("contains half of a surrogate pair, which no UTF-8 can hold")

const sixtyFourBits = (value: bigint): bigint =>
  BigInt.asIntN(64, value) === value || BigInt.asUintN(64, value) === value
    ? value
    : notPlain("is an integer of more than 64 bits")

const canonicalList = (list: ReadonlyArray<unknown>, depth: number): Array<unknown> => {
  const members: Array<unknown> = []
  // By index, since iteration methods skip holes.
  for (let index = 0; index < list.length; index += 1) {
    try {
      members.push(canonical(list[index], depth + 1))
    } catch (thrown) {
      throw within(thrown, index)
    }
  }
  return members
}

const canonicalMap = (map: PlainMap, depth: number): object => {
  const keys = Object.keys(map).sort(byCodeUnit)
  const ordered = keys.some(needsMap) ? new Map<string, unknown>() : undefined
  const sorted: Record<string, unknown> = {}
  for (const key of keys) {
    const member = map[key]
    if (member === undefined) continue
    try {
      if (key === "__proto__") notPlain("is a key that msgpackr would rename")
      wellFormed(key)
      const value = canonical(member, depth + 1)
      if (ordered === undefined) sorted[key] = value
      else ordered.set(key, value)
    } catch (thrown) {
      throw within(thrown, key)
    }
  }
  return ordered ?? sorted
}

const canonicalObject = (value: object, depth: number): unknown => {
  if (value instanceof Uint8Array) return value
  if (depth > valueDepthMax) return notPlain(`is nested more than ${valueDepthMax} deep`)
  if (Array.isArray(value)) return canonicalList(value, depth)
  if (isPlainMap(value)) return canonicalMap(value, depth)
  return notPlain(`is a ${value.constructor?.name || "foreign object"}, not plain data`)
}

const canonical = (value: unknown, depth: number): unknown => {
  switch (typeof value) {
    case "number":
    case "boolean":
      return value
    case "string":
      return wellFormed(value)
    case "bigint":
      return sixtyFourBits(value)
    case "object":
      return value === null ? null : canonicalObject(value, depth)
    default:
      return notPlain(`is ${typeof value}, not plain data`)
  }
}

/** Throws `NotPlain` for what only looks plain: not all callers are type-checked. */
export const pack = (value: Plain): Uint8Array => packr.pack(canonical(value, 0))

/** Throws `NotPlain` as `pack` would. */
export const checkPlain = (value: unknown): void => void canonical(value, 0)

/** Throws on bytes that are not one whole MessagePack value. */
export const unpack = (bytes: Uint8Array): Plain => packr.unpack(bytes)

/** Reads values that follow one another without any frame, as manifests have them. */
export const unpackAll = (bytes: Uint8Array): ReadonlyArray<Plain> => {
  const values: Array<Plain> = []
  if (bytes.length > 0) packr.unpackMultiple(bytes, (value: Plain) => void values.push(value))
  return values
}
