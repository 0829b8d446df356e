/**
 * What every archive must be: a strict reader, and contents to make archives of.
 *
 * The reader follows the central directory, checks each local header against it, and wants records
 * and contents to touch each other, in order, with ZIP64 fields exactly where a number needs them.
 * Written from APPNOTE.TXT 6.3.10 alone, it shares no constant with the room's own writer.
 */
import { constants, crc32, deflateRawSync, inflateRawSync } from "node:zlib"
import { type Digest, digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import { Catalog, type ZipTree } from "./catalog.js"
import type { ZipEntry, ZipFile } from "./entry.js"
import { type ZipContent, type ZipLayout, zipLayout } from "./layout.js"

const u32Max = 0xffffffff

// Checked for every field of up to 70,000 entries, so it must be quick.
const same = (found: unknown, wanted: unknown): void => {
  if (found === wanted) return
  if (String(found) !== String(wanted)) throw new Error(`found ${found}, wanted ${wanted}`)
}

/** A tree with its entries. */
export interface Filled extends ZipTree {
  readonly entries: ReadonlyArray<ZipEntry>
}

export const catalogOf = (trees: ReadonlyArray<Filled>): Catalog => {
  const catalog = new Catalog(trees.reduce((sum, { entries }) => sum + entries.length, 0))
  for (const { entries, ...tree } of trees) {
    catalog.begin(tree)
    for (const entry of entries) catalog.add(entry)
  }
  return catalog.finish()
}

export const layOut = (trees: ReadonlyArray<Filled>): ZipLayout => zipLayout(catalogOf(trees))

/** Contents by digest in both forms, as a blob store gives them. */
export class Contents {
  readonly raw = new Map<Digest, Uint8Array>()
  readonly deflated = new Map<Digest, Uint8Array>()

  /** A deflated file of these bytes, kept in both forms. */
  file(path: string, bytes: Uint8Array | string, fields: Partial<ZipFile> = {}): ZipFile {
    const content = Buffer.from(bytes)
    const digest = digestOf(content)
    const stored = deflateRawSync(content, { finishFlush: constants.Z_SYNC_FLUSH })
    this.raw.set(digest, content)
    this.deflated.set(digest, stored)
    return {
      kind: "file",
      path: relativePath(path),
      digest,
      size: content.length,
      crc32: crc32(content),
      source: {
        method: "deflate",
        deflatedSize: stored.length,
        storedDigest: digestOf(stored),
      },
      ...fields,
    }
  }

  /** The same, to be sent as it is. */
  stored(path: string, bytes: Uint8Array | string): ZipFile {
    return this.file(path, bytes, { source: { method: "stored" } })
  }

  /** The bytes that fill a gap; throws when they are not as long as it. */
  read({ digest, sent, range, length }: Omit<ZipContent, "size">): Uint8Array {
    const bytes = (sent === "content" ? this.raw : this.deflated).get(digest)
    const read = bytes?.subarray(range?.start ?? 0, range?.end ?? bytes.length)
    if (read === undefined || read.length !== length) throw new Error(`no such ${sent}`)
    return read
  }
}

/** The bytes of a range, segment by segment, with content from wherever `read` takes it. */
export const write = (
  layout: ZipLayout,
  read: (content: ZipContent) => Uint8Array,
  start = 0,
  end = layout.size,
): Buffer => {
  const written: Array<Uint8Array> = []
  for (let at = start; at < end; ) {
    const segment = layout.segment(at, end, 65_536)
    if (segment.kind === "content") written.push(read(segment.content))
    else {
      for (const { into, ...part } of segment.gaps) into.set(read({ ...part, length: into.length }))
      written.push(segment.bytes)
    }
    same(segment.end > at && segment.end <= end, true)
    same(written.at(-1)?.length, segment.end - at)
    at = segment.end
  }
  return Buffer.concat(written)
}

/** An archive at rest, or one that is only laid out. */
export interface Archive {
  readonly size: number
  readonly bytes: (start: number, end: number) => Buffer
}

/** What an archive says of an entry, ZIP64 fields resolved. */
export interface Member {
  readonly name: string
  readonly mode: number
  readonly method: number
  readonly crc32: number
  readonly size: number
  readonly compressedSize: number
  readonly offset: number
  readonly dos: number
  readonly unix: number | undefined
  /** Where the content begins. */
  readonly body: number
}

const u64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at))

/** Takes the extra field apart: numbers that are full in the header stand in its ZIP64 part. */
const readExtra = (extra: Buffer, numbers: ReadonlyArray<number>) => {
  const full = numbers.filter((number) => number === u32Max).length
  let at = 0
  let values: Array<number> = []
  if (full > 0) {
    same([extra.readUInt16LE(0), extra.readUInt16LE(2)], [1, 8 * full])
    values = Array.from({ length: full }, (_, index) => u64(extra, 4 + 8 * index))
    at = 4 + 8 * full
  }
  let unix: number | undefined
  if (at < extra.length) {
    same(extra.toString("hex", at, at + 5), "5554050001")
    unix = extra.readInt32LE(at + 5)
    at += 9
  }
  same(at, extra.length)
  return { numbers: numbers.map((it) => (it === u32Max ? (values.shift() ?? 0) : it)), unix }
}

