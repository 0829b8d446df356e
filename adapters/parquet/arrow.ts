/**
 * Tables of Apache Arrow as one file, `table.arrow`, in its IPC file format, written and read by
 * the package apache-arrow. That is imported when it is first needed, so that it may be missing.
 *
 * Knows which types come back as they were; of the data itself it knows nothing.
 */
import { types } from "node:util"
import type { DataType, Field, Schema, Table } from "apache-arrow"
import {
  type FileInput,
  type FileOutput,
  InvalidInput,
  type Materializer,
  type Metadata,
  TypeMismatch,
} from "daybook"
import { toldOf } from "./metadata.js"
import { refuse, stepTo } from "./path.js"

/**
 * A `Table` of apache-arrow, by what is most used of it. Its own type is not named here, so that
 * programs without the package compile; what is loaded can be cast to it.
 */
export interface ArrowTable {
  readonly numRows: number
  readonly numCols: number
  readonly schema: { readonly fields: ReadonlyArray<{ readonly name: string }> }
  readonly getChildAt: (place: number) => ArrowColumn | null
  /** Its rows. */
  readonly toArray: () => ReadonlyArray<unknown>
}

export interface ArrowColumn extends Iterable<unknown> {
  readonly length: number
  readonly nullCount: number
  readonly get: (index: number) => unknown
}

const file = "table.arrow"
const magic = "ARROW1"

const isMissing = (cause: unknown): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND"

/** The package, or `InvalidInput` that says what to install. */
export const bring = async <Package>(load: () => Promise<Package>): Promise<Package> => {
  try {
    return await load()
  } catch (cause) {
    if (!isMissing(cause)) throw cause
    const message = "arrow needs a package that is not installed: npm install apache-arrow"
    throw new InvalidInput({ path: "materializer", message })
  }
}

const library = () => bring(() => import("apache-arrow"))
type Library = Awaited<ReturnType<typeof library>>

/** Marked so by every copy of the package. */
const isTable = (value: unknown): value is Table =>
  typeof value === "object" &&
  value !== null &&
  !types.isProxy(value) &&
  Reflect.get(value, Symbol.for("apache-arrow/Table")) === true

// Views are not here: of one that is a slice, long values come back empty. Nor are unions.
const kept = [
  ...["Null", "Bool", "Int", "Float", "Decimal", "Date", "Time", "Timestamp", "Interval"],
  ...["Duration", "Utf8", "LargeUtf8", "Binary", "LargeBinary", "FixedSizeBinary", "List"],
  ...["LargeList", "FixedSizeList", "Struct", "Map", "Dictionary"],
]

/** Whether a type comes back as it was; `names` gives the name of each type's number. */
const isKept = (type: DataType, names: { readonly [id: number]: string }): boolean =>
  kept.includes(names[type.typeId] ?? "") &&
  (!("dictionary" in type) || isKept(type.dictionary as DataType, names))

const checkTypes = (
  fields: ReadonlyArray<Field>,
  at: string,
  names: { readonly [id: number]: string },
): void => {
  for (const { name, type } of fields) {
    const path = at + stepTo(name)
    if (!isKept(type, names))
      refuse(path, `is of type ${type}, which may come back changed: cast the column to another`)
    checkTypes(type.children ?? [], path, names)
  }
}

const outlineOf = ({ name, type, nullable, metadata }: Field): unknown => [
  name,
  String(type),
  nullable,
  [...metadata],
  (type.children ?? []).map(outlineOf),
]

const outline = ({ fields, metadata }: Schema): string =>
  JSON.stringify([fields.map(outlineOf), [...metadata]])

const written = (
  { tableFromIPC, tableToIPC }: Library,
  value: Table,
): { readonly bytes: Uint8Array; readonly read: Table } => {
  try {
    const bytes = tableToIPC(value, "file")
    return { bytes, read: tableFromIPC(bytes) }
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : cause
    return refuse("value", `is not one that apache-arrow can write (${problem}): rebuild it`)
  }
}

/** Text that no UTF-8 can hold, or that readers drop, is in names and metadata alone. */
const checkRead = (value: Table, read: Table): void => {
  if (outline(read.schema) !== outline(value.schema) || read.numRows !== value.numRows)
    refuse(
      "value.schema",
      "has names or metadata that would come back changed: leave out byte order marks and halves " +
        "of surrogate pairs",
    )
}

const save = async (value: ArrowTable, out: FileOutput): Promise<void> => {
  const arrow = await library()
  // Of another copy it would write a file that cannot be read.
  if (!isTable(value) || Object.getPrototypeOf(value) !== arrow.Table.prototype)
    return refuse("value", "is no Table of the apache-arrow that is imported: make it with that")
  checkTypes(value.schema.fields, "value", arrow.Type)
  const { bytes, read } = written(arrow, value)
  checkRead(value, read)
  out.write(file, bytes)
}

const wrongFile = (problem: string): TypeMismatch =>
  new TypeMismatch({ path: file, message: `the stored file ${file} ${problem}` })

const load = async (files: FileInput): Promise<ArrowTable> => {
  const { tableFromIPC } = await library()
  const bytes = await files.bytes(file)
  // Anything else would be read as a stream, and come back as an empty table.
  if (Buffer.from(bytes.subarray(0, magic.length)).toString("latin1") !== magic)
    throw wrongFile(`does not begin with ${magic}`)
  try {
    // A copy: small files lie in memory that Node shares out, and a table goes on using its own.
    return tableFromIPC(new Uint8Array(bytes))
  } catch (cause) {
    throw wrongFile(`is not read as Arrow: ${cause instanceof Error ? cause.message : cause}`)
  }
}

const metadata = (value: ArrowTable): Metadata => {
  if (!isTable(value)) return {}
  const columns = value.schema.fields.map(({ name, type }, place) => {
    return { name, dtype: String(type), nullCount: value.getChildAt(place)?.nullCount ?? 0 }
  })
  return toldOf(value.numRows, columns)
}

/**
 * Tables of the package apache-arrow as `table.arrow`, which come back as such. Columns of views
 * and unions are refused with `InvalidInput` and the path of the column; so are whole tables whose
 * batches have dictionaries of their own, which the file format does not know, and tables of
 * another copy of the package.
 *
 * The buffers of a table must not be changed until `save` has answered. Without the package both
 * saving and loading fail with `InvalidInput`, which says what to install.
 */
export const arrow: Materializer<ArrowTable, ArrowTable> = {
  name: "arrow",
  revision: 1,
  accepts: isTable,
  save,
  load,
  metadata,
}
