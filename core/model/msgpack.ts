/**
 * MessagePack (msgpack.org, spec of 2017) in one canonical form: plain maps with keys sorted by
 * code unit, no extension types, 64-bit integers only for `bigint`. Equal values give equal bytes.
 * The one import of msgpackr. Refuses nothing politely: callers have checked their values before.
 */
import { Packr } from "msgpackr"

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

const isMap = (value: object): value is PlainMap =>
  !(Array.isArray(value) || value instanceof Uint8Array)

const digitFirst = /^[0-9]/

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : 1)

/** An object keeps integer-like keys in numeric order before all others; a Map keeps ours. */
const sortedMap = (map: PlainMap, keys: ReadonlyArray<string>) => {
  const entries: Array<[string, unknown]> = []
  for (const key of keys) {
    const member = map[key]
    if (member !== undefined) entries.push([key, canonical(member)])
  }
  return new Map(entries)
}

const canonical = (value: Plain): unknown => {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value
  if (!isMap(value)) return value.map(canonical)
  const keys = Object.keys(value).sort(byCodeUnit)
  if (keys.includes("__proto__")) throw new Error("msgpackr would rename the key __proto__")
  if (keys.some((key) => digitFirst.test(key))) return sortedMap(value, keys)
  const sorted: Record<string, unknown> = {}
  for (const key of keys) {
    const member = value[key]
    if (member !== undefined) sorted[key] = canonical(member)
  }
  return sorted
}

export const pack = (value: Plain): Uint8Array => packr.pack(canonical(value))

/** Throws on bytes that are not one whole MessagePack value. */
export const unpack = (bytes: Uint8Array): Plain => packr.unpack(bytes)

/** Reads values that follow one another without any frame, as manifests have them. */
export const unpackAll = (bytes: Uint8Array): ReadonlyArray<Plain> => {
  const values: Array<Plain> = []
  if (bytes.length > 0) packr.unpackMultiple(bytes, (value: Plain) => void values.push(value))
  return values
}
