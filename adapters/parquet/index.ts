/**
 * Tables as Parquet, and Apache Arrow tables: the door of this adapter, `daybook/parquet`.
 *
 * Knows no format: it hands on the materializers and the types of what they take.
 */
export { type ArrowColumn, type ArrowTable, arrow } from "./arrow.js"
export type { Cell } from "./cell.js"
export type { Row } from "./columns.js"
export { parquet } from "./parquet.js"
