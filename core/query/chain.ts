/**
 * The chain of a subject: each event names the position of the event before it about the same id,
 * so a history is walked backwards without an index and told forwards.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Failure, RecordCorrupted } from "../errors.js"
import type { Recorded } from "../event/event.js"
import { subjects } from "../projection/subjects.js"
import type { Moment } from "./query.js"
import { decodeRecords } from "./records.js"

const chainPage = 256

const damaged = (position: number, id: string): RecordCorrupted =>
  new RecordCorrupted({
    message: `event ${position} should be about ${id} and is not: restore the log from a backup`,
    from: position,
    to: position,
  })

/** The positions of the events about an id, ascending, none after the moment. */
const chainPositions = Effect.fnUntraced(function* (
  moment: Moment,
  id: string,
): Effect.fn.Return<ReadonlyArray<number>, Failure> {
  const positions: Array<number> = []
  let position = moment.views.view(subjects).get(["last", id]) ?? 0
  while (position > 0) {
    const [event] = yield* decodeRecords(moment.codec, yield* moment.log.get([position]))
    const link = event?.subjects.find((subject) => subject.id === id)
    if (link === undefined || link.previous >= position) return yield* damaged(position, id)
    if (position <= moment.position) positions.push(position)
    position = link.previous
  }
  return positions.reverse()
})

/** The events about an id, in order. */
export const chain = (moment: Moment, id: string): Stream.Stream<Recorded, Failure> =>
  Stream.unwrap(
    Effect.map(chainPositions(moment, id), (positions) =>
      Stream.paginate(0, (start) =>
        Effect.gen(function* () {
          const end = start + chainPage
          const records = yield* moment.log.get(positions.slice(start, end))
          const events = yield* decodeRecords(moment.codec, records)
          const next = end < positions.length ? Option.some(end) : Option.none<number>()
          return [events, next] as const
        }),
      ),
    ),
  )
