/**
 * Batches: several writes as one request, all or none, decided one after the other in one commit.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { AnyCommand } from "../command/command.js"
import { defineTag } from "../command/define-tag.js"
import { hold } from "../command/hold.js"
import { logMetadata } from "../command/log-metadata.js"
import { release } from "../command/release.js"
import { removeMetadata } from "../command/remove-metadata.js"
import { saveVersion } from "../command/save-version.js"
import { tag } from "../command/tag.js"
import { untag } from "../command/untag.js"
import type { DaybookError } from "../errors.js"
import { compositeCountMax } from "../limits.js"
import { checkCount, checkOptions, refuse } from "../model/input.js"
import { parsedInput } from "../query/input.js"
import type { BatchBuilder, BatchResults, LedgerApi } from "./api.js"
import type { WriteOptions } from "./call-options.js"
import { presentMoment } from "./engine.js"
import { awaiting } from "./foreign.js"
import { freshId } from "./id.js"
import { batchSaveKeys } from "./save-options.js"
import {
  type PlannedSave,
  planSave,
  type SaveCall,
  savedVersion,
  storeAndSubmit,
} from "./saving.js"
import { checkWriteOptions, type Session, stepOf, toReceipt } from "./submit.js"
import { tagKeys } from "./writes.js"

type Collected =
  | { readonly kind: "save"; readonly call: SaveCall }
  | { readonly kind: "step"; readonly command: AnyCommand; readonly input: object }

/** The builder that a callback gets, and what it has collected. */
const collector = (time: number) => {
  const collected: Array<Collected> = []
  let open = true
  const add = (entry: Collected): void => {
    if (!open) refuse("batch", "is over: it takes writes only until its callback is done")
    collected.push(entry)
    checkCount("compositeCountMax", compositeCountMax, collected.length)
  }
  const step = (command: AnyCommand, input: object, options: object = {}) =>
    add({ kind: "step", command, input: { ...input, ...checkOptions(options, ["expect"]) } })
  const builder: BatchBuilder = {
    save: (name, value, options = {}) => {
      checkOptions(options, batchSaveKeys)
      const id = freshId(time)
      add({ kind: "save", call: { id, name, value, options } })
      return { id }
    },
    tag: (target, tags, options) => step(tag, { target, tags }, options),
    untag: (target, tags, options) => step(untag, { target, tags }, options),
    defineTag: (name, definition = {}) =>
      step(defineTag, { ...checkOptions(definition, tagKeys), name }),
    logMetadata: (target, values, options) => step(logMetadata, { target, values }, options),
    removeMetadata: (target, keys, options) => step(removeMetadata, { target, keys }, options),
    hold: (reference, options) => step(hold, { target: reference }, options),
    release: (reference, options) => step(release, { target: reference }, options),
  }
  const close = () => {
    open = false
    return collected
  }
  return { builder, close }
}

const collect = (
  build: (batch: BatchBuilder) => void | Promise<void>,
  time: number,
): Effect.Effect<ReadonlyArray<Collected>, DaybookError> => {
  const { builder, close } = collector(time)
  return awaiting(async () => {
    await build(builder)
    return close()
  })
}

/** A write that is parsed; a save has no content yet. */
const toPlan = (session: Session, entry: Collected): Effect.Effect<PlannedSave, DaybookError> =>
  entry.kind === "save"
    ? planSave(session, entry.call)
    : Effect.map(stepOf(entry.command, entry.input), (step) => ({
        rehearsal: step,
        isDoubtful: true,
        store: Effect.succeed(step),
      }))

export const makeBatch = (session: Session): LedgerApi<"effect">["batch"] =>
  Effect.fn("Ledger.batch")(function* (
    build: (batch: BatchBuilder) => void | Promise<void>,
    options: WriteOptions = {},
  ) {
    yield* presentMoment(session.engine)
    yield* parsedInput(() => {
      if (typeof build !== "function") refuse("build", "is not a function")
      return checkWriteOptions(options)
    })
    const collected = yield* collect(build, yield* Clock.currentTimeMillis)
    if (collected.length === 0 && options.idempotencyKey === undefined) return []
    const planned = yield* Effect.forEach(collected, (entry) => toPlan(session, entry))
    const ids = collected.flatMap((entry) => (entry.kind === "save" ? [entry.call.id] : []))
    const isDoubtful = ids.length > 0 && planned.some((one) => one.isDoubtful)
    const submitted = yield* storeAndSubmit(session, planned, isDoubtful, options, ids)
    const { steps, reply } = submitted
    return steps.map(({ command }, index) =>
      command === saveVersion
        ? savedVersion(session.engine, reply.position, reply.results[index])
        : toReceipt(reply),
    ) satisfies BatchResults
  })
