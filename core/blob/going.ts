/**
 * What a removal takes: the blobs that it was asked for and nobody keeps, and the chunks that
 * nothing else uses. From then on no put relies on them, and one that brings them stores them anew.
 *
 * Knows neither packs nor the disk, but for recipes that are too long for the index.
 */
import { BlobCorrupted } from "../errors.js"
import type { BlobRow } from "./index-row.js"
import { damagedRow, loadRecipe, type PackStore, recipeInRow } from "./pack-store.js"
import { nameOf } from "./pack-writer.js"
import { chunksOf } from "./recipe.js"

const chunkPageCount = 1_000

/** Calls `see` with the name of each chunk of a blob. Reads the recipe of long blobs only. */
const eachChunk = async (store: PackStore, row: BlobRow, see: (name: string) => void) => {
  const recipe = recipeInRow(row) ?? (await loadRecipe(store, row))
  for (let from = 0; from < recipe.count; from += chunkPageCount)
    for (const { digest } of chunksOf(recipe, from, Math.min(from + chunkPageCount, recipe.count)))
      see(nameOf({ kind: "chunk", digest }))
}

/** The chunks of removed blobs, among them those that other blobs may use. */
const chunkNamesOf = async (store: PackStore, rows: ReadonlyArray<BlobRow>) => {
  const names = new Set<string>()
  for (const row of rows) {
    try {
      await eachChunk(store, row, (name) => names.add(name))
    } catch (cause) {
      // Nobody can say which chunks a damaged recipe named, so they stay; the blob goes.
      if (!(cause instanceof BlobCorrupted)) throw cause
    }
  }
  return names
}

/**
 * Marks the blobs as going, and the chunks that nothing else uses; from then on puts do not rely on
 * them. What anybody has relied on until then is `relied`, which grows meanwhile: so each is chosen
 * in the turn that looks there.
 */
export const markGoing = async (
  store: PackStore,
  rows: ReadonlyArray<BlobRow>,
  relied: ReadonlySet<string>,
): Promise<void> => {
  const { index, going } = store
  const chosen = rows.filter((row) => !relied.has(nameOf(row)))
  for (const row of chosen) going.add(nameOf(row))
  const names = await chunkNamesOf(store, chosen)
  for await (const page of index.blobs())
    for (const row of page) {
      if (typeof row === "string") throw damagedRow(row)
      if (!going.has(nameOf(row))) await eachChunk(store, row, (name) => names.delete(name))
    }
  for (const name of names) if (!relied.has(name)) going.add(name)
}
