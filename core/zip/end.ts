/**
 * The end of a foreign archive: where its central directory lies (APPNOTE.TXT 6.3.10, 4.3.14 to
 * 4.3.16), with the records of ZIP64.
 *
 * There must be one answer only. Readers that search from the front, from the back, or not at all
 * see the same directory, or the archive is refused.
 */
import * as Effect from "effect/Effect"
import type { Refusal } from "../errors.js"
import type { ArchiveBytes } from "./archive-bytes.js"
import {
  type Directory,
  endBytes,
  endSignature,
  u16Max,
  u32Max,
  wideEndBytes,
  wideEndSignature,
  wideLocatorBytes,
  wideLocatorSignature,
} from "./header.js"
import { checked, refuseArchive } from "./refused.js"

/** A number of 64 bits; beyond 2^53 not exact, but larger than any archive all the same. */
export const readU64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))

const endMark = Buffer.alloc(4)
endMark.writeUInt32LE(endSignature)

// The bytes behind "size of this record" in one that says nothing of encryption.
const wideRestBytes = wideEndBytes - 12

/** Whether the comment of an end record is all that follows it. */
const reachesEnd = (tail: Buffer, at: number): boolean =>
  at + endBytes <= tail.length && at + endBytes + tail.readUInt16LE(at + 20) === tail.length

const endRecordAt = (tail: Buffer): number => {
  const at = tail.lastIndexOf(endMark)
  if (at < 0) return refuseArchive("has no end record: it is cut short, or no zip archive")
  // A mark inside of a comment is the last one too: programs that look for it would be misled.
  if (!reachesEnd(tail, at))
    return refuseArchive("has other bytes behind its end record, or is cut short")
  for (let other = at; other > 0; ) {
    other = tail.lastIndexOf(endMark, other - 1)
    if (other < 0) break
    if (reachesEnd(tail, other))
      return refuseArchive("has two end records, and programs would disagree on which is right")
  }
  return at
}

interface End extends Directory {
  /** Where its first record begins: the directory has to end there. */
  readonly at: number
}

const narrowEnd = (tail: Buffer, at: number, base: number, hasWide: boolean): End => {
  const disks = [tail.readUInt16LE(at + 4), tail.readUInt16LE(at + 6)]
  const count = tail.readUInt16LE(at + 10)
  // A full number says that ZIP64 has the right one.
  const isFirst = disks.every((disk) => disk === 0 || (hasWide && disk === u16Max))
  if (!isFirst || tail.readUInt16LE(at + 8) !== count)
    return refuseArchive("is one part of several: join them first")
  const [length, start] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)]
  return { count, length, start, at: base + at }
}

const wideEnd = (tail: Buffer, locator: number, base: number): End => {
  const at = locator - wideEndBytes
  const isWhole = at >= 0 && tail.readUInt32LE(at) === wideEndSignature
  if (!isWhole || readU64(tail, at + 4) !== wideRestBytes)
    return refuseArchive("has a ZIP64 end record of an unknown form")
  const disks = [4, 16].map((field) => tail.readUInt32LE(locator + field))
  const parts = [16, 20].map((field) => tail.readUInt32LE(at + field))
  const count = readU64(tail, at + 32)
  // Some programs count no disk at all.
  const isOne = disks[0] === 0 && (disks[1] ?? 0) <= 1 && parts.every((disk) => disk === 0)
  if (!isOne || readU64(tail, at + 24) !== count)
    return refuseArchive("is one part of several: join them first")
  if (readU64(tail, locator + 8) !== base + at)
    return refuseArchive("has other bytes in front, or a wrong offset in its ZIP64 locator")
  return { count, length: readU64(tail, at + 40), start: readU64(tail, at + 48), at: base + at }
}

const directoryIn = (tail: Buffer, base: number): Directory => {
  const at = endRecordAt(tail)
  const locator = at - wideLocatorBytes
  const hasWide = locator >= 0 && tail.readUInt32LE(locator) === wideLocatorSignature
  const narrow = narrowEnd(tail, at, base, hasWide)
  const end = hasWide ? wideEnd(tail, locator, base) : narrow
  const differs = (field: "count" | "length" | "start"): boolean => {
    const full = field === "count" ? u16Max : u32Max
    return narrow[field] !== end[field] && narrow[field] !== full
  }
  if (differs("count") || differs("length") || differs("start"))
    return refuseArchive("has two end records that say different things")
  if (end.start + end.length !== end.at)
    return refuseArchive(
      "has a directory that is not where its end record says: other bytes lie in front of the " +
        "archive, or between its parts",
    )
  return { count: end.count, start: end.start, length: end.length }
}

// All records of the end, with the longest comment.
const tailBytesMax = wideEndBytes + wideLocatorBytes + endBytes + u16Max

/** Finds the one directory, which ends where the end records begin. */
export const findDirectory = <E>(bytes: ArchiveBytes<E>): Effect.Effect<Directory, E | Refusal> => {
  const length = Math.min(bytes.size, tailBytesMax)
  const base = bytes.size - length
  return Effect.flatMap(bytes.read(base, length), (tail) => checked(() => directoryIn(tail, base)))
}
