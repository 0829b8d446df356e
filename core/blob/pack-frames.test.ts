/**
 * The table of a pack's frames: all that was put in, in the order in which it lies.
 */
import { expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { frameHeaderBytes } from "./frame.js"
import { PackFrames } from "./pack-frames.js"
import { numbers } from "./samples.contract.js"

it("has them all by their places, however many there are", () => {
  const next = numbers(1)
  const frames = new PackFrames()
  const rows = Array.from({ length: 1_000 }, (_, at) => ({
    kind: next(2) === 0 ? ("chunk" as const) : ("recipe" as const),
    digest: digestOf(Buffer.from(`${at}`)),
    offset: 2 ** 40 + ((at * 7) % 1_000) * 1_000,
    storedSize: at === 0 ? 2 ** 32 - 1 : next(900),
  }))
  const going = rows.map(() => next(3) === 0)
  for (const [at, row] of rows.entries()) frames.add(row, going[at] === true)
  frames.sort()
  expect(frames.count).toBe(1_000)
  const sorted = [...rows.entries()].sort(([, a], [, b]) => a.offset - b.offset)
  for (const [index, [at, { kind, digest, offset, storedSize }]] of sorted.entries()) {
    const to = offset + frameHeaderBytes + storedSize
    expect(frames.at(index)).toEqual({ kind, digest, from: offset, to })
    expect([frames.from(index), frames.to(index)]).toEqual([offset, to])
    expect(frames.goes(index)).toBe(going[at])
  }
})
