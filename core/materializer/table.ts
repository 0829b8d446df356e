/**
 * Tables as JSON Lines, which pandas, polars and DuckDB read and which chunks well: `table.jsonl`,
 * one record a line, and `schema.json`, its columns and the number of rows.
 *
 * A table is a list of at least one flat record, all of the same keys, whose cells are scalars that
 * JSON gives back. Any other list is left to other materializers.
 */
import { LimitExceeded } from "../errors.js"
import { valueBytesMax } from "../limits.js"
import { Columns, type Row, scanTable, type Table, tableMetadata } from "./columns.js"
import { jsonText, parseJson, pieces, readText, textDecoder, wrongForm } from "./files.js"
import { refusal, unlessThrown } from "./flaw.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { firstLines } from "./text.js"

// Characters of lines that are encoded in one go.
const blockLength = 65_536

/** Lines as they come, kept as UTF-8: half the memory of strings, and no string grows too long. */
class Lines {
  readonly blocks: Array<Uint8Array> = []
  #text = ""
  #bytes = 0

  add(line: string): void {
    this.#text += `${line}\n`
    if (this.#text.length >= blockLength) this.flush()
  }

  flush(): void {
    const block = Buffer.from(this.#text)
    this.blocks.push(block)
    this.#text = ""
    this.#bytes += block.length
    if (this.#bytes > valueBytesMax)
      throw new LimitExceeded({
        limit: "valueBytesMax",
        allowed: valueBytesMax,
        actual: this.#bytes,
        message: "value is too large for a table: save it in parts, or stream it as bytes",
      })
  }
}

/** Each row is written in the moment it was checked: what changes later cannot slip through. */
const save = (value: unknown, out: FileOutput): void => {
  const lines = new Lines()
  let rows = 0
  const columns = scanTable(value, (row) => {
    lines.add(jsonText(row))
    rows += 1
  })
  if (!(columns instanceof Columns))
    throw refusal(columns, "leave the choice of a materializer out, or name one that takes it")
  lines.flush()
  out.write("table.jsonl", pieces(lines.blocks))
  out.write("schema.json", `${JSON.stringify({ columns: columns.schema(), rows }, undefined, 2)}\n`)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const readSchema = async (files: FileInput): Promise<{ names: Set<unknown>; rows: unknown }> => {
  const schema = parseJson(await readText(files, "schema.json"), "schema.json")
  if (!(isRecord(schema) && Array.isArray(schema.columns)))
    throw wrongForm("schema.json", "lists no columns")
  const names = schema.columns.map((column: unknown) => isRecord(column) && column.name)
  return { names: new Set(names), rows: schema.rows }
}

const isRow = (value: unknown, names: ReadonlySet<unknown>): value is Row => {
  if (!isRecord(value)) return false
  const keys = Object.keys(value)
  return keys.length === names.size && keys.every((key) => names.has(key))
}

/** The lines of a file, without holding it whole; one that is not ended is refused. */
async function* linesOf(files: FileInput, path: string): AsyncGenerator<ReadonlyArray<string>> {
  const decode = textDecoder(path)
  let rest = ""
  for await (const piece of files.stream(path)) {
    const text = decode(piece, true)
    const end = text.lastIndexOf("\n")
    if (end >= 0) yield (rest + text.slice(0, end)).split("\n")
    rest = end >= 0 ? text.slice(end + 1) : rest + text
  }
  if (rest + decode() !== "") throw wrongForm(path, "ends within a line")
}

const load = async (files: FileInput): Promise<Array<Row>> => {
  const { names, rows } = await readSchema(files)
  const table: Array<Row> = []
  for await (const lines of linesOf(files, "table.jsonl"))
    for (const line of lines) {
      const path = `table.jsonl[${table.length}]`
      const row = parseJson(line, path)
      if (!isRow(row, names)) throw wrongForm(path, "is not a record of the columns in schema.json")
      table.push(row)
    }
  if (table.length !== rows)
    throw wrongForm("table.jsonl", `has ${table.length} rows, and schema.json says ${rows}`)
  return table
}

/** Rows come back with the keys of the first row in its order; nothing else about them changes. */
export const tableMaterializer: Materializer<ReadonlyArray<object>, Array<Row>> = {
  name: "table",
  revision: 1,
  accepts: unlessThrown((value) => scanTable(value) instanceof Columns),
  save,
  load,
  // Rows of an interface have no index signature, so the type of a table is known from here on.
  metadata: (value) => tableMetadata(value as Table),
  preview: (table) =>
    firstLines(
      table
        .slice(0, 5)
        .map((row) => JSON.stringify(row))
        .join("\n"),
    ),
}
