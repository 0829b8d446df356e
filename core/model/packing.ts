/**
 * The writer of canonical MessagePack: checks a value, sorts the members of its maps and writes it,
 * all in one pass over one scratch buffer. Reading is the business of `msgpack.ts`.
 *
 * Whole numbers of 32 bits take the fewest bytes, other numbers are doubles, `bigint` is 64 bits
 * wide, and every length is written in the shortest form there is.
 */
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

const notPlain: (problem: string) => never = (problem) => {
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

// What is being written: one scratch for all, since values are packed many times an event.
const scratchBytes = 16_384
const scratchBytesMax = 1_048_576
let bytes = Buffer.allocUnsafeSlow(scratchBytes)
let at = 0
let isBusy = false

const ensure = (count: number): void => {
  if (at + count <= bytes.length) return
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * bytes.length, at + count))
  bytes.copy(larger, 0, 0, at)
  bytes = larger
}

/** Big-endian, where there is room. */
const writeUint = (value: number, size: number): void => {
  if (size === 1) bytes[at] = value
  else if (size === 2) {
    bytes[at] = value >>> 8
    bytes[at + 1] = value
  } else bytes.writeUInt32BE(value >>> 0, at)
  at += size
}

/** A type byte for the smallest of 8, 16 and 32 bits that hold a length, then the length. */
const writeLength = (length: number, byte: number | undefined, two: number, four: number): void => {
  const size = length < 0x100 && byte !== undefined ? 1 : length < 0x10000 ? 2 : 4
  bytes[at++] = size === 1 ? (byte ?? 0) : size === 2 ? two : four
  writeUint(length, size)
}

const writeNegative = (value: number): void => {
  if (value >= -0x20) {
    bytes[at++] = 0x100 + value
    return
  }
  const size = value >= -0x80 ? 1 : value >= -0x8000 ? 2 : 4
  bytes[at++] = size === 1 ? 0xd0 : size === 2 ? 0xd1 : 0xd2
  writeUint(value, size)
}

/** Whole numbers of 32 bits in the fewest bytes, all others as doubles; -0 is 0. */
const writeNumber = (value: number): void => {
  ensure(9)
  if (value >>> 0 === value) {
    if (value < 0x80) bytes[at++] = value
    else writeLength(value, 0xcc, 0xcd, 0xce)
  } else if (value >> 0 === value) writeNegative(value)
  else {
    bytes[at++] = 0xcb
    bytes.writeDoubleBE(value, at)
    at += 8
  }
}

const writeBigint = (value: bigint): void => {
  ensure(9)
  if (BigInt.asIntN(64, value) === value) {
    bytes[at] = 0xd3
    bytes.writeBigInt64BE(value, at + 1)
  } else if (BigInt.asUintN(64, value) === value) {
    bytes[at] = 0xcf
    bytes.writeBigUInt64BE(value, at + 1)
  } else notPlain("is an integer of more than 64 bits")
  at += 9
}

const textHeader = (length: number): number =>
  length < 0x20 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : 5

const writeTextHeader = (length: number): void => {
  if (length < 0x20) bytes[at++] = 0xa0 | length
  else writeLength(length, 0xd9, 0xda, 0xdb)
}

/** Long text, or text beyond ASCII: where its bytes begin shows when they are counted. */
const writeWideText = (text: string): void => {
  if (!text.isWellFormed()) notPlain("contains half of a surrogate pair, which no UTF-8 can hold")
  const guess = textHeader(text.length)
  const length = bytes.write(text, at + guess)
  const header = textHeader(length)
  if (header !== guess) bytes.copyWithin(at + header, at + guess, at + guess + length)
  writeTextHeader(length)
  at += length
}

const asciiLengthMax = 48

/** Copies a short text of ASCII alone; false where it is not. */
const copiedAscii = (text: string, start: number): boolean => {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index)
    if (code >= 0x80) return false
    bytes[start + index] = code
  }
  return true
}

const writeText = (text: string): void => {
  const { length } = text
  ensure(3 * length + 5)
  const start = at + textHeader(length)
  if (length > asciiLengthMax || !copiedAscii(text, start)) writeWideText(text)
  else {
    writeTextHeader(length)
    at = start + length
  }
}

