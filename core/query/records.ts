/**
 * Records as events. A body that cannot be read, or that lies at a position other than it says, is
 * damage, whatever checksum it carries.
 */
import * as Effect from "effect/Effect"
import { type LogFailure, RecordCorrupted, WrongLedger } from "../errors.js"
import type { Codec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import type { EventLogShape, LogRecord } from "../log/event-log.js"

/**
 * At most so many records after `after`: those before damage, where there are any, so that a reader
 * gets all that is whole and fails where the damage begins.
 */
export const readUpTo = (
  log: EventLogShape,
  after: number,
  countMax: number,
): Effect.Effect<ReadonlyArray<LogRecord>, LogFailure | RecordCorrupted> =>
  Effect.catchTag(log.read(after, countMax), "RecordCorrupted", (damage) =>
    damage.from > after + 1 ? log.read(after, damage.from - after - 1) : Effect.fail(damage),
  )

/** Throws `RecordCorrupted`. */
const decodeRecord = (codec: Codec, { position, body }: LogRecord): Recorded => {
  const damaged = (why: string) =>
    new RecordCorrupted({
      message: `event ${position} cannot be read (${why}): restore the log from a backup`,
      from: position,
      to: position,
    })
  let event: Recorded
  try {
    event = codec.decode(body)
  } catch (cause) {
    throw damaged(cause instanceof Error ? cause.message : "unreadable")
  }
  if (event.position !== position) throw damaged(`it says it is event ${event.position}`)
  return event
}

/** Why the data of an event cannot be relied on; undefined when this program knows its revision. */
export const newerEvent = (
  codec: Codec,
  { position, type, revision }: Recorded,
): WrongLedger | undefined => {
  if (!codec.isNewer({ type, revision })) return undefined
  const known = codec.typeOf(type)?.revision
  const expected = known === undefined ? "no such type" : `${type} of revision ${known}`
  const found = `${type} of revision ${revision}`
  const message = `event ${position} is a ${found}, this program knows ${expected}: update it`
  return new WrongLedger({ message, expected, found })
}

/** Events whose data will be relied on: refused when one of them is newer. */
export const knownOnly = (
  codec: Codec,
  events: ReadonlyArray<Recorded>,
): Effect.Effect<ReadonlyArray<Recorded>, WrongLedger> => {
  for (const event of events) {
    const newer = newerEvent(codec, event)
    if (newer !== undefined) return Effect.fail(newer)
  }
  return Effect.succeed(events)
}

/** Events as they were recorded; data of an unknown type or a newer revision stays undecoded. */
export const decodeRecords = (
  codec: Codec,
  records: ReadonlyArray<LogRecord>,
): Effect.Effect<ReadonlyArray<Recorded>, RecordCorrupted> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(records.map((record) => decodeRecord(codec, record)))
    } catch (thrown) {
      return thrown instanceof RecordCorrupted ? Effect.fail(thrown) : Effect.die(thrown)
    }
  })
