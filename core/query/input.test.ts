/**
 * Parsing for queries: what a parser throws is what the query fails with.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import { LedgerClosed, TagMissing } from "../errors.js"
import { refuse } from "../model/input.js"
import { parsedInput } from "./input.js"

const thrower = (thrown: Error) => (): never => {
  throw thrown
}

describe("parsed input", () => {
  it("is what the parsers give, each time anew", () => {
    let count = 0
    const counting = parsedInput(() => {
      count += 1
      return { count }
    })
    expect([Effect.runSync(counting), Effect.runSync(counting)]).toEqual([
      { count: 1 },
      { count: 2 },
    ])
  })

  it.each(["a text", 7, undefined, null])("may be any value, as %s", (value) => {
    expect(Effect.runSync(parsedInput(() => value))).toBe(value)
  })

  it("fails with the first refusal", () => {
    const missing = new TagMissing({ message: "none", tag: "x", candidates: [] })
    expect(Effect.runSync(Effect.flip(parsedInput(thrower(missing))))).toBe(missing)
    const refused = parsedInput(() => [refuse("a", "is wrong"), refuse("b", "is wrong")])
    expect(Effect.runSync(Effect.flip(refused))).toMatchObject({ path: "a" })
  })

  it("leaves failures and bugs what they are: defects of a parser", () => {
    for (const thrown of [new LedgerClosed({ message: "closed" }), new TypeError("a bug")]) {
      const exit = Effect.runSyncExit(parsedInput(thrower(thrown)))
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe(thrown)
      expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
    }
  })
})
