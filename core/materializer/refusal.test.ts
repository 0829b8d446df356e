/**
 * The reason that a caller reads when nothing takes a value.
 */
import { describe, expect, it } from "vitest"
import { InvalidInput, LimitExceeded } from "../errors.js"
import { refusalOf } from "./refusal.js"

describe("the refusal", () => {
  it("names the part, what is wrong with it and what to do, in one sentence", () => {
    const error = refusalOf({ layers: [{}, { activation: Math.tanh }] })
    expect(error).toBeInstanceOf(InvalidInput)
    expect(error.message).toBe(
      "value.layers[1].activation is a function: give it to a materializer of your own " +
        "(see Materializer) or save a plain form of it",
    )
  })

  it("is a limit where only the size is wrong", () => {
    let deep: unknown = 1
    for (let level = 0; level < 2_000; level += 1) deep = [deep]
    expect(refusalOf(deep)).toBeInstanceOf(LimitExceeded)
  })

  it("has an answer for a value that only the list of materializers excludes", () => {
    expect(refusalOf({ a: 1 })).toMatchObject({ path: "value", kind: "invalid" })
  })
})
