/**
 * Archives made to be wrong: every field of every record as told, and right unless told; and all
 * that comes of an archive, or its refusal.
 *
 * Written from APPNOTE.TXT 6.3.10 alone, it shares no constant with the room's own writer. States
 * no law of its own.
 */
import { crc32, deflateRawSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Refusal } from "../errors.js"
import type { ArchiveBytes } from "./archive-bytes.js"
import { defaultCaps, type ZipCaps } from "./caps.js"
import { heldContent, isHeld, type Member, readZip, streamedContent } from "./import.js"

/** What is told of an entry. What is left out follows from name and content. */
export interface Forged {
  readonly name: string | Uint8Array
  readonly content?: Uint8Array | string
  /** 8 unless told; 0 leaves the content as it is. */
  readonly method?: number
  /** The content as it lies in the archive. */
  readonly packed?: Uint8Array
  readonly flags?: number
  readonly crc32?: number
  readonly size?: number
  readonly compressedSize?: number
  /** Of stat(2), in the upper half of the attributes. */
  readonly mode?: number
  readonly extra?: Uint8Array
  readonly comment?: Uint8Array
  readonly offset?: number
  readonly disk?: number
  /** What the local header says instead. */
  readonly local?: Partial<
    Pick<Forged, "name" | "method" | "flags" | "crc32" | "size" | "compressedSize" | "extra">
  >
  /** What follows the content. */
  readonly behind?: Uint8Array
  /** Left out of the archive, or of the directory. */
  readonly only?: "local" | "central"
}

export interface ForgedEnd {
  readonly count?: number
  readonly length?: number
  readonly start?: number
  readonly disk?: number
  readonly comment?: Uint8Array
  /** In front of all, between the entries and the directory, behind it, and behind all. */
  readonly front?: Uint8Array
  readonly between?: Uint8Array
  readonly gap?: Uint8Array
  readonly back?: Uint8Array
  /** Whether offsets count from the first byte of all, `front` included. Default: yes. */
  readonly shifted?: boolean
  /** Has the ZIP64 records, which say this unless told. */
  readonly wide?: Partial<Record<"count" | "length" | "start" | "at" | "disks" | "rest", number>>
}

const nothing = new Uint8Array(0)

/** Numbers of two, four or eight bytes, one after the other. */
export const little = (
  ...numbers: ReadonlyArray<readonly [bytes: 2 | 4 | 8, value: number]>
): Buffer => {
  const bytes = Buffer.alloc(numbers.reduce((sum, [length]) => sum + length, 0))
  let at = 0
  for (const [length, value] of numbers) {
    if (length === 2) bytes.writeUInt16LE(value, at)
    else if (length === 4) bytes.writeUInt32LE(value, at)
    else bytes.writeBigUInt64LE(BigInt(value), at)
    at += length
  }
  return bytes
}

/** An extra field. */
export const field = (tag: number, body: Uint8Array): Buffer =>
  Buffer.concat([little([2, tag], [2, body.length]), body])

const whole = (entry: Forged) => {
  const content = Buffer.from(entry.content ?? "")
  const name = Buffer.from(entry.name)
  const method = entry.method ?? 8
  const packed = Buffer.from(entry.packed ?? (method === 8 ? deflateRawSync(content) : content))
  return {
    name,
    method,
    packed,
    flags: entry.flags ?? 0x0800,
    crc32: entry.crc32 ?? crc32(content),
    size: entry.size ?? content.length,
    compressedSize: entry.compressedSize ?? packed.length,
    extra: Buffer.from(entry.extra ?? nothing),
  }
}

const localRecord = (entry: Forged): Buffer => {
  const { packed, ...known } = whole(entry)
  const said = { ...known, ...entry.local }
  const [name, extra] = [Buffer.from(said.name), Buffer.from(said.extra)]
  return Buffer.concat([
    little([4, 0x04034b50], [2, 20], [2, said.flags], [2, said.method], [4, 0]),
    little([4, said.crc32], [4, said.compressedSize], [4, said.size]),
    little([2, name.length], [2, extra.length]),
    ...[name, extra, packed, entry.behind ?? nothing],
  ])
}

