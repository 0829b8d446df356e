/**
 * The Merkle tree against published vectors, against its recursive definition, and against every
 * small forgery: a proof counts only for what it shows.
 */
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { sha256 } from "../model/digest.js"
import { rootByDefinition } from "./merkle.contract.js"
import {
  appendLeaf,
  appendRecords,
  type Consistency,
  consistencyProof,
  type Edge,
  emptyEdge,
  type Inclusion,
  inclusionProof,
  leafHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "./merkle.js"

const bytes = (hex: string): Uint8Array => Buffer.from(hex, "hex")
const hex = (hash: Uint8Array): string => Buffer.from(hash).toString("hex")

const edgeOf = (leaves: ReadonlyArray<Uint8Array>): Edge =>
  leaves.reduce<Edge>((edge, leaf) => appendLeaf(edge, leaf), emptyEdge)

const node = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right)

const leaves = Array.from({ length: 301 }, (_, index) => leafHash(Buffer.from(`leaf ${index}`)))
const first = (size: number) => leaves.slice(0, size)
const roots = leaves.map((_, size) => rootByDefinition(first(size)))
const root = (size: number): Uint8Array => roots[size] ?? Buffer.of()
const leaf = (index: number): Uint8Array => leaves[index] ?? Buffer.of()

// The eight leaves, roots and proofs that implementations of Certificate Transparency share.
const known = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((body) => leafHash(bytes(body)))

const knownRoots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]

describe("the known vectors of RFC 6962 trees", () => {
  it("have these roots at every size", () => {
    for (const [size, expected] of knownRoots.entries())
      expect(hex(rootOf(edgeOf(known.slice(0, size))))).toBe(expected)
  })

  it.each([
    [0, 1, []],
    [
      0,
      8,
      [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
      ],
    ],
    [
      5,
      8,
      [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      ],
    ],
    [2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]],
    [
      1,
      5,
      [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      ],
    ],
  ])("include leaf %i in the first %i by this proof", (index, size, expected) => {
    const proof = inclusionProof(known.slice(0, size), index)
    expect(proof.map(hex)).toEqual(expected)
    const body = known[index] ?? Buffer.of()
    const claim = { leaf: body, index, size, root: bytes(knownRoots[size] ?? ""), proof }
    expect(verifyInclusion(claim)).toBe(true)
  })

  it.each([
    [1, 1, []],
    [
      1,
      8,
      [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
      ],
    ],
    [
      6,
      8,
      [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      ],
    ],
    [
      2,
      5,
      [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      ],
    ],
  ])("grow from %i to %i by this proof", (from, to, expected) => {
    const proof = consistencyProof(known.slice(0, to), from)
    expect(proof.map(hex)).toEqual(expected)
    const tree = (size: number) => ({ size, root: bytes(knownRoots[size] ?? "") })
    expect(verifyConsistency({ from: tree(from), to: tree(to), proof })).toBe(true)
  })
})

describe("the edge", () => {
  it("has the root of the definition at every size", () => {
    let edge = emptyEdge
    for (let size = 0; size <= 300; size += 1) {
      expect(edge.size).toBe(size)
      expect(hex(rootOf(edge))).toBe(hex(root(size)))
      edge = appendLeaf(edge, leaf(size))
    }
  })

  it("keeps one perfect subtree for each 1 bit of its size, the largest first", () => {
    for (const size of [0, 1, 2, 7, 8, 11, 64, 300]) {
      const expected: Array<string> = []
      let from = 0
      for (let bit = 256; bit >= 1; bit /= 2) {
        if (Math.floor(size / bit) % 2 === 0) continue
        expected.push(hex(rootByDefinition(leaves.slice(from, from + bit))))
        from += bit
      }
      expect(edgeOf(first(size)).hashes.map(hex)).toEqual(expected)
    }
  })

  it("is never changed by an append, so an old one goes on as another tree", () => {
    const old = edgeOf(first(7))
    const before = old.hashes.map(hex)
    const left = appendLeaf(old, leaf(7))
    const right = appendLeaf(old, leaf(8))
    expect(old.hashes.map(hex)).toEqual(before)
    expect(hex(rootOf(left))).toBe(hex(root(8)))
    expect(hex(rootOf(right))).toBe(hex(rootByDefinition([...first(7), leaf(8)])))
  })

  it("takes records in order, each as a leaf of its own", () => {
    const [one, two] = [Buffer.from("one"), Buffer.from("two")]
    const edge = appendRecords(edgeOf(first(3)), [one, two])
    expect(edge).toEqual(edgeOf([...first(3), leafHash(one), leafHash(two)]))
    expect(appendRecords(edge, [])).toEqual(edge)
  })

  it("counts beyond 32 bits", () => {
    const hashes = first(33)
    const { size, hashes: carried } = appendLeaf({ size: 2 ** 33 - 1, hashes }, leaf(33))
    const expected = hashes.reduceRight((right, left) => node(left, right), leaf(33))
    expect(size).toBe(2 ** 33)
    expect(carried.map(hex)).toEqual([hex(expected)])
  })

  it("that lacks a hash is a defect", () => {
    expect(() => appendLeaf({ size: 3, hashes: [leaf(0)] }, leaf(1))).toThrow("size 3")
  })
})

