/**
 * Calling code that is not ours, and plain functions that read rows: an error of ours that they
 * throw is a failure of the call, anything else a defect.
 */
import * as Effect from "effect/Effect"
import { type DaybookError, isDaybookError } from "../errors.js"

/** What was thrown, as a failure or a defect. */
export const thrown = (cause: unknown): Effect.Effect<never, DaybookError> =>
  isDaybookError(cause) ? Effect.fail(cause) : Effect.die(cause)

/** Runs a plain function. */
export const calling = <A>(run: () => A): Effect.Effect<A, DaybookError> =>
  Effect.catch(Effect.try({ try: run, catch: (cause) => cause }), thrown)

const isPromised = <A>(answer: A | PromiseLike<A>): answer is PromiseLike<A> =>
  typeof answer === "object" && answer !== null && "then" in answer

/** Runs a function that may promise its answer, and waits for it where it does. */
export const awaiting = <A>(run: () => A | PromiseLike<A>): Effect.Effect<A, DaybookError> =>
  Effect.suspend(() => {
    try {
      const answer = run()
      if (!isPromised(answer)) return Effect.succeed(answer)
      const waiting = { try: async () => answer, catch: (cause: unknown) => cause }
      return Effect.catch(Effect.tryPromise(waiting), thrown)
    } catch (cause) {
      return thrown(cause)
    }
  })
