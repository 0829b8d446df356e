/**
 * The Merkle tree over the records of the log: RFC 6962 section 2.1, kept by RFC 9162 section 2.1.
 *
 * Leaf: SHA-256(0x00 || body). Node: SHA-256(0x01 || left || right). Of n leaves the left subtree
 * holds the largest power of two below n. Knows nothing about logs and events: leaves come as
 * hashes, and trust in a root comes from whoever signed it with its size.
 */
import { sha256 } from "../model/digest.js"

type Hash = Uint8Array
type Hashes = ReadonlyArray<Hash>

const hashBytes = 32
const leafPrefix = Uint8Array.of(0)
const nodePrefix = Uint8Array.of(1)

/** The leaf of a record: SHA-256(0x00 || body). */
export const leafHash = (body: Uint8Array): Uint8Array => sha256(leafPrefix, body)

const nodeHash = (left: Hash, right: Hash): Hash => sha256(nodePrefix, left, right)

/**
 * As much of a tree as appending needs: the roots of its perfect subtrees, largest first, one for
 * each 1 bit of `size`. Never changed: an append gives another edge.
 */
export interface Edge {
  readonly size: number
  readonly hashes: ReadonlyArray<Uint8Array>
}

export const emptyEdge: Edge = { size: 0, hashes: [] }

/** Appends the hash of one leaf. An edge with fewer hashes than its size asks for is a defect. */
export const appendLeaf = (edge: Edge, leaf: Uint8Array): Edge => {
  const hashes = edge.hashes.slice()
  let last = leaf
  // A carry, as in counting: each trailing 1 bit of the size is a subtree that this one completes.
  for (let size = edge.size; size % 2 === 1; size = parent(size)) {
    const left = hashes.pop()
    if (left === undefined) throw new Error(`an edge of size ${edge.size} lacks a hash`)
    last = nodeHash(left, last)
  }
  hashes.push(last)
  return { size: edge.size + 1, hashes }
}

/** Appends records, a leaf each. */
export const appendRecords = (edge: Edge, bodies: Iterable<Uint8Array>): Edge => {
  let grown = edge
  for (const body of bodies) grown = appendLeaf(grown, leafHash(body))
  return grown
}

/** The root of the tree so far. That of no leaves is the SHA-256 of nothing. */
export const rootOf = ({ hashes }: Edge): Uint8Array =>
  hashes.length === 0 ? sha256() : hashes.reduceRight((right, left) => nodeHash(left, right))

const rangeRoot = (leaves: Hashes, from: number, to: number): Hash =>
  rootOf(leaves.slice(from, to).reduce<Edge>(appendLeaf, emptyEdge))

const powerBelow = (count: number): number => {
  let power = 1
  while (power * 2 < count) power *= 2
  return power
}

/** Goes down towards a leaf until `isEnd`; `path` holds the roots left aside, highest first. */
const descend = (leaves: Hashes, index: number, isEnd: (from: number, to: number) => boolean) => {
  const path: Array<Hash> = []
  let from = 0
  let to = leaves.length
  while (!isEnd(from, to)) {
    const middle = from + powerBelow(to - from)
    const isLeft = index < middle
    path.push(isLeft ? rangeRoot(leaves, middle, to) : rangeRoot(leaves, from, middle))
    if (isLeft) to = middle
    else from = middle
  }
  return { path, from, to }
}

/** The siblings from a leaf up to the root (RFC 9162 section 2.1.3.1). No such leaf: a defect. */
export const inclusionProof = (leaves: Hashes, index: number): ReadonlyArray<Uint8Array> => {
  if (leaves[index] === undefined) throw new Error(`no leaf ${index} among ${leaves.length}`)
  return descend(leaves, index, (from, to) => to - from === 1).path.reverse()
}

/**
 * What shows that the tree of the first `size` leaves is a prefix of the whole one (RFC 9162
 * section 2.1.4.1). Empty when one of them is empty or both are the same.
 */