const includes = (index: number, size: number): Inclusion => ({
  leaf: leaf(index),
  index,
  size,
  root: root(size),
  proof: inclusionProof(first(size), index),
})

const grows = (from: number, to: number): Consistency => ({
  from: { size: from, root: root(from) },
  to: { size: to, root: root(to) },
  proof: consistencyProof(first(to), from),
})

/** The hash with each of its bits flipped, one at a time. */
const flips = (hash: Uint8Array): Array<Uint8Array> =>
  Array.from({ length: 256 }, (_, bit) =>
    hash.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
  )

/** Proofs that differ a little: no honest party makes one of them. */
const forgeries = (proof: ReadonlyArray<Uint8Array>): Array<ReadonlyArray<Uint8Array>> => {
  const flipped = proof.flatMap((hash, at) => flips(hash).map((other) => proof.with(at, other)))
  const resized = proof.flatMap((hash, at) => [
    proof.with(at, hash.subarray(0, 31)),
    proof.with(at, Buffer.concat([hash, Buffer.of(0)])),
    proof.toSpliced(at, 1),
    proof.toSpliced(at, 0, hash),
  ])
  // The bytes of all, one after the other, stay as they were.
  const joined = Buffer.concat(proof)
  const moved = proof.length < 2 ? [] : [[joined.subarray(0, 33), joined.subarray(33)]]
  return [...flipped, ...resized, ...moved, [...proof, leaf(0)], [leaf(0), ...proof]]
}

// Every shape of tree up to 20 leaves, and both sides of a power of two.
const sizes = [...Array.from({ length: 20 }, (_, index) => index + 1), 63, 64, 65]

