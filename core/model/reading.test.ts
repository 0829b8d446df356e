/**
 * Reading: ours passes, everything else that a caller's code throws becomes a refusal.
 */
import { describe, expect, it } from "vitest"
import { reading, unreadable } from "./reading.js"

const isOurs = (thrown: unknown): boolean => thrown instanceof RangeError
const refusal = (cause: unknown) => new Error(`it ${unreadable}`, { cause })

const throwing = (thrown: unknown) => () =>
  reading(
    () => {
      throw thrown
    },
    isOurs,
    refusal,
  )

describe("reading", () => {
  it("gives what was read, whatever it is", () => {
    for (const value of [7, undefined, new Error("a value")])
      expect(reading(() => value, isOurs, refusal)).toBe(value)
  })

  it("lets an error of ours pass as it is", () => {
    const ours = new RangeError("ours")
    expect(throwing(ours)).toThrow(ours)
  })

  it.each([new TypeError("theirs"), "a text", undefined])("refuses because of %s", (thrown) => {
    expect(throwing(thrown)).toThrow(expect.objectContaining({ cause: thrown }))
    expect(throwing(thrown)).toThrow("it cannot be read: it threw an error")
  })
})
