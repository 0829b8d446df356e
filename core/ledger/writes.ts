/**
 * The writing operations: each parses its input by its command, submits, and reads the answer back
 * as of its reply, so that a retry under the same key gets what the first try got.
 */
import * as Effect from "effect/Effect"
import type { AnyCommand, Command } from "../command/command.js"
import { defineTag } from "../command/define-tag.js"
import { type DeleteInput, decideDeletion, deletion } from "../command/delete.js"
import { logMetadata } from "../command/log-metadata.js"
import { removeMetadata } from "../command/remove-metadata.js"
import { restore } from "../command/restore.js"
import { tag } from "../command/tag.js"
import { untag } from "../command/untag.js"
import { type DaybookError, isRefusal } from "../errors.js"
import { parsing, refuse } from "../model/input.js"
import type { Metadata } from "../model/metadata.js"
import type { Target } from "../model/reference.js"
import type { Tag } from "../model/tag.js"
import { resolveTarget, tagMissing } from "../projection/resolve.js"
import { tags as tagViews } from "../projection/tags.js"
import { toTag } from "../query/answer.js"
import { consumers } from "../query/consumers.js"
import { explaining } from "../query/explain.js"
import { expandTarget } from "../query/find.js"
import { parsedInput } from "../query/input.js"
import type { LedgerApi, Receipt } from "./api.js"
import type { DeleteOptions, TagDefinition, WriteOptions } from "./call-options.js"
import { type Engine, momentAt, presentMoment } from "./engine.js"
import { verb } from "./operations.js"
import type { Reply } from "./request.js"
import { save, saveAll } from "./saving.js"
import { checkWriteOptions, isRetry, parseStep, type Session, stepOf, submit } from "./submit.js"

export const toReceipt = ({ position, changed }: Reply): Receipt => ({ position, changed })

const simple = (
  session: Session,
  command: AnyCommand,
  input: { readonly [key: string]: unknown },
  options: WriteOptions,
): Effect.Effect<Receipt, DaybookError> => {
  const step = parsing(() => {
    checkWriteOptions(options, ["expect"])
    return parseStep(command, { ...input, expect: options.expect })
  })
  return isRefusal(step)
    ? Effect.fail(step)
    : Effect.map(submit(session, [step], options, []), toReceipt)
}

/** What `defineTag` may say about a tag. */
export const tagKeys = ["exclusive", "color", "description", "expect"] as const

const define = (session: Session) =>
  Effect.fn("Ledger.defineTag")(function* (name: string, definition: TagDefinition = {}) {
    yield* parsedInput(() => checkWriteOptions(definition, tagKeys))
    const { idempotencyKey, reason, signal, ...meaning } = definition
    const step = yield* stepOf(defineTag, { ...meaning, name })
    const options = {
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(reason === undefined ? {} : { reason }),
    }
    const { position } = yield* submit(session, [step], options, [])
    return yield* definedTag(session.engine, position, name)
  })

const definedTag = (engine: Engine, position: number, name: string) =>
  Effect.suspend((): Effect.Effect<Tag, DaybookError> => {
    const row = momentAt(engine, position).views.view(tagViews).get(["name", name])
    if (row !== undefined) return Effect.succeed(toTag(row))
    return Effect.fail(tagMissing(name))
  })

/**
 * Who uses the target is listed before the decision, which then sees whether anyone came since.
 * Beside it, what refuses the deletion as of the moment of that look, unless its key came before.
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
  const observed = isRefusal(resolved)
    ? {}
    : {
        use: {
          id: (resolved.version ?? resolved.artifact).id,
          position: moment.position,
          consumers: yield* consumers({ moment, target: resolved }),
        },
      }
  const decided = decideDeletion({ ...input, target, ...observed }, moment.views)
  const isRefused = isRefusal(decided) && !isRetry(moment, key)
  const refused = isRefused ? Effect.fail(decided) : Effect.void
  return { observed, refused: explaining(Effect.succeed(moment))(refused) }
})

const remove = (session: Session) =>
  Effect.fn("Ledger.delete")(function* (target: Target, options: DeleteOptions = {}) {
    yield* parsedInput(() => checkWriteOptions(options, ["expect", "force"]))
    const { force, expect } = options
    const step = yield* stepOf(deletion, { target, force, expect })
    const looking = look(session, step.input as DeleteInput, options.idempotencyKey)
    const attempt = (observed: object): Effect.Effect<Receipt, DaybookError> =>
      Effect.catch(
        Effect.map(submit(session, [{ ...step, observed }], options, []), toReceipt),
        (error) => (error._tag === "InUse" ? again : Effect.fail(error)),
      )
    // The list is of one moment, the decision of a later one. A refusal is of one moment only, so
    // that it names all consumers there were; where nothing is in the way by now, it is tried anew.
    const again = Effect.gen(function* () {
      const { observed, refused } = yield* looking
      yield* refused
      return yield* attempt(observed)
    })
    return yield* attempt(force === true ? {} : (yield* looking).observed)
  })

const execute = (session: Session) =>
  Effect.fn("Ledger.execute")(function* <Input>(
    command: Command<Input>,
    input: unknown,
    options: WriteOptions = {},
  ) {
    yield* parsedInput(() => {
      if (!session.engine.commandsOwn.includes(command))
        refuse("command", "was not given to openLedger: name it in { commands }")
      return checkWriteOptions(options)
    })
    const step = yield* stepOf(command, input)
    const reply = yield* submit(session, [step], options, [])
    return { ...toReceipt(reply), result: reply.results[0] as unknown }
  })

type Writes = Pick<
  LedgerApi<"effect">,
  | "save"
  | "saveAll"
  | "tag"
  | "untag"
  | "defineTag"
  | "logMetadata"
  | "removeMetadata"
  | "delete"
  | "restore"
  | "execute"
>

type Tags = string | ReadonlyArray<string>

export const makeWrites = (session: Session): Writes => ({
  save: save(session) as Writes["save"],
  saveAll: saveAll(session),
  defineTag: define(session),
  delete: remove(session),
  execute: execute(session),
  tag: verb("Ledger.tag", (target: Target, tags: Tags, options: WriteOptions = {}) =>
    simple(session, tag, { target, tags }, options),
  ),
  untag: verb("Ledger.untag", (target: Target, tags: Tags, options: WriteOptions = {}) =>
    simple(session, untag, { target, tags }, options),
  ),
  logMetadata: verb(
    "Ledger.logMetadata",
    (target: Target, values: Metadata, options: WriteOptions = {}) =>
      simple(session, logMetadata, { target, values }, options),
  ),
  removeMetadata: verb(
    "Ledger.removeMetadata",
    (target: Target, keys: Tags, options: WriteOptions = {}) =>
      simple(session, removeMetadata, { target, keys }, options),
  ),
  restore: verb("Ledger.restore", (target: Target, options: WriteOptions = {}) =>
    simple(session, restore, { target }, options),
  ),
})
