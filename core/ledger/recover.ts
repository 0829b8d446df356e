/**
 * Recovery: exports all that is whole of a damaged ledger into a new one, whose first events say
 * what was lost. The damaged one is only read: not a byte or time stamp of it changes.
 *
 * Made like any new ledger, its identity last: a recovery that is cut short leaves nothing that
 * opens.
 */
import { resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { DaybookError } from "../errors.js"
import { checkOptions, directoryPath } from "../model/input.js"
import { parsedInput } from "../query/input.js"
import { checkApart } from "./apart.js"
import { beginLedger, finishWith, newIdentity, readIdentity } from "./create.js"
import { identityOf, wrongDirectory } from "./damaged.js"
import { lock } from "./lock.js"
import { operations } from "./operations.js"
import { type Recovered, transfer } from "./transfer.js"

export interface RecoverOptions {
  /** Where the new ledger is made: a directory that is missing or empty. */
  readonly into: string
  readonly signal?: AbortSignal
}

const taken = (into: string) =>
  wrongDirectory(into, "holds a ledger already: choose a directory that is missing or empty")

const make = Effect.fnUntraced(function* (
  directory: string,
  into: string,
): Effect.fn.Return<Recovered, DaybookError, Scope.Scope> {
  yield* identityOf(directory)
  yield* checkApart(directory, into, "options.into")
  if ((yield* readIdentity(into)) !== undefined) return yield* taken(into)
  yield* beginLedger(into)
  yield* lock(into)
  // Another process may have been faster.
  if ((yield* readIdentity(into)) !== undefined) return yield* taken(into)
  const identity = newIdentity(yield* Clock.currentTimeMillis)
  return yield* finishWith(into, identity, Effect.scoped(transfer(directory, into, identity)))
})

const recoverInto = Effect.fn("recover")(function* (directory: string, options: RecoverOptions) {
  const paths = yield* parsedInput(() => {
    checkOptions(options, ["into", "signal"])
    const from = directoryPath(directory, "directory", "of the damaged ledger")
    const into = directoryPath(options.into, "options.into", "of the new ledger")
    return { from: resolve(from), into: resolve(into) }
  })
  return yield* Effect.scoped(make(paths.from, paths.into))
})

/**
 * Exports all that is whole of a ledger, damaged or not, into a new one. Fails with `WrongLedger`
 * where the directory holds no ledger, its log is another's, or `into` is not empty.
 */
export const recover: (
  directory: string,
  options: RecoverOptions,
) => Effect.Effect<Recovered, DaybookError> = operations(
  { recover: recoverInto },
  () => false,
).recover
