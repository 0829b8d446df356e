/**
 * MessagePack (msgpack.org, spec of 2017) in one canonical form: plain maps with keys sorted by
 * code unit, no extension types, 64-bit integers only for `bigint`. Equal values give equal bytes.
 * The one import of msgpackr, which only reads: it would store some values as something else (a
 * Date as an empty map, half a surrogate pair as U+FFFD), and members in any order.
 */
import { Packr } from "msgpackr"
import { checkAll, checkOne, endOf } from "./msgpack-form.js"
import { isPlainMap, NotPlain, type Plain, packBehind, packedLength } from "./packing.js"

export { isPlainMap, NotPlain, type Plain, packBehind, packedLength }

// Reads only: what is written is written here.
const packr = new Packr({ useRecords: false, int64AsType: "bigint", copyBuffers: true })

/** Throws `NotPlain` for what only looks plain: not all callers are type-checked. */
export const pack = (value: Plain): Uint8Array => packBehind(0, value)

/** A copy of a plain value, its members in the order in which `unpack(pack(value))` has them. */
export const copyPlain = <P extends Plain>(value: P): P => copyOf(value) as P

const copyOf = (value: Plain): Plain => {
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return value.map(copyOf)
  const map = value as { readonly [key: string]: Plain | undefined }
  const copy: Record<string, Plain> = {}
  for (const key of Object.keys(map).sort()) {
    const member = map[key]
    if (member !== undefined) copy[key] = copyOf(member)
  }
  return copy
}

/** Throws `NotPlain` as `pack` would. */
export const checkPlain = (value: unknown): void => void packedLength(value)

/** Throws on bytes that are not one whole MessagePack value. */
export const unpack = (bytes: Uint8Array): Plain => {
  checkOne(bytes)
  return packr.unpack(bytes)
}

// Read in one go: it takes less time than value by value, and few of them are in memory.
const portionBytes = 4096

/**
 * Reads values that follow one another without any frame, as manifests have them; each when it is
 * asked for, or little before. Throws on other bytes before the first one.
 */
export function* unpackAll(bytes: Uint8Array): Generator<Plain, void> {
  checkAll(bytes)
  for (let from = 0; from < bytes.length; ) {
    let end = from
    while (end < bytes.length && end - from < portionBytes) end = endOf(bytes, end)
    const values: Array<Plain> = []
    packr.unpackMultiple(bytes.subarray(from, end), (value: Plain) => void values.push(value))
    yield* values
    from = end
  }
}
