/**
 * Saving: a call becomes a plan, with what its value is at that moment; the plan is tried against
 * the ledger as it is; only then is content stored, and the save submitted.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { saveVersion } from "../command/save-version.js"
import { type DaybookError, isRefusal } from "../errors.js"
import { compositeCountMax } from "../limits.js"
import type { ArtifactVersion, Content } from "../model/artifact.js"
import { checkCount, checkOptions, parsing, readable, refuse } from "../model/input.js"
import type { Id } from "../model/names.js"
import { emptyManifestDigest } from "../model/tree.js"
import { findArtifact, findById } from "../projection/resolve.js"
import { toVersion } from "../query/answer.js"
import { parsedInput } from "../query/input.js"
import type { Moment } from "../query/query.js"
import type { SaveOptions, SaveRequest, WriteOptions } from "./call-options.js"
import { type Engine, momentAt, presentMoment } from "./engine.js"
import { freshId } from "./id.js"
import { chooseMaterializer, type Stored, sideBySide, type TakenIn, takeIn } from "./intake.js"
import { verb } from "./operations.js"
import type { Reply, Step } from "./request.js"
import { parseSave, requestKeys, type SavePlan } from "./save-options.js"
import { checkWriteOptions, rehearse, type Session, submit } from "./submit.js"

/** A save as it was called. */
export interface SaveCall {
  /** Of the version, if one is made. */
  readonly id: Id
  readonly name: string
  readonly value: unknown
  readonly options: SaveOptions
}

/** A save whose value was read, and of which nothing is stored yet. */
export interface PlannedSave {
  /** The same save of nothing: what it is refused for, the save is. */
  readonly rehearsal: Step
  /** Whether anything but the name of the artifact could be a reason to refuse it. */
  readonly isDoubtful: boolean
  /** Stores the content. The step is that of the save. */
  readonly store: Effect.Effect<Step, DaybookError>
}

/** A request as it was submitted, and its answer. */
interface Submitted {
  readonly steps: ReadonlyArray<Step>
  readonly reply: Reply
}

const nothing: Content = { digest: emptyManifestDigest, size: 0, count: 0 }

const stepWith = (plan: SavePlan, id: Id, stored: Stored): Step => {
  const { saveType, description, producer } = plan
  const saved = {
    content: stored.content,
    type: plan.type ?? stored.type,
    saveType,
    ...(description === undefined ? {} : { description }),
    ...(producer === undefined ? {} : { producer }),
  }
  // Of the release that runs, not of the call: a retry by a later one is the same request.
  const { materializer, automatic, states } = stored
  const observed = { id, materializer, automatic, ...(states === undefined ? {} : { states }) }
  return { command: saveVersion, input: { ...plan.input, saved }, observed }
}

const mayBeRefused = (
  { label, inputs, tags, expect, reuse, name }: SavePlan["input"],
  { views }: Moment,
) => {
  // Whether content is there already shows only once it is stored.
  if (reuse === true) return false
  if (label !== undefined || expect !== undefined || inputs.length + tags.length > 0) return true
  return findArtifact(views, name)?.deleted !== undefined
}

/** Reads the value of a call, and parses everything else of it. */
export const planSave = (
  { engine }: Session,
  { id, name, value, options }: SaveCall,
): Effect.Effect<PlannedSave, DaybookError> =>
  Effect.suspend(() => {
    const parsed = parsing(() => {
      const plan = parseSave(name, options)
      const { materializers } = engine
      return { plan, materializer: chooseMaterializer(materializers, value, options.materializer) }
    })
    if (isRefusal(parsed)) return Effect.fail(parsed)
    const { plan, materializer } = parsed
    return Effect.flatMap(takeIn(materializer, value), (taken) =>
      planTaken(engine, id, plan, taken),
    )
  })

