/**
 * The exact bytes of a zip archive, laid out before any content is read.
 *
 * Entries go in; size, tag and, for any offset, the bytes from there on come out: literal ones, and
 * gaps for content. The same entries give the same archive in whatever order, on any machine.
 * Headers are written when asked for: an entry costs a few words, however long its name. Reads
 * nothing and opens nothing.
 */
import type { BlobPart, ByteRange } from "../blob/blob-store.js"
import { hasher, toDigest } from "../model/digest.js"
import type { Catalog, ZipSource } from "./catalog.js"
import { deflateEnd } from "./entry.js"
import {
  centralRestMax,
  endRecords,
  type Header,
  localHeaderLength,
  makeSheet,
  methodDeflate,
  modes,
  type Sheet,
  writeCentralHeader,
  writeLocalHeader,
} from "./header.js"

/** What is read of a content: its bytes as they are, or its stored form (see the blob port). */
export interface ZipContent extends ZipSource {
  /** Bytes to be read. */
  readonly length: number
  /** Absent when the whole is read. */
  readonly range?: ByteRange
}

/** A content, or a part of one, and where its bytes are to go: a place of exactly its length. */
export interface ZipPart extends ZipSource, BlobPart {}

/** A stretch of the archive up to the offset `end`: literals with gaps, or one large content. */
export type ZipSegment =
  | {
      readonly kind: "joined"
      readonly end: number
      readonly bytes: Uint8Array
      /** The places in `bytes` that wait for content. */
      readonly gaps: ReadonlyArray<ZipPart>
    }
  | { readonly kind: "content"; readonly end: number; readonly content: ZipContent }

/** An archive that is laid out. Offsets and sizes are bytes. */
export interface ZipLayout {
  /** Bytes of the whole archive. */
  readonly size: number
  /** Files, symlinks and empty directories. */
  readonly count: number
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
// Of tiny files fewer are joined: what is to be known of each takes more room than its bytes.
const gapCountMax = 1_024
// Records are written in sheets of this size: the longest fits by far.
const sheetBytes = 65_536

// Hashed before the entries: a release that writes other records for them has another word here.
const recordForm = Buffer.from("zip 1")
// A central header but its name, and a digest in hexadecimal.
const hashedRestMax = centralRestMax + 64

// The units of an entry: its header, its content, the end of its stream. One that is absent has
// no length. Behind them come the central headers, a unit each, and the end records as the last.
const entryUnits = 3
const contentUnit = 1
const endingUnit = 2

interface Plan {
  readonly catalog: Catalog
  /** The offset of each unit, and at last the size: a unit reaches to the start of the next. */
  readonly starts: Float64Array
  readonly end: Uint8Array
  readonly size: number
  readonly etag: string
}

/** Writes central headers and digests for the hash, and gives the bytes of the headers alone. */
class Tag {
  readonly #hash = hasher()
  readonly #sheet = makeSheet(sheetBytes)
  #filled = 0

  constructor() {
    this.#hash.update(recordForm)
  }

