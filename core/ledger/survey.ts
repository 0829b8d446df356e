/**
 * The survey of a log that could not be proven: goes through all of it, and says which events are
 * left and which are damaged or missing. Its cost grows with the log; only damage is worth it.
 *
 * A log that is whole but not this ledger's is refused here as anywhere.
 */
import * as Effect from "effect/Effect"
import { type LogFailure, RecordCorrupted, type WrongLedger } from "../errors.js"
import type { Recorded } from "../event/event.js"
import { replayPageCount } from "../limits.js"
import type { LogRecord } from "../log/event-log.js"
import { appendRecords, type Edge, emptyEdge } from "../proof/merkle.js"
import { decodeRecords } from "../query/records.js"
import type { Tip } from "./tip.js"
import { type Claim, checkFirstRecord, type Damage, sealedOtherwise } from "./trust.js"

export interface Surveyed {
  /** The tree over all events; undefined where damage stands in the way. */
  readonly edge: Edge | undefined
  /** Of the last event that could be read. */
  readonly lastTime: number
  readonly damaged: ReadonlyArray<Damage>
}

interface Stretch {
  readonly from: number
  readonly to: number
}

/** Ranges that touch are one: a read names no more than it was asked for. */
const add = (stretches: Array<Stretch>, { from, to }: Stretch): void => {
  const last = stretches.at(-1)
  if (last?.to === from - 1) stretches[stretches.length - 1] = { from: last.from, to }
  else stretches.push({ from, to })
}

const damageOf = ({ from, to }: Stretch, end: number): Damage => {
  const events = from === to ? `event ${from} is` : `events ${from} to ${to} are`
  const where =
    from === 1
      ? "at the beginning"
      : to === end
        ? `behind ${from - 1}, at the end`
        : `between ${from - 1} and ${to + 1}`
  return { from, to, text: `${events} missing or damaged, ${where}` }
}

/** What could be read of a part of the log, and the damage that it ends at. */
interface Part {
  readonly records: ReadonlyArray<LogRecord>
  readonly events: ReadonlyArray<Recorded>
  readonly bad: Stretch | undefined
}

/** Up to so many records from `after` on, or up to damage. */
const readAround = Effect.fnUntraced(function* (
  { log, codec }: Pick<Claim, "log" | "codec">,
  after: number,
  count: number,
): Effect.fn.Return<Part, LogFailure | RecordCorrupted> {
  const read = yield* Effect.catchTag(log.read(after, count), "RecordCorrupted", Effect.succeed)
  const isDamaged = read instanceof RecordCorrupted
  const records = isDamaged ? yield* log.read(after, read.from - after - 1) : read
  const bad = isDamaged ? read : undefined
  const decoded = yield* Effect.catch(decodeRecords(codec, records), Effect.succeed)
  if (!(decoded instanceof RecordCorrupted)) return { records, events: decoded, bad }
  // Its checksum is right, and it is no event of this place all the same.
  const whole = records.slice(0, decoded.from - after - 1)
  return { records: whole, events: yield* decodeRecords(codec, whole), bad: decoded }
})

class Walk {
  readonly stretches: Array<Stretch> = []
  readonly #tip: Tip | undefined
  edge: Edge | undefined = emptyEdge
  lastTime = 0
  after = 0

  constructor(tip: Tip | undefined) {
    this.#tip = tip
  }

  /** How much to read: up to the seal first, since there the tree is known, whatever is lost. */
  countUpTo(head: number): number {
    const sealed = this.#tip?.edge.size ?? 0
    const limit = this.after < sealed ? Math.min(sealed, head) : head
    return Math.min(replayPageCount, limit - this.after)
  }

  take(records: ReadonlyArray<LogRecord>, bad: Stretch | undefined): void {
    const bodies = records.map(({ body }) => body)
    this.edge = bad === undefined && this.edge ? appendRecords(this.edge, bodies) : undefined
    this.after = bad?.to ?? this.after + records.length
    if (bad !== undefined) add(this.stretches, bad)
  }

  get isAtSeal(): boolean {
    return this.after === this.#tip?.edge.size
  }
}

/**
 * `end`: the last event that is known to have been stored, whether it is there or not. `visit` is
 * given what is left, in order, as it is read.
 */
export const survey = Effect.fnUntraced(function* <E = never>(
  claim: Claim,
  end: number,
  visit: (events: ReadonlyArray<Recorded>) => Effect.Effect<void, E> = () => Effect.void,
): Effect.fn.Return<Surveyed, LogFailure | RecordCorrupted | WrongLedger | E> {
  const { log, tip } = claim
  const head = yield* log.head
  const walk = new Walk(tip)
  while (walk.after < head) {
    const isFirst = walk.after === 0
    const { records, events, bad } = yield* readAround(claim, walk.after, walk.countUpTo(head))
    if (isFirst && events.length > 0) yield* checkFirstRecord(claim, events[0])
    yield* visit(events)
    walk.take(records, bad)
    walk.lastTime = events.at(-1)?.time ?? walk.lastTime
    if (!walk.isAtSeal) continue
    if (walk.edge !== undefined) yield* sealedOtherwise(claim, walk.edge)
    walk.edge = tip?.edge
  }
  if (head < end) add(walk.stretches, { from: head + 1, to: end })
  return {
    edge: head < end ? undefined : walk.edge,
    lastTime: walk.lastTime,
    damaged: walk.stretches.map((stretch) => damageOf(stretch, Math.max(head, end))),
  }
})
