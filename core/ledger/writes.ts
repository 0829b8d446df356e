/**
 * The writing operations: each parses its input by its command, submits, and reads the answer back
 * as of its reply, so that a retry under the same key gets what the first try got.
 */
import * as Effect from "effect/Effect"
import type { AnyCommand, Command } from "../command/command.js"
import { defineTag } from "../command/define-tag.js"
import { hold } from "../command/hold.js"
import { logMetadata } from "../command/log-metadata.js"
import { release } from "../command/release.js"
import { removeMetadata } from "../command/remove-metadata.js"
import { restore } from "../command/restore.js"
import { tag } from "../command/tag.js"
import { untag } from "../command/untag.js"
import { type DaybookError, isRefusal } from "../errors.js"
import { parsing, refuse } from "../model/input.js"
import type { Metadata } from "../model/metadata.js"
import type { Reference, Target } from "../model/reference.js"
import type { Tag } from "../model/tag.js"
import { tagMissing } from "../projection/resolve.js"
import { tags as tagViews } from "../projection/tags.js"
import { toTag } from "../query/answer.js"
import { parsedInput } from "../query/input.js"
import type { LedgerApi, Receipt } from "./api.js"
import type { TagDefinition, WriteOptions } from "./call-options.js"
import { remove } from "./delete.js"
import { observe } from "./drift.js"
import { type Engine, momentAt } from "./engine.js"
import { importZip } from "./import-zip.js"
import { verb } from "./operations.js"
import { prune } from "./prune.js"
import { register } from "./register.js"
import { save, saveAll } from "./saving.js"
import { checkWriteOptions, parseStep, type Session, stepOf, submit, toReceipt } from "./submit.js"

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
  | "register"
  | "observeDrift"
  | "importZip"
  | "tag"
  | "untag"
  | "defineTag"
  | "logMetadata"
  | "removeMetadata"
  | "delete"
  | "restore"
  | "hold"
  | "release"
  | "prune"
  | "execute"
>

type Tags = string | ReadonlyArray<string>

/** All of them, of one session. Saving, deleting and pruning have files of their own. */
export const makeWrites = (session: Session): Writes => ({
  save: save(session) as Writes["save"],
  saveAll: saveAll(session),
  register: register(session),
  observeDrift: observe(session),
  importZip: importZip(session),
  defineTag: define(session),
  delete: remove(session),
  prune: prune(session) as Writes["prune"],
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
  hold: verb("Ledger.hold", (target: Reference, options: WriteOptions = {}) =>
    simple(session, hold, { target }, options),
  ),
  release: verb("Ledger.release", (target: Reference, options: WriteOptions = {}) =>
    simple(session, release, { target }, options),
  ),
})
