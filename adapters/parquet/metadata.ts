/**
 * What is told of a table: its length, its shape, and the dtype and nulls of each column, under the
 * keys that the built-in tables have.
 *
 * Knows the bounds of metadata, which would lose all of it if one were passed, and no kind of
 * table.
 */
import { dtype, type Metadata } from "daybook"

export interface ToldColumn {
  readonly name: string
  readonly dtype: string
  readonly nullCount: number
}

// The bounds that the built-in tables keep to.
const columnCountMax = 64
const columnsBytesMax = 12_288
// What a column takes besides its name and dtype, at most.
const columnBytes = 64
const dtypeLengthMax = 120
const keyBytesMax = 255

const control = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/

/** Whether metadata may have this key. */
const isKey = (name: string): boolean =>
  name !== "" &&
  name !== "__proto__" &&
  name.isWellFormed() &&
  Buffer.byteLength(name) <= keyBytesMax &&
  !control.test(name)

const short = (type: string): string =>
  type.length > dtypeLengthMax ? `${type.slice(0, dtypeLengthMax - 1)}…` : type

/**
 * `length`, `shape`, `columns`. Columns beyond 64, beyond the room for them, or whose name no
 * metadata can hold, are counted as `omitted`.
 */
export const toldOf = (length: number, all: ReadonlyArray<ToldColumn>): Metadata => {
  const columns: Record<string, Metadata> = {}
  let bytes = 0
  for (const { name, dtype: type, nullCount } of all.slice(0, columnCountMax)) {
    if (!isKey(name)) continue
    const shown = short(type.toWellFormed())
    bytes += Buffer.byteLength(name) + Buffer.byteLength(shown) + columnBytes
    if (bytes > columnsBytesMax) break
    columns[name] = { dtype: dtype(shown), ...(nullCount > 0 ? { null_count: nullCount } : {}) }
  }
  const omitted = all.length - Object.keys(columns).length
  return { length, shape: [length, all.length], columns, ...(omitted > 0 ? { omitted } : {}) }
}
