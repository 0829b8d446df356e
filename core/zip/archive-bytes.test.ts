/**
 * Reading ahead: few trips, the right bytes, never one beyond the end.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { zipReadBytes } from "../limits.js"
import { readAhead } from "./archive-bytes.js"
import { bytesOf } from "./forged.contract.js"

const content = Buffer.from(Uint8Array.from({ length: 3 * zipReadBytes }, (_, at) => at >>> 5))

const counted = () => {
  const trips: Array<readonly [start: number, length: number]> = []
  const bytes = bytesOf(content)
  const read = readAhead<never>({
    ...bytes,
    read: (start, length) => {
      trips.push([start, length])
      return bytes.read(start, length)
    },
  })
  return { trips, read: (start: number, length: number) => Effect.runSync(read(start, length)) }
}

describe("reading ahead", () => {
  it("makes one trip for what lies together", () => {
    const { trips, read } = counted()
    for (let at = 0; at < zipReadBytes; at += 1_000) {
      const length = Math.min(1_000, zipReadBytes - at)
      expect(read(at, length).equals(content.subarray(at, at + length))).toBe(true)
    }
    expect(trips).toEqual([[0, zipReadBytes]])
  })

  it("goes anywhere, and takes more in one go where more is asked for", () => {
    const { trips, read } = counted()
    const size = content.length
    for (const [at, length] of [
      [size - 10, 10],
      [5, 2 * zipReadBytes],
      [7, 3],
      [0, 0],
      [size, 0],
    ] as const)
      expect(read(at, length).equals(content.subarray(at, at + length))).toBe(true)
    expect(trips[0]).toEqual([size - 10, 10])
    expect(trips[1]).toEqual([5, 2 * zipReadBytes])
  })

  it("refuses what would reach beyond the end, without a trip", () => {
    const { trips, read } = counted()
    for (const [at, length] of [
      [content.length - 9, 10],
      [content.length, 1],
      [2 ** 60, 30],
      [0, 2 ** 40],
    ] as const)
      expect(() => read(at, length)).toThrow("ends in the middle of a record")
    expect(trips).toEqual([])
  })
})
