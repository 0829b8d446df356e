/**
 * The bytes of a foreign archive, wherever they lie: read in any order, never beyond their end.
 *
 * What the archive claims decides no allocation: a record that would reach beyond the end is
 * refused before it is read. Knows no record.
 */
import * as Effect from "effect/Effect"
import type { Refusal } from "../errors.js"
import { zipReadBytes } from "../limits.js"
import { checked, refuseArchive } from "./refused.js"

/** An archive at rest. Its bytes may be anything, but they do not change. */
export interface ArchiveBytes<E> {
  /** Bytes. */
  readonly size: number
  /** Exactly so many bytes from an offset on, which are there. Nobody writes to them afterwards. */
  readonly read: (start: number, length: number) => Effect.Effect<Buffer, E>
}

export type Read<E> = (start: number, length: number) => Effect.Effect<Buffer, E | Refusal>

const none = Buffer.alloc(0)

/** Reads `zipReadBytes` in one go and hands them out; refuses what would reach beyond the end. */
export const readAhead = <E>(bytes: ArchiveBytes<E>): Read<E> => {
  let block: Buffer = none
  let from = 0
  return (start, length) => {
    const at = start - from
    if (at >= 0 && at + length <= block.length)
      return Effect.succeed(block.subarray(at, at + length))
    const left = bytes.size - start
    if (length > left)
      return checked(() => refuseArchive("ends in the middle of a record: it is cut short"))
    const wanted = Math.min(Math.max(length, zipReadBytes), left)
    return Effect.map(bytes.read(start, wanted), (read) => {
      block = read
      from = start
      return read.subarray(0, length)
    })
  }
}