const centralRecord = (entry: Forged, at: number): Buffer => {
  const { name, extra, ...said } = whole(entry)
  const comment = Buffer.from(entry.comment ?? nothing)
  return Buffer.concat([
    little([4, 0x02014b50], [2, 0x033f], [2, 20], [2, said.flags], [2, said.method], [4, 0]),
    little([4, said.crc32], [4, said.compressedSize], [4, said.size]),
    little([2, name.length], [2, extra.length], [2, comment.length], [2, entry.disk ?? 0]),
    little([2, 0], [4, (entry.mode ?? 0) * 65_536], [4, entry.offset ?? at]),
    ...[name, extra, comment],
  ])
}

const wideRecords = (
  { wide }: ForgedEnd,
  said: Record<"count" | "length" | "start" | "at", number>,
): Buffer => {
  if (wide === undefined) return Buffer.alloc(0)
  const { count, length, start, at, disks = 1, rest = 44 } = { ...said, ...wide }
  return Buffer.concat([
    little([4, 0x06064b50], [8, rest], [2, 45], [2, 45], [4, 0], [4, 0]),
    little([8, count], [8, count], [8, length], [8, start]),
    little([4, 0x07064b50], [4, 0], [8, at], [4, disks]),
  ])
}

/** An archive of these entries. */
export const forge = (entries: ReadonlyArray<Forged>, end: ForgedEnd = {}): Buffer => {
  const parts: Array<Buffer> = []
  const heads: Array<Buffer> = []
  const front = Buffer.from(end.front ?? nothing)
  let at = end.shifted === false ? 0 : front.length
  for (const entry of entries) {
    const local = entry.only === "central" ? Buffer.alloc(0) : localRecord(entry)
    if (entry.only !== "local") heads.push(centralRecord(entry, at))
    parts.push(local)
    at += local.length
  }
  const between = Buffer.from(end.between ?? nothing)
  const gap = Buffer.from(end.gap ?? nothing)
  const directory = Buffer.concat(heads)
  const said = { count: heads.length, length: directory.length, start: at + between.length }
  const wideAt = said.start + directory.length + gap.length
  const { count, length, start, disk = 0, comment = nothing, back = nothing } = { ...said, ...end }
  return Buffer.concat([
    ...[front, ...parts, between, directory, gap, wideRecords(end, { ...said, at: wideAt })],
    little([4, 0x06054b50], [2, disk], [2, disk], [2, count], [2, count]),
    little([4, length], [4, start], [2, comment.length]),
    ...[comment, back],
  ])
}

/** Bytes that lie in memory. */
export const bytesOf = (bytes: Uint8Array): ArchiveBytes<never> => ({
  size: bytes.length,
  read: (start, length) =>
    Effect.sync(() => {
      if (start < 0 || length < 0 || start + length > bytes.length)
        throw new Error(`nobody may read ${length} bytes at ${start} of ${bytes.length}`)
      return Buffer.from(bytes.subarray(start, start + length))
    }),
})

/** All members with their contents, both of the ways to have them; fails with the refusal. */
export const unpackAll = (
  archive: Uint8Array,
  caps: ZipCaps = defaultCaps,
): Effect.Effect<ReadonlyArray<Member & { readonly content: Buffer }>, Refusal> =>
  Effect.gen(function* () {
    const bytes = bytesOf(archive)
    const unpacked: Array<Member & { readonly content: Buffer }> = []
    for (const member of yield* readZip(bytes, caps)) {
      const content = Buffer.concat(yield* Stream.runCollect(streamedContent(bytes, member)))
      if (isHeld(member) && !content.equals(yield* heldContent(bytes, member)))
        throw new Error(`${member.name} has two contents`)
      unpacked.push({ ...member, content })
    }
    return unpacked
  })

/** The refusal of an archive; throws where it is none. */
export const refusalOf = (archive: Uint8Array, caps?: ZipCaps): Refusal =>
  Effect.runSync(Effect.flip(unpackAll(archive, caps)))

/** Contents by path. */
export const contentsOf = (archive: Uint8Array): ReadonlyMap<string, string> =>
  new Map(
    Effect.runSync(unpackAll(archive)).map(({ path, content }) => [path, content.toString("utf8")]),
  )
