/**
 * What opening proves before it hands out the ledger: this log belongs to this identity, holds all
 * that was sealed, and every record after the seal is whole and in its place.
 *
 * The root is carried on from the right edge in the tip, so the cost does not grow with the log.
 */
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import type { ContentDamage } from "../blob/blob-store.js"
import { type Finding, printDamage } from "../blob/damage.js"
import { type LogFailure, RecordCorrupted, WrongLedger } from "../errors.js"
import type { CoreRecorded } from "../event/catalog.js"
import type { Codec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import { replayPageCount } from "../limits.js"
import type { EventLogShape, LogRecord } from "../log/event-log.js"
import { type Digest, toDigest } from "../model/digest.js"
import type { Id } from "../model/names.js"
import { appendRecords, type Edge, emptyEdge, rootOf } from "../proof/merkle.js"
import { decodeRecords } from "../query/records.js"
import type { Found } from "../view/commits.js"
import { creation } from "./create.js"
import type { Identity } from "./identity.js"
import type { Tip } from "./tip.js"

/** Something that is not as it was stored. */
export interface Damage {
  /** Events that are missing or damaged; absent where it is not about events. */
  readonly from?: number
  readonly to?: number
  /** One sentence. */
  readonly text: string
}

export const contentDamage = (findings: ReadonlyArray<Finding>): ReadonlyArray<ContentDamage> =>
  findings.filter(({ state }) => state !== "torn").map(printDamage)

/** What opening proved, and what it put right. */
export interface Trust {
  readonly ledger: Id
  /** Position of the last event in the log. */
  readonly position: number
  /** RFC 6962 root over all events; absent where damaged ones are covered by no seal. */
  readonly root?: Digest
  /** The position of the last seal, and how many events after it were read and checked. */
  readonly sealed: number
  readonly checked: number
  /** Whether it can only be asked: opened so, or around damage. */
  readonly readOnly: boolean
  /**
   * Events that the views had seen and the log has lost: with `buffered` durability a power loss
   * can take the tail behind the last seal. Absent where nothing is known to be lost.
   */
  readonly lost?: { readonly from: number; readonly to: number }
  /** Sentences: views that were caught up or built anew. */
  readonly repaired: ReadonlyArray<string>
  /** What opening found damaged: nothing, or the ledger is read only. */
  readonly damaged: ReadonlyArray<Damage>
  /**
   * Whether rows of the views turned out to be damaged since, or are being built anew: no answer
   * comes out of them and nothing is written, until `rebuild` is done or the ledger opened again.
   */
  readonly viewsDamaged: boolean
  /**
   * What is known to be damaged of content: found now, by an earlier opening or by a read before.
   * Reads of it fail by name, everything else works; what is saved again is there again.
   */
  readonly damagedContent: ReadonlyArray<ContentDamage>
}

export interface Checked {
  readonly edge: Edge
  readonly lastTime: number
}

const checkFirst = (
  event: CoreRecorded,
  identity: Identity,
  directory: string,
): WrongLedger | undefined => {
  const ledger = identity.id
  const found = event.type === "ledger-created" ? event.data.ledger : `a ${event.type} event`
  if (found !== ledger)
    return new WrongLedger({
      message: `the log in ${directory} belongs to ${found}, not to ${ledger}: put its own back`,
      directory,
      expected: ledger,
      found,
    })
  const [said, made] = [creation(identity).data, event.data]
  if (isDeepStrictEqual(said, made)) return undefined
  return new WrongLedger({
    message: `${directory}/ledger.json is not as the ledger was made: restore it from a backup`,
    directory,
    expected: JSON.stringify(made),
    found: JSON.stringify(said),
  })
}

/** Fails when the first event is not the creation of this ledger. */
export const checkFirstRecord = (
  { identity, directory }: Claim,
  event: Recorded | undefined,
): Effect.Effect<void, WrongLedger> => {
  const wrong = checkFirst(event as CoreRecorded, identity, directory)
  return wrong === undefined ? Effect.void : Effect.fail(wrong)
}

const checkEnd = ({ tip, end = 0, directory }: Claim, head: number) =>
  head >= end || head < (tip?.edge.size ?? 0)
    ? undefined
    : missing(head + 1, end, `are in the files of the log in ${directory} and cannot be read`)

/** A refusal where a seal is another ledger's. */
export const sealOfAnother = ({
  tip,
  identity,
  directory,
}: Pick<Claim, "tip" | "identity" | "directory">): WrongLedger | undefined => {
  const { id } = identity
  if (tip === undefined || tip.ledger === id) return undefined
  return new WrongLedger({
    message: `the seal in ${directory} is of ${tip.ledger}, not of ${id}: put its own back`,
    directory,
    expected: id,
    found: tip.ledger,
  })
}

const checkTip = (claim: Claim, head: number): WrongLedger | RecordCorrupted | undefined => {
  const { tip, generation, directory } = claim
  const wrong = sealOfAnother(claim)
  if (wrong !== undefined || tip === undefined || head >= tip.edge.size) return wrong
  const [expected, found] = [`${tip.edge.size} events`, `${head} events`]
  if (generation !== undefined && generation < (tip.generation ?? 0))
    return new WrongLedger({
      message:
        `the log in ${directory} is an older copy with ${found}, ${expected} are sealed: ` +
        "put the newer one back",
      directory,
      expected,
      found,
    })
  return missing(head + 1, tip.edge.size, `are sealed, and missing in the log in ${directory}`)
}

const missing = (from: number, to: number, what: string): RecordCorrupted =>
  new RecordCorrupted({ message: `events ${from} to ${to} ${what}: restore a backup`, from, to })

/** What is to be proven about which log. */
export interface Claim {
  readonly log: EventLogShape
  readonly codec: Codec
  readonly identity: Identity
  readonly tip: Tip | undefined
  /** Of the log's files before they were opened; absent where they have none. */
  readonly generation?: number | undefined
  /** The last event that these files say they hold. */
  readonly end?: number | undefined
  readonly directory: string
}

const bodiesOf = (records: ReadonlyArray<LogRecord>) => records.map(({ body }) => body)

/**
 * Reads the last sealed events again: the recorded time goes on from them, and they must be those
 * that the seal is over. The last subtree of a seal covers as many events as the lowest bit of its
 * size says; of one that covers more than a page, only the last event is read.
 */
const checkSealed = Effect.fnUntraced(function* (
  log: EventLogShape,
  codec: Codec,
  { size, hashes }: Edge,
  directory: string,
): Effect.fn.Return<number, LogFailure | RecordCorrupted | WrongLedger> {
  if (size === 0) return 0
  const covered = lowestBit(size)
  const isWhole = covered <= replayPageCount
  const records = yield* log.read(size - (isWhole ? covered : 1), isWhole ? covered : 1)
  const events = yield* decodeRecords(codec, records)
  const subtree = appendRecords(emptyEdge, bodiesOf(records))
  const [expected, found] = [toDigest(hashes.at(-1) ?? rootOf(emptyEdge)), printRoot(subtree)]
  if (isWhole && expected !== found) return yield* notSealed(size, directory, expected, found)
  return events.at(-1)?.time ?? 0
})

const notSealed = (size: number, directory: string, expected: Digest, found: Digest) =>
  new WrongLedger({
    message:
      `the events up to ${size} of the log in ${directory} are not those that were sealed: ` +
      "put its own back",
    directory,
    expected,
    found,
  })

/** Fails when a tree over as many events as are sealed is not the one that was sealed. */
export const sealedOtherwise = (
  { tip, directory }: Claim,
  edge: Edge,
): Effect.Effect<void, WrongLedger> => {
  const [expected, found] = [printRoot(tip?.edge ?? edge), printRoot(edge)]
  return expected === found
    ? Effect.void
    : Effect.fail(notSealed(edge.size, directory, expected, found))
}

/** The lowest power of two in a number. Arithmetic: positions may pass 32 bits. */
const lowestBit = (size: number): number => {
  let bit = 1
  while (size % (bit * 2) === 0) bit *= 2
  return bit
}

/** Proves the log; fails with what is wrong. */
export const checkLog = Effect.fnUntraced(function* (
  claim: Claim,
): Effect.fn.Return<Checked, LogFailure | RecordCorrupted | WrongLedger> {
  const { log, codec, identity, tip, directory } = claim
  const head = yield* log.head
  const [first] = yield* log.read(0, 1)
  if (first === undefined)
    return yield* new RecordCorrupted({
      message: `the log in ${directory} is empty: its first event is missing, restore a backup`,
      from: 1,
      to: 1,
    })
  const [created] = yield* decodeRecords(codec, [first])
  const wrong =
    checkFirst(created as CoreRecorded, identity, directory) ??
    checkTip(claim, head) ??
    checkEnd(claim, head)
  if (wrong !== undefined) return yield* wrong
  const sealed = tip?.edge ?? emptyEdge
  let lastTime = yield* checkSealed(log, codec, sealed, directory)
  let edge = sealed
  while (edge.size < head) {
    const records = yield* log.read(edge.size, replayPageCount)
    const events = yield* decodeRecords(codec, records)
    edge = appendRecords(edge, bodiesOf(records))
    lastTime = events.at(-1)?.time ?? lastTime
  }
  return { edge, lastTime }
})

/**
 * Holds the log against what the views had seen of it: they are written behind it. Events that were
 * acknowledged as durable and are gone are damage; others may have been lost with the power.
 */
export const checkReached = (
  { reached, durable }: Found,
  head: number,
  directory: string,
): Trust["lost"] | RecordCorrupted => {
  if (reached <= head) return undefined
  const lost = { from: head + 1, to: reached }
  if (!durable) return lost
  return new RecordCorrupted({
    message:
      `events ${lost.from} to ${lost.to} of the log in ${directory} were stored durably and are ` +
      "missing: restore the log, or delete view/ to go on without them",
    ...lost,
  })
}

export const printRoot = (edge: Edge): Digest => toDigest(rootOf(edge))
