/**
 * Moves of frames: which rows they mean, and what is left of the others.
 */
import { expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { type Move, movedRows } from "./index-moves.js"
import type { ChunkRow } from "./index-row.js"

const digest = digestOf(Buffer.from("a"))

const row = (pack: number, offset: number): ChunkRow => ({
  kind: "chunk",
  digest,
  pack,
  offset,
  storedSize: 10,
  storedDigest: digest,
})

const move = (from: ChunkRow, to?: ChunkRow): Move => ({ kind: "chunk", digest, from, to })

it("of frames change the rows that lie there, and leave all others as they are", () => {
  const [one, two, three] = [row(1, 28), row(1, 90), row(2, 28)]
  const moved = movedRows([one, two, three], [move(two, row(5, 300)), move(row(2, 90))])
  expect(moved).toEqual([one, row(5, 300), three])
  expect(moved[0]).toBe(one)
  expect(moved[2]).toBe(three)
})

it("of all frames in packs below a number mean those, and no later ones", () => {
  const [one, two, three] = [row(1, 28), row(2, 90), row(3, 28)]
  const gone: Move = { kind: "chunk", digest, from: { below: 3 }, to: undefined }
  expect(movedRows([three, one, two], [gone])).toEqual([three])
  expect(movedRows([three], [gone])).toEqual([three])
})

it("to nowhere leave the next row in the place of the first", () => {
  const [one, two, three] = [row(1, 28), row(1, 90), row(2, 28)]
  expect(movedRows([one, two, three], [move(one), move(three)])).toEqual([two])
  expect(movedRows([one], [move(one)])).toEqual([])
})
