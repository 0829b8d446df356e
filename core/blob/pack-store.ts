/**
 * The parts of the file system driver, and how a digest is looked up in them.
 *
 * A digest has one first frame and sometimes copies of it; a damaged first one gives way to the
 * next that is whole. What is found damaged is noticed, so that a put of the same bytes stores them
 * again. Writes nothing.
 */
import * as Effect from "effect/Effect"
import type { BlobCorrupted, BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import { type Finding, type PackDamage, type Stretch, stretchOf, wording } from "./damage.js"
import type { DamageRecord } from "./damage-record.js"
import type { Frame, FrameKind } from "./frame.js"
import type { BlobIndex } from "./index-level.js"
import { type BlobRow, type ChunkRow, type Place, type Row, samePlace } from "./index-row.js"
import type { Leases } from "./leases.js"
import type { PackReader } from "./pack-reader.js"
import type { PackWriter } from "./pack-writer.js"
import { chunksOf, type Recipe, type RecipeChunk, readRecipe } from "./recipe.js"
import { absent, corrupted, storageError } from "./rules.js"
import type { LoadChunks } from "./send.js"

/** What it takes to read. */
export interface PackSource {
  readonly index: BlobIndex
  readonly reader: PackReader
  readonly damage: PackDamage
  /**
   * Told of damage that a read came upon; answers, when it is on record, with what it is. It goes
   * on record only while the index names a frame there: a removal may have moved it meanwhile.
   */
  readonly notice: (finding: Finding, isNamed: () => Promise<boolean>) => Promise<Finding>
  /** Looks anew at what lies where, if anything has changed; absent for who owns the index. */
  readonly again?: () => Promise<boolean>
}

export interface PackStore extends PackSource {
  /** The directory of the packs. */
  readonly packs: string
  /** Bytes of a pack, beyond which a new one is begun. */
  readonly packBytesMax: number
  readonly writer: PackWriter
  readonly record: DamageRecord
  /** Names of frames that are being removed: no longer known. */
  readonly going: Set<string>
  /** Names of frames that puts under way rely on, or that somebody keeps. */
  readonly leases: Leases
}

type Failure = BlobFailure | BlobCorrupted

/** Nothing is lost: the index is derived. */
export const damagedRow = (digest: Digest): BlobCorrupted =>
  corrupted(digest, "has a damaged row in the index", "remove the index, opening makes it anew")

/** What the index says of a blob. Throws an error of the port. */
const rowIn = ({ index }: PackSource, digest: Digest, once = false): BlobRow | undefined => {
  const row = index.blob(digest, once)
  if (row === "damaged") throw damagedRow(digest)
  return row
}

/** What the index says of a blob. */
export const findRow = (
  source: PackSource,
  digest: Digest,
): Effect.Effect<BlobRow | undefined, Failure> =>
  Effect.suspend((): Effect.Effect<BlobRow | undefined, Failure> => {
    try {
      return Effect.succeed(rowIn(source, digest))
    } catch (cause) {
      return Effect.fail(storageError("read")(cause))
    }
  })

const firstRow = (index: BlobIndex, kind: FrameKind, digest: Digest): Row | undefined => {
  const row = kind === "chunk" ? index.chunk(digest) : index.blob(digest)
  return row === "damaged" ? undefined : row
}

/** What came of a search; without the frame, the first place that the index names, if any does. */
interface Search<A> {
  readonly found: A | undefined
  readonly where: Stretch | undefined
  readonly lost: Finding | undefined
}

const isIn = (places: ReadonlyArray<Place>, row: Row): boolean =>
  places.some((place) => samePlace(place, row))

const rowsOf = async (
  { index }: PackSource,
  { kind, digest }: Pick<Row, "kind" | "digest">,
): Promise<ReadonlyArray<Row>> => {
  const first = firstRow(index, kind, digest)
  const copies = await index.copies(kind, digest)
  return first === undefined ? copies : [first, ...copies]
}

/** Notices those of the places without a whole frame that the index still names. */
const noticeBroken = async (
  source: PackSource,
  wanted: Pick<Row, "kind" | "digest">,
  broken: ReadonlyArray<Place>,
  digests: ReadonlyArray<Digest>,
) => {
  if (broken.length === 0) return { where: undefined, lost: undefined }
  const rows = (await rowsOf(source, wanted)).filter((row) => isIn(broken, row))
  const lost: Array<Finding> = []
  for (const row of rows) {
    const isNamed = async () => isIn(await rowsOf(source, wanted), row)
    lost.push(await source.notice({ ...stretchOf(row), state: "damaged", digests }, isNamed))
  }
  return { where: rows[0] && stretchOf(rows[0]), lost: lost[0] }
}

// A frame is moved once by a removal: that it was moved so often in between is not to be expected.
const looksMax = 10

/**
 * Goes through the places that the index names until one is right, or all were tried. What lies
 * there and is no whole frame is noticed; `blob` is the content that is lost with it.
 */
const findFrame = async <A>(
  source: PackSource,
  wanted: Pick<Row, "kind" | "digest">,
  blob: Digest,
  accept: (frame: Frame) => A | undefined,
): Promise<Search<A>> => {
  const { index, reader, again } = source
  const { kind, digest } = wanted
  let tried: Array<Place> = []
  let broken: Array<Place> = []
  let looks = 0
  /** Somebody else may have moved what is not there, and may be moving it. */
  const looksAgain = async (): Promise<boolean> => {
    if (broken.length === 0 || looks === looksMax) return false
    looks += 1
    return (await again?.()) ?? false
  }
  for (;;) {
    // Looked up again after each failure: a removal may have moved the frame meanwhile.
    const first = firstRow(index, kind, digest)
    const next =
      first !== undefined && !isIn(tried, first)
        ? first
        : (await index.copies(kind, digest)).find((row) => !isIn(tried, row))
    if (next === undefined) {
      if (!(await looksAgain()))
        return { found: undefined, ...(await noticeBroken(source, wanted, broken, [blob])) }
      tried = []
      broken = []
      continue
    }
    const [frame] = await reader.frames([next])
    const found = frame === undefined ? undefined : accept(frame)
    if (found !== undefined) {
      await looksAgain()
      return { found, ...(await noticeBroken(source, wanted, broken, [])) }
    }
    tried.push(next)
    if (frame === undefined) broken.push(next)
  }
}

/** `what` of the blob was not found; with the blob itself, where it was removed meanwhile. */
const notFound = (
  { index, damage }: PackSource,
  blob: Digest,
  what: string,
  { where, lost }: Search<unknown>,
): BlobCorrupted => {
  if (lost !== undefined)
    return corrupted(blob, `lost ${what}, since ${wording(lost)}`, undefined, where)
  return index.blob(blob) === undefined
    ? absent(blob, damage.of(blob))
    : corrupted(blob, `lacks ${what}`)
}

const directCountMax = 4
const pageCount = 1_000

// What is stored says what it inflates to: the digest in the header would tell nothing more.
const isOf = (chunk: RecipeChunk, frame: Frame | undefined): frame is Frame =>
  frame?.kind === "chunk" &&
  frame.size === chunk.size &&
  frame.storedSize === chunk.storedSize &&
  frame.storedDigest === chunk.storedDigest

const findChunk = async (store: PackSource, blob: Digest, chunk: RecipeChunk): Promise<Frame> => {
  const wanted = { kind: "chunk", digest: chunk.digest } as const
  const search = await findFrame(store, wanted, blob, (frame) =>
    isOf(chunk, frame) ? frame : undefined,
  )
  if (search.found !== undefined) return search.found
  throw notFound(store, blob, `its chunk ${chunk.digest}`, search)
}

/** Loads chunks: one look-up and few reads for all, then one by one those that were not right. */
export const loadChunks =
  (store: PackSource, once = false): LoadChunks =>
  async (wanted) => {
    const { index, reader } = store
    const digests = wanted.map(({ chunk }) => chunk.digest)
    // A trip to the index's thread costs as much as looking a few up.
    const rows =
      digests.length <= directCountMax
        ? digests.map((one) => index.chunk(one, once))
        : await index.chunks(digests, once)
    const found = await reader.frames(rows.filter((row) => row !== undefined))
    const frames: Array<Frame> = []
    let at = 0
    for (const [position, { blob, chunk }] of wanted.entries()) {
      const loaded = rows[position] === undefined ? undefined : found[at++]
      const frame = isOf(chunk, loaded) ? loaded : await findChunk(store, blob, chunk)
      frames.push(frame)
    }
    return frames
  }

/** The recipe of a blob, read from its frame. Rejects with `BlobCorrupted`. */
export const loadRecipe = async (store: PackSource, { digest, stat }: BlobRow): Promise<Recipe> => {
  const isSame = (other: BlobStat) =>
    other.digest === digest && other.size === stat.size && other.storedDigest === stat.storedDigest
  const search = await findFrame(store, { kind: "recipe", digest }, digest, (frame) => {
    const read = frame.kind === "recipe" ? readRecipe(frame.stored) : undefined
    return read !== undefined && isSame(read.stat) ? read : undefined
  })
  if (search.found !== undefined) return search.found
  throw notFound(store, digest, "its recipe", search)
}

/** The recipe in a row, where there is room for it. */
export const recipeInRow = (row: BlobRow): Recipe | undefined => (hasEntries(row) ? row : undefined)

const hasEntries = (row: BlobRow): row is BlobRow & Recipe => row.entries !== undefined

/** The recipe of a blob that must be there; a promise of a long one. Throws as `loadRecipe`. */
export const findRecipe = (
  store: PackSource,
  digest: Digest,
  once = false,
): Recipe | Promise<Recipe> => {
  const row = rowIn(store, digest, once)
  if (row === undefined) throw absent(digest, store.damage.of(digest))
  return recipeInRow(row) ?? loadRecipe(store, row)
}

/** What a blob is made of; nothing where there is none. Rejects as `loadRecipe`. */
export const findChunks = async (
  store: PackSource,
  digest: Digest,
): Promise<ReadonlyArray<RecipeChunk>> => {
  const row = rowIn(store, digest)
  if (row === undefined) return []
  const recipe = recipeInRow(row) ?? (await loadRecipe(store, row))
  return chunksOf(recipe, 0, recipe.count)
}

/** Whether a frame of these bytes is there and not known to be damaged. */
export const believedChunk = (
  { index, damage }: Pick<PackSource, "index" | "damage">,
  digest: Digest,
): ChunkRow | undefined => {
  const row = index.chunk(digest)
  return row === undefined || damage.covers(row) ? undefined : row
}

/** Whether all that a content needs is in the index and not known to be damaged. */
const isThere = async (source: PackSource, digest: Digest): Promise<boolean> => {
  const row = source.index.blob(digest)
  if (row === undefined) return believedChunk(source, digest) !== undefined
  if (row === "damaged" || source.damage.covers(row)) return false
  const recipe = recipeInRow(row) ?? (await loadRecipe(source, row))
  for (let from = 0; from < recipe.count; from += pageCount)
    for (const chunk of chunksOf(recipe, from, Math.min(from + pageCount, recipe.count)))
      if (believedChunk(source, chunk.digest)?.storedDigest !== chunk.storedDigest) return false
  return true
}

/** As `isThere`, of a blob; a digest that only a chunk has is that of none. */
export const isBlobThere = async (source: PackSource, digest: Digest): Promise<boolean> =>
  rowIn(source, digest) !== undefined && (await isThere(source, digest))

/** Content that was put again is no longer named with the damage that it was lost with. */
export const forgetMended = async (source: PackSource): Promise<void> => {
  const { damage } = source
  const mended = new Set<Digest>()
  for (const digest of new Set(damage.findings.flatMap(({ digests }) => digests)))
    if (await isThere(source, digest).catch(() => false)) mended.add(digest)
  damage.change((finding) => {
    const digests = finding.digests.filter((digest) => !mended.has(digest))
    if (digests.length === finding.digests.length) return [finding]
    return finding.state === "replaced" && digests.length === 0 ? [] : [{ ...finding, digests }]
  })
}
