import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import { awaiting, calling } from "./foreign.js"

const ours = new InvalidInput({ message: "no", path: "x" })
const theirs = new Error("theirs")

const throwing = (what: unknown) => (): number => {
  throw what
}

const outcomes = {
  "a plain function": (run: () => number) => calling(run),
  "a function that promises": (run: () => number) => awaiting(async () => run()),
  "a function that may promise": (run: () => number) => awaiting(run),
}

describe.each(Object.entries(outcomes))("%s", (_, call) => {
  it("answers what it answers", async () => {
    expect(await Effect.runPromise(call(() => 7))).toBe(7)
  })

  it("fails with an error of ours", async () => {
    expect(await Effect.runPromise(Effect.flip(call(throwing(ours))))).toBe(ours)
  })

  it("dies of anything else", async () => {
    const exit = await Effect.runPromiseExit(call(throwing(theirs)))
    expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toBe(theirs)
    expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
  })
})
