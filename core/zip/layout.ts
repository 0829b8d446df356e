/**
 * The exact bytes of a zip archive, laid out before any content is read.
 *
 * Entries go in; size, tag and, for any offset, the bytes from there on come out: literal ones, and
 * gaps for content. The same entries give the same archive in whatever order, on any machine.
 * Headers are written when asked for: an entry costs a few words, however long its name. Reads
 * nothing and opens nothing.
 */
import type { BlobPart, ByteRange, Sent } from "../blob/blob-store.js"
import { type Digest, digestOf, hasher, toDigest } from "../model/digest.js"
import { deflateEnd, type Placed, placeTrees, type ZipFile, type ZipTree } from "./entry.js"
import {
  centralRestMax,
  endRecords,
  localHeaderLength,
  makeSheet,
  methodDeflate,
  type Sheet,
  writeCentralHeader,
  writeLocalHeader,
} from "./header.js"

/** What is read of a content: its bytes as they are, or its stored form (see the blob port). */
export interface ZipContent {
  readonly digest: Digest
  readonly sent: Sent
  /** Bytes to be read. */
  readonly length: number
  /** Absent when the whole is read. */
  readonly range?: ByteRange
}

/** A stretch of the archive up to the offset `end`: literals with gaps, or one large content. */
export type ZipSegment =
  | {
      readonly kind: "joined"
      readonly end: number
      readonly bytes: Uint8Array
      /** The places in `bytes` that wait for content. */
      readonly gaps: ReadonlyArray<BlobPart>
    }
  | { readonly kind: "content"; readonly end: number; readonly content: ZipContent }

/** An archive that is laid out. Offsets and sizes are bytes. */
export interface ZipLayout {
  /** Bytes of the whole archive. */
  readonly size: number
  /** A strong entity tag, quoted (RFC 9110, 8.8.3): different bytes have different tags. */
  readonly etag: string
  /**
   * The stretch that begins at `from` and ends at `to` or before; `from < to <= size`. Neighbours
   * are joined up to `room` bytes, 65,536 at least; a large content is a stretch of its own.
   */
  readonly segment: (from: number, to: number, room: number) => ZipSegment
}

// A content with more is not joined: it is read ahead by itself, and copied nowhere.
const joinedContentBytesMax = 262_144
// Records are written in sheets of this size: the longest fits by far.
const sheetBytes = 65_536

// Hashed before the entries: a release that writes other records for them has another word here.
const recordForm = Buffer.from("zip 1")
// A central header but its name, and a digest in hexadecimal.
const hashedRestMax = centralRestMax + 64

const contentDigest = ({ entry }: Placed): string => {
  if (entry.kind === "directory") return ""
  if (entry.kind === "symlink") return digestOf(Buffer.from(entry.target))
  return entry.source.method === "deflate" ? entry.source.storedDigest : entry.digest
}

// The units of an entry: its header, its content, the end of its stream. One that is absent has
// no length. Behind them come the central headers, a unit each, and the end records as the last.
const entryUnits = 3
const contentUnit = 1
const endingUnit = 2

interface Plan {
  readonly placed: ReadonlyArray<Placed>
  /** The offset of each unit, and at last the size: a unit reaches to the start of the next. */
  readonly starts: Float64Array
  readonly end: Uint8Array
  readonly size: number
  readonly etag: string
}

const makePlan = (placed: ReadonlyArray<Placed>): Plan => {
  const count = placed.length
  const central = entryUnits * count
  const starts = new Float64Array(central + count + 2)
  const hash = hasher()
  hash.update(recordForm)
  const sheet = makeSheet(sheetBytes)
  let filled = 0
  let index = 0
  let at = 0
  let length = 0
  for (const one of placed) {
    if (filled + one.nameLength + hashedRestMax > sheetBytes) {
      hash.update(sheet.bytes.subarray(0, filled))
      filled = 0
    }
    const headed = writeCentralHeader(sheet, filled, one, at)
    starts[central + index] = length
    length += headed - filled
    filled = headed + sheet.bytes.write(contentDigest(one), headed)

    const inline = one.entry.kind === "file" ? 0 : one.size
    const ending = one.method === methodDeflate ? deflateEnd.length : 0
    const unit = entryUnits * index
    starts[unit] = at
    at += localHeaderLength(one) + inline
    starts[unit + contentUnit] = at
    at += one.compressedSize - inline - ending
    starts[unit + endingUnit] = at
    at += ending
    index += 1
  }
  hash.update(sheet.bytes.subarray(0, filled))
  // Only now is it known where the central headers begin.
  for (index = central; index < central + count; index += 1)
    starts[index] = (starts[index] ?? 0) + at
  starts[central + count] = at + length
  const end = endRecords({ count, start: at, length })
  const size = at + length + end.length
  starts[central + count + 1] = size
  if (!Number.isSafeInteger(size)) throw new Error("the sizes of the entries are no sizes")
  return { placed, starts, end, size, etag: `"${toDigest(hash.bytes())}"` }
}

