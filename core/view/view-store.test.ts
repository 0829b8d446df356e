/**
 * The one bridge from plain functions over rows to effects; the port's laws are its contract.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import { ViewFailure } from "../errors.js"
import { attempt } from "./view-store.js"

const failure = new ViewFailure({ message: "no", operation: "read", reason: "io", outcome: "none" })

const thrower = (thrown: Error) => (): never => {
  throw thrown
}

describe("attempt", () => {
  it("answers what the function answers, each time it is run", () => {
    let count = 0
    const counted = attempt(() => {
      count += 1
      return count
    })
    expect([Effect.runSync(counted), Effect.runSync(counted)]).toEqual([1, 2])
  })

  it("fails with the view failure that was thrown", () => {
    expect(Effect.runSync(Effect.flip(attempt(thrower(failure))))).toBe(failure)
  })

  it("leaves every other error a defect", () => {
    const exit = Effect.runSyncExit(attempt(thrower(new TypeError("a bug"))))
    expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
  })
})
