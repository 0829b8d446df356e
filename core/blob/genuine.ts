/**
 * Whether a blob is what its recipe says: asked before a recipe is believed that lies where content
 * of somebody else may lie, and would otherwise pass for that of another blob.
 *
 * Does not know where chunks stay.
 */
import { crc32 } from "node:zlib"
import { BlobCorrupted } from "../errors.js"
import { hasher, toDigest } from "../model/digest.js"
import { rawBytes } from "./deflate.js"
import type { Recipe } from "./recipe.js"
import { type LoadChunks, wantedOf } from "./send.js"

// Held at once.
const chunkCount = 4

/** Reads the whole blob. */
export const isGenuine = async (recipe: Recipe, load: LoadChunks): Promise<boolean> => {
  const hash = hasher()
  let crc = 0
  try {
    for (let from = 0; from < recipe.count; from += chunkCount) {
      const wanted = wantedOf(recipe, from, Math.min(from + chunkCount, recipe.count))
      for (const frame of await load(wanted)) {
        const bytes = rawBytes(frame, frame.size, frame.crc32)
        if (bytes === undefined) return false
        hash.update(bytes)
        crc = crc32(bytes, crc)
      }
    }
  } catch (cause) {
    if (cause instanceof BlobCorrupted) return false
    throw cause
  }
  return toDigest(hash.bytes()) === recipe.stat.digest && crc === recipe.stat.crc32
}
