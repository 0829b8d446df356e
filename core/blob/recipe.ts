/**
 * Recipes: which chunks make up a blob, and the arithmetic of ranges over them in both forms.
 *
 * On disk a canonical MessagePack map { chunks, crc32, sha256, size, stored }: `chunks` is a string
 * of 72-byte entries (SHA-256, size u32, stored size u32, SHA-256 of the stored bytes, big-endian),
 * `stored` the SHA-256 over the stored digests in order. A chunk is raw exactly when both sizes are
 * equal. Reads and writes nothing.
 */
import { crc32 } from "node:zlib"
import {
  type Digest,
  digestOf,
  fromDigest,
  hasher,
  sha256,
  toDigest,
  writeDigest,
} from "../model/digest.js"
import { isPlainMap, type Plain, pack, unpack } from "../model/msgpack.js"
import type { BlobStat, ByteRange, Sent } from "./blob-store.js"
import { storedBlocksSize } from "./deflate.js"
import type { Frame } from "./frame.js"

/** One chunk of a blob. Raw when `storedSize` is `size`. */
export interface RecipeChunk {
  readonly digest: Digest
  readonly size: number
  readonly storedSize: number
  /** Tells it from the same chunk deflated by another build of zlib, which may lie beside it. */
  readonly storedDigest: Digest
}

/** Bytes of one entry of a recipe. */
export const entryBytes = 72

export interface Recipe {
  readonly stat: BlobStat
  readonly count: number
  /** `count` entries, as on disk: a blob of 100 GB has a million and more. */
  readonly entries: Uint8Array
}

const viewOf = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

const decodeChunks = (
  { entries }: Recipe,
  from: number,
  to: number,
): ReadonlyArray<RecipeChunk> => {
  const view = viewOf(entries)
  const chunks: Array<RecipeChunk> = []
  for (let at = from * entryBytes; at < to * entryBytes; at += entryBytes)
    chunks.push({
      digest: toDigest(view.subarray(at, at + 32)),
      size: view.readUInt32BE(at + 32),
      storedSize: view.readUInt32BE(at + 36),
      storedDigest: toDigest(view.subarray(at + 40, at + entryBytes)),
    })
  return chunks
}

// A small file is asked for its chunks at each read, and most files are small: decoded once, as
// long as the row that holds the recipe is kept.
const shortCountMax = 4
const shortOnes = new WeakMap<Recipe, ReadonlyArray<RecipeChunk>>()

/** The chunks `from` to `to` of a recipe. */
export const chunksOf = (recipe: Recipe, from: number, to: number): ReadonlyArray<RecipeChunk> => {
  if (recipe.count > shortCountMax) return decodeChunks(recipe, from, to)
  const known = shortOnes.get(recipe)
  const chunks = known ?? decodeChunks(recipe, 0, recipe.count)
  if (known === undefined) shortOnes.set(recipe, chunks)
  return from === 0 && to === recipe.count ? chunks : chunks.slice(from, to)
}

const sentSize = (size: number, storedSize: number): number =>
  storedSize === size ? storedBlocksSize(size) : storedSize

/** What the entries add up to; undefined when one of them cannot be. */
const totalsOf = (entries: Uint8Array) => {
  const view = viewOf(entries)
  // Most blobs are one chunk: hashed in one go, at two thirds of the cost of a running hash.
  const only = view.length === entryBytes ? view.subarray(40, entryBytes) : undefined
  const stored = only === undefined ? hasher() : undefined
  let size = 0
  let deflatedSize = 0
  let raw = true
  for (let at = 0; at < view.length; at += entryBytes) {
    const chunkSize = view.readUInt32BE(at + 32)
    const storedSize = view.readUInt32BE(at + 36)
    if (storedSize < 1 || storedSize > chunkSize) return undefined
    const storedDigest = view.subarray(at + 40, at + entryBytes)
    if (storedSize === chunkSize && !storedDigest.equals(view.subarray(at, at + 32)))
      return undefined
    stored?.update(storedDigest)
    size += chunkSize
    deflatedSize += sentSize(chunkSize, storedSize)
    raw &&= storedSize === chunkSize
  }
  const hash = stored?.bytes() ?? sha256(only ?? view)
  return { size, deflatedSize, raw, storedDigest: toDigest(hash) }
}

