/**
 * The rows of the blob index as bytes: where the frame of a digest lies, and what `stat` answers.
 *
 * Keys: `c` chunk, `b` blob, each followed by the SHA-256; `d` a further frame of the same digest,
 * followed by its other key, pack and offset; `p` a pack. Values begin with the CRC-32 of key and
 * value, since LevelDB's own checksums are not verified. All big-endian. Knows no database.
 */
import { crc32 } from "node:zlib"
import { type Digest, toDigest, writeDigest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import type { FrameKind } from "./frame.js"
import { entryBytes, type Recipe } from "./recipe.js"

/** Where a frame begins. */
export interface Spot {
  readonly pack: number
  /** Of the frame's header. */
  readonly offset: number
}

/** Where a frame lies. */
export interface Place extends Spot {
  /** Bytes after the header. */
  readonly storedSize: number
}

export interface ChunkRow extends Place {
  readonly kind: "chunk"
  readonly digest: Digest
  readonly storedDigest: Digest
}

export interface BlobRow extends Place {
  readonly kind: "recipe"
  /** The blob's. */
  readonly digest: Digest
  readonly stat: BlobStat
  /** Number of chunks. */
  readonly count: number
  /** The recipe's, if they are few: most blobs are then read without reading their recipe. */
  readonly entries: Uint8Array | undefined
}

// 288 bytes in a row, against one more trip to the disk for each read.
const entriesCountMax = 4

/** What the row of a blob says of its recipe. */
export const rowOfRecipe = ({ stat, count, entries }: Recipe) => ({
  kind: "recipe" as const,
  digest: stat.digest,
  stat,
  count,
  entries: count <= entriesCountMax ? entries : undefined,
})

export type Row = ChunkRow | BlobRow

/** How far a pack is indexed. */
export interface Mark {
  readonly pack: number
  /** The CRC-32 in the pack's header: tells it from another pack of that number. */
  readonly header: number
  /** Frames before this offset are in the index. */
  readonly end: number
  /** Whether nothing but frames lies before `end`: only then may the pack be appended to. */
  readonly whole: boolean
  /** Whether rows beyond `end` may exist, of frames that no fsync covered. */
  readonly ahead: boolean
}

export const samePlace = (a: Spot, b: Spot): boolean => a.pack === b.pack && a.offset === b.offset

const prefixes = { chunk: 0x63, recipe: 0x62, copy: 0x64, pack: 0x70 } as const

export const rowKey = (kind: FrameKind, digest: Digest): Buffer => {
  const key = Buffer.allocUnsafe(33)
  key[0] = prefixes[kind]
  writeDigest(key, digest, 1)
  return key
}

/** The key of a frame that is not the first of its digest. In pack order among its like. */
export const copyKey = (row: Row): Buffer => {
  const place = Buffer.allocUnsafe(10)
  place.writeUInt32BE(row.pack, 0)
  place.writeUIntBE(row.offset, 4, 6)
  return Buffer.concat([Uint8Array.of(prefixes.copy), rowKey(row.kind, row.digest), place])
}

export const markKey = (pack: number): Buffer => {
  const key = Buffer.allocUnsafe(5)
  key[0] = prefixes.pack
  key.writeUInt32BE(pack, 1)
  return key
}

/** The keys of one kind. */
export const keyRange = (kind: keyof typeof prefixes) => ({
  gte: Buffer.of(prefixes[kind]),
  lt: Buffer.of(prefixes[kind] + 1),
})

/** The keys of the further frames of one digest. */
export const copyRange = (kind: FrameKind, digest: Digest) => {
  const start = Buffer.concat([Uint8Array.of(prefixes.copy), rowKey(kind, digest)])
  return { gte: start, lt: Buffer.concat([start, Buffer.alloc(10, 0xff)]) }
}

/** The digest in a key of `rowKey`. */
export const digestOfKey = (key: Uint8Array): Digest => toDigest(key.subarray(1, 33))

const sealed = (key: Uint8Array, value: Buffer): Buffer => {
  value.writeUInt32BE(crc32(value.subarray(4), crc32(key)), 0)
  return value
}

const isSealed = (key: Uint8Array, value: Buffer): boolean =>
  value.length > 4 && value.readUInt32BE(0) === crc32(value.subarray(4), crc32(key))

const placeBytes = 18
const chunkBytes = placeBytes + 32
const blobBytes = placeBytes + 53

const entriesBytes = (count: number): number => (count <= entriesCountMax ? count * entryBytes : 0)

/** The value of a row under either of its keys: its checksum is over `rowKey`. */
export const encodeRow = (row: Row): Buffer => {
  const bytes = row.kind === "chunk" ? chunkBytes : blobBytes + entriesBytes(row.count)
  const value = Buffer.allocUnsafe(bytes)
  value.writeUInt32BE(row.pack, 4)
  value.writeUIntBE(row.offset, 8, 6)
  value.writeUInt32BE(row.storedSize, 14)
  if (row.kind === "chunk") writeDigest(value, row.storedDigest, placeBytes)
  else {
    value.writeUInt32BE(row.count, placeBytes)
    value.writeUIntBE(row.stat.size, placeBytes + 4, 6)
    value.writeUInt32BE(row.stat.crc32, placeBytes + 10)
    value.writeUIntBE(row.stat.deflatedSize, placeBytes + 14, 6)
    value[placeBytes + 20] = row.stat.raw ? 1 : 0
    writeDigest(value, row.stat.storedDigest, placeBytes + 21)
    if (row.entries !== undefined) value.set(row.entries, blobBytes)
  }
  return sealed(rowKey(row.kind, row.digest), value)
}

const decodeBlob = (digest: Digest, place: Place, value: Buffer): BlobRow | undefined => {
  if (value.length < blobBytes) return undefined
  const count = value.readUInt32BE(placeBytes)
  if (value.length !== blobBytes + entriesBytes(count)) return undefined
  const stat: BlobStat = {
    digest,
    size: value.readUIntBE(placeBytes + 4, 6),
    crc32: value.readUInt32BE(placeBytes + 10),
    deflatedSize: value.readUIntBE(placeBytes + 14, 6),
    raw: value[placeBytes + 20] === 1,
    storedDigest: toDigest(value.subarray(placeBytes + 21, blobBytes)),
  }
  const entries = count <= entriesCountMax ? value.subarray(blobBytes) : undefined
  return { kind: "recipe", digest, ...place, stat, count, entries }
}

/** The row in a value, or undefined when it is damaged. `key` is that of `rowKey`. */
export const decodeRow = (key: Uint8Array, value: Buffer): Row | undefined => {
  if (!isSealed(key, value) || value.length < chunkBytes) return undefined
  const digest = digestOfKey(key)
  const place = {
    pack: value.readUInt32BE(4),
    offset: value.readUIntBE(8, 6),
    storedSize: value.readUInt32BE(14),
  }
  if (key[0] !== prefixes.chunk) return decodeBlob(digest, place, value)
  if (value.length !== chunkBytes) return undefined
  const storedDigest = toDigest(value.subarray(placeBytes))
  return { kind: "chunk", digest, ...place, storedDigest }
}

/** The key under which a copy's row is sealed. */
export const keyOfCopy = (key: Uint8Array): Uint8Array => key.subarray(1, 34)

const markBytes = 15

export const encodeMark = (mark: Mark): Buffer => {
  const value = Buffer.allocUnsafe(markBytes)
  value.writeUIntBE(mark.end, 4, 6)
  value[10] = (mark.whole ? 1 : 0) | (mark.ahead ? 2 : 0)
  value.writeUInt32BE(mark.header, 11)
  return sealed(markKey(mark.pack), value)
}

export const decodeMark = (key: Buffer, value: Buffer): Mark | undefined => {
  if (!isSealed(key, value) || value.length !== markBytes) return undefined
  const flags = value[10] ?? 0
  return {
    pack: key.readUInt32BE(1),
    header: value.readUInt32BE(11),
    end: value.readUIntBE(4, 6),
    whole: (flags & 1) !== 0,
    ahead: (flags & 2) !== 0,
  }
}
