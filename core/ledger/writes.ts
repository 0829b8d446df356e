/**
 * The writing operations: each parses its input by its command, submits, and reads the answer back
 * as of its reply, so that a retry under the same key gets what the first try got.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { AnyCommand, Command } from "../command/command.js"
import { defineTag } from "../command/define-tag.js"
import { deletion } from "../command/delete.js"
import { logMetadata } from "../command/log-metadata.js"
import { removeMetadata } from "../command/remove-metadata.js"
import { restore } from "../command/restore.js"
import { saveVersion } from "../command/save-version.js"
import { tag } from "../command/tag.js"
import { untag } from "../command/untag.js"
import { type DaybookError, isRefusal, TagMissing } from "../errors.js"
import { compositeCountMax, intakeCountMax } from "../limits.js"
import type { ArtifactVersion } from "../model/artifact.js"
import {
  checkCount,
  checkOptions,
  target as parseTarget,
  readable,
  refuse,
} from "../model/input.js"
import type { Metadata } from "../model/metadata.js"
import type { Id } from "../model/names.js"
import type { Target } from "../model/reference.js"
import type { Tag } from "../model/tag.js"
import { findById, resolveTarget } from "../projection/resolve.js"
import { tags as tagViews } from "../projection/tags.js"
import { toTag, toVersion } from "../query/answer.js"
import { consumers } from "../query/consumers.js"
import { expandTarget } from "../query/find.js"
import { parsedInput } from "../query/input.js"
import type {
  DeleteOptions,
  LedgerApi,
  Receipt,
  SaveOptions,
  SaveRequest,
  TagDefinition,
  WriteOptions,
} from "./api.js"
import { type Engine, momentAt, presentMoment } from "./engine.js"
import { freshId } from "./id.js"
import { chooseMaterializer, takeIn } from "./intake.js"
import type { Reply, Step } from "./request.js"
import { parseSave, requestKeys } from "./save-options.js"
import { checkWriteOptions, type Session, stepOf, submit } from "./submit.js"

export const toReceipt = ({ position, changed }: Reply): Receipt => ({ position, changed })

/** A save as it was called. */
export interface SaveCall {
  /** Of the version, if one is made. */
  readonly id: Id
  readonly name: string
  readonly value: unknown
  readonly options: SaveOptions
}

/** A save as a step: its content is stored before this answers. */
export const saveStep = Effect.fnUntraced(function* (
  { engine }: Session,
  { id, name, value, options }: SaveCall,
): Effect.fn.Return<Step, DaybookError> {
  const plan = yield* parsedInput(() => parseSave(name, options))
  const { materializer } = yield* parsedInput(() => ({
    materializer: chooseMaterializer(engine.materializers, value, options.materializer),
  }))
  const taken = yield* takeIn(engine.blobs, materializer, value)
  const { saveType, description, producer } = plan
  const saved = {
    content: taken.content,
    type: plan.type ?? taken.type,
    saveType,
    ...(description === undefined ? {} : { description }),
    ...(producer === undefined ? {} : { producer }),
  }
  // Of the release that runs, not of the call: a retry by a later one is the same request.
  const observed = { id, materializer: taken.materializer, automatic: taken.automatic }
  return { command: saveVersion, input: { ...plan.input, saved }, observed }
})

/** The version that a save made or found, as of its reply. */
export const savedVersion = (engine: Engine, position: number, id: unknown): ArtifactVersion => {
  const { views } = momentAt(engine, position)
  const found = findById(views, String(id))
  if (found === undefined) throw new Error(`the version ${id} is not there after its save`)
  return toVersion(views, found.artifact.name, found.version)
}

export const newId = Effect.map(Clock.currentTimeMillis, freshId)

const simple = Effect.fnUntraced(function* (
  session: Session,
  command: AnyCommand,
  input: { readonly [key: string]: unknown },
  options: WriteOptions,
): Effect.fn.Return<Receipt, DaybookError> {
  yield* parsedInput(() => checkWriteOptions(options, ["expect"]))
  const step = yield* stepOf(command, { ...input, expect: options.expect })
  return toReceipt(yield* submit(session, [step], options, []))
})

