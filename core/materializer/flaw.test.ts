/**
 * Paths and errors of flaws, from the innermost step out.
 */
import { describe, expect, it } from "vitest"
import { InvalidInput, LimitExceeded } from "../errors.js"
import { shownNameLengthMax, shownPathLengthMax } from "../limits.js"
import { entryStep, flaw, refusal, stepTo, unlessThrown, within } from "./flaw.js"

describe("a flaw", () => {
  it("is told from the outermost container in", () => {
    const found = within(within(flaw("is a function"), {}, stepTo("f")), [], "[3]")
    const error = refusal(found, "save a plain form")
    expect(error).toBeInstanceOf(InvalidInput)
    expect(error).toMatchObject({
      path: "value[3].f",
      message: "value[3].f is a function: save a plain form",
    })
  })

  it("is a limit where a bound was passed, unless a container was met twice", () => {
    const limit = { name: "valueDepthMax", allowed: 1, actual: 2 }
    const [outer, inner] = [{}, {}]
    const deep = within(within(flaw("is deep", limit), inner, ".b"), outer, ".a")
    expect(refusal(deep, "next")).toBeInstanceOf(LimitExceeded)
    expect(refusal(deep, "next")).toMatchObject({ limit: "valueDepthMax", allowed: 1, actual: 2 })
    const cycle = within(
      within(within(flaw("is deep", limit), outer, ".a"), inner, ".b"),
      outer,
      ".a",
    )
    expect(refusal(cycle, "next")).toMatchObject({
      path: "value.a.b",
      message: "value.a.b leads back to value, a cycle: next",
    })
  })

  it("keeps paths short, whatever the keys and however many", () => {
    let found = flaw("is deep")
    for (let level = 0; level < 1_000; level += 1)
      found = within(found, {}, stepTo("k".repeat(500)))
    const error = refusal(found, "next")
    expect(error.message.length).toBeLessThan(500)
    expect(error.message).toMatch(/^value\.?\[?"?k/)
    expect(error.message).toContain("…")
  })

  it("shows a key whole up to the limit, and cuts a longer one", () => {
    const [whole, long] = ["k".repeat(shownNameLengthMax), "k".repeat(shownNameLengthMax + 1)]
    expect(stepTo(whole)).toBe(`.${whole}`)
    expect(stepTo(long)).toBe(`["${whole}…"]`)
    expect(entryStep(whole, 0)).toBe(`.get("${whole}")`)
    expect(entryStep(long, 0)).toBe(`.get("${whole}…")`)
  })

  it("shows a path whole up to the limit, and both ends of a longer one", () => {
    const pathOf = (length: number) => {
      const step = `.${"s".repeat(length - "value.".length)}`
      const error = refusal(within(flaw("is long"), {}, step), "next")
      return error instanceof InvalidInput ? error.path : ""
    }
    const whole = pathOf(shownPathLengthMax)
    expect(whole).toMatch(/^value\.s+$/)
    expect(whole.length).toBe(shownPathLengthMax)
    expect(pathOf(shownPathLengthMax + 1)).toBe(
      `${whole.slice(0, shownPathLengthMax / 2)}…${"s".repeat(shownPathLengthMax / 2)}`,
    )
  })

  it("shows keys of a Map only when they are strings", () => {
    expect(entryStep("a b", 2)).toBe('.get("a b")')
    expect(entryStep(Symbol("s"), 2)).toBe("<value 2>")
  })
})

describe("a look that throws", () => {
  it("is answered as was said", () => {
    const look = unlessThrown((value) => {
      if (value === 0) throw new Error("zero")
      return value === 1
    }, false)
    expect([0, 1, 2].map(look)).toEqual([false, true, false])
  })
})
