/**
 * The root of a Merkle tree as RFC 6962 defines it, for tests to hold the tree against: recursive,
 * from nothing, as slow as it is plain.
 *
 * Knows nothing of how the tree is kept.
 */
import { sha256 } from "../model/digest.js"

const node = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right)

/** MTH of RFC 6962 section 2.1, word for word, over leaf hashes. */
export const rootByDefinition = (leaves: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [first] = leaves
  if (first === undefined) return sha256()
  if (leaves.length === 1) return first
  const k = 2 ** (Math.ceil(Math.log2(leaves.length)) - 1)
  return node(rootByDefinition(leaves.slice(0, k)), rootByDefinition(leaves.slice(k)))
}
