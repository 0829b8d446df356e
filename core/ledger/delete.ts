/**
 * Deleting: a decision cannot list what stands in its way, so that is done around it, once before
 * and once more where it is refused.
 *
 * Knows neither what a deletion hides nor what else refuses it.
 */
import * as Effect from "effect/Effect"
import { type DeleteInput, decideDeletion, deletion, type ObservedUse } from "../command/delete.js"
import { type DaybookError, isRefusal } from "../errors.js"
import type { Target } from "../model/reference.js"
import { type ResolvedTarget, resolveTarget } from "../projection/resolve.js"
import { consumers } from "../query/consumers.js"
import { explaining } from "../query/explain.js"
import { expandTarget } from "../query/find.js"
import { holds } from "../query/holds.js"
import { parsedInput } from "../query/input.js"
import type { Moment } from "../query/query.js"
import type { Receipt } from "./api.js"
import type { DeleteOptions, WriteOptions } from "./call-options.js"
import { presentMoment } from "./engine.js"
import { checkWriteOptions, isRetry, type Session, stepOf, submit, toReceipt } from "./submit.js"

/**
 * What stands in the way of a deletion is listed before it is decided, which then sees whether
 * anything came since. Beside it, what refuses it as of the moment of that look, unless its key
 * came before.
 */
const look = Effect.fnUntraced(function* (
  session: Session,
  input: DeleteInput,
  key: string | undefined,
) {
  const moment = yield* presentMoment(session.engine)
  const target = yield* expandTarget(moment, input.target)
  const resolved = resolveTarget(moment.views, target)
  // What cannot be resolved is refused by the decision, in its own words.
  const observed = isRefusal(resolved) ? {} : { use: yield* useOf(moment, resolved) }
  const decided = decideDeletion({ ...input, target, ...observed }, moment.views)
  const isRefused = isRefusal(decided) && !isRetry(moment, key)
  const refused = isRefused ? Effect.fail(decided) : Effect.void
  return { observed, refused: explaining(Effect.succeed(moment))(refused) }
})

const useOf = Effect.fnUntraced(function* (
  moment: Moment,
  target: ResolvedTarget,
): Effect.fn.Return<ObservedUse, DaybookError> {
  const { artifact, version } = target
  return {
    id: (version ?? artifact).id,
    position: moment.position,
    consumers: yield* consumers({ moment, target }),
    held: version === undefined ? yield* holds(moment, artifact.id) : [],
  }
})

/** Deletes what a parsed input means; `use` where it is known already what stands in the way. */
export const deleteParsed = (
  session: Session,
  input: DeleteInput,
  options: WriteOptions,
  use?: ObservedUse,
): Effect.Effect<Receipt, DaybookError> => {
  const looking = look(session, input, options.idempotencyKey)
  const attempt = (observed: object): Effect.Effect<Receipt, DaybookError> =>
    Effect.catch(
      Effect.map(submit(session, [{ command: deletion, input, observed }], options, []), toReceipt),
      (error) => (error._tag === "InUse" ? again : Effect.fail(error)),
    )
  // The list is of one moment, the decision of a later one. A refusal is of one moment only, so
  // that it names all there is; where nothing is in the way by now, it is tried anew.
  const again = Effect.gen(function* () {
    const { observed, refused } = yield* looking
    yield* refused
    return yield* attempt(observed)
  })
  if (use !== undefined) return attempt({ use })
  return input.force === true
    ? attempt({})
    : Effect.flatMap(looking, ({ observed }) => attempt(observed))
}

export const remove = (session: Session) =>
  Effect.fn("Ledger.delete")(function* (target: Target, options: DeleteOptions = {}) {
    yield* parsedInput(() => checkWriteOptions(options, ["expect", "force"]))
    const { force, expect, ...rest } = options
    const step = yield* stepOf(deletion, { target, force, expect })
    return yield* deleteParsed(session, step.input as DeleteInput, rest)
  })
