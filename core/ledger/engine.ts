/**
 * The engine: the open rooms of one ledger and what ties them together. Every operation works on
 * it; nothing else holds the log, the views and the blobs at once.
 */
import * as Effect from "effect/Effect"
import type { BlobStoreShape } from "../blob/blob-store.js"
import type { AnyCommand } from "../command/command.js"
import {
  type BlobFailure,
  InvalidInput,
  LedgerClosed,
  type LedgerReadOnly,
  type LogFailure,
} from "../errors.js"
import type { Codec } from "../event/codec.js"
import type { EventLogShape } from "../log/event-log.js"
import type { AnyMaterializer } from "../materializer/materializer.js"
import { readable } from "../model/input.js"
import type { Moment } from "../query/query.js"
import { decodeRecords } from "../query/records.js"
import type { Views } from "../view/views.js"
import type { Folding } from "./folding.js"
import type { Layouts } from "./layouts.js"
import type { PathBounds } from "./path-intake.js"
import type { Place } from "./place.js"
import type { Temporary } from "./temporary.js"
import type { Trust } from "./trust.js"
import type { Writer } from "./writer.js"

export interface Engine {
  readonly log: EventLogShape
  readonly views: Views
  readonly blobs: BlobStoreShape
  readonly codec: Codec
  readonly folding: Folding
  readonly writer: Writer
  readonly materializers: ReadonlyArray<AnyMaterializer>
  /** Callers' own. */
  readonly commandsOwn: ReadonlyArray<AnyCommand>
  /** What paths of callers are confined to. */
  readonly bounds: PathBounds
  readonly temporary: Temporary
  readonly layouts: Layouts
  readonly trust: Trust
  /** Position of the last event that every answer includes. */
  readonly head: () => number
  readonly place: Place
  /** Seals what has been appended. */
  readonly seal: Effect.Effect<void, LogFailure | BlobFailure>
  readonly isClosed: () => boolean
}

export const closedError = (): LedgerClosed =>
  new LedgerClosed({ message: "the ledger is closed: open it again" })

/** Fails where the ledger can only be asked. */
export const writable = ({ place: { reading } }: Engine): Effect.Effect<void, LedgerReadOnly> =>
  reading === undefined ? Effect.void : Effect.fail(reading.refusal)

/** The ledger after the event of a position. */
export const momentAt = ({ log, views, codec }: Engine, position: number): Moment => ({
  position,
  views: views.at(position),
  log,
  codec,
})

/** The ledger as it is when the effect runs. */
export const presentMoment = (engine: Engine): Effect.Effect<Moment, LedgerClosed> =>
  Effect.suspend(() =>
    engine.isClosed()
      ? Effect.fail(closedError())
      : Effect.succeed(momentAt(engine, engine.head())),
  )

/** The position of the last event recorded at a time or before it; 0 when there is none. */
const positionAtTime = Effect.fnUntraced(function* (engine: Engine, time: number) {
  // Recorded time never decreases along positions, so halving finds the edge.
  let [low, high] = [0, engine.head()]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    const records = yield* engine.log.get([middle])
    const [event] = yield* decodeRecords(engine.codec, records)
    if (event !== undefined && event.time <= time) low = middle
    else high = middle - 1
  }
  return low
})

const notPast = (when: unknown, head: number): InvalidInput =>
  new InvalidInput({
    message:
      typeof when === "number"
        ? `position ${when} is not one of this ledger: it goes from 0 to ${head}`
        : "asOf takes a position or a date",
    path: "asOf",
  })

/** A past moment, found at its first use and the same ever after. */
export const pastMoment = (engine: Engine, when: number | Date) => {
  let pinned: number | undefined
  return Effect.gen(function* () {
    const present = yield* presentMoment(engine)
    if (pinned !== undefined) return momentAt(engine, pinned)
    const time = readable("asOf", () => (when instanceof Date ? when.getTime() : undefined))
    if (time !== undefined) {
      if (Number.isNaN(time))
        return yield* new InvalidInput({ message: "asOf: the date is invalid", path: "asOf" })
      const position = yield* positionAtTime(engine, time)
      // A second first read may have pinned it meanwhile: both must see the same.
      pinned ??= position
      return momentAt(engine, pinned)
    }
    const position = Number.isSafeInteger(when) ? Number(when) : -1
    if (position < 0 || position > present.position) return yield* notPast(when, present.position)
    pinned = position
    return momentAt(engine, pinned)
  })
}
