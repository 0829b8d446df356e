/**
 * What every driver of the log decides and reports alike: which records a read covers, how large a
 * body may be, and the failures of the port with their messages.
 *
 * Knows nothing about technologies: what only one driver can run into is handled in that driver.
 */
import { LogFailure, RecordCorrupted } from "../errors.js"
import { recordBytesMax } from "../limits.js"

/** The last position that a read covers; `after` when it covers none. Bad bounds are a defect. */
export const lastCovered = (after: number, countMax: number, head: number): number => {
  if (!Number.isSafeInteger(after) || after < 0 || !(countMax >= 0))
    throw new Error(`a read of ${countMax} records after ${after} names no stretch of the log`)
  return Math.max(after, Math.min(after + Math.floor(countMax), head))
}

export const isCovered = (position: number, head: number): boolean =>
  Number.isInteger(position) && position >= 1 && position <= head

/** Bodies come from the codec, which keeps the bound: a larger one is a defect. */
export const checkBodies = (bodies: ReadonlyArray<Uint8Array>): void => {
  for (const { length } of bodies) {
    if (length > recordBytesMax)
      throw new Error(`a record of ${length} bytes is above the bound of ${recordBytesMax}`)
  }
}

export const conflict = (after: number, head: number): LogFailure =>
  new LogFailure({
    message: `the log ends at ${head}, not at ${after}: read what was added and decide again`,
    operation: "append",
    reason: "conflict",
    outcome: "none",
  })

/** The answer to every append after a write of unknown outcome. */
export const stopped = (): LogFailure =>
  new LogFailure({
    message: "the log takes no appends after a write of unknown outcome: open it again",
    operation: "append",
    reason: "stopped",
    outcome: "none",
  })

export const corrupted = (from: number, to: number): RecordCorrupted =>
  new RecordCorrupted({
    message:
      from === to
        ? `record ${from} of the log is damaged or missing: restore it from a backup`
        : `records ${from} to ${to} of the log are damaged or missing: restore them from a backup`,
    from,
    to,
  })
