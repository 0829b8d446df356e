/**
 * Tables as JSON Lines, which pandas, polars and DuckDB read and which chunks well: `table.jsonl`,
 * one record a line, and `schema.json`, its columns and the number of rows.
 *
 * A table is a list of at least one flat record, all with the same keys, whose cells are scalars
 * that JSON gives back. Any other list is left to other materializers.
 */
import { previewLineCountMax, valueBytesMax } from "../limits.js"
import { Columns, type Row, scanTable, type Table, tableMetadata } from "./columns.js"
import { jsonText, parseJson, pieces, readText, textDecoder, tooLarge, wrongFile } from "./files.js"
import { chooseAnother, refusal, unlessThrown } from "./flaw.js"
import type { FileInput, FileOutput, Materializer } from "./materializer.js"
import { firstLines } from "./text.js"

// This many characters of lines are encoded in one go.
const blockLength = 65_536

/** Lines kept as UTF-8: half the memory of strings, and no string grows too long. */
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
    if (this.#bytes > valueBytesMax) throw tooLarge("valueBytesMax", valueBytesMax, this.#bytes)
  }
}

/** Each row is turned into text as soon as it was checked, so no later change slips through. */
const save = (value: unknown, out: FileOutput): void => {
  const lines = new Lines()
  let rows = 0
  const columns = scanTable(value, (row) => {
    lines.add(jsonText(row))
    rows += 1
  })
  if (!(columns instanceof Columns)) throw refusal(columns, chooseAnother)
  lines.flush()
  out.write("table.jsonl", pieces(lines.blocks))
  out.write("schema.json", `${JSON.stringify({ columns: columns.schema(), rows }, undefined, 2)}\n`)
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const readSchema = async (files: FileInput): Promise<{ names: Set<unknown>; rows: unknown }> => {
  const schema = parseJson(await readText(files, "schema.json"), "schema.json")
  if (!(isRecord(schema) && Array.isArray(schema.columns)))
    throw wrongFile("schema.json", "lists no columns")
  const names = schema.columns.map((column: unknown) => isRecord(column) && column.name)
  return { names: new Set(names), rows: schema.rows }
}

const isRow = (value: unknown, names: ReadonlySet<unknown>): value is Row => {
  if (!isRecord(value)) return false
  const keys = Object.keys(value)
  return keys.length === names.size && keys.every((key) => names.has(key))
}

/** The lines of a file, without holding it whole; a last line without its end is refused. */
async function* linesOf(files: FileInput, path: string): AsyncGenerator<ReadonlyArray<string>> {
  const decode = textDecoder(path)
  let rest = ""
  for await (const piece of files.stream(path)) {
    const text = decode(piece, true)
    const end = text.lastIndexOf("\n")
    if (end >= 0) yield (rest + text.slice(0, end)).split("\n")
    rest = end >= 0 ? text.slice(end + 1) : rest + text
  }
  if (rest + decode() !== "") throw wrongFile(path, "ends within a line")
}

const load = async (files: FileInput): Promise<Array<Row>> => {
  const { names, rows } = await readSchema(files)
  const table: Array<Row> = []
  for await (const lines of linesOf(files, "table.jsonl"))
    for (const line of lines) {
      const path = `table.jsonl[${table.length}]`
      const row = parseJson(line, path)
      if (!isRow(row, names)) throw wrongFile(path, "is not a record of the columns in schema.json")
      table.push(row)
    }
  if (table.length !== rows)
    throw wrongFile("table.jsonl", `has ${table.length} rows, and schema.json says ${rows}`)
  return table
}

/** Rows come back with their keys in the order of the first row, otherwise unchanged. */
export const tableMaterializer: Materializer<ReadonlyArray<object>, Array<Row>> = {
  name: "table",
  revision: 1,
  accepts: unlessThrown((value) => scanTable(value) instanceof Columns, false),
  save,
  load,
  // Rows typed by an interface have no index signature, so `Table` cannot be asked for above.
  metadata: (value) => tableMetadata(value as Table),
  preview: (table) =>
    firstLines(
      table
        .slice(0, previewLineCountMax)
        .map((row) => JSON.stringify(row))
        .join("\n"),
    ),
}
