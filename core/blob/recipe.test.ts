/**
 * Recipes: frozen on disk, exact in their arithmetic, and unmoved by hostile bytes.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf, fromDigest } from "../model/digest.js"
import { type Plain, pack } from "../model/msgpack.js"
import type { Sent } from "./blob-store.js"
import {
  chunksOf,
  cover,
  type Recipe,
  readRecipe,
  recipeDraft,
  recipeFrame,
  sentBytes,
} from "./recipe.js"

const digests = [0, 1, 2, 3].map((seed) => digestOf(Buffer.of(seed)))

/** A recipe of chunks of these sizes, `[raw]` or `[raw, stored]`. */
const recipeOf = (...sizes: ReadonlyArray<readonly [number, number?]>): Recipe => {
  const draft = recipeDraft()
  for (const [index, [size, storedSize = size]] of sizes.entries()) {
    const digest = digests[index % digests.length] ?? digestOf()
    const storedDigest = storedSize === size ? digest : digestOf(Buffer.of(index, 1))
    draft.add({ digest, size, storedSize, storedDigest })
  }
  return draft.finish(digestOf(Buffer.from("blob")), 0xdeadbeef)
}

const recipe = recipeOf([70_000, 20_000], [65_536], [1_000, 900])
const stored = [
  digestOf(Buffer.of(0, 1)),
  digests[1] ?? digestOf(),
  digestOf(Buffer.of(2, 1)),
] as const

describe("a recipe", () => {
  it("adds up to the stat of its blob", () => {
    expect(recipe.stat).toEqual({
      digest: digestOf(Buffer.from("blob")),
      size: 136_536,
      crc32: 0xdeadbeef,
      deflatedSize: 20_000 + 65_536 + 2 * 5 + 900,
      raw: false,
      storedDigest: digestOf(...stored.map(fromDigest)),
    })
    expect(recipeOf([10], [20]).stat.raw).toBe(true)
    expect(recipeOf().stat).toMatchObject({ size: 0, deflatedSize: 0, raw: true })
    expect(chunksOf(recipe, 1, 3)).toEqual([
      { digest: digests[1], size: 65_536, storedSize: 65_536, storedDigest: digests[1] },
      { digest: digests[2], size: 1_000, storedSize: 900, storedDigest: stored[2] },
    ])
  })

  it("comes back from its frame", () => {
    for (const one of [recipe, recipeOf(), recipeOf([1])]) {
      const frame = recipeFrame(one)
      expect(frame.digest).toBe(digestOf(frame.stored))
      expect(frame.size).toBe(frame.stored.length)
      const read = readRecipe(frame.stored)
      expect(read?.stat).toEqual(one.stat)
      expect(chunksOf(read ?? one, 0, one.count)).toEqual(chunksOf(one, 0, one.count))
    }
  })

  it("is on disk what the format says", () => {
    const bytes = Buffer.from(recipeFrame(recipeOf([300, 200])).stored)
    const entry = Buffer.concat([
      fromDigest(digestOf(Buffer.of(0))),
      Buffer.from("0000012c000000c8", "hex"),
      fromDigest(digestOf(Buffer.of(0, 1))),
    ])
    const expected = Buffer.concat([
      Buffer.from("85a66368756e6b73c448", "hex"),
      entry,
      Buffer.from("a56372633332cedeadbeef", "hex"),
      Buffer.from("a6736861323536c420", "hex"),
      fromDigest(digestOf(Buffer.from("blob"))),
      Buffer.from("a473697a65cd012c", "hex"),
      Buffer.from("a673746f726564c420", "hex"),
      fromDigest(digestOf(fromDigest(digestOf(Buffer.of(0, 1))))),
    ])
    expect(bytes.toString("hex")).toBe(expected.toString("hex"))
  })
})

