/**
 * Slices from the end of a pack: together they are all of it, each byte that stays once, and none
 * is larger than it may be.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { frameHeaderBytes } from "./frame.js"
import { packHeaderBytes } from "./pack.js"
import { type Extent, PackFrames } from "./pack-frames.js"
import { areEntangled, type Ends, garbageIn, nextSlice, type Slice } from "./pack-slices.js"

const digest = digestOf(Buffer.from("any"))

interface Laid extends Extent {
  readonly goes: boolean
}

const tableOf = (laid: ReadonlyArray<Laid>): PackFrames => {
  const frames = new PackFrames()
  for (const { from, to, goes } of laid.toReversed())
    frames.add(
      { kind: "chunk", digest, offset: from, storedSize: to - from - frameHeaderBytes },
      goes,
    )
  frames.sort()
  return frames
}

/** All slices of a pack, the last one first. */
const slicesOf = (frames: PackFrames, size: number, restStays: boolean, bytesMax: number) => {
  const slices: Array<Slice> = []
  const bounds = { bytesMax, countMax: 5, restStays }
  let end: Ends = { last: frames.count, offset: size }
  while (end.offset > packHeaderBytes) {
    const slice = nextSlice(frames, end, bounds)
    expect(slice.start).toBeLessThan(end.offset)
    slices.push(slice)
    end = { last: slice.first, offset: slice.start }
  }
  return slices
}

/** Frames one behind the other, with bytes of nobody's between some, and some that go. */
const packs = fc
  .array(fc.tuple(fc.nat(400), fc.oneof(fc.constant(0), fc.nat(300)), fc.boolean()), {
    maxLength: 30,
  })
  .map((all) => {
    let at = packHeaderBytes
    const laid = all.map(([storedSize, before, goes]): Laid => {
      const from = at + before
      at = from + frameHeaderBytes + storedSize
      return { from, to: at, goes }
    })
    return { laid, end: at }
  })

/** How often each byte lies in some extents. */
const countsOf = (size: number, extents: Iterable<Extent>): Uint8Array => {
  const counts = new Uint8Array(size)
  for (const { from, to } of extents)
    for (let at = from; at < to; at += 1) counts[at] = (counts[at] ?? 0) + 1
  return counts
}

describe("the slices of a pack", () => {
  it("leave in its place what stays before the first bytes that go", () => {
    const laid = [0, 1, 2, 3].map(
      (at): Laid => ({ from: 28 + at * 200, to: 228 + at * 200, goes: false }),
    )
    const bounds = { bytesMax: 10_000, countMax: 100, restStays: false }
    const of = (some: ReadonlyArray<Laid>, offset: number, restStays = false) => {
      const end = { last: some.length, offset }
      const { first, start, bytes } = nextSlice(tableOf(some), end, { ...bounds, restStays })
      return [first, start, bytes]
    }
    const [one, two, three, four] = laid as [Laid, Laid, Laid, Laid]
    expect(of([one, two, { ...three, goes: true }, four], 828)).toEqual([2, 428, 200])
    // Bytes that are no frame, before the last one and behind it.
    expect(of([one, two, four], 828)).toEqual([2, 428, 200])
    expect(of([one, two, four], 828, true)).toEqual([0, 28, 800])
    expect(of(laid, 900)).toEqual([4, 828, 0])
    expect(of([two, three, four], 828)).toEqual([0, 28, 600])
    expect(of(laid, 828)).toEqual([0, 28, 800])
  })

  it("keep each byte that stays, and no other", () => {
    const property = fc.property(
      packs,
      fc.nat(200),
      fc.boolean(),
      fc.integer({ min: 1, max: 2_000 }),
      ({ laid, end }, behind, restStays, bytesMax) => {
        const [frames, size] = [tableOf(laid), end + behind]
        const slices = slicesOf(frames, size, restStays, bytesMax)
        const extents = slices.flatMap((slice) => slice.kept)
        const kept = countsOf(size, extents)
        const goes = countsOf(
          size,
          laid.filter((one) => one.goes),
        )
        const stays = countsOf(
          size,
          laid.filter((one) => !one.goes),
        )
        const expected = restStays ? goes.map((count) => 1 - count) : stays
        expect(kept.subarray(packHeaderBytes)).toEqual(expected.subarray(packHeaderBytes))
        expect(kept.subarray(0, packHeaderBytes).every((count) => count === 0)).toBe(true)
        const bytes = kept.reduce((sum, count) => sum + count, 0)
        expect(slices.reduce((sum, slice) => sum + slice.bytes, 0)).toBe(bytes)
        expect(garbageIn(frames, size, restStays)).toBe(size - packHeaderBytes - bytes)
        expect(extents.every(({ from, to }) => from < to)).toBe(true)
      },
    )
    void fc.assert(property, { numRuns: 200 })
  })

  it("are as large as they may be, and larger only for one frame", () => {
    const laid = Array.from({ length: 12 }, (_, at): Laid => {
      const from = packHeaderBytes + at * 100
      return { from, to: from + 100, goes: at % 3 === 0 }
    })
    const frames = tableOf(laid)
    const end = packHeaderBytes + 1_200
    const starts = (bytesMax: number, countMax = 100) => {
      const all: Array<number> = []
      let ends: Ends = { last: 12, offset: end }
      while (ends.offset > packHeaderBytes) {
        const { first, start } = nextSlice(frames, ends, { bytesMax, countMax, restStays: false })
        all.push((start - packHeaderBytes) / 100)
        ends = { last: first, offset: start }
      }
      return all
    }
    // The frames 0, 3, 6 and 9 go, and take no room.
    expect(starts(300)).toEqual([9, 6, 3, 0])
    expect(starts(1)).toEqual([11, 9, 8, 6, 5, 3, 2, 0])
    expect(starts(10_000)).toEqual([0])
    expect(starts(10_000, 5)).toEqual([9, 6, 3, 0])
  })

  it("are one where nothing stays, whatever lies in the pack", () => {
    for (const laid of [[], [{ from: 28, to: 200, goes: true }]]) {
      const [slice] = slicesOf(tableOf(laid), 10_000, false, 1)
      expect(slice).toEqual({ start: packHeaderBytes, first: 0, kept: [], bytes: 0 })
    }
    const [slice] = slicesOf(tableOf([]), 10_000, true, 1)
    expect(slice).toMatchObject({ kept: [{ from: packHeaderBytes, to: 10_000 }], bytes: 9_972 })
  })

  it("of frames that lie in each other keep both, and are told", () => {
    const outer = { from: 28, to: 500, goes: false }
    const inner = { from: 200, to: 300, goes: true }
    expect(areEntangled(tableOf([outer, { from: 500, to: 600, goes: true }]))).toBe(false)
    for (const restStays of [false, true]) {
      const frames = tableOf([outer, inner])
      expect(areEntangled(frames)).toBe(true)
      const slices = slicesOf(frames, 600, restStays, 10_000)
      const kept = countsOf(
        600,
        slices.flatMap((slice) => slice.kept),
      )
      expect(kept.subarray(28, 500).every((count) => count === 1)).toBe(true)
      expect(kept.subarray(500).every((count) => count === (restStays ? 1 : 0))).toBe(true)
    }
  })
})
