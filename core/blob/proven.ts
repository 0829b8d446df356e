/**
 * Recipes whose chunks were found to make up their content: of such a one, chunks that are what it
 * says are the content, without one more hash over all of it.
 *
 * That is so for ever and in every store, since all are told by their SHA-256; so it is remembered
 * for the process. Knows no store.
 */
import { type Digest, fromDigest, hasher, toDigest } from "../model/digest.js"
import type { Recipe } from "./recipe.js"

/** So many are remembered, of 300 bytes each; the one that was proven longest ago goes first. */
export const provenCountMax = 4_096

/** By content, what the recipe that makes it up says. */
const proven = new Map<Digest, Digest>()

const saidBy = ({ stat, entries }: Recipe): Digest => {
  const hash = hasher()
  hash.update(fromDigest(stat.storedDigest))
  hash.update(entries)
  return toDigest(hash.bytes())
}

/** To be called by whoever has hashed all that its chunks hold. */
export const prove = (recipe: Recipe): void => {
  const { digest } = recipe.stat
  proven.delete(digest)
  proven.set(digest, saidBy(recipe))
  const [oldest] = proven.keys()
  if (proven.size > provenCountMax && oldest !== undefined) proven.delete(oldest)
}

/** Whether it is the one that was proven of its content. */
export const isProven = (recipe: Recipe): boolean => {
  const known = proven.get(recipe.stat.digest)
  return known !== undefined && known === saidBy(recipe)
}
