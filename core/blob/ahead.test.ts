/**
 * How much is loaded ahead: for a reader who takes his time, for one who waits, and at the end.
 */
import { describe, expect, it } from "vitest"
import { Ahead } from "./ahead.js"

/** Loads of numbers, each of which is there when it is told to be. */
const numbers = (count: number) => {
  const begun: Array<{ readonly finish: () => void; readonly fail: (cause: Error) => void }> = []
  const ahead = new Ahead<number>(() => {
    const index = begun.length
    if (index === count) return undefined
    return new Promise((resolve, fail) => {
      begun.push({ finish: () => resolve(index), fail })
    })
  })
  return { begun, ahead }
}

describe("what is loaded ahead", () => {
  it("is nothing until somebody asks", () => {
    expect(numbers(9).begun).toHaveLength(0)
  })

  it("is two while the reader takes his time", async () => {
    const { begun, ahead } = numbers(20)
    const first = ahead.next()
    for (let index = 0; index < 12; index += 1) {
      for (const { finish } of begun) finish()
      // Once all that is on its way has come.
      await first
      expect(await ahead.next()).toBe(index + 1)
      // He had to wait for the first, as everybody has.
      expect(begun.length - (index + 2)).toBe(2)
    }
  })

  it("is more for one who has to wait, up to four, and comes in its order", async () => {
    const { begun, ahead } = numbers(20)
    const asked: Array<Promise<number> | undefined> = []
    const counts: Array<number> = []
    for (let index = 0; index < 5; index += 1) {
      asked.push(ahead.next())
      counts.push(begun.length - asked.length)
    }
    expect(counts).toEqual([2, 4, 4, 4, 4])
    for (const { finish } of [...begun].reverse()) finish()
    expect(await Promise.all(asked)).toEqual([0, 1, 2, 3, 4])
  })

  it("ends with the last, and says so before anybody asks again", async () => {
    const { begun, ahead } = numbers(2)
    const both = [ahead.next(), ahead.next()]
    expect(ahead.isOver).toBe(true)
    expect(ahead.next()).toBe(undefined)
    for (const { finish } of begun) finish()
    expect(await Promise.all(both)).toEqual([0, 1])
    expect(numbers(0).ahead.isOver).toBe(true)
    expect(numbers(1).ahead.isOver).toBe(false)
  })

  it("fails where it is asked for, and nowhere when nobody asks", async () => {
    const { begun, ahead } = numbers(9)
    const first = ahead.next()
    const second = ahead.next()
    for (const { fail } of begun.slice(1)) fail(new Error("no disk"))
    begun[0]?.finish()
    expect(await first).toBe(0)
    await expect(second).rejects.toThrow("no disk")
  })
})
