/**
 * The cells of a table: which kinds there are, and why a value is none of them. A cell of each kind
 * comes back out of a Parquet file as it went in.
 *
 * Knows neither rows nor files.
 */
import { types } from "node:util"

/** Numbers may be NaN, infinite or -0, bigints have 64 bits and a sign, and dates are valid. */
export type Cell = string | number | bigint | boolean | Date | Uint8Array | null

/** What the cells of a column have in common. `int`: safe integers, none of them -0. */
export type Kind = "null" | "bool" | "int" | "float" | "bigint" | "string" | "date" | "bytes"

/** A Date with nothing added to it. Runs none of the caller's code. */
const isPlainDate = (value: unknown): value is Date =>
  types.isDate(value) &&
  Object.getPrototypeOf(value) === Date.prototype &&
  Reflect.ownKeys(value).length === 0

/** A Buffer would come back as a Uint8Array. Added properties are not looked for. */
const isPlainBytes = (value: unknown): value is Uint8Array =>
  types.isUint8Array(value) && Object.getPrototypeOf(value) === Uint8Array.prototype

/** The kind of a cell, `undefined` for what is none. */
export const kindOf = (value: unknown): Kind | undefined => {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? "string" : undefined
    case "number":
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? "int" : "float"
    case "bigint":
      return BigInt.asIntN(64, value) === value ? "bigint" : undefined
    case "boolean":
      return "bool"
    default:
      if (value === null) return "null"
      if (isPlainBytes(value)) return "bytes"
      return isPlainDate(value) && !Number.isNaN(value.getTime()) ? "date" : undefined
  }
}

/** Why a value is no cell, and what to do: follows its path in a sentence. */
export const cellProblem = (value: unknown): string => {
  switch (typeof value) {
    case "string":
      return "contains half of a surrogate pair, which no UTF-8 can hold: use .toWellFormed()"
    case "bigint":
      return "is a bigint beyond 64 bits: make the column strings"
    case "undefined":
      return "is undefined: use null"
    case "object":
      if (types.isUint8Array(value)) return "is a Buffer or the like: use new Uint8Array(bytes)"
      if (isPlainDate(value)) return "is an invalid Date: use null"
      return "is not a scalar: make columns of its parts, or save the list without parquet"
    default:
      return `is a ${typeof value}: leave the column out`
  }
}

/** The kind of a column that has cells of both, `undefined` where there is none. */
export const joined = (one: Kind, other: Kind): Kind | undefined => {
  if (one === other || other === "null") return one
  if (one === "null") return other
  const numbers = [one, other].every((kind) => kind === "int" || kind === "float")
  return numbers ? "float" : undefined
}
