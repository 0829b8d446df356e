/**
 * The tip: the last seal of the log, in a file beside LevelDB, so that a log that lost its tail or
 * was swapped for another is noticed.
 *
 * Two lines: a JSON object with the ledger's id, the position, the Merkle root (RFC 6962) and the
 * subtree hashes of the tree's right edge, largest first, and the generation of the log's files;
 * then the SHA-256 of the first line.
 */
import * as Schema from "effect/Schema"
import { readIfThere } from "../disk/files.js"
import { InvalidInput } from "../errors.js"
import { digestOf, fromDigest, toDigest } from "../model/digest.js"
import type { Id } from "../model/names.js"
import { Count, DigestSchema, IdSchema, parse } from "../model/schema.js"
import { type Edge, rootOf } from "../proof/merkle.js"

export interface Tip {
  readonly ledger: Id
  /** Covers the events from 1 to this position, all durable when it was written. */
  readonly edge: Edge
  /** Of the log's files when it was written: a log of a lower one is an older copy. */
  readonly generation?: number | undefined
}

const schema = Schema.toStandardSchemaV1(
  Schema.Struct({
    ledger: IdSchema,
    position: Count,
    root: DigestSchema,
    edge: Schema.Array(DigestSchema),
    generation: Schema.optional(Count),
  }),
)

const checksum = (line: string): string => digestOf(Buffer.from(line, "utf8"))

export const encodeTip = ({ ledger, edge, generation }: Tip): string => {
  const line = JSON.stringify({
    ledger,
    position: edge.size,
    root: toDigest(rootOf(edge)),
    edge: edge.hashes.map(toDigest),
    generation,
  })
  return `${line}\n${checksum(line)}\n`
}

/** A tree of n leaves has a subtree at its right edge for every bit that is set in n. */
const subtreeCount = (size: number): number =>
  [...size.toString(2)].filter((bit) => bit === "1").length

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Undefined when the text is no tip, or not one that adds up. */
export const decodeTip = (text: string): Tip | undefined => {
  const [line = "", sum] = text.split("\n")
  if (checksum(line) !== sum) return undefined
  const tip = parse(schema, parseJson(line), "tip")
  if (tip instanceof InvalidInput) return undefined
  if (tip.edge.length !== subtreeCount(tip.position)) return undefined
  const edge = { size: tip.position, hashes: tip.edge.map(fromDigest) }
  const { ledger, generation } = tip
  return toDigest(rootOf(edge)) === tip.root ? { ledger, edge, generation } : undefined
}

/** The seal in a file; undefined where there is none, or none that adds up. */
export const readTip = async (path: string): Promise<Tip | undefined> => {
  const text = await readIfThere(path)
  return text === undefined ? undefined : decodeTip(text)
}