  add(header: Header, offset: number, contentDigest: string): number {
    if (this.#filled + header.name.length + hashedRestMax > sheetBytes) this.#flush()
    const headed = writeCentralHeader(this.#sheet, this.#filled, header, offset)
    const length = headed - this.#filled
    this.#filled = headed + this.#sheet.bytes.write(contentDigest, headed)
    return length
  }

  finish(): string {
    this.#flush()
    return `"${toDigest(this.#hash.bytes())}"`
  }

  #flush(): void {
    this.#hash.update(this.#sheet.bytes.subarray(0, this.#filled))
    this.#filled = 0
  }
}

const makePlan = (catalog: Catalog): Plan => {
  const { count } = catalog
  const central = entryUnits * count
  const starts = new Float64Array(central + count + 2)
  const tag = new Tag()
  let at = 0
  let length = 0
  for (let index = 0; index < count; index += 1) {
    const header = catalog.header(index)
    starts[central + index] = length
    length += tag.add(header, at, catalog.contentDigest(index))

    const inline = header.mode === modes.symlink ? header.size : 0
    const ending = header.method === methodDeflate ? deflateEnd.length : 0
    const unit = entryUnits * index
    starts[unit] = at
    at += localHeaderLength(header) + inline
    starts[unit + contentUnit] = at
    at += header.compressedSize - inline - ending
    starts[unit + endingUnit] = at
    at += ending
  }
  // Only now is it known where the central headers begin.
  for (let index = central; index < central + count; index += 1)
    starts[index] = (starts[index] ?? 0) + at
  starts[central + count] = at + length
  const end = endRecords({ count, start: at, length })
  const size = at + length + end.length
  starts[central + count + 1] = size
  if (!Number.isSafeInteger(size)) throw new Error("the sizes of the entries are no sizes")
  return { catalog, starts, end, size, etag: tag.finish() }
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

// Member by member: for each of thousands of small files, a spread takes longer than all else here.
const contentOf = (
  { tree, path, digest, size, sent }: ZipSource,
  range: ByteRange,
  whole: number,
): ZipContent => {
  const length = range.end - range.start
  const all = { tree, path, digest, size, sent, length }
  return length === whole ? all : { ...all, range }
}

const partOf = (
  { tree, path, digest, size, sent, range }: ZipContent,
  into: Uint8Array,
): ZipPart => {
  const whole = { tree, path, digest, size, sent, into }
  return range === undefined ? whole : { ...whole, range }
}

const startOf = ({ starts }: Plan, unit: number): number => starts[unit] ?? 0

/** The place of the entry whose content a unit is; undefined of all other units. */
const placeOf = ({ catalog }: Plan, unit: number): number | undefined => {
  const place = (unit - contentUnit) / entryUnits
  return Number.isInteger(place) && place < catalog.count ? place : undefined
}

const isContent = (plan: Plan, unit: number): boolean => {
  const place = placeOf(plan, unit)
  return place !== undefined && plan.catalog.isFile(place)
}

/** The file whose content a unit is, if it is one. */
const fileOf = (plan: Plan, unit: number): ZipSource | undefined => {
  const place = placeOf(plan, unit)
  return place === undefined ? undefined : plan.catalog.source(place)
}

const writeLiteral = (plan: Plan, unit: number, sheet: Sheet, at: number): void => {
  const { catalog, end } = plan
  const central = entryUnits * catalog.count
  if (unit === central + catalog.count) sheet.bytes.set(end, at)
  else if (unit >= central) {
    const index = unit - central
    writeCentralHeader(sheet, at, catalog.header(index), startOf(plan, entryUnits * index))
  } else if (unit % entryUnits === endingUnit) sheet.bytes.set(deflateEnd, at)
  else {
    const index = Math.floor(unit / entryUnits)
    const header = catalog.header(index)
    const headed = writeLocalHeader(sheet, at, header)
    if (header.mode === modes.symlink) sheet.bytes.write(catalog.target(index), headed)
  }
}

/** Units that leave together: the one behind the last, and the offset where they end. */
const joined = (
  plan: Plan,
  first: number,
  { start: origin, end: to }: ByteRange,
  room: number,
): { readonly last: number; readonly stop: number } => {
  let unit = first
  let at = origin
  for (let count = 0; at < to && count < gapCountMax; unit += 1) {
    const behind = startOf(plan, unit + 1)
    const holds = isContent(plan, unit)
    const stop = holds ? Math.min(behind, to) : behind
    const isLarge = holds && stop - at > joinedContentBytesMax
    if (stop - origin > room || isLarge) break
    if (holds && stop > at) count += 1
    at = stop
  }
  return { last: unit, stop: at }
}

const joinedSegment = (
  plan: Plan,
  first: number,
  { start: from, end: to }: ByteRange,
  roomMax: number,
): ZipSegment => {
  // A literal is written as a whole and cut afterwards; content is read from there only.
  const literal = !isContent(plan, first)
  const origin = literal ? startOf(plan, first) : from
  const most = Math.min(roomMax, to - origin)
  const room = literal ? Math.max(most, startOf(plan, first + 1) - origin) : most
  const { last, stop } = joined(plan, first, { start: origin, end: to }, room)
  const sheet = makeSheet(stop - origin)
  const gaps: Array<ZipPart> = []
  let at = origin
  for (let unit = first; unit < last; unit += 1) {
    const start = startOf(plan, unit)
    const behind = startOf(plan, unit + 1)
    const file = fileOf(plan, unit)
    const end = file === undefined ? behind : Math.min(behind, to)
    if (end > at && file === undefined) writeLiteral(plan, unit, sheet, at - origin)
    else if (end > at && file !== undefined) {
      const content = contentOf(file, { start: at - start, end: end - start }, behind - start)
      gaps.push(partOf(content, sheet.bytes.subarray(at - origin, end - origin)))
    }
    at = end
  }
  const end = Math.min(stop, to)
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

/** Lays out the entries of a catalog that is finished. */
export const zipLayout = (catalog: Catalog): ZipLayout => {
  const plan = makePlan(catalog)
  return {
    size: plan.size,
    count: catalog.count,
    etag: plan.etag,
    segment: (from, to, room) => segmentOf(plan, from, to, room),
  }
}
