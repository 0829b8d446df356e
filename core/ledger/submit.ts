/**
 * Submitting: steps become a request with its context and key, and wait for the writer's reply.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { AnyCommand } from "../command/command.js"
import { type DaybookError, type Failure, isRefusal, type Refusal } from "../errors.js"
import type { Context } from "../event/event.js"
import { idempotencyKeyBytesMax, nameBytesMax, reasonBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { checkOptions, parsing, refuse, shaped, text } from "../model/input.js"
import type { ParsedReference, ParsedTarget } from "../model/reference.js"
import { strict } from "../model/schema.js"
import { receipts } from "../projection/receipts.js"
import { explaining } from "../query/explain.js"
import { expandReference, expandTarget, mayBePart } from "../query/find.js"
import { parsedInput } from "../query/input.js"
import type { Moment } from "../query/query.js"
import type { Receipt } from "./api.js"
import type { WriteOptions } from "./call-options.js"
import { closedError, type Engine, momentAt, presentMoment } from "./engine.js"
import { type Reply, type Request, requestDigest, type Step } from "./request.js"

export const toReceipt = ({ position, changed }: Reply): Receipt => ({ position, changed })

/** A ledger as one caller sees it: its events carry a context. */
export interface Session {
  readonly engine: Engine
  readonly context: Context
  /** What every write must carry. */
  readonly required: ReadonlyArray<keyof Context>
}

const contextSchema = strict(
  Schema.Struct({
    actor: Schema.optional(Schema.String),
    reason: Schema.optional(Schema.String),
    correlationId: Schema.optional(Schema.String),
    causationId: Schema.optional(Schema.String),
  }),
)

const bytesMax: Readonly<Record<keyof Context, number>> = {
  actor: nameBytesMax,
  reason: reasonBytesMax,
  correlationId: nameBytesMax,
  causationId: nameBytesMax,
}

/** An empty name would say that nobody acts, and pass for what a ledger requires. */
const named = (value: unknown, at: string, limit: number): string => {
  const given = text(value, at, limit)
  return given === "" ? refuse(at, "is empty: leave it out") : given
}

/** Throws `InvalidInput`. */
export const parseContext = (value: unknown): Context => {
  const given = Object.entries(shaped(contextSchema, value, "context"))
  const checked = given.flatMap(([key, member]) =>
    member === undefined
      ? []
      : [[key, named(member, `context.${key}`, bytesMax[key as keyof Context])] as const],
  )
  return Object.fromEntries(checked)
}

/** Throws `InvalidInput` for names of what no context has. */
export const checkRequired = (names: unknown): void => {
  const at = "options.requireContext"
  const given: ReadonlyArray<unknown> = Array.isArray(names) ? names : refuse(at, "is not a list")
  for (const name of given)
    if (typeof name !== "string" || !Object.hasOwn(bytesMax, name))
      refuse(at, `can only name ${Object.keys(bytesMax).join(", ")}`)
}

const controls = /[\u0000-\u001f\u007f]/

const parseKey = (value: unknown): string => {
  const key = text(value, "options.idempotencyKey", idempotencyKeyBytesMax)
  if (key === "" || controls.test(key))
    return refuse("options.idempotencyKey", "is empty or contains a control character")
  return key
}

/** Options that every write knows. */
const writeKeys = ["idempotencyKey", "reason", "signal"] as const

/** The context and the key of a write; throws `InvalidInput`. */
const parseOptions = (
  { context, required }: Session,
  options: Omit<WriteOptions, "signal">,
): { readonly context: Context; readonly key?: string } => {
  const { idempotencyKey, reason } = options
  const own = reason === undefined ? context : { ...context, ...parseContext({ reason }) }
  for (const name of required)
    if (own[name] === undefined)
      refuse(`context.${name}`, "is required by this ledger: give it by with() or in the options")
  const key = idempotencyKey === undefined ? {} : { key: parseKey(idempotencyKey) }
  return { context: own, ...key }
}

/** Throws `InvalidInput` where a write would lack what its events must carry. */
export const checkContext = (session: Session, options: Pick<WriteOptions, "reason">): void =>
  void parseOptions(session, options)

type Referring = {
  readonly target?: ParsedTarget
  readonly inputs?: ReadonlyArray<{ readonly reference: ParsedReference }>
}

/** Parts of ids become ids here, since a decision cannot list. */
const expandStep = Effect.fnUntraced(function* (
  moment: Moment,
  step: Step,
): Effect.fn.Return<Step, DaybookError> {
  const { target, inputs } = step.input as Referring
  if (target === undefined && (inputs === undefined || inputs.length === 0)) return step
  const expanded = {
    ...(target === undefined ? {} : { target: yield* expandTarget(moment, target) }),
    ...(inputs === undefined
      ? {}
      : {
          inputs: yield* Effect.forEach(inputs, (input) =>
            Effect.map(expandReference(moment, input.reference), (reference) => ({
              ...input,
              reference,
            })),
          ),
        }),
  }
  return { ...step, input: { ...(step.input as object), ...expanded } }
})