const recipeOf = (digest: Digest, crc: number, entries: Uint8Array): Recipe | undefined => {
  const totals = totalsOf(entries)
  if (totals === undefined) return undefined
  const stat = { digest, crc32: crc, ...totals }
  return { stat, count: entries.length / entryBytes, entries }
}

/** Gathers the chunks of a blob while they are stored. */
export interface RecipeDraft {
  readonly count: () => number
  readonly add: (chunk: RecipeChunk) => void
  readonly finish: (digest: Digest, crc: number) => Recipe
}

export const recipeDraft = (): RecipeDraft => {
  // A buffer of its own: an entry in the pool that Node shares out would keep a slab of that, up to
  // 64 KiB with all that lay beside it, for each chunk of a long content.
  let entries = Buffer.allocUnsafeSlow(4 * entryBytes)
  let count = 0
  return {
    count: () => count,
    add: (chunk) => {
      const at = count * entryBytes
      if (at === entries.length) entries = Buffer.concat([entries, Buffer.allocUnsafeSlow(at)])
      writeDigest(entries, chunk.digest, at)
      entries.writeUInt32BE(chunk.size, at + 32)
      entries.writeUInt32BE(chunk.storedSize, at + 36)
      writeDigest(entries, chunk.storedDigest, at + 40)
      count += 1
    },
    finish: (digest, crc) => {
      const recipe = recipeOf(digest, crc, Buffer.from(entries.subarray(0, count * entryBytes)))
      if (recipe === undefined) throw new Error(`blob ${digest} has a chunk that cannot be`)
      return recipe
    },
  }
}

/** The frame of a recipe. Always raw: it is mostly digests. */
export const recipeFrame = ({ stat, entries }: Recipe): Frame => {
  // In the order in which they are packed.
  const bytes = pack({
    chunks: entries,
    crc32: stat.crc32,
    sha256: fromDigest(stat.digest),
    size: stat.size,
    stored: fromDigest(stat.storedDigest),
  })
  const digest = digestOf(bytes)
  const size = bytes.length
  return {
    kind: "recipe",
    form: "raw",
    size,
    storedSize: size,
    digest,
    storedDigest: digest,
    crc32: crc32(bytes),
    stored: bytes,
  }
}

const unpackMap = (bytes: Uint8Array): { readonly [key: string]: Plain | undefined } => {
  try {
    const plain = unpack(bytes)
    return isPlainMap(plain) ? plain : {}
  } catch {
    return {}
  }
}

const isDigestBytes = (value: Plain | undefined): value is Uint8Array =>
  value instanceof Uint8Array && value.length === 32

/** The recipe in a frame's bytes; undefined when they are not one, or contradict themselves. */
export const readRecipe = (bytes: Uint8Array): Recipe | undefined => {
  const { sha256, size, crc32: crc, stored, chunks } = unpackMap(bytes)
  if (!isDigestBytes(sha256) || !isDigestBytes(stored)) return undefined
  if (typeof crc !== "number" || crc !== crc >>> 0) return undefined
  if (!(chunks instanceof Uint8Array) || chunks.length % entryBytes !== 0) return undefined
  const recipe = recipeOf(toDigest(sha256), crc, chunks)
  const isSame = recipe?.stat.size === size && recipe?.stat.storedDigest === toDigest(stored)
  return isSame ? recipe : undefined
}

export const sentBytes = (stat: BlobStat, sent: Sent): number =>
  sent === "content" ? stat.size : stat.deflatedSize

/** The chunks that a range touches. */
export interface Cover {
  readonly from: number
  readonly to: number
  /** Bytes of chunk `from` that lie before the range. */
  readonly skip: number
}

/** Which chunks to read for a range within the blob, as content or as stored form. */
export const cover = (recipe: Recipe, sent: Sent, { start, end }: ByteRange): Cover => {
  const view = viewOf(recipe.entries)
  let from = 0
  let skip = 0
  let position = 0
  let chunk = 0
  for (; chunk < recipe.count && position < end; chunk += 1) {
    const size = view.readUInt32BE(chunk * entryBytes + 32)
    const stored = view.readUInt32BE(chunk * entryBytes + 36)
    if (position <= start) {
      from = chunk
      skip = start - position
    }
    position += sent === "content" ? size : sentSize(size, stored)
  }
  return start === end ? { from: 0, to: 0, skip: 0 } : { from, to: chunk, skip }
}
