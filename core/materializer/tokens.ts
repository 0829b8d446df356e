/**
 * The tokens of structured values: a flat list in pre-order, so that neither MessagePack nor any
 * reader of it needs a stack as deep as the value.
 *
 * A MessagePack scalar stands for itself, and so does a Uint8Array. Anything else is a list that
 * begins with a word, as listed below. A part that occurs twice is written twice.
 */
import { types } from "node:util"
import { valueDepthMax } from "../limits.js"
import type { Plain } from "../model/msgpack.js"
import { isNdArray, ndarray, shapeProblem } from "./ndarray.js"
import {
  arrayOf,
  elementBytes,
  isTypedArray,
  kindNamed,
  kindOf,
  type TypedArray,
} from "./typed-array.js"

/*
 * The words, and what follows the list that they begin. n is a number of values.
 *
 *   ["list", n]  ["set", n]              n values
 *   ["map", n]                           n times a key and its value
 *   ["record", ...keys]                  a value for each key
 *   ["bare", ...keys]                    the same, for a record without a prototype
 *   ["date", ms]                         nothing, as for all below
 *   ["bigint", "0x..."]                  beyond 64 bits
 *   ["undefined"]  ["-0"]
 *   ["array", constructor, bytes]        little-endian
 *   ["buffer", bytes]                    an ArrayBuffer
 *   ["ndarray", constructor, bytes, ...shape]
 */
type Tokens = Array<Plain>

/** Appends the tokens of a value; the walk must have found no flaw in it. */
export const writeTokens = (value: unknown, tokens: Tokens): void => {
  switch (typeof value) {
    case "string":
    case "boolean":
      tokens.push(value)
      return
    case "number":
      tokens.push(Object.is(value, -0) ? ["-0"] : value)
      return
    case "bigint":
      tokens.push(isBig(value) ? ["bigint", bigText(value)] : value)
      return
    case "undefined":
      tokens.push(["undefined"])
      return
    default:
      if (value === null) tokens.push(null)
      else if (!writeLeaf(Object(value), tokens)) writeContainer(Object(value), tokens)
  }
}

const writeContainer = (value: object, tokens: Tokens): void => {
  if (Array.isArray(value)) {
    tokens.push(["list", value.length])
    for (const member of value) writeTokens(member, tokens)
  } else if (types.isMap(value)) {
    tokens.push(["map", value.size])
    for (const [key, member] of value) {
      writeTokens(key, tokens)
      writeTokens(member, tokens)
    }
  } else if (types.isSet(value)) {
    tokens.push(["set", value.size])
    for (const member of value) writeTokens(member, tokens)
  } else {
    const keys = Object.keys(value)
    tokens.push([Object.getPrototypeOf(value) === null ? "bare" : "record", ...keys])
    for (const key of keys) writeTokens(Reflect.get(value, key), tokens)
  }
}

const writeLeaf = (value: object, tokens: Tokens): boolean => {
  if (types.isDate(value)) tokens.push(["date", value.getTime()])
  else if (isTypedArray(value)) {
    const [name, bytes] = arrayParts(value)
    tokens.push(name === "Uint8Array" ? bytes : ["array", name, bytes])
  } else if (types.isArrayBuffer(value)) {
    // A detached buffer has no bytes, and no view can be made of it.
    const bytes = value.byteLength === 0 ? new Uint8Array(0) : new Uint8Array(value)
    tokens.push(["buffer", bytes])
  } else if (isNdArray(value)) tokens.push(["ndarray", ...arrayParts(value.data), ...value.shape])
  else return false
  return true
}

const arrayParts = (array: TypedArray): readonly [name: string, bytes: Uint8Array] => {
  const kind = kindOf(array)
  if (kind === undefined) throw new Error("a subclass of a typed array has passed the walk")
  return [kind.name, elementBytes(array, kind.width)]
}

/** Whether MessagePack has no integer for it, signed or unsigned. */
export const isBig = (value: bigint): boolean =>
  BigInt.asIntN(64, value) !== value && BigInt.asUintN(64, value) !== value

