/**
 * The columns of a table, a list of flat records with equal keys: found in the first row, checked
 * and typed by every row. What would not come back as it is is refused, with the path of the cell.
 *
 * Reads descriptors, so that no getter of the caller runs. Knows no file format.
 */
import { types } from "node:util"
import { type Cell, cellProblem, joined, type Kind, kindOf } from "./cell.js"
import { refuse, stepTo } from "./path.js"

export type Row = { readonly [column: string]: Cell }

export interface Column {
  readonly name: string
  /** Of all its cells together; `null` where it has no other. */
  readonly kind: Kind
  /** How many of its cells are null. */
  readonly nullCount: number
}

/** As in `value[3].mass`. */
const pathTo = (index: number, name?: string): string =>
  `value[${index}]${name === undefined ? "" : stepTo(name)}`

/** An object literal or its like: no class instance, no proxy, no symbol keys. */
const isPlainRecord = (value: unknown): value is object =>
  typeof value === "object" &&
  value !== null &&
  !types.isProxy(value) &&
  Object.getPrototypeOf(value) === Object.prototype &&
  Object.getOwnPropertySymbols(value).length === 0

/** A list that is neither of a subclass nor a proxy. */
const isPlainList = (value: unknown): value is ReadonlyArray<unknown> =>
  !types.isProxy(value) && Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype

/** Whether this looks like a table: a list that begins with a record. Looks no further. */
export const beginsWithRecord = (value: unknown): value is ReadonlyArray<object> =>
  isPlainList(value) && isPlainRecord(Object.getOwnPropertyDescriptor(value, 0)?.value)

const propertyOf = (owner: object, key: string | number, path: string): unknown => {
  const property = Object.getOwnPropertyDescriptor(owner, key)
  if (property === undefined) return refuse(path, "is a hole in the list: fill it or leave it out")
  const isPlain = property.enumerable === true && "value" in property
  return isPlain ? property.value : refuse(path, "is a getter or not enumerable: use a plain value")
}

const nameProblem = (name: string): string | undefined => {
  if (name === "__proto__") return "is a reserved key: rename the column"
  if (!name.isWellFormed()) return "has a key with half of a surrogate pair: rename the column"
  // Readers of Parquet drop it, and then find another column.
  return name.startsWith("\ufeff")
    ? "has a key that begins with a byte order mark: rename the column"
    : undefined
}

const namesIn = (row: unknown): ReadonlyArray<string> => {
  if (!isPlainRecord(row)) return refuse(pathTo(0), "is not a plain record: spread it into one")
  const names = Object.getOwnPropertyNames(row)
  if (names.length === 0)
    return refuse(pathTo(0), "has no columns: save the list without naming parquet")
  for (const name of names) {
    const problem = nameProblem(name)
    if (problem !== undefined) return refuse(pathTo(0, name), problem)
  }
  return names
}

/** Checks that a row has the columns of the first, and no more. */
const checkKeys = (row: unknown, index: number, known: ReadonlyMap<string, number>): object => {
  if (!isPlainRecord(row)) return refuse(pathTo(index), "is not a plain record: spread it into one")
  const keys = Object.getOwnPropertyNames(row)
  const stranger = keys.find((key) => !known.has(key))
  if (stranger !== undefined)
    return refuse(pathTo(index, stranger), "is not a column of the first row: use the same keys")
  if (keys.length === known.size) return row
  const missing = [...known.keys()].find((name) => !Object.hasOwn(row, name)) ?? ""
  return refuse(pathTo(index, missing), "is missing: use null")
}

/** What was seen of a column so far. */
interface Tally {
  readonly name: string
  kind: Kind
  nullCount: number
}

const take = (column: Tally, cell: unknown, index: number): void => {
  const path = (): string => pathTo(index, column.name)
  const kind = kindOf(cell) ?? refuse(path(), cellProblem(cell))
  if (kind === "null") column.nullCount += 1
  column.kind =
    joined(column.kind, kind) ??
    refuse(path(), `is of kind ${kind} in a column of kind ${column.kind}: make all of one kind`)
}

const checkEnds = (list: ReadonlyArray<unknown>): void => {
  if (Object.getOwnPropertySymbols(list).length > 0) refuse("value", "has a symbol key: remove it")
  // All elements are there by now, so what is beyond their number is a named property.
  const name = Object.keys(list)[list.length]
  if (name !== undefined) refuse(`value${stepTo(name)}`, "is a property of a list: remove it")
}

/**
 * Checks a whole table and gives its columns in the order of the first row; throws `InvalidInput`
 * with the path of what is not of a table. Each cell is handed to `each` as soon as it was checked,
 * with the place of its column.
 */
export const scanTable = (
  value: unknown,
  each?: (place: number, cell: Cell) => void,
): ReadonlyArray<Column> => {
  if (!isPlainList(value)) return refuse("value", "is not a plain list of records: use an array")
  if (value.length === 0)
    return refuse("value", "is empty, so it has no columns: save it without naming parquet")
  const names = namesIn(propertyOf(value, 0, pathTo(0)))
  const known = new Map(names.map((name, place) => [name, place]))
  const columns = names.map((name): Tally => ({ name, kind: "null", nullCount: 0 }))
  for (let index = 0; index < value.length; index += 1) {
    const row = checkKeys(propertyOf(value, index, pathTo(index)), index, known)
    for (const [place, column] of columns.entries()) {
      const cell = propertyOf(row, column.name, pathTo(index, column.name))
      take(column, cell, index)
      each?.(place, cell as Cell)
    }
  }
  checkEnds(value)
  return columns
}
