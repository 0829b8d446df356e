/**
 * The port of the log: where facts stay, as an ordered sequence of opaque records.
 *
 * Positions start at 1 and have no gap. Knows neither events nor views: a record is a body of bytes
 * that the driver keeps, checks and gives back unchanged.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { LogFailure, RecordCorrupted } from "../errors.js"

/** One entry of the log. Its leaf in the Merkle tree is SHA-256(0x00 || body) in every driver. */
export interface LogRecord {
  readonly position: number
  readonly body: Uint8Array
}

/** What a driver gives. Its laws are `event-log.contract.ts`. */
export interface EventLogShape {
  /** How durable records are when `append` returns. */
  readonly durability: Durability
  /** The position of the last record, 0 when there is none. Kept in memory by the driver. */
  readonly head: Effect.Effect<number, LogFailure>
  /**
   * Stores the bodies at `after + 1`, `after + 2`, … all or none, in one write. Fails with reason
   * `conflict` and outcome `none` when the head is not `after`. When it returns, the records are
   * as durable as the driver was told to make them. An empty list stores nothing. A body above
   * `recordBytesMax` is a defect. After a failure of outcome `unknown` the log takes no appends
   * (reason `stopped`) until it is opened again.
   */
  readonly append: (
    after: number,
    bodies: ReadonlyArray<Uint8Array>,
  ) => Effect.Effect<void, LogFailure>
  /**
   * The records after `after`, in order: `countMax` of them, or all up to the head. Every record
   * is checked against its checksum and the sequence for gaps: `RecordCorrupted` names the first
   * stretch that is damaged or missing.
   */
  readonly read: (
    after: number,
    countMax: number,
  ) => Effect.Effect<ReadonlyArray<LogRecord>, LogFailure | RecordCorrupted>
  /** The records at these positions, in the order asked. One that is not there is damage too. */
  readonly get: (
    positions: ReadonlyArray<number>,
  ) => Effect.Effect<ReadonlyArray<LogRecord>, LogFailure | RecordCorrupted>
  /** After this, everything appended before survives a power loss, in any durability mode. */
  readonly flush: Effect.Effect<void, LogFailure>
}

export class EventLog extends Context.Service<EventLog, EventLogShape>()(
  "daybook/log/event-log/EventLog",
) {}

/**
 * What an acknowledged append survives: a power loss (`synced`), or only the end of the process,
 * however it ends (`buffered`).
 */
export type Durability = "synced" | "buffered"