describe("an inclusion proof", () => {
  it("verifies for every leaf of every tree", () => {
    for (const size of sizes)
      for (let index = 0; index < size; index += 1)
        expect([index, size, verifyInclusion(includes(index, size))]).toEqual([index, size, true])
  })

  it("is refused for every other leaf, index and size", () => {
    for (const size of sizes.slice(0, 12))
      for (let index = 0; index < size; index += 1) {
        const claim = includes(index, size)
        const others = Array.from({ length: 21 }, (_, other) => [
          ...(other === index
            ? []
            : [
                { ...claim, index: other },
                { ...claim, leaf: leaf(other) },
              ]),
          ...(other === size ? [] : [{ ...claim, size: other, root: root(other) }]),
        ])
        expect(others.flat().filter(verifyInclusion)).toEqual([])
      }
  })

  it("is refused with a bit flipped, a hash cut, moved, added or missing", () => {
    for (const size of [1, 2, 3, 5, 8])
      for (let index = 0; index < size; index += 1) {
        const claim = includes(index, size)
        const forged = [
          ...forgeries(claim.proof).map((proof) => ({ ...claim, proof })),
          ...flips(claim.leaf).map((leaf) => ({ ...claim, leaf })),
          ...flips(claim.root).map((root) => ({ ...claim, root })),
        ]
        expect(forged.filter(verifyInclusion)).toEqual([])
      }
  })

  it("is refused when a node poses as a leaf", () => {
    const [, above = Buffer.of()] = inclusionProof(first(4), 0)
    const body = Buffer.concat([leaf(0), leaf(1)])
    const claim = { index: 0, size: 2, root: root(4), proof: [above] }
    expect(verifyInclusion({ ...claim, leaf: leafHash(body) })).toBe(false)
    // The same bytes as a node, to show that only the prefix of a leaf stands against it.
    expect(verifyInclusion({ ...claim, leaf: node(leaf(0), leaf(1)) })).toBe(true)
  })

  it("is refused when the bytes of the leaf run over into its sibling", () => {
    const { leaf: hash, proof, ...claim } = includes(0, 2)
    const joined = Buffer.concat([hash, ...proof])
    const moved = { leaf: joined.subarray(0, 33), proof: [joined.subarray(33)] }
    expect(verifyInclusion({ ...claim, ...moved })).toBe(false)
  })

  it("is refused for a number that is no index or size", () => {
    const claim = includes(0, 1)
    for (const index of [-1, 0.5, 1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(verifyInclusion({ ...claim, index })).toBe(false)
    for (const size of [-1, 0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])
      expect(verifyInclusion({ ...claim, size })).toBe(false)
  })

  it("is made for leaves of the tree only", () => {
    for (const index of [-1, 3, 0.5])
      expect(() => inclusionProof(first(3), index)).toThrow("no leaf")
  })
})

describe("a consistency proof", () => {
  it("verifies between any two sizes", () => {
    for (const to of [0, ...sizes])
      for (let from = 0; from <= to; from += 1)
        expect([from, to, verifyConsistency(grows(from, to))]).toEqual([from, to, true])
  })

  it("is refused between any other two sizes", () => {
    for (let to = 2; to <= 12; to += 1)
      for (let from = 1; from < to; from += 1) {
        const { proof } = grows(from, to)
        const others = Array.from({ length: 14 * 14 }, (_, pair) => {
          const [size, other] = [pair % 14, Math.floor(pair / 14)]
          return { from: { size, root: root(size) }, to: { size: other, root: root(other) }, proof }
        }).filter((other) => other.from.size !== from || other.to.size !== to)
        expect(others.filter(verifyConsistency)).toEqual([])
      }
  })

  it("is refused with a bit flipped, a hash cut, moved, added or missing", () => {
    for (const to of [1, 2, 3, 5, 8])
      for (let from = 0; from <= to; from += 1) {
        const claim = grows(from, to)
        // Every tree grows out of the empty one, so that says nothing of the larger root.
        const toRoots = from === 0 ? [] : flips(root(to))
        const forged = [
          ...forgeries(claim.proof).map((proof) => ({ ...claim, proof })),
          ...flips(root(from)).map((root) => ({ ...claim, from: { size: from, root } })),
          ...toRoots.map((root) => ({ ...claim, to: { size: to, root } })),
        ]
        expect(forged.filter(verifyConsistency)).toEqual([])
      }
  })

  it("is refused when history was changed, whatever was changed", () => {
    const property = fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 40 }),
      fc.nat(),
      (size, added, at) => {
        const forged = first(size + added).with(at % size, leafHash(Buffer.from("forged")))
        const to = { size: size + added, root: rootByDefinition(forged) }
        const proof = consistencyProof(forged, size)
        expect(verifyConsistency({ from: { size, root: root(size) }, to, proof })).toBe(false)
      },
    )
    fc.assert(property, { numRuns: 200 })
  })

  it("is refused when the bytes of the root run over into its sibling", () => {
    const { from, to, proof } = grows(1, 2)
    const joined = Buffer.concat([from.root, ...proof])
    const moved = { size: 1, root: joined.subarray(0, 33) }
    expect(verifyConsistency({ from: moved, to, proof: [joined.subarray(33)] })).toBe(false)
  })

  it("is refused backwards, and for numbers that are no sizes", () => {
    const { from, to, proof } = grows(3, 5)
    expect(verifyConsistency({ from: to, to: from, proof })).toBe(false)
    for (const size of [-1, 2.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(verifyConsistency({ from: { ...from, size }, to, proof })).toBe(false)
      expect(verifyConsistency({ from, to: { ...to, size }, proof })).toBe(false)
    }
  })

  it("is made for sizes that the tree had only", () => {
    for (const size of [-1, 4, 0.5])
      expect(() => consistencyProof(first(3), size)).toThrow("never had")
  })
})
