/**
 * The columns of a table: taken from its first row, checked against every other, typed by their
 * cells, and measured for metadata. Knows nothing about files.
 */
import { tableColumnStatisticsMax, tableColumnsBytesMax } from "../limits.js"
import { dtype, encodeMetadata, type Metadata } from "../model/metadata.js"
import { pack } from "../model/msgpack.js"
import { metadataKeyProblem } from "../model/names.js"
import { type Flaw, flaw, stepTo, within } from "./flaw.js"
import {
  isPlainList,
  isPlainRecord,
  keyProblem,
  listFlaw,
  notPlainProperty,
  plainProperty,
  scalarProblem,
} from "./plain.js"
import { statistics } from "./statistics.js"

/** A scalar that JSON gives back: not NaN, infinite or -0, no half of a surrogate pair. */
type Cell = string | number | boolean | null
export type Row = { readonly [column: string]: Cell }
export type Table = ReadonlyArray<Row>

/** `int`: safe integers only. `mixed`: several of the others. Nulls do not count. */
type ColumnDtype = "int" | "float" | "string" | "bool" | "null" | "mixed"

interface Column {
  readonly name: string
  readonly dtype: ColumnDtype
  readonly nullable: boolean
}

// One bit for each kind of cell: a column has the bits of all its cells.
const kind = { int: 1, float: 2, string: 4, bool: 8, null: 16 } as const

/** The kind of a cell; 0 if it is not a cell. */
const kindOfCell = (cell: unknown): number => {
  if (scalarProblem(cell) !== undefined) return 0
  if (cell === null) return kind.null
  if (typeof cell === "number") return Number.isSafeInteger(cell) ? kind.int : kind.float
  return typeof cell === "string" ? kind.string : kind.bool
}

const dtypes = new Map<number, ColumnDtype>([
  [0, "null"],
  [kind.int, "int"],
  [kind.float, "float"],
  [kind.int | kind.float, "float"],
  [kind.string, "string"],
  [kind.bool, "bool"],
])

const dtypeOf = (kinds: number): ColumnDtype => dtypes.get(kinds & ~kind.null) ?? "mixed"

/** The columns of the first row; every row is checked against them. */
export class Columns {
  readonly names: ReadonlyArray<string>
  readonly #kinds: Uint8Array
  readonly #positions: ReadonlyMap<string, number>
  #ordered: boolean

  constructor(names: ReadonlyArray<string>) {
    this.names = names
    this.#ordered = true
    this.#kinds = new Uint8Array(names.length)
    this.#positions = new Map(names.map((name, position) => [name, position]))
  }

  check(row: unknown): Flaw | undefined {
    if (!isPlainRecord(row)) return flaw("is not a plain record")
    const keys = Object.getOwnPropertyNames(row)
    // Of as many keys as columns, each a column, none is missing.
    if (keys.length !== this.names.length)
      return flaw(`has ${keys.length} keys where the first row has ${this.names.length}`)
    let index = 0
    let moved = 0
    for (const key of keys) {
      const position = key === this.names[index] ? index : this.#positions.get(key)
      if (position === undefined)
        return within(flaw("is not a column of the first row"), row, stepTo(key))
      if (position !== index) moved += 1
      index += 1
      const property = plainProperty(row, key)
      const found = property === undefined ? 0 : kindOfCell(property.value)
      if (found === 0) return within(cellFlaw(property), row, stepTo(key))
      this.#kinds[position] = (this.#kinds[position] ?? 0) | found
    }
    this.#ordered = moved === 0
    return undefined
  }

  /** The row that was checked last, with its keys in the order of the first row. */
  arranged(row: Row): Row {
    if (this.#ordered) return row
    return Object.fromEntries(this.names.map((name) => [name, row[name] ?? null]))
  }

  /** What the rows checked so far add up to. */
  schema(): ReadonlyArray<Column> {
    return this.names.map((name, position) => {
      const kinds = this.#kinds[position] ?? 0
      return { name, dtype: dtypeOf(kinds), nullable: (kinds & kind.null) > 0 }
    })
  }
}

const cellFlaw = (property: { readonly value?: unknown } | undefined): Flaw =>
  property === undefined
    ? flaw(notPlainProperty)
    : flaw(scalarProblem(property.value) ?? "is not a cell of a table")

const columnsOf = (row: unknown): Columns | Flaw => {
  if (!isPlainRecord(row)) return flaw("is not a plain record")
  const names = Object.getOwnPropertyNames(row)
  if (names.length === 0) return flaw("has no columns")
  for (const name of names) {
    const problem = keyProblem(name)
    if (problem !== undefined) return within(flaw(problem), row, stepTo(name))
  }
  return new Columns(names)
}

/**
 * Checks a whole table and gives its columns or its first flaw. Each row is handed to `each` as
 * soon as it was checked, with its keys in the order of the first row.
 */
export const scanTable = (value: unknown, each?: (row: Row) => void): Columns | Flaw => {
  if (!isPlainList(value)) return flaw("is not a list of records")
  if (value.length === 0) return flaw("is empty, so it has no columns")
  const outer = listFlaw(value)
  if (outer !== undefined) return outer
  const columns = columnsOf(value[0])
  if (!(columns instanceof Columns)) return within(columns, value, "[0]")
  let index = 0
  for (const row of value) {
    const found = columns.check(row)
    if (found !== undefined) return within(found, value, `[${index}]`)
    each?.(columns.arranged(row as Row))
    index += 1
  }
  return columns
}

const columnMetadata = (table: Table, name: string): Metadata => {
  const numbers = new Float64Array(table.length)
  let [kinds, count, nulls] = [0, 0, 0]
  for (const row of table) {
    const cell = row[name]
    kinds |= kindOfCell(cell)
    if (cell === null) nulls += 1
    else if (typeof cell === "number") {
      numbers[count] = cell
      count += 1
    }
  }
  const type = dtypeOf(kinds)
  return {
    dtype: dtype(type),
    ...(nulls > 0 ? { null_count: nulls } : {}),
    ...(type === "int" || type === "float" ? statistics(numbers.subarray(0, count)) : {}),
  }
}

/**
 * `length`, `shape`, and `columns` with the dtype, nulls and statistics of each. Columns beyond the
 * limit of columns or of bytes, or whose name no metadata can hold, are counted as `omitted`.
 */
export const tableMetadata = (table: Table): Metadata => {
  const names = Object.keys(table[0] ?? {})
  const columns: Record<string, Metadata> = {}
  let bytes = 0
  for (const name of names.slice(0, tableColumnStatisticsMax)) {
    if (metadataKeyProblem(name) !== undefined) continue
    const column = { [name]: columnMetadata(table, name) }
    bytes += pack(encodeMetadata(column, "columns")).length
    if (bytes > tableColumnsBytesMax) break
    Object.assign(columns, column)
  }
  const omitted = names.length - Object.keys(columns).length
  return {
    length: table.length,
    shape: [table.length, names.length],
    columns,
    ...(omitted > 0 ? { omitted } : {}),
  }
}