describe("hostile bytes", () => {
  const plain = {
    sha256: fromDigest(recipe.stat.digest),
    size: recipe.stat.size,
    crc32: recipe.stat.crc32,
    stored: fromDigest(recipe.stat.storedDigest),
    chunks: recipe.entries,
  }

  it("that contradict themselves are no recipe", () => {
    expect(readRecipe(pack(plain))).toBeDefined()
    const entry = (size: number, storedSize: number) => {
      const bytes = Buffer.alloc(72)
      bytes.writeUInt32BE(size, 32)
      bytes.writeUInt32BE(storedSize, 36)
      return bytes
    }
    const lies: ReadonlyArray<{ readonly [key: string]: Plain }> = [
      { size: plain.size + 1 },
      { size: -1 },
      { size: "136536" },
      { size: 136_536n },
      { crc32: -1 },
      { crc32: 2 ** 32 },
      { crc32: 1.5 },
      { sha256: Buffer.alloc(31) },
      { stored: "digest" },
      { chunks: recipe.entries.subarray(1) },
      { chunks: [1, 2, 3] },
      { chunks: entry(10, 11), size: 10 },
      { chunks: entry(10, 0), size: 10 },
      { stored: fromDigest(recipe.stat.digest) },
      // Raw, but stored as something else.
      { chunks: Buffer.from(recipe.entries).fill(1, 72 + 40, 72 + 72) },
    ]
    for (const lie of lies) expect(readRecipe(pack({ ...plain, ...lie }))).toBeUndefined()
    for (const key of Object.keys(plain))
      expect(readRecipe(pack({ ...plain, [key]: undefined }))).toBeUndefined()
  })

  it("of other shapes, or none, are no recipe, and cost no memory", () => {
    const shapes: ReadonlyArray<Plain> = [null, 1, "text", [], [plain], Buffer.alloc(10), {}]
    for (const shape of shapes) expect(readRecipe(pack(shape))).toBeUndefined()
    const claims = ["", "dd7fffffff", "df7fffffff", "c67fffffff00", "c1", "d4ff00", "c770ff00"]
    for (const claim of claims) expect(readRecipe(Buffer.from(claim, "hex"))).toBeUndefined()
    expect(readRecipe(Buffer.alloc(200_000, 0x91))).toBeUndefined()
  })

  it("give a recipe or none", () => {
    const frame = recipeFrame(recipe).stored
    const flips = fc.array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { maxLength: 4 })
    return fc.assert(
      fc.property(flips, fc.nat(frame.length), (changes, length) => {
        const bytes = Uint8Array.from(frame)
        for (const [at, value] of changes) bytes[at] = value
        const read = readRecipe(bytes.subarray(0, length))
        const sizes = read === undefined ? [] : chunksOf(read, 0, read.count)
        const sum = sizes.reduce((total, { size }) => total + size, 0)
        expect(sum).toBe(read?.stat.size ?? 0)
      }),
      { numRuns: 300 },
    )
  })
})

describe("the cover of a range", () => {
  const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 40 }), fc.boolean()), { maxLength: 8 })

  it("names the chunks that hold its bytes, and what to skip", () => {
    const bounds = fc.tuple(fc.nat(400), fc.nat(400))
    return fc.assert(
      fc.property(
        sizes,
        bounds,
        fc.constantFrom<Sent>("content", "deflated"),
        (list, [a, b], sent) => {
          const one = recipeOf(
            ...list.map(([size, raw]) => [size, raw ? size : Math.ceil(size / 2)] as const),
          )
          const total = sentBytes(one.stat, sent)
          const start = Math.min(a, b, total)
          const end = Math.min(Math.max(a, b), total)
          const owners = chunksOf(one, 0, one.count).flatMap(({ size, storedSize }, chunk) => {
            const sentSize = size === storedSize ? size + 5 : storedSize
            return Array.from({ length: sent === "content" ? size : sentSize }, () => chunk)
          })
          expect(owners).toHaveLength(total)
          const { from, to, skip } = cover(one, sent, { start, end })
          const touched = owners.slice(start, end)
          expect(to - from).toBe(new Set(touched).size)
          if (touched.length === 0) return
          expect(from).toBe(touched[0])
          expect(skip).toBe(start - owners.indexOf(from))
        },
      ),
      { numRuns: 400 },
    )
  })
})
