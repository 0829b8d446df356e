/**
 * What a removal takes: the blobs that it was asked for and nobody keeps, and the chunks that no
 * blob uses, whoever left them. From then on no put relies on these: one that brings them stores
 * them anew.
 *
 * Where damage is known, a recipe may be lost that names chunks: there only those go that the
 * removed blobs name. Knows no files, but for recipes that are too long for the index.
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import { BlobCorrupted } from "../errors.js"
import type { Digest } from "../model/digest.js"
import { DigestTable } from "../model/digest-table.js"
import { nameOf } from "./claim.js"
import { frameHeaderBytes } from "./frame.js"
import type { BlobRow, Place } from "./index-row.js"
import { damagedRow, loadRecipe, type PackStore, recipeInRow } from "./pack-store.js"
import { chunksOf } from "./recipe.js"

const pageCount = 1_000

/** Some at a time: looking is synchronous, so others get their turns. */
export async function* inTurns<A>(
  all: Iterable<A>,
  countMax = pageCount,
): AsyncGenerator<ReadonlyArray<A>, void> {
  let page: Array<A> = []
  for (const one of all) {
    page.push(one)
    if (page.length < countMax) continue
    yield page
    page = []
    await nextTurn()
  }
  yield page
}

/** What of a pack stays and what may go, of the frames that are in the index. */
export interface Usage {
  /** Frames. */
  count: number
  /** Bytes of frames. */
  stays: number
  goes: number
  /** Chunks that no blob uses. */
  readonly unused: Array<Digest>
}

/** The recipe of a blob that goes. */
export interface GoingBlob extends Place {
  readonly kind: "recipe"
  readonly digest: Digest
}

export interface Choice {
  /** Every frame of them. */
  readonly blobs: ReadonlyArray<GoingBlob>
  readonly packs: ReadonlyMap<number, Usage>
  /** Whether bytes that are in no row are nobody's. */
  readonly isSound: boolean
}

/** Calls `see` with each chunk of a blob. Reads the recipe of long blobs only. */
const eachChunk = async (store: PackStore, row: BlobRow, see: (digest: Digest) => void) => {
  const recipe = recipeInRow(row) ?? (await loadRecipe(store, row))
  for (let from = 0; from < recipe.count; from += pageCount)
    for (const { digest } of chunksOf(recipe, from, Math.min(from + pageCount, recipe.count)))
      see(digest)
}

/** The chunks that blobs name, some of which others may name too. */
const chunksOfAll = async (store: PackStore, rows: ReadonlyArray<BlobRow>) => {
  const digests = new Set<Digest>()
  for (const row of rows) {
    try {
      await eachChunk(store, row, (digest) => digests.add(digest))
    } catch (cause) {
      // Nobody can say which chunks a damaged recipe named, so they stay; the blob goes.
      if (!(cause instanceof BlobCorrupted)) throw cause
    }
  }
  return digests
}

/** The chunks of all blobs but those that go; of these a frame may be there that was put since. */
const usedChunks = async (store: PackStore, before: number): Promise<DigestTable> => {
  const { index, going } = store
  const used = new DigestTable()
  for await (const page of index.blobs())
    for (const row of page) {
      if (typeof row === "string") throw damagedRow(row)
      if (row.pack < before && going.has(nameOf(row))) continue
      await eachChunk(store, row, (digest) => used.add(digest))
    }
  return used
}

/** The rows of those blobs that are there. */
export const findRows = async ({ index }: PackStore, digests: ReadonlyArray<Digest>) => {
  const rows: Array<BlobRow> = []
  for await (const page of inTurns(new Set(digests)))
    for (const digest of page) {
      const row = index.blob(digest)
      if (row !== undefined && row !== "damaged") rows.push(row)
    }
  return rows
}

export interface Choosing {
  /** Of the blobs that are to go. */
  readonly rows: ReadonlyArray<BlobRow>
  /** Nothing goes that lies in this pack or a later one: puts go on there. */
  readonly before: number
  /** Names of all that anybody has relied on since the removal was called. It grows meanwhile. */
  readonly relied: ReadonlySet<string>
}

/** Marks the blobs as going that nobody relies on: each in the turn that looks whether one does. */
export async function* markBlobs(
  { going }: PackStore,
  { rows, before, relied }: Choosing,
): AsyncGenerator<BlobRow, void> {
  for await (const page of inTurns(rows))
    for (const row of page) {
      if (row.pack >= before || relied.has(nameOf(row))) continue
      going.add(nameOf(row))
      yield row
    }
}

/**
 * Marks the blobs as going, and says what may go with them. Rejects where it cannot be known what
 * is used.
 */
export const choose = async (store: PackStore, choosing: Choosing): Promise<Choice> => {
  const { index, going, damage } = store
  const isSound = damage.isEmpty
  const { before } = choosing
  const chosen: Array<BlobRow> = []
  for await (const row of markBlobs(store, choosing)) chosen.push(row)
  const own = isSound ? undefined : await chunksOfAll(store, chosen)
  const used = await usedChunks(store, before)
  const blobs: Array<GoingBlob> = []
  const packs = new Map<number, Usage>()
  await index.each((row) => {
    if (typeof row === "string") throw damagedRow(row)
    const { kind, digest, pack, offset, storedSize } = row
    if (pack >= before) return
    const usage = packs.get(pack) ?? { count: 0, stays: 0, goes: 0, unused: [] }
    packs.set(pack, usage)
    const isUnused =
      kind === "recipe" ? going.has(nameOf(row)) : !used.has(digest) && (own?.has(digest) ?? true)
    usage.count += 1
    usage[isUnused ? "goes" : "stays"] += frameHeaderBytes + storedSize
    if (!isUnused) return
    if (kind === "chunk") usage.unused.push(digest)
    else blobs.push({ kind, digest, pack, offset, storedSize })
  })
  return { blobs, packs, isSound }
}

/** Marks the unused chunks of some packs as going, but for those that are relied on by now. */
export const markChunks = async (
  { going }: PackStore,
  unused: Iterable<Digest>,
  relied: ReadonlySet<string>,
): Promise<void> => {
  for await (const page of inTurns(unused))
    for (const digest of page) {
      const name = nameOf({ kind: "chunk", digest })
      if (!relied.has(name)) going.add(name)
    }
}
