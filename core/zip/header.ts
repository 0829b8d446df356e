/**
 * The records around the contents of a zip archive, byte by byte: APPNOTE.TXT 6.3.10, section 4.3.
 *
 * Sizes and CRCs are known beforehand, so there are no data descriptors. ZIP64 fields appear
 * exactly where a value needs them. Knows neither entries nor their order, and reads no clock.
 */

export const localSignature = 0x04034b50
export const centralSignature = 0x02014b50
export const endSignature = 0x06054b50
export const wideEndSignature = 0x06064b50
export const wideLocatorSignature = 0x07064b50

export const localBytes = 30
export const centralBytes = 46
export const endBytes = 22
export const wideEndBytes = 56
export const wideLocatorBytes = 20

export const u16Max = 0xffff
export const u32Max = 0xffffffff

// Made on Unix (3), which is what gives the upper half of the attributes its meaning; version 6.3.
const madeBy = (3 << 8) | 63
const neededPlain = 20
const neededWide = 45
// Bit 11, the name is UTF-8: always set, since ASCII is UTF-8 too and then no reader has to guess.
export const flagUtf8 = 1 << 11
// The MS-DOS attribute in the lower half, for readers that ignore the upper one.
const dosDirectory = 0x10

export const wideTag = 0x0001
// Extended timestamp (Info-ZIP, APPNOTE 4.6): flag 1 says that the modification time follows.
const timestampTag = 0x5455
const timestampFlag = 1
const timestampBytes = 9

export const methodStored = 0
export const methodDeflate = 8

/** File type and permissions, as in stat(2). */
export const modes = {
  file: 0o100644,
  executable: 0o100755,
  directory: 0o040755,
  symlink: 0o120777,
} as const

/** A modification time in both forms of the format. */
export interface Stamp {
  /** MS-DOS time in the lower, date in the upper 16 bits: 1980 to 2107, in steps of 2 s. */
  readonly dos: number
  /** Seconds UTC, if a signed 32-bit integer holds them. */
  readonly unix: number | undefined
}

const dosTimeMin = Date.UTC(1980, 0, 1)
const dosTimeMax = Date.UTC(2107, 11, 31, 23, 59, 59)

/** From milliseconds UTC. The MS-DOS form, which has no zone, is UTC as well, and clamped. */
export const makeStamp = (time: number): Stamp => {
  if (!Number.isFinite(time)) throw new Error(`the modification time ${time} is no time`)
  const utc = new Date(Math.min(Math.max(time, dosTimeMin), dosTimeMax))
  const year = utc.getUTCFullYear() - 1980
  const date = (year << 9) | ((utc.getUTCMonth() + 1) << 5) | utc.getUTCDate()
  const clock = (utc.getUTCHours() << 11) | (utc.getUTCMinutes() << 5) | (utc.getUTCSeconds() >> 1)
  const seconds = Math.floor(time / 1000)
  return {
    dos: date * (u16Max + 1) + clock,
    unix: (seconds | 0) === seconds ? seconds : undefined,
  }
}

/** What both headers of an entry say about it. */
export interface Header {
  /** As UTF-8; that of a directory ends in a slash. */
  readonly name: Uint8Array
  readonly mode: number
  readonly method: number
  readonly crc32: number
  readonly size: number
  readonly compressedSize: number
  readonly stamp: Stamp
}

/** Bytes to write records on, seen as bytes and as fields. */
export interface Sheet {
  readonly bytes: Buffer
  readonly view: DataView
}

export const makeSheet = (length: number): Sheet => {
  const buffer = new ArrayBuffer(length)
  return { bytes: Buffer.from(buffer), view: new DataView(buffer) }
}

type Wide = ReadonlyArray<number>

const isWide = (value: number): boolean => value >= u32Max
const noneWide: Wide = []

// A local header has both sizes or none in its ZIP64 field, the central one just what is too big.
const localWide = ({ size, compressedSize }: Header): Wide =>
  isWide(size) || isWide(compressedSize) ? [size, compressedSize] : noneWide

const centralWide = ({ size, compressedSize }: Header, offset: number): Wide =>
  isWide(size) || isWide(compressedSize) || isWide(offset)
    ? [size, compressedSize, offset].filter(isWide)
    : noneWide

const extraLength = (header: Header, wide: Wide): number =>
  (wide.length === 0 ? 0 : 4 + 8 * wide.length) +
  (header.stamp.unix === undefined ? 0 : timestampBytes)

const write64 = (view: DataView, at: number, value: number): void =>
  view.setBigUint64(at, BigInt(value), true)

