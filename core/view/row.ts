/**
 * The bytes of view rows. A row is a CRC-32 over its key and body, then the body as MessagePack.
 *
 * A live row carries the position that made it, its ladder and its value; a row that was deleted
 * leaves its ladder and the position of its end; a closed row its end and its value.
 */
import { crc32 } from "node:zlib"
import { ViewFailure } from "../errors.js"
import { type Plain, packBehind, unpack } from "../model/msgpack.js"
import { emptyLadder, type Ladder } from "./ladder.js"

/** A live state, from position `from` on. */
export interface NowRow {
  readonly from: number
  readonly ladder: Ladder
  readonly value: Plain
}

/** What remains in reach of a row that was deleted at position `to`. */
export interface GoneRow {
  readonly to: number
  readonly ladder: Ladder
}

/** A state that held until position `to`; the key names where it began. */
export interface WasRow {
  readonly to: number
  readonly ladder: Ladder
  readonly value: Plain
}

const checksumBytes = 4

/** By hand: it is asked for several times a row, and a view of the bytes would cost more. */
export const rowChecksum = (row: Uint8Array): number =>
  (((row[0] ?? 0) << 24) | ((row[1] ?? 0) << 16) | ((row[2] ?? 0) << 8) | (row[3] ?? 0)) >>> 0

export const encodeRow = (key: string, body: Plain): Uint8Array => {
  const row = packBehind(checksumBytes, body)
  row.writeUInt32BE(crc32(row.subarray(checksumBytes), crc32(key)), 0)
  return row
}

/** Whether key and bytes match their checksum. */
export const isSound = (key: string, row: Uint8Array): boolean =>
  row.length > checksumBytes && crc32(row.subarray(checksumBytes), crc32(key)) === rowChecksum(row)

/** The body of a row. Throws `ViewFailure` when key and bytes do not match their checksum. */
export const decodeRow = (key: string, row: Uint8Array): Plain => {
  if (!isSound(key, row)) {
    throw new ViewFailure({
      message: "a view row is damaged: call rebuild() to make the views anew from the log",
      operation: "read",
      reason: "damaged",
      outcome: "none",
    })
  }
  return unpack(row.subarray(checksumBytes))
}

const plainLadder = ({ count, rungs }: Ladder): Plain => (count === 0 ? 0 : [count, ...rungs])

const toLadder = (plain: Plain | undefined): Ladder => {
  if (!Array.isArray(plain)) return emptyLadder
  const [count, ...rungs] = plain as [number, ...Array<ReadonlyArray<number>>]
  return { count, rungs }
}

type Fields = ReadonlyArray<Plain>

export const encodeNow = (key: string, { from, ladder, value }: NowRow): Uint8Array =>
  encodeRow(key, [from, plainLadder(ladder), value])

export const decodeNow = (key: string, row: Uint8Array): NowRow => {
  const [from, ladder, value] = decodeRow(key, row) as Fields
  return { from: from as number, ladder: toLadder(ladder), value: value ?? null }
}

export const encodeGone = (key: string, { to, ladder }: GoneRow): Uint8Array =>
  encodeRow(key, [to, plainLadder(ladder)])

export const decodeGone = (key: string, row: Uint8Array): GoneRow => {
  const [to, ladder] = decodeRow(key, row) as Fields
  return { to: to as number, ladder: toLadder(ladder) }
}

export const encodeWas = (key: string, { to, ladder, value }: WasRow): Uint8Array =>
  encodeRow(key, [to, plainLadder(ladder), value])

export const decodeWas = (key: string, row: Uint8Array): WasRow => {
  const [to, ladder, value] = decodeRow(key, row) as Fields
  return { to: to as number, ladder: toLadder(ladder), value: value ?? null }
}
