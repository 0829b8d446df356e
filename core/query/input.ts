/**
 * Parsing what callers give to queries: the same parsers as for commands, as an effect.
 */
import * as Effect from "effect/Effect"
import { isRefusal, type Refusal } from "../errors.js"
import { parsing } from "../model/input.js"

/** Runs parsers; the first refusal fails the effect. */
export const parsedInput = <A>(parsers: () => A): Effect.Effect<A, Refusal> =>
  Effect.suspend(() => {
    const parsed = parsing(parsers)
    return isRefusal(parsed) ? Effect.fail(parsed) : Effect.succeed(parsed)
  })
