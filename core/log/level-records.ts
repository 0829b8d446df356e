/**
 * Records in a LevelDB store: one key a record, in the order of positions, each checked as it is
 * read. What the drivers on LevelDB have in common.
 *
 * Key: the position as u64 big-endian. Value: a format byte, the CRC-32 of key and body as u32
 * big-endian, the body. LevelDB's own checksums are not verified on reads from Node, and it loses
 * records silently, so every read checks checksum and sequence. Knows nothing about events.
 */
import { crc32 } from "node:zlib"
import type { Level } from "level"
import { hasCode } from "../model/cause.js"
import type { LogRecord } from "./event-log.js"
import { corrupted, isCovered } from "./rules.js"

export type Store = Level<Buffer, Buffer>

/** Says what can be read without a damaged byte coming before LevelDB. */
export interface Guard {
  /** Throws where the end of the log cannot be looked at. */
  readonly checkEnds: () => void
  readonly isSafe: (position: number) => boolean
  readonly isSafeToScan: (from: number, to: number) => boolean
  readonly firstDamaged: (from: number, to: number) => Stretch | undefined
}

export interface Stretch {
  readonly from: number
  readonly to: number
}

export interface Source {
  readonly store: Store
  readonly guard: Guard
}

const format = 1
const headerBytes = 5

// One hop to LevelDB's thread fetches at most this much, whichever comes first. Its default of
// 16 KiB halves the speed of a scan. A page of events should come in one hop: while it is decoded,
// nobody asks for the next one. LevelDB reserves room for the count, so that is bounded too.
const hopBytes = 393_216
const hopCount = 1_000

export const keyOf = (position: number): Buffer => {
  const key = Buffer.allocUnsafe(8)
  key.writeUInt32BE(Math.floor(position / 2 ** 32), 0)
  key.writeUInt32BE(position % 2 ** 32, 4)
  return key
}

/** NaN, which equals no position, when the key is not one. */
export const positionOf = (key: Buffer): number =>
  key.length === 8 ? key.readUInt32BE(0) * 2 ** 32 + key.readUInt32BE(4) : Number.NaN

/** A body as it lies under its key. */
export const recordOf = (key: Buffer, body: Uint8Array): Buffer => {
  const value = Buffer.allocUnsafe(headerBytes + body.length)
  value.writeUInt8(format, 0)
  value.writeUInt32BE(crc32(body, crc32(key)), 1)
  value.set(body, headerBytes)
  return value
}

/** The body inside a value, without a copy; undefined when it is not what was put at this key. */
export const bodyOf = (key: Buffer, value: Buffer | undefined): Uint8Array | undefined => {
  if (value === undefined || value.length < headerBytes || value[0] !== format) return undefined
  const body = value.subarray(headerBytes)
  return crc32(body, crc32(key)) === value.readUInt32BE(1) ? body : undefined
}

const isDamage = (cause: unknown): boolean => hasCode(cause, "LEVEL_CORRUPTION")

/** The records after `after`, up to `last` or to the first one that is not as it should be. */
const scan = async (store: Store, after: number, last: number, signal: AbortSignal) => {
  const records: Array<LogRecord> = []
  const iterator = store.iterator({ gte: keyOf(after + 1), highWaterMarkBytes: hopBytes, signal })
  try {
    let position = after + 1
    while (position <= last) {
      const entries = await iterator.nextv(Math.min(hopCount, last - position + 1))
      if (entries.length === 0) break
      for (const [key, value] of entries) {
        const body = positionOf(key) === position ? bodyOf(key, value) : undefined
        if (body === undefined) return records
        records.push({ position, body })
        position += 1
      }
    }
  } catch (cause) {
    if (!isDamage(cause)) throw cause
  } finally {
    await iterator.close()
  }
  return records
}

const bodyAt = async (
  { store, guard }: Source,
  position: number,
): Promise<Uint8Array | undefined> => {
  if (!guard.isSafe(position)) return undefined
  const key = keyOf(position)
  try {
    return bodyOf(key, await store.get(key))
  } catch (cause) {
    if (isDamage(cause)) return undefined
    throw cause
  }
}

/** The position to look at after a bad one: that of the next key, so that a hole is one step. */
const positionAfter = async ({ store, guard }: Source, position: number): Promise<number> => {
  const next = position + 1
  if (!guard.isSafeToScan(next, next)) return next
  try {
    const [key] = await store.keys({ gte: keyOf(next), limit: 1 }).all()
    return key === undefined ? Number.POSITIVE_INFINITY : positionOf(key)
  } catch (cause) {
    if (!isDamage(cause)) throw cause
    return next
  }
}

/**
 * Names the first bad stretch from `from` on, where a scan broke off. Asks for one record at a
 * time: a table block that LevelDB cannot read spoils a whole iterator, but only its own gets.
 */
const locate = async (source: Source, from: number, last: number, signal: AbortSignal) => {
  let first: number | undefined
  for (let position = from; position <= last; ) {
    signal.throwIfAborted()
    const isSound = (await bodyAt(source, position)) !== undefined
    if (isSound && first !== undefined) return corrupted(first, position - 1)
    if (!isSound) first ??= position
    position = isSound ? position + 1 : await positionAfter(source, position)
  }
  // Every record is there by its key, yet the scan met something else: a key that is not ours.
  return first === undefined ? corrupted(from, from) : corrupted(first, last)
}

/** By exact keys, which rest on no block but their own; the others may be damaged. */
const readAround = async (source: Source, after: number, last: number) => {
  const bad = source.guard.firstDamaged(after + 1, last)
  const end = bad === undefined ? last : bad.from - 1
  const positions = Array.from({ length: end - after }, (_, index) => after + index + 1)
  const records = await getEach(source, positions, end)
  if (bad !== undefined) throw corrupted(bad.from, bad.to)
  return records
}

export const readRange = async (
  source: Source,
  after: number,
  last: number,
  signal: AbortSignal,
): Promise<ReadonlyArray<LogRecord>> => {
  if (!source.guard.isSafeToScan(after + 1, last)) return await readAround(source, after, last)
  const records = await scan(source.store, after, last, signal)
  const next = after + records.length + 1
  if (next <= last) throw await locate(source, next, last, signal)
  return records
}

export const getEach = async (
  source: Source,
  positions: ReadonlyArray<number>,
  head: number,
): Promise<ReadonlyArray<LogRecord>> => {
  const { store, guard } = source
  const absent = positions.find((at) => !isCovered(at, head) || !guard.isSafe(at))
  if (absent !== undefined) throw corrupted(absent, absent)
  const keys = positions.map(keyOf)
  const values = await store.getMany(keys).catch((cause: unknown) => {
    if (isDamage(cause)) return undefined
    throw cause
  })
  const records: Array<LogRecord> = []
  for (const [index, key] of keys.entries()) {
    const position = positionOf(key)
    const body = values ? bodyOf(key, values[index]) : await bodyAt(source, position)
    if (body === undefined) throw corrupted(position, position)
    records.push({ position, body })
  }
  return records
}

/** The last position; 0 where there is none. */
export const findHead = async ({ store, guard }: Source): Promise<number> => {
  guard.checkEnds()
  const [key] = await store.keys({ reverse: true, limit: 1 }).all()
  if (key === undefined) return 0
  const head = positionOf(key)
  if (Number.isSafeInteger(head)) return head
  throw new Error(`the last key ${key.toString("hex")} is not a position`)
}