/** The last unit that does not begin beyond an offset: it holds the byte there. */
const unitAt = (starts: Float64Array, offset: number): number => {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if ((starts[middle] ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  return low
}

const contentOf = ({ digest, source }: ZipFile, range: ByteRange, whole: number): ZipContent => {
  const sent = source.method === "deflate" ? "deflated" : "content"
  const length = range.end - range.start
  return length === whole ? { digest, sent, length } : { digest, sent, length, range }
}

const startOf = ({ starts }: Plan, unit: number): number => starts[unit] ?? 0

/** The file whose content a unit is, if it is one. */
const fileOf = ({ placed }: Plan, unit: number): ZipFile | undefined => {
  if (unit % entryUnits !== contentUnit) return undefined
  const entry = placed[(unit - contentUnit) / entryUnits]?.entry
  return entry?.kind === "file" ? entry : undefined
}

const writeLiteral = (plan: Plan, unit: number, sheet: Sheet, at: number): void => {
  const { placed, end } = plan
  const central = entryUnits * placed.length
  const index = unit < central ? Math.floor(unit / entryUnits) : unit - central
  const one = placed[index]
  if (one === undefined) sheet.bytes.set(end, at)
  else if (unit >= central) writeCentralHeader(sheet, at, one, startOf(plan, entryUnits * index))
  else if (unit % entryUnits === endingUnit) sheet.bytes.set(deflateEnd, at)
  else {
    const headed = writeLocalHeader(sheet, at, one)
    if (one.entry.kind === "symlink") sheet.bytes.write(one.entry.target, headed)
  }
}

const joinedSegment = (
  plan: Plan,
  first: number,
  { start: from, end: to }: ByteRange,
  roomMax: number,
): ZipSegment => {
  // A literal is written as a whole and cut afterwards; content is read from there only.
  const literal = fileOf(plan, first) === undefined
  const origin = literal ? startOf(plan, first) : from
  const length = Math.min(roomMax, to - origin)
  const room = literal ? Math.max(length, startOf(plan, first + 1) - origin) : length
  const sheet = makeSheet(room)
  const gaps: Array<BlobPart> = []
  let unit = first
  let at = origin
  while (at < to) {
    const file = fileOf(plan, unit)
    const start = startOf(plan, unit)
    const behind = startOf(plan, unit + 1)
    const stop = file === undefined ? behind : Math.min(behind, to)
    const isLarge = file !== undefined && stop - at > joinedContentBytesMax
    if (stop - origin > room || isLarge) break
    if (file === undefined) {
      if (stop > at) writeLiteral(plan, unit, sheet, at - origin)
    } else if (stop > at) {
      const content = contentOf(file, { start: at - start, end: stop - start }, behind - start)
      gaps.push({ ...content, into: sheet.bytes.subarray(at - origin, stop - origin) })
    }
    at = stop
    unit += 1
  }
  const end = Math.min(at, to)
  return { kind: "joined", end, bytes: sheet.bytes.subarray(from - origin, end - origin), gaps }
}

const segmentOf = (plan: Plan, from: number, to: number, room: number): ZipSegment => {
  const unit = unitAt(plan.starts, from)
  const start = startOf(plan, unit)
  const behind = startOf(plan, unit + 1)
  const end = Math.min(behind, to)
  const file = fileOf(plan, unit)
  if (file === undefined || end - from <= Math.min(room, joinedContentBytesMax))
    return joinedSegment(plan, unit, { start: from, end: to }, room)
  const content = contentOf(file, { start: from - start, end: end - start }, behind - start)
  return { kind: "content", end, content }
}

/**
 * Lays out all trees as one archive, its entries ordered by the UTF-8 bytes of their names. Throws
 * on two with one path, or one below a file or a link: a defect.
 */
export const zipLayout = (trees: ReadonlyArray<ZipTree>): ZipLayout => {
  const plan = makePlan(placeTrees(trees))
  return {
    size: plan.size,
    etag: plan.etag,
    segment: (from, to, room) => segmentOf(plan, from, to, room),
  }
}
