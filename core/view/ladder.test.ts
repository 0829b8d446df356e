/**
 * The ladder against a plain list of positions: any past state is found, in a few reads.
 */
import { describe, expect, it } from "vitest"
import { rungLength } from "../limits.js"
import { climb, emptyLadder, isStep, type Ladder, ownLadder, pushChange } from "./ladder.js"

/** Every change of a row, with the ladder that the row carried at that change. */
const history = (positions: ReadonlyArray<number>): ReadonlyMap<number, Ladder> => {
  const ladder = ownLadder(emptyLadder)
  const entries = positions.map((position) => {
    pushChange(ladder, position)
    return [position, ownLadder(ladder)] as const
  })
  return new Map(entries)
}

const search = (changes: ReadonlyMap<number, Ladder>, position: number) => {
  let ladder = [...changes.values()].at(-1) ?? emptyLadder
  for (let reads = 1; ; reads += 1) {
    const step = climb(ladder, position)
    if (step === undefined || step.found) return { found: step?.position, reads }
    const next = changes.get(step.position)
    if (next === undefined || !isStep(next)) throw new Error("stepped on a row without a ladder")
    ladder = next
  }
}

describe("ladder", () => {
  it("finds the last change at or before any position, whatever the number of changes", () => {
    for (const count of [0, 1, 2, 15, 16, 17, 18, 31, 32, 33, 34, 255, 256, 257, 258, 700]) {
      const positions = Array.from({ length: count }, (_, index) => 10 + 3 * index)
      const changes = history(positions)
      const wrong: Array<number> = []
      for (let position = 8; position <= 12 + 3 * count; position += 1) {
        const expected = positions.findLast((change) => change <= position)
        if (search(changes, position).found !== expected) wrong.push(position)
      }
      expect(wrong, `of ${count} changes`).toEqual([])
    }
  })

  it("needs a few reads for a row that changed twenty thousand times", () => {
    const changes = history(Array.from({ length: 20_000 }, (_, index) => index + 1))
    let most = 0
    for (let position = 1; position <= 20_000; position += 97) {
      const { found, reads } = search(changes, position)
      expect(found).toBe(position)
      most = Math.max(most, reads)
    }
    expect(most).toBeLessThanOrEqual(5)
  })

  it("holds a bounded number of positions", () => {
    const last = history(Array.from({ length: 5_000 }, (_, index) => index + 1)).get(5_000)
    expect(last?.rungs.length).toBe(4)
    for (const rung of last?.rungs ?? []) expect(rung.length).toBeLessThanOrEqual(rungLength + 1)
  })
})
