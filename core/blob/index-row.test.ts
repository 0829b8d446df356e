/**
 * Rows of the index: what goes in comes out, in the order LevelDB must see, and no damage passes.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import {
  type BlobRow,
  type ChunkRow,
  copyKey,
  copyRange,
  decodeMark,
  decodeRow,
  digestOfKey,
  encodeMark,
  encodeRow,
  keyOfCopy,
  keyRange,
  markKey,
  type Place,
  rowKey,
  rowOfRecipe,
  samePlace,
} from "./index-row.js"

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const u48 = fc.integer({ min: 0, max: 2 ** 48 - 1 })
const digest = fc.nat(1_000).map((seed) => digestOf(Buffer.from(String(seed))))
const place = { pack: u32, offset: u48, storedSize: u32 }

const chunkRow: fc.Arbitrary<ChunkRow> = fc.record({
  kind: fc.constant("chunk"),
  digest,
  ...place,
  storedDigest: digest,
})

const blobRow: fc.Arbitrary<BlobRow> = fc
  .record({
    ...place,
    count: fc.oneof(fc.nat(12), u32),
    stat: fc.record({
      digest,
      size: u48,
      crc32: u32,
      deflatedSize: u48,
      raw: fc.boolean(),
      storedDigest: digest,
    }),
  })
  .map(({ stat, count, ...where }) => {
    const entries = Buffer.alloc(count <= 12 ? count * 72 : 0, count)
    return { ...rowOfRecipe({ stat, count, entries }), ...where }
  })

const row = fc.oneof(chunkRow, blobRow)

describe("rows", () => {
  it("come back from their bytes, under both keys", () =>
    fc.assert(
      fc.property(row, (one) => {
        const key = rowKey(one.kind, one.digest)
        expect(decodeRow(key, encodeRow(one))).toEqual(one)
        expect(digestOfKey(key)).toBe(one.digest)
        expect(decodeRow(keyOfCopy(copyKey(one)), encodeRow(one))).toEqual(one)
      }),
    ))

  it("with a bit flipped, of another key, or of another length are damaged", () =>
    fc.assert(
      fc.property(row, row, fc.nat(), (one, other, bit) => {
        const key = rowKey(one.kind, one.digest)
        const value = encodeRow(one)
        const at = (bit >> 3) % value.length
        value[at] = (value[at] ?? 0) ^ (1 << (bit & 7))
        expect(decodeRow(key, value)).toBeUndefined()
        expect(decodeRow(key, encodeRow(one).subarray(0, -1))).toBeUndefined()
        expect(decodeRow(key, Buffer.alloc(0))).toBeUndefined()
        if (other.digest !== one.digest || other.kind !== one.kind)
          expect(decodeRow(rowKey(other.kind, other.digest), encodeRow(one))).toBeUndefined()
      }),
    ))

  it("of blobs hold the recipe where it is short", () => {
    const stat = { digest: digestOf(), size: 1, crc32: 2, deflatedSize: 3, raw: true }
    const recipe = (count: number) => ({
      stat: { ...stat, storedDigest: digestOf() },
      count,
      entries: Buffer.alloc(count * 72),
    })
    expect(rowOfRecipe(recipe(0)).entries).toHaveLength(0)
    expect(rowOfRecipe(recipe(4)).entries).toHaveLength(288)
    expect(rowOfRecipe(recipe(5)).entries).toBeUndefined()
  })

  it("know their place", () => {
    const one: Place = { pack: 1, offset: 12, storedSize: 5 }
    expect(samePlace(one, { pack: 1, offset: 12 })).toBe(true)
    expect(samePlace(one, { ...one, offset: 13 })).toBe(false)
    expect(samePlace(one, { ...one, pack: 2 })).toBe(false)
  })
})

describe("keys", () => {
  it("of copies sort in pack order, within the range of their digest alone", () =>
    fc.assert(
      fc.property(chunkRow, place.pack, place.offset, digest, (one, pack, offset, other) => {
        const two = { ...one, pack, offset }
        const byPlace = Math.sign(one.pack - two.pack) || Math.sign(one.offset - two.offset)
        expect(Math.sign(Buffer.compare(copyKey(one), copyKey(two)))).toBe(byPlace)
        const inRange = (key: Buffer) => {
          const { gte, lt } = copyRange("chunk", one.digest)
          return Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0
        }
        if (one.pack !== 2 ** 32 - 1) expect(inRange(copyKey(one))).toBe(true)
        expect(inRange(copyKey({ ...one, digest: other }))).toBe(other === one.digest)
        expect(inRange(rowKey("chunk", one.digest))).toBe(false)
      }),
    ))

  it("of different kinds lie in ranges of their own", () => {
    const keys = {
      chunk: rowKey("chunk", digestOf()),
      recipe: rowKey("recipe", digestOf()),
      copy: Buffer.concat([Buffer.from("d"), rowKey("chunk", digestOf()), Buffer.alloc(10)]),
      pack: markKey(7),
    } as const
    const kinds = ["chunk", "recipe", "copy", "pack"] as const
    for (const kind of kinds)
      for (const other of kinds) {
        const { gte, lt } = keyRange(kind)
        const key = keys[other]
        const isInside = Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0
        expect(isInside).toBe(kind === other)
      }
  })
})

describe("marks", () => {
  it("come back from their bytes, and no damage passes", () =>
    fc.assert(
      fc.property(
        fc.tuple(u32, u32),
        u48,
        fc.boolean(),
        fc.boolean(),
        fc.nat(),
        ([pack, header], end, whole, ahead, bit) => {
          const mark = { pack, header, end, whole, ahead }
          const value = encodeMark(mark)
          expect(decodeMark(markKey(pack), value)).toEqual(mark)
          const at = (bit >> 3) % value.length
          value[at] = (value[at] ?? 0) ^ (1 << (bit & 7))
          expect(decodeMark(markKey(pack), value)).toBeUndefined()
        },
      ),
    ))
})
