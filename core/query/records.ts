/**
 * Records as events. A body that cannot be read, or that lies at another position than it says, is
 * damage, whatever checksum it carries.
 */
import * as Effect from "effect/Effect"
import { RecordCorrupted } from "../errors.js"
import type { Codec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import type { LogRecord } from "../log/event-log.js"

/** The event of a record; a body that cannot be read, or lies elsewhere, is damage. */
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