const writeBytes = (value: Uint8Array): void => {
  ensure(value.length + 5)
  writeLength(value.length, 0xc4, 0xc5, 0xc6)
  bytes.set(value, at)
  at += value.length
}

const writeList = (list: ReadonlyArray<unknown>, depth: number): void => {
  const { length } = list
  ensure(5)
  if (length < 0x10) bytes[at++] = 0x90 | length
  else writeLength(length, undefined, 0xdc, 0xdd)
  // By index, since iteration methods skip holes.
  let index = 0
  try {
    for (; index < length; index += 1) write(list[index], depth + 1)
  } catch (thrown) {
    throw within(thrown, index)
  }
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : 1)

/** By code unit. Rows and records that were read before have their keys in order already. */
export const sortedKeys = (map: PlainMap): ReadonlyArray<string> => {
  const keys = Object.keys(map)
  for (let index = 1; index < keys.length; index += 1)
    if ((keys[index] ?? "") < (keys[index - 1] ?? "")) return keys.sort(byCodeUnit)
  return keys
}

const mapHeader = (count: number): number => (count < 0x10 ? 1 : count < 0x10000 ? 3 : 5)

const writeMap = (map: PlainMap, depth: number): void => {
  const keys = sortedKeys(map)
  ensure(5)
  const start = at
  const guess = mapHeader(keys.length)
  at += guess
  let count = 0
  let key = ""
  try {
    for (key of keys) {
      const member = map[key]
      if (member === undefined) continue
      if (key === "__proto__") notPlain("is a key that msgpackr would rename")
      writeText(key)
      write(member, depth + 1)
      count += 1
    }
  } catch (thrown) {
    throw within(thrown, key)
  }
  const end = at
  const header = mapHeader(count)
  if (header !== guess) bytes.copyWithin(start + header, start + guess, end)
  at = start
  if (count < 0x10) bytes[at] = 0x80 | count
  else writeLength(count, undefined, 0xde, 0xdf)
  at = end + header - guess
}

const writeObject = (value: object, depth: number): void => {
  if (value instanceof Uint8Array) writeBytes(value)
  else if (depth > valueDepthMax) notPlain(`is nested more than ${valueDepthMax} deep`)
  else if (Array.isArray(value)) writeList(value, depth)
  else if (isPlainMap(value)) writeMap(value, depth)
  else notPlain(`is a ${value.constructor?.name || "foreign object"}, not plain data`)
}

const writeByte = (byte: number): void => {
  ensure(1)
  bytes[at++] = byte
}

const write = (value: unknown, depth: number): void => {
  if (typeof value === "string") writeText(value)
  else if (typeof value === "number") writeNumber(value)
  else if (typeof value === "boolean") writeByte(value ? 0xc3 : 0xc2)
  else if (value === null) writeByte(0xc0)
  else if (typeof value === "object") writeObject(value, depth)
  else if (typeof value === "bigint") writeBigint(value)
  else notPlain(`is ${typeof value}, not plain data`)
}

/** Writes a value into the scratch behind `room` bytes, and hands over what was written. */
const writing = <A>(room: number, value: unknown, take: () => A): A => {
  const outer = isBusy ? { bytes, at } : undefined
  // A getter of the value packs too: it gets a scratch of its own.
  if (outer !== undefined) bytes = Buffer.allocUnsafeSlow(scratchBytes)
  isBusy = true
  at = room
  try {
    write(value, 0)
    return take()
  } finally {
    if (outer !== undefined) ({ bytes, at } = outer)
    else {
      isBusy = false
      if (bytes.length > scratchBytesMax) bytes = Buffer.allocUnsafeSlow(scratchBytes)
    }
  }
}

const takeCopy = (): Buffer => {
  const packed = Buffer.allocUnsafe(at)
  bytes.copy(packed, 0, 0, at)
  return packed
}

const takeLength = (): number => at

/** The bytes of a value behind `room` bytes for the caller to fill. Throws as `pack` does. */
export const packBehind = (room: number, value: Plain): Buffer => writing(room, value, takeCopy)

/** How many bytes a value takes. Throws as `pack` does. */
export const packedLength = (value: unknown): number => writing(0, value, takeLength)
