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

type Events = ReadonlyArray<Recorded>

const damaged = (position: number, id: string): RecordCorrupted =>
  new RecordCorrupted({
    message: `event ${position} should be about ${id} and is not: restore the log from a backup`,
    from: position,
    to: position,
  })

const eventsAt = Effect.fnUntraced(function* (
  { log, codec }: Moment,
  positions: ReadonlyArray<number>,
): Effect.fn.Return<Events, Failure> {
  return yield* decodeRecords(codec, yield* log.get(positions))
})

/** What a walk back found, ascending: its oldest events as read, then the positions of the rest. */
interface Walked {
  readonly events: Events
  readonly positions: ReadonlyArray<number>
}

const walkBack = Effect.fnUntraced(function* (
  moment: Moment,
  id: string,
  after: number,
): Effect.fn.Return<Walked, Failure> {
  const positions: Array<number> = []
  // The oldest events, read last, are told first. Only they are kept: memory stays bounded.
  let events: Array<Recorded> = []
  let position = moment.views.view(subjects).get(["last", id]) ?? 0
  while (position > after) {
    const [event] = yield* eventsAt(moment, [position])
    const link = event?.subjects.find((subject) => subject.id === id)
    if (event === undefined || link === undefined || link.previous >= position)
      return yield* damaged(position, id)
    positions.push(position)
    events.push(event)
    if (events.length >= chainPage * 2) events = events.slice(chainPage)
    position = link.previous
  }
  positions.length -= events.length
  return { events: events.reverse(), positions: positions.reverse() }
})

/** The events about an id, in order: those after `after`, none later than the moment. */
export const chain = (moment: Moment, id: string, after = 0): Stream.Stream<Recorded, Failure> =>
  Stream.unwrap(
    Effect.map(walkBack(moment, id, after), ({ events, positions }) => {
      const rest = Stream.paginate(0, (start: number) =>
        Effect.map(
          eventsAt(moment, positions.slice(start, start + chainPage)),
          (page) =>
            [
              page,
              start + chainPage < positions.length
                ? Option.some(start + chainPage)
                : Option.none<number>(),
            ] as const,
        ),
      )
      return Stream.concat(Stream.fromIterable(events), rest)
    }),
  )
