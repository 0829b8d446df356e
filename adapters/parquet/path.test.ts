/**
 * Paths as people read them, and the error that carries one.
 */
import { InvalidInput } from "daybook"
import { describe, expect, it } from "vitest"
import { refuse, stepTo } from "./path.js"

describe("paths", () => {
  it.each([
    ["mass", ".mass"],
    ["a b", '["a b"]'],
    ["", '[""]'],
    ['"', '["\\""]'],
    ["\ud800", '["\ufffd"]'],
    ["x".repeat(65), `["${"x".repeat(64)}…"]`],
  ])("step to %j", (name, step) => {
    expect(stepTo(name)).toBe(step)
  })

  it("are in the error and its message", () => {
    const thrown = () => refuse("value[0].a", "is wrong: mend it")
    expect(thrown).toThrow(InvalidInput)
    expect(thrown).toThrow(expect.objectContaining({ path: "value[0].a" }))
    expect(thrown).toThrow("value[0].a is wrong: mend it")
  })
})