const save = (session: Session) =>
  Effect.fn("Ledger.save")(function* (name: string, value: unknown, options: SaveOptions = {}) {
    yield* presentMoment(session.engine)
    const id = yield* newId
    const step = yield* saveStep(session, { id, name, value, options })
    const { position, results } = yield* submit(session, [step], options, [id])
    return savedVersion(session.engine, position, results[0])
  })

const saveCalls = (requests: ReadonlyArray<SaveRequest>, time: number): ReadonlyArray<SaveCall> => {
  if (!Array.isArray(requests)) return refuse("requests", "is not a list")
  checkCount("compositeCountMax", compositeCountMax, requests.length)
  return Array.from<SaveRequest, SaveCall>(requests, (request, index) =>
    readable(`requests[${index}]`, () => {
      const { name, value, ...options } = request
      checkOptions(options, requestKeys)
      return { id: freshId(time), name, value, options }
    }),
  )
}

const saveAll = (session: Session) =>
  Effect.fn("Ledger.saveAll")(function* (
    requests: ReadonlyArray<SaveRequest>,
    options: WriteOptions = {},
  ) {
    yield* presentMoment(session.engine)
    const time = yield* Clock.currentTimeMillis
    const calls = yield* parsedInput(() => {
      checkWriteOptions(options)
      return saveCalls(requests, time)
    })
    // Side by side, so that their contents share an fsync.
    const steps = yield* Effect.forEach(calls, (call) => saveStep(session, call), {
      concurrency: intakeCountMax,
    })
    const ids = calls.map(({ id }) => id)
    const { position, results } = yield* submit(session, steps, options, ids)
    return results.map((result) => savedVersion(session.engine, position, result))
  })

/** What `defineTag` may say about a tag. */
export const tagKeys = ["exclusive", "color", "description"] as const

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
    const message = `there is no tag ${name}`
    return Effect.fail(new TagMissing({ message, tag: name, candidates: [] }))
  })

/** Who uses the target is listed before the decision, which then sees whether anyone came since. */
const listConsumers = Effect.fnUntraced(function* (session: Session, value: Target) {
  const moment = yield* presentMoment(session.engine)
  const parsed = yield* parsedInput(() => parseTarget(value))
  const resolved = resolveTarget(moment.views, yield* expandTarget(moment, parsed))
  // What cannot be resolved is refused by the decision, in its own words.
  if (isRefusal(resolved)) return {}
  const found = yield* consumers({ moment, target: resolved })
  const { id } = resolved.version ?? resolved.artifact
  return { use: { id, position: moment.position, consumers: found } }
})

const remove = (session: Session) =>
  Effect.fn("Ledger.delete")(function* (target: Target, options: DeleteOptions = {}) {
    yield* parsedInput(() => checkWriteOptions(options, ["expect", "force"]))
    const { force, expect } = options
    const step = yield* stepOf(deletion, { target, force, expect })
    const attempt = Effect.gen(function* () {
      const observed = force === true ? {} : yield* listConsumers(session, target)
      return toReceipt(yield* submit(session, [{ ...step, observed }], options, []))
    })
    // An artifact was restored after the look: its versions may be consumers, or have nothing to do
    // with the target. A second look tells.
    return yield* Effect.catch(attempt, (error) =>
      error._tag === "InUse" && error.consumers.length === 0 ? attempt : Effect.fail(error),
    )
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
  tag: Effect.fn("Ledger.tag")((target: Target, tags: Tags, options: WriteOptions = {}) =>
    simple(session, tag, { target, tags }, options),
  ),
  untag: Effect.fn("Ledger.untag")((target: Target, tags: Tags, options: WriteOptions = {}) =>
    simple(session, untag, { target, tags }, options),
  ),
  logMetadata: Effect.fn("Ledger.logMetadata")(
    (target: Target, values: Metadata, options: WriteOptions = {}) =>
      simple(session, logMetadata, { target, values }, options),
  ),
  removeMetadata: Effect.fn("Ledger.removeMetadata")(
    (target: Target, keys: Tags, options: WriteOptions = {}) =>
      simple(session, removeMetadata, { target, keys }, options),
  ),
  restore: Effect.fn("Ledger.restore")((target: Target, options: WriteOptions = {}) =>
    simple(session, restore, { target }, options),
  ),
})
