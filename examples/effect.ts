/**
 * The door for users of Effect: the ledger as a service, every operation an effect, every error in
 * its type.
 */
import { Ledger, layer } from "daybook/effect"
import * as Effect from "effect/Effect"

// #region effect
const program = Effect.gen(function* () {
  const ledger = yield* Ledger
  const saved = yield* ledger.save("greeting", { hello: "world" })
  return yield* ledger.load(saved)
})

export const greet = (directory: string) =>
  Effect.runPromise(Effect.provide(program, layer({ directory, actor: "ann" })))
// #endregion