/** Parses an input for a command, or refuses it. */
export const parseStep = (command: AnyCommand, input: unknown): Step | Refusal =>
  parsing(() => {
    const parsed = command.parse(input)
    return parsed instanceof Error ? (parsed as never) : { command, input: parsed }
  })

/** As `parseStep`; a refusal fails the effect. */
export const stepOf = (command: AnyCommand, input: unknown): Effect.Effect<Step, Refusal> =>
  parsedInput(() => parseStep(command, input) as Step)

/** Whether a step may name a part of an id. The input of a caller's own command is its business. */
const mayHavePart = (
  { commandsOwn }: Engine,
  moment: Moment,
  { command, input }: Step,
): boolean => {
  if (commandsOwn.includes(command)) return false
  const { target, inputs = [] } = input as Referring
  return (
    (target?.kind === "version" && mayBePart(moment, target.reference)) ||
    inputs.some(({ reference }) => mayBePart(moment, reference))
  )
}

/** Parts of ids become ids: hardly any write names one, and then nothing has to be waited for. */
const expandAll = (
  engine: Engine,
  moment: Moment,
  steps: ReadonlyArray<Step>,
): Effect.Effect<ReadonlyArray<Step>, Refusal | Failure> =>
  steps.some((step) => mayHavePart(engine, moment, step))
    ? Effect.forEach(steps, (step) =>
        mayHavePart(engine, moment, step) ? expandStep(moment, step) : Effect.succeed(step),
      )
    : Effect.succeed(steps)

/** Whether a key came before: then the first answer is given, whatever has come since. */
export const isRetry = (moment: Moment, key: string | undefined): boolean =>
  key !== undefined && moment.views.view(receipts).get(["key", key]) !== undefined

/** In place of the digest of a request whose content is not stored yet. */
const noContent = digestOf(new Uint8Array(0))

/**
 * Refuses what the options or these steps would be refused for, and everything once the writer has
 * stopped, so that nothing is stored for it.
 * What is handed in already is decided before, as it would be. The writer decides all the same.
 */
export const rehearse = (
  session: Session,
  steps: ReadonlyArray<Step>,
  options: WriteOptions,
): Effect.Effect<void, Refusal | Failure> =>
  Effect.suspend(() => {
    const { place, writer } = session.engine
    const refusal = place.reading?.refusal ?? writer.refusal
    if (refusal !== undefined) return Effect.fail(refusal)
    const parsed = parsing(() => parseOptions(session, options))
    if (isRefusal(parsed)) return Effect.fail(parsed)
    return steps.length === 0 ? Effect.void : rehearseSteps(session, steps, parsed)
  })

const rehearseSteps = (
  { engine }: Session,
  steps: ReadonlyArray<Step>,
  { context, key }: ReturnType<typeof parseOptions>,
): Effect.Effect<void, Refusal | Failure> => {
  const attempt = Effect.gen(function* () {
    const moment = yield* presentMoment(engine)
    if (isRetry(moment, key)) return undefined
    const expanded = yield* expandAll(engine, moment, steps)
    // A key may make events of its own, by which what is refused has another place.
    const keyed = key === undefined ? {} : { key: { idempotencyKey: key, digest: noContent } }
    return yield* engine.writer.rehearse({ ...requestOf(expanded, context), ...keyed })
  })
  const failing = Effect.flatMap(attempt, (refusal) =>
    refusal === undefined ? Effect.void : Effect.fail(refusal),
  )
  const explained = explaining(presentMoment(engine))
  return Effect.catch(failing, () => explained(Effect.andThen(engine.writer.drain, failing)))
}

const requestOf = (steps: ReadonlyArray<Step>, context: Context): Request => ({
  steps,
  context,
  answer: Deferred.makeUnsafe<Reply, Refusal | Failure>(),
})

/** Hands the steps to the writer as one request and waits. `fresh` are ids drawn for this call. */
export const submit = (
  session: Session,
  steps: ReadonlyArray<Step>,
  options: WriteOptions,
  fresh: ReadonlyArray<string>,
): Effect.Effect<Reply, Refusal | Failure> =>
  Effect.suspend(() => {
    const { engine } = session
    if (engine.isClosed()) return Effect.fail(closedError())
    const { reading } = engine.place
    if (reading !== undefined) return Effect.fail(reading.refusal)
    const parsed = parsing(() => {
      const { context, key } = parseOptions(session, options)
      if (key === undefined) return { context, key, keyed: {} }
      const digest = requestDigest(steps, fresh)
      return { context, key, keyed: { key: { idempotencyKey: key, digest } } }
    })
    if (isRefusal(parsed)) return Effect.fail(parsed)
    const { context, key, keyed } = parsed
    const moment = momentAt(engine, engine.head())
    const expanded = isRetry(moment, key) ? Effect.succeed(steps) : expandAll(engine, moment, steps)
    const explained = explaining(presentMoment(engine))
    return Effect.flatMap(expanded, (whole) =>
      explained(engine.writer.submit({ ...requestOf(whole, context), ...keyed })),
    )
  })

/** Checks the options of a write, which may know `more`; throws `InvalidInput`. */
export const checkWriteOptions = (options: object, more: ReadonlyArray<string> = []): object =>
  checkOptions(options, [...writeKeys, ...more])
