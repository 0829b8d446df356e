/**
 * The port of the view store: sorted rows that can be rebuilt, so hardly anything need be durable.
 *
 * Reads of one row are synchronous: decisions and folds are plain functions. Knows neither events
 * nor projections; how rows keep their past is built above it, once for all drivers.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { ViewFailure } from "../errors.js"
import type { KeyRange } from "./key.js"

/** A row as it is stored: its key, encoded, and its bytes. */
export type StoredRow = readonly [key: string, value: Uint8Array]

export interface RowWrite {
  readonly key: string
  /** Undefined deletes the row. */
  readonly value: Uint8Array | undefined
}

/** What of a range to read, and from which end. */
export interface ScanRange extends KeyRange {
  readonly reverse: boolean
  readonly countMax: number
}

/** What a driver gives. Its laws are `view-store.contract.ts`. */
export interface ViewStoreShape {
  /** The row of a key, or undefined. Throws `ViewFailure`, since plain functions call it. */
  readonly get: (key: string) => Uint8Array | undefined
  /**
   * At most `countMax` rows of each range, all from one moment, ordered by the UTF-8 bytes of their
   * keys, or from the last one back with `reverse`.
   */
  readonly scan: (
    ranges: ReadonlyArray<ScanRange>,
  ) => Effect.Effect<ReadonlyArray<ReadonlyArray<StoredRow>>, ViewFailure>
  /** All or none. A later write of a key in one list wins. */
  readonly commit: (writes: ReadonlyArray<RowWrite>) => Effect.Effect<void, ViewFailure>
  /** As `commit`; and it and every commit before it survive a power loss. */
  readonly commitDurably: (writes: ReadonlyArray<RowWrite>) => Effect.Effect<void, ViewFailure>
  /**
   * Remembers how far the log has come, past the end of the process if not of the power. Beside the
   * rows, which may lag behind; never fails, since it is evidence and nothing else.
   */
  readonly note: (position: number) => void
  /** What was noted last, before this opening too; 0 when that is not known. */
  readonly noted: () => number
  /** Deletes every row of the range; after a failure some may be left. */
  readonly clear: (range: KeyRange) => Effect.Effect<void, ViewFailure>
  /** Whether opening gave up rows that were damaged. */
  readonly beganAnew: boolean
  /** Whether rows were found damaged that cannot be told apart: every read fails until `renew`. */
  readonly isDamaged: () => boolean
  /** Gives up every row, and none can come back; damaged ones are kept aside as evidence. */
  readonly renew: Effect.Effect<void, ViewFailure>
}

/** Whether rows are damaged: those that are left are not to be trusted either. */
export const isDamage = (failure: unknown): boolean =>
  failure instanceof ViewFailure && failure.reason === "damaged"

/** Runs a plain function over rows: the `ViewFailure` that it throws is the effect's failure. */
export const attempt = <A>(act: () => A): Effect.Effect<A, ViewFailure> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(act())
    } catch (cause) {
      if (cause instanceof ViewFailure) return Effect.fail(cause)
      throw cause
    }
  })

/** What views need of a store. */
export type RowStore = Omit<ViewStoreShape, "commitDurably">

export class ViewStore extends Context.Service<ViewStore, ViewStoreShape>()(
  "daybook/view/view-store/ViewStore",
) {}
