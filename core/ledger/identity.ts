/**
 * The identity of a ledger: `ledger.json`, written once when it is made and never again.
 */
import * as Schema from "effect/Schema"
import type { Chunking } from "../blob/chunk.js"
import { chunkingProblem } from "../blob/chunk.js"
import { InvalidInput, WrongLedger } from "../errors.js"
import type { Id } from "../model/names.js"
import { Count, IdSchema, parse } from "../model/schema.js"
import { formatNumber } from "./layout.js"

export interface Identity {
  readonly format: number
  readonly id: Id
  /** UTC, ISO 8601. */
  readonly createdAt: string
  readonly hash: "sha256"
  readonly chunking: Chunking
}

const ChunkingSchema = Schema.Struct({
  algorithm: Schema.Literal("fastcdc"),
  gear: Schema.String,
  maskBits: Schema.Tuple([Count, Count]),
  min: Count,
  average: Count,
  max: Count,
})

const schema = Schema.toStandardSchemaV1(
  Schema.Struct({
    format: Count.check(Schema.isGreaterThanOrEqualTo(1)),
    id: IdSchema,
    createdAt: Schema.String,
    hash: Schema.Literal("sha256"),
    chunking: ChunkingSchema,
  }),
)

export const encodeIdentity = (identity: Identity): string =>
  `${JSON.stringify(identity, undefined, 2)}\n`

const wrong = (directory: string, message: string): WrongLedger =>
  new WrongLedger({ message, directory })

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The identity in the text of `ledger.json`. A newer format is refused before its fields are. */
export const decodeIdentity = (text: string, directory: string): Identity | WrongLedger => {
  const json = parseJson(text)
  if (typeof json !== "object" || json === null)
    return wrong(directory, `${directory}/ledger.json is not JSON: restore it from a backup`)
  const format = "format" in json ? json.format : undefined
  if (typeof format === "number" && format > formatNumber) {
    const message = `${directory} has format ${format}, newer than ${formatNumber}: update daybook`
    return new WrongLedger({
      message,
      directory,
      expected: String(formatNumber),
      found: String(format),
    })
  }
  const identity = parse(schema, json, "ledger.json")
  if (identity instanceof InvalidInput)
    return wrong(directory, `${directory}/${identity.message}: restore it from a backup`)
  const problem = chunkingProblem(identity.chunking)
  if (problem === undefined) return identity
  return wrong(directory, `${directory}/ledger.json: ${problem}: restore it from a backup`)
}