/** Checks the local header against the central one, and gives where the content begins. */
const readLocal = (archive: Archive, member: Omit<Member, "body">): number => {
  const { offset, size, compressedSize } = member
  const fixed = archive.bytes(offset, offset + 30)
  same(fixed.readUInt32LE(0), 0x04034b50)
  const nameEnd = offset + 30 + fixed.readUInt16LE(26)
  const body = nameEnd + fixed.readUInt16LE(28)
  const wide = size >= u32Max || compressedSize >= u32Max
  same(fixed.readUInt16LE(4), wide ? 45 : 20)
  same(fixed.readUInt16LE(6), 0x0800)
  same(fixed.readUInt16LE(8), member.method)
  same(fixed.readUInt32LE(10), member.dos)
  same(fixed.readUInt32LE(14), member.crc32)
  same(archive.bytes(offset + 30, nameEnd).toString(), member.name)
  const narrow = [fixed.readUInt32LE(22), fixed.readUInt32LE(18)]
  same(narrow, wide ? [u32Max, u32Max] : [size, compressedSize])
  const { numbers, unix } = readExtra(archive.bytes(nameEnd, body), narrow)
  same([...numbers, unix], [size, compressedSize, member.unix])
  return body
}

const readCentral = (archive: Archive, at: number): { member: Member; next: number } => {
  const fixed = archive.bytes(at, at + 46)
  same(fixed.readUInt32LE(0), 0x02014b50)
  same(fixed.readUInt16LE(4), 0x033f)
  same(fixed.readUInt16LE(8), 0x0800)
  // No comment, first disk, no internal attributes.
  same(fixed.toString("hex", 32, 38), "000000000000")
  const nameEnd = at + 46 + fixed.readUInt16LE(28)
  const next = nameEnd + fixed.readUInt16LE(30)
  const narrow = [fixed.readUInt32LE(24), fixed.readUInt32LE(20), fixed.readUInt32LE(42)]
  const { numbers, unix } = readExtra(archive.bytes(nameEnd, next), narrow)
  const [size = 0, compressedSize = 0, offset = 0] = numbers
  same(
    narrow,
    numbers.map((number) => Math.min(number, u32Max)),
  )
  same(fixed.readUInt16LE(6), narrow.includes(u32Max) ? 45 : 20)
  const member = {
    name: archive.bytes(at + 46, nameEnd).toString(),
    mode: fixed.readUInt16LE(40),
    method: fixed.readUInt16LE(10),
    crc32: fixed.readUInt32LE(16),
    size,
    compressedSize,
    offset,
    dos: fixed.readUInt32LE(12),
    unix,
  }
  same(fixed.readUInt16LE(38), member.name.endsWith("/") ? 0x10 : 0)
  return { member: { ...member, body: readLocal(archive, member) }, next }
}

/** Where the directory lies, from the records after it. */
const readEnd = (archive: Archive) => {
  const at = archive.size - 22
  const end = archive.bytes(at, archive.size)
  same(end.toString("hex", 0, 8), "504b050600000000")
  same(end.readUInt16LE(20), 0)
  same(end.readUInt16LE(8), end.readUInt16LE(10))
  const narrow = [end.readUInt16LE(10), end.readUInt32LE(12), end.readUInt32LE(16)]
  const [count = 0, length = 0, start = 0] = narrow
  const wide = count === 0xffff || length === u32Max || start === u32Max
  if (!wide) return { count, length, start, end: at }
  const locator = archive.bytes(at - 20, at)
  same(locator.toString("hex", 0, 8), "504b060700000000")
  same(locator.readUInt32LE(16), 1)
  const record = archive.bytes(at - 76, at - 20)
  same(u64(locator, 8), at - 76)
  same(record.toString("hex", 0, 24), "504b06062c000000000000003f032d000000000000000000")
  same(u64(record, 24), u64(record, 32))
  const found = { count: u64(record, 32), length: u64(record, 40), start: u64(record, 48) }
  const limits = [Math.min(found.count, 0xffff), Math.min(found.length, u32Max)]
  same(narrow, [...limits, Math.min(found.start, u32Max)])
  return { ...found, end: at - 76 }
}

/** Every entry in order; throws at the first field that is not what it has to be. */
export const readArchive = (archive: Archive): ReadonlyArray<Member> => {
  const { count, length, start, end } = readEnd(archive)
  same(start + length, end)
  const members: Array<Member> = []
  let offset = 0
  for (let at = start; at < end; ) {
    const { member, next } = readCentral(archive, at)
    same(member.offset, offset)
    offset = member.body + member.compressedSize
    members.push(member)
    at = next
  }
  same(offset, start)
  same(members.length, count)
  const names = members.map(({ name }) => Buffer.from(name))
  same(
    names.every((name, index) => index === 0 || name.compare(names[index - 1] ?? name) > 0),
    true,
  )
  return members
}

/** An archive in memory. */
export const whole = (bytes: Buffer): Archive => ({
  size: bytes.length,
  bytes: (start, end) => bytes.subarray(start, end),
})

/** Every entry with its content, inflated and checked against its size and CRC. */
export const extract = (bytes: Buffer): ReadonlyArray<Member & { readonly content: Buffer }> =>
  readArchive(whole(bytes)).map((member) => {
    const sent = bytes.subarray(member.body, member.body + member.compressedSize)
    const content = member.method === 8 ? inflateRawSync(sent) : sent
    same([content.length, crc32(content)], [member.size, member.crc32])
    return { ...member, content }
  })