// The 32-bit field of a number that has a ZIP64 field as well says so by being full.
const narrow = (value: number, wide: Wide): number => (wide.includes(value) ? u32Max : value)

/** The 26 bytes from "version needed" to "extra field length", which both headers share. */
const writeFields = ({ view }: Sheet, at: number, header: Header, wide: Wide): void => {
  view.setUint16(at, wide.length > 0 ? neededWide : neededPlain, true)
  view.setUint16(at + 2, flagUtf8, true)
  view.setUint16(at + 4, header.method, true)
  view.setUint32(at + 6, header.stamp.dos, true)
  view.setUint32(at + 10, header.crc32, true)
  view.setUint32(at + 14, narrow(header.compressedSize, wide), true)
  view.setUint32(at + 18, narrow(header.size, wide), true)
  view.setUint16(at + 22, header.name.length, true)
  view.setUint16(at + 24, extraLength(header, wide), true)
}

const writeNameAndExtra = (sheet: Sheet, start: number, header: Header, wide: Wide): number => {
  const { bytes, view } = sheet
  bytes.set(header.name, start)
  let at = start + header.name.length
  if (wide.length > 0) {
    view.setUint16(at, wideTag, true)
    view.setUint16(at + 2, 8 * wide.length, true)
    at += 4
    for (const value of wide) {
      write64(view, at, value)
      at += 8
    }
  }
  const { unix } = header.stamp
  if (unix === undefined) return at
  view.setUint16(at, timestampTag, true)
  view.setUint16(at + 2, timestampBytes - 4, true)
  view.setUint8(at + 4, timestampFlag)
  view.setInt32(at + 5, unix, true)
  return at + timestampBytes
}

export const localHeaderLength = (header: Header): number =>
  localBytes + header.name.length + extraLength(header, localWide(header))

/** Writes at an offset of the sheet and gives the offset after it. */
export const writeLocalHeader = (sheet: Sheet, at: number, header: Header): number => {
  const wide = localWide(header)
  sheet.view.setUint32(at, localSignature, true)
  writeFields(sheet, at + 4, header, wide)
  return writeNameAndExtra(sheet, at + localBytes, header, wide)
}

/** No central header is longer than this and its name. */
export const centralRestMax = centralBytes + 4 + 3 * 8 + timestampBytes

/** As `writeLocalHeader`; `offset` is where the local header begins in the archive. */
export const writeCentralHeader = (
  sheet: Sheet,
  at: number,
  header: Header,
  offset: number,
): number => {
  const wide = centralWide(header, offset)
  const { view } = sheet
  view.setUint32(at, centralSignature, true)
  view.setUint16(at + 4, madeBy, true)
  writeFields(sheet, at + 6, header, wide)
  view.setUint32(at + 32, 0, true) // no comment, first disk
  view.setUint16(at + 36, 0, true) // internal attributes
  view.setUint16(at + 38, header.mode === modes.directory ? dosDirectory : 0, true)
  view.setUint16(at + 40, header.mode, true)
  view.setUint32(at + 42, narrow(offset, wide), true)
  return writeNameAndExtra(sheet, at + centralBytes, header, wide)
}

/** What the end of an archive says: how many entries, and where their central headers lie. */
export interface Directory {
  readonly count: number
  readonly start: number
  readonly length: number
}

const writeWideEnd = (view: DataView, { count, start, length }: Directory): void => {
  view.setUint32(0, wideEndSignature, true)
  write64(view, 4, wideEndBytes - 12) // what follows this field
  view.setUint16(12, madeBy, true)
  view.setUint16(14, neededWide, true)
  write64(view, 24, count) // on this disk
  write64(view, 32, count)
  write64(view, 40, length)
  write64(view, 48, start)
  view.setUint32(56, wideLocatorSignature, true)
  write64(view, 64, start + length)
  view.setUint32(72, 1, true) // disks
}

/** The records after the central headers, with those of ZIP64 if a number needs them. */
export const endRecords = (directory: Directory): Uint8Array => {
  const { count, start, length } = directory
  const wide = count >= u16Max || isWide(start) || isWide(length)
  const at = wide ? wideEndBytes + wideLocatorBytes : 0
  // What is not set stays zero: disk numbers, and the length of a comment.
  const { bytes, view } = makeSheet(at + endBytes)
  if (wide) writeWideEnd(view, directory)
  view.setUint32(at, endSignature, true)
  view.setUint16(at + 8, Math.min(count, u16Max), true) // on this disk
  view.setUint16(at + 10, Math.min(count, u16Max), true)
  view.setUint32(at + 12, Math.min(length, u32Max), true)
  view.setUint32(at + 16, Math.min(start, u32Max), true)
  return bytes
}
