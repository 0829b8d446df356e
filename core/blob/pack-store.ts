/**
 * The parts of the file system driver, and how a digest is looked up in them.
 *
 * A digest has one first frame and sometimes copies of it; a damaged first one gives way to the
 * next that is whole. What was found damaged in all copies is remembered, so that a put of the same
 * bytes stores them again. Writes nothing.
 */
import * as Effect from "effect/Effect"
import type { BlobCorrupted, BlobFailure } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { BlobStat } from "./blob-store.js"
import type { BlobIndex } from "./index-level.js"
import { type BlobRow, type Place, type Row, samePlace } from "./index-row.js"
import type { Frame, FrameKind } from "./pack.js"
import type { PackReader } from "./pack-reader.js"
import type { PackWriter } from "./pack-writer.js"
import { nameOf } from "./pack-writer.js"
import { type Recipe, type RecipeChunk, readRecipe } from "./recipe.js"
import { absent, blobFailure, corrupted, storageError } from "./rules.js"
import type { LoadChunks } from "./send.js"

/** What it takes to read. */
export interface PackSource {
  readonly index: BlobIndex
  readonly reader: PackReader
  /** Names of frames without a whole copy. */
  readonly damaged: Set<string>
}

export interface PackStore extends PackSource {
  readonly writer: PackWriter
  /** Names of frames that are being removed: no longer known. */
  readonly going: Set<string>
  /** Names of frames that puts under way rely on, with their number. */
  readonly leases: Map<string, number>
}

type Failure = BlobFailure | BlobCorrupted

/** Nothing is lost: the index is derived. */
export const damagedRow = (digest: Digest): BlobCorrupted =>
  corrupted(digest, "has a damaged row in the index", "remove the index, opening makes it anew")

/** What the index says of a blob. */
export const findRow = (
  { index }: PackSource,
  digest: Digest,
): Effect.Effect<BlobRow | undefined, Failure> =>
  Effect.suspend((): Effect.Effect<BlobRow | undefined, Failure> => {
    try {
      const row = index.blob(digest)
      return row === "damaged" ? Effect.fail(damagedRow(digest)) : Effect.succeed(row)
    } catch (cause) {
      return Effect.fail(blobFailure("read", cause))
    }
  })

const firstRow = (index: BlobIndex, kind: FrameKind, digest: Digest): Row | undefined => {
  const row = kind === "chunk" ? index.chunk(digest) : index.blob(digest)
  return row === "damaged" ? undefined : row
}

/** Goes through the places that the index names until one is right, or all were tried. */
const findFrame = async <A>(
  { index, reader }: PackSource,
  kind: FrameKind,
  digest: Digest,
  accept: (frame: Frame) => A | undefined,
): Promise<A | undefined> => {
  const tried: Array<Place> = []
  const isNew = (row: Row) => !tried.some((place) => samePlace(place, row))
  for (;;) {
    // Looked up again after each failure: a removal may have moved the frame meanwhile.
    const first = firstRow(index, kind, digest)
    const next =
      first !== undefined && isNew(first)
        ? first
        : (await index.copies(kind, digest)).find((row) => isNew(row))
    if (next === undefined) return undefined
    const [frame] = await reader.frames([next])
    const found = frame === undefined ? undefined : accept(frame)
    if (found !== undefined) return found
    tried.push(next)
  }
}

const directCountMax = 4

const isOf = (chunk: RecipeChunk, frame: Frame | undefined): frame is Frame =>
  frame?.kind === "chunk" &&
  frame.digest === chunk.digest &&
  frame.size === chunk.size &&
  frame.storedSize === chunk.storedSize &&
  frame.storedDigest === chunk.storedDigest

/** Loads chunks: one look-up and few reads for all, then one by one those that were not right. */
export const loadChunks =
  (store: PackSource): LoadChunks =>
  async ({ stat: { digest } }, chunks) => {
    const { index, reader, damaged } = store
    const digests = chunks.map((chunk) => chunk.digest)
    // A trip to the index's thread costs as much as looking a few up.
    const rows =
      digests.length <= directCountMax
        ? digests.map((one) => index.chunk(one))
        : await index.chunks(digests)
    const found = await reader.frames(rows.filter((row) => row !== undefined))
    const frames: Array<Frame> = []
    let at = 0
    for (const [position, chunk] of chunks.entries()) {
      const loaded = rows[position] === undefined ? undefined : found[at++]
      const frame = isOf(chunk, loaded)
        ? loaded
        : await findFrame(store, "chunk", chunk.digest, (copy) =>
            isOf(chunk, copy) ? copy : undefined,
          )
      if (frame === undefined) {
        damaged.add(nameOf({ kind: "chunk", digest: chunk.digest }))
        throw corrupted(digest, `has the chunk ${chunk.digest} damaged or missing`)
      }
      frames.push(frame)
    }
    return frames
  }

/** The recipe of a blob, read from its frame. Rejects with `BlobCorrupted`. */
export const loadRecipe = async (store: PackSource, { digest, stat }: BlobRow): Promise<Recipe> => {
  const isSame = (other: BlobStat) =>
    other.digest === digest && other.size === stat.size && other.storedDigest === stat.storedDigest
  const recipe = await findFrame(store, "recipe", digest, (frame) => {
    const read = frame.kind === "recipe" ? readRecipe(frame.stored) : undefined
    return read !== undefined && isSame(read.stat) ? read : undefined
  })
  if (recipe !== undefined) return recipe
  store.damaged.add(nameOf({ kind: "recipe", digest }))
  throw corrupted(digest, "has a damaged recipe")
}

/** The recipe in a row, where there is room for it. */
export const recipeInRow = ({ stat, count, entries }: BlobRow): Recipe | undefined =>
  entries === undefined ? undefined : { stat, count, entries }

/** The recipe of a blob that must be there. */
export const findRecipe = (store: PackSource, digest: Digest): Effect.Effect<Recipe, Failure> =>
  Effect.flatMap(findRow(store, digest), (row): Effect.Effect<Recipe, Failure> => {
    if (row === undefined) return Effect.fail(absent(digest))
    const recipe = recipeInRow(row)
    return recipe === undefined
      ? Effect.tryPromise({ try: () => loadRecipe(store, row), catch: storageError("read") })
      : Effect.succeed(recipe)
  })