export const consistencyProof = (leaves: Hashes, size: number): ReadonlyArray<Uint8Array> => {
  if (!Number.isInteger(size) || size < 0 || size > leaves.length)
    throw new Error(`a tree of ${leaves.length} leaves never had ${size}`)
  if (size === 0 || size === leaves.length) return []
  const { path, from, to } = descend(leaves, size - 1, (_, end) => end === size)
  // The subtree that ends the smaller tree, unless it is all of it: then its root says as much.
  return (from === 0 ? path : [...path, rangeRoot(leaves, from, to)]).reverse()
}

const parent = (node: number): number => Math.floor(node / 2)

/**
 * The side each sibling of a proof joins from, going up from node `first` of a level whose last
 * node is `last` (RFC 9162 section 2.1.3.2).
 */
const sidesOf = (first: number, last: number): ReadonlyArray<"left" | "right"> => {
  const sides: Array<"left" | "right"> = []
  let at = first
  let end = last
  while (end > 0) {
    // The last node of a level has no sibling where its number is even: it moves up as it is.
    while (at === end && at % 2 === 0) {
      at /= 2
      end /= 2
    }
    sides.push(at % 2 === 1 ? "left" : "right")
    at = parent(at)
    end = parent(end)
  }
  return sides
}

const isSize = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const areHashes = (hashes: Hashes): boolean => hashes.every(({ length }) => length === hashBytes)
const areEqual = (a: Hash, b: Hash): boolean => Buffer.compare(a, b) === 0

/** That `leaf` (a leaf hash) is number `index`, from 0, in the tree of this size and root. */
export interface Inclusion {
  readonly leaf: Uint8Array
  readonly index: number
  readonly size: number
  readonly root: Uint8Array
  readonly proof: ReadonlyArray<Uint8Array>
}

/** Whether the proof shows it. A root says nothing of its size: take both from one checkpoint. */
export const verifyInclusion = ({ leaf, index, size, root, proof }: Inclusion): boolean => {
  if (!isSize(index) || !isSize(size) || index >= size || !areHashes([leaf, root, ...proof]))
    return false
  const sides = sidesOf(index, size - 1)
  if (sides.length !== proof.length) return false
  const found = proof.reduce(
    (hash, sibling, at) =>
      sides[at] === "left" ? nodeHash(sibling, hash) : nodeHash(hash, sibling),
    leaf,
  )
  return areEqual(found, root)
}

/** That the tree `from` is what the tree `to` was when it had that size. */
export interface Consistency {
  readonly from: { readonly size: number; readonly root: Uint8Array }
  readonly to: { readonly size: number; readonly root: Uint8Array }
  readonly proof: ReadonlyArray<Uint8Array>
}

/** Whether the proof shows it (RFC 9162 section 2.1.4.2). */
export const verifyConsistency = ({ from, to, proof }: Consistency): boolean => {
  if (!isSize(from.size) || !isSize(to.size) || from.size > to.size) return false
  if (!areHashes([from.root, to.root, ...proof])) return false
  if (from.size === to.size) return proof.length === 0 && areEqual(from.root, to.root)
  if (from.size === 0) return proof.length === 0 && areEqual(from.root, rootOf(emptyEdge))
  let at = from.size - 1
  let end = to.size - 1
  while (at % 2 === 1) {
    at = parent(at)
    end = parent(end)
  }
  // The smaller tree is one perfect subtree: its root starts the way up, and is not in the proof.
  const [start, ...siblings] = at === 0 ? [from.root, ...proof] : proof
  const sides = sidesOf(at, end)
  if (start === undefined || sides.length !== siblings.length) return false
  let fromRoot = start
  let toRoot = start
  for (const [index, sibling] of siblings.entries()) {
    const isLeft = sides[index] === "left"
    if (isLeft) fromRoot = nodeHash(sibling, fromRoot)
    toRoot = isLeft ? nodeHash(sibling, toRoot) : nodeHash(toRoot, sibling)
  }
  return areEqual(fromRoot, from.root) && areEqual(toRoot, to.root)
}