/** Hexadecimal is linear in both directions, decimal is not. */
export const bigText = (value: bigint): string =>
  value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`

/** What is wrong with tokens that `writeTokens` does not write. */
export class TokenProblem extends Error {}

const fail = (problem: string): never => {
  throw new TokenProblem(problem)
}

const isList = (token: Plain): token is ReadonlyArray<Plain> => Array.isArray(token)

const ordinary = { writable: true, enumerable: true, configurable: true }

class Reader {
  readonly tokens: ReadonlyArray<Plain>
  at = 0

  constructor(tokens: ReadonlyArray<Plain>) {
    this.tokens = tokens
  }

  read(depth: number): unknown {
    const token = this.tokens[this.at]
    this.at += 1
    if (token === undefined) return fail("ends too early")
    if (typeof token !== "object" || token === null) return token
    if (token instanceof Uint8Array) return readArray("Uint8Array", token)
    if (!isList(token)) return fail("has a map where a token should be")
    return this.readMarked(token, depth)
  }

  readMarked(token: ReadonlyArray<Plain>, depth: number): unknown {
    const first = token[1]
    switch (token[0]) {
      case "record":
        return this.readRecord(token, depth)
      case "bare":
        return Object.setPrototypeOf(this.readRecord(token, depth), null)
      case "list":
        return this.readMany(first, depth)
      case "set":
        return new Set(this.readMany(first, depth))
      case "map":
        return this.readMap(first, depth)
      case "date":
        return typeof first === "number" ? new Date(first) : fail("has a date without a time")
      case "bigint":
        return readBig(first)
      case "undefined":
        return undefined
      case "-0":
        return -0
      case "array":
        return readArray(first, token[2])
      case "buffer":
        return readArray("Uint8Array", first).buffer
      case "ndarray":
        return readNdArray(readArray(first, token[2]), token.slice(3))
      default:
        return fail("has a token of an unknown word")
    }
  }

  /** Each value takes at least a token, so a higher count is refused before any memory is used. */
  count(claimed: Plain | undefined, depth: number): number {
    if (depth >= valueDepthMax) return fail(`is nested more than ${valueDepthMax} deep`)
    const left = this.tokens.length - this.at
    return typeof claimed === "number" &&
      Number.isInteger(claimed) &&
      claimed >= 0 &&
      claimed <= left
      ? claimed
      : fail("counts more values than follow")
  }

  readMany(claimed: Plain | undefined, depth: number): Array<unknown> {
    const members: Array<unknown> = []
    for (let left = this.count(claimed, depth); left > 0; left -= 1)
      members.push(this.read(depth + 1))
    return members
  }

  readMap(claimed: Plain | undefined, depth: number): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    for (let left = this.count(claimed, depth); left > 0; left -= 1) {
      const key = this.read(depth + 1)
      map.set(key, this.read(depth + 1))
    }
    return map
  }

  readRecord(token: ReadonlyArray<Plain>, depth: number): object {
    this.count(token.length - 1, depth)
    const record: Record<string, unknown> = {}
    for (let index = 1; index < token.length; index += 1) {
      const key = token[index]
      if (typeof key !== "string" || key === "__proto__")
        return fail("has a key that no record can have")
      const value = this.read(depth + 1)
      // An inherited name, such as toString, may be frozen: then only a definition works.
      if (key in record) Object.defineProperty(record, key, { value, ...ordinary })
      else record[key] = value
    }
    return record
  }
}

const hexadecimal = /^-?0x[0-9a-f]+$/

const readBig = (text: Plain | undefined): bigint => {
  if (typeof text !== "string" || !hexadecimal.test(text))
    return fail("has a bigint without digits")
  return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text)
}

const readArray = (name: Plain | undefined, bytes: Plain | undefined): TypedArray => {
  const kind = typeof name === "string" ? kindNamed(name) : undefined
  if (kind === undefined) return fail("has an array that this runtime has no constructor for")
  if (!(bytes instanceof Uint8Array) || bytes.length % kind.width !== 0)
    return fail(`has a ${kind.name} that ends within an element`)
  return arrayOf(kind, bytes)
}

const readNdArray = (data: TypedArray, shape: ReadonlyArray<Plain>): unknown =>
  shapeProblem(shape, data.length) === undefined
    ? ndarray(data, shape.map(Number))
    : fail("has an ndarray whose shape does not hold its data")

/** The value of tokens; throws `TokenProblem` unless they are one whole value. */
export const readTokens = (tokens: Plain): unknown => {
  if (!isList(tokens)) return fail("is not a list of tokens")
  const reader = new Reader(tokens)
  const value = reader.read(0)
  return reader.at === tokens.length ? value : fail("goes on after its value")
}