/** The save of what was taken in. */
const planTaken = (
  engine: Engine,
  id: Id,
  plan: SavePlan,
  taken: TakenIn,
): Effect.Effect<PlannedSave, DaybookError> =>
  Effect.map(presentMoment(engine), (moment) => ({
    rehearsal: stepWith(plan, id, { ...taken, content: nothing, automatic: {} }),
    isDoubtful: mayBeRefused(plan.input, moment),
    store: Effect.map(taken.store(engine.blobs, plan.onProgress), (stored) =>
      stepWith(plan, id, stored),
    ),
  }))

/**
 * Keeps the content that an effect stores until the writer has answered, also whom nobody waits for
 * any more: what was handed in before is decided all the same.
 */
const keepingContent = <A, E>(
  { blobs, writer }: Engine,
  effect: Effect.Effect<A, E>,
): Effect.Effect<A, E> => {
  const keepOn = () => Effect.forkDetach(blobs.keeping(writer.drain), { startImmediately: true })
  return blobs.keeping(Effect.onInterrupt(effect, keepOn))
}

/**
 * Stores the content of a request, unless the doubts are well founded, and submits it. `fresh` are
 * ids drawn for it.
 */
export const storeAndSubmit = (
  session: Session,
  planned: ReadonlyArray<PlannedSave>,
  isDoubtful: boolean,
  options: WriteOptions,
  fresh: ReadonlyArray<Id>,
): Effect.Effect<Submitted, DaybookError> =>
  keepingContent(
    session.engine,
    rehearse(session, isDoubtful ? planned.map(({ rehearsal }) => rehearsal) : [], options).pipe(
      Effect.flatMap(() => sideBySide(planned, ({ store }) => store)),
      Effect.flatMap((steps) =>
        Effect.map(submit(session, steps, options, fresh), (reply) => ({ steps, reply })),
      ),
    ),
  )

/** The version that a save made or found, as of its reply. */
export const savedVersion = (engine: Engine, position: number, id: unknown): ArtifactVersion => {
  const { views } = momentAt(engine, position)
  const found = findById(views, String(id))
  if (found === undefined) throw new Error(`the version ${id} is not there after its save`)
  return toVersion(views, found.artifact.name, found.version)
}

/** Saves what was taken in: stores its content, and makes one event of it. */
export const saveTaken = Effect.fnUntraced(function* (
  session: Session,
  plan: SavePlan,
  taken: TakenIn,
  options: WriteOptions,
): Effect.fn.Return<ArtifactVersion, DaybookError> {
  const { engine } = session
  const id = freshId(yield* Clock.currentTimeMillis)
  const planned = yield* planTaken(engine, id, plan, taken)
  const { reply } = yield* storeAndSubmit(session, [planned], planned.isDoubtful, options, [id])
  return savedVersion(engine, reply.position, reply.results[0])
})

const saveOne = Effect.fnUntraced(function* (
  session: Session,
  name: string,
  value: unknown,
  options: SaveOptions,
): Effect.fn.Return<ArtifactVersion, DaybookError> {
  yield* presentMoment(session.engine)
  const id = freshId(yield* Clock.currentTimeMillis)
  const planned = yield* planSave(session, { id, name, value, options })
  const { reply } = yield* storeAndSubmit(session, [planned], planned.isDoubtful, options, [id])
  return savedVersion(session.engine, reply.position, reply.results[0])
})

export const save = (session: Session) =>
  verb("Ledger.save", (name: string, value: unknown, options: SaveOptions = {}) =>
    saveOne(session, name, value, options),
  )

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

export const saveAll = (session: Session) =>
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
    const planned = yield* Effect.forEach(calls, (call) => planSave(session, call))
    const isReusing = calls.some((call) => call.options.reuse !== undefined)
    const isDoubtful = !isReusing && planned.some((one) => one.isDoubtful)
    const ids = calls.map(({ id }) => id)
    const { reply } = yield* storeAndSubmit(session, planned, isDoubtful, options, ids)
    return reply.results.map((result) => savedVersion(session.engine, reply.position, result))
  })
