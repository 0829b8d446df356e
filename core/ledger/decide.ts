/**
 * Deciding one request on a layer of the draft: each step's facts are recorded and folded before
 * the next step is decided, so it sees them. Plain functions: no effect, no clock.
 */
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type { AnyCommand, Decided, Stamp } from "../command/command.js"
import { settleRequest } from "../command/settle-request.js"
import {
  IdempotencyMismatch,
  InvalidInput,
  isRefusal,
  LimitExceeded,
  type Refusal,
} from "../errors.js"
import type { Codec } from "../event/codec.js"
import type { Fact, Recorded } from "../event/event.js"
import { nameBytesMax, recordBytesMax } from "../limits.js"
import { parsing, plain, refuse, shaped, text } from "../model/input.js"
import { NotPlain, type Plain } from "../model/msgpack.js"
import { receipts } from "../projection/receipts.js"
import { subjects } from "../projection/subjects.js"
import { copying, type Draft } from "../view/draft.js"
import { freshId } from "./id.js"
import type { Request, Step } from "./request.js"

export interface Moment {
  /** Of the next event. */
  readonly position: number
  readonly time: number
  /** Set when the clock showed less than the time of the event before. */
  readonly clock?: number
}

export interface Recording {
  readonly event: Recorded
  readonly body: Uint8Array
}

export type Verdict =
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** The idempotency key was used before, for the same request: its events are the answer. */
  | { readonly kind: "known"; readonly first: number; readonly last: number }
  | {
      readonly kind: "decided"
      /** Of its last event; of the event before it when it made none. */
      readonly position: number
      readonly recordings: ReadonlyArray<Recording>
      readonly results: ReadonlyArray<Plain>
      readonly changed: boolean
    }

/** What deciding needs of the ledger. */
export interface Court {
  readonly codec: Codec
  /** By event type of callers' own. */
  readonly foreign: ReadonlyMap<string, StandardSchemaV1>
  /** Whether a command is a caller's own: then what it decides is checked. */
  readonly isOwn: (command: AnyCommand) => boolean
  readonly fold: (draft: Draft, event: Recorded) => void
}

class Session {
  readonly #events: Array<Recorded> = []
  readonly #court: Court
  readonly #request: Request
  readonly #draft: Draft
  readonly #moment: Moment

  constructor(court: Court, request: Request, draft: Draft, moment: Moment) {
    this.#court = court
    this.#request = request
    this.#draft = draft
    this.#moment = moment
  }

  get #position(): number {
    return this.#moment.position + this.#events.length
  }

  #stamp(): Stamp {
    const { time } = this.#moment
    return { position: this.#position, time, id: () => freshId(time) }
  }

  #link(ids: ReadonlyArray<string>): Recorded["subjects"] {
    const last = this.#draft.view(subjects)
    return [...new Set(ids)].map((id) => ({ id, previous: last.get(["last", id]) ?? 0 }))
  }

  #recorded(fact: Fact<string, unknown>, step: number): Recorded {
    const { context, key, steps } = this.#request
    const { time, clock } = this.#moment
    const revision = this.#court.codec.typeOf(fact.type)?.revision
    if (revision === undefined) throw new Error(`the event type ${fact.type} is not in the catalog`)
    return {
      position: this.#position,
      id: freshId(time),
      type: fact.type,
      revision,
      time,
      ...(clock === undefined ? {} : { clock }),
      ...context,
      ...(key === undefined ? {} : { idempotencyKey: key.idempotencyKey, request: key.digest }),
      ...(key === undefined || steps.length === 1 ? {} : { step }),
      subjects: this.#link(fact.subjects),
      data: fact.data,
    }
  }

  /** `checked`: by code of ours, so that it is plain. */
  #record(fact: Fact<string, unknown>, step: number, checked: boolean): Refusal | undefined {
    const event = this.#recorded(fact, step)
    const body = checked ? undefined : encode(this.#court.codec, event)
    if (isRefusal(body)) return body
    this.#court.fold(this.#draft, event)
    this.#events.push(event)
    return undefined
  }

  /** The records of all steps, each with its part in the request. */
  finish(): ReadonlyArray<Recording> | Refusal {
    const count = this.#events.length
    const recordings: Array<Recording> = []
    for (const [index, alone] of this.#events.entries()) {
      const event = count === 1 ? alone : { ...alone, part: { index, count } }
      const body = encode(this.#court.codec, event)
      if (isRefusal(body)) return body
      if (body.length > recordBytesMax) return tooLarge(event.type, body.length)
      recordings.push({ event, body })
    }
    return recordings
  }

  /** Records that the request was answered, where there is nothing else to show it by. */
  settle(command: string, result: Plain, step: number): Refusal | undefined {
    const decided = settleRequest.decide({ command, result }, this.#draft, this.#stamp())
    if (isRefusal(decided)) return decided
    for (const fact of decided.facts) {
      const refusal = this.#record(fact, step, true)
      if (refusal !== undefined) return refusal
    }
    return undefined
  }

  /** Decides and records one step; its result, or the refusal of it. */
  step({ command, input, observed }: Step, index: number): { readonly result: Plain } | Refusal {
    const whole = observed === undefined ? input : { ...(input as object), ...observed }
    const isOwn = this.#court.isOwn(command)
    const views = isOwn ? copying(this.#draft) : this.#draft
    const decided = command.decide(whole as never, views, this.#stamp())
    if (isRefusal(decided)) return decided
    const { facts, result } = decided
    const unrecallable = facts.length === 0 || (result !== null && command.recall === undefined)
    const settle = this.#request.key !== undefined && unrecallable
    const problem = isOwn ? checkForeign(this.#court, decided) : undefined
    if (problem !== undefined) return problem
    for (const fact of facts) {
      const refusal = this.#record(fact, index, !isOwn)
      if (refusal !== undefined) return refusal
    }
    return (settle ? this.settle(command.name, result, index) : undefined) ?? { result }
  }
}

const encode = (codec: Codec, event: Recorded): Uint8Array | Refusal => {
  try {
    return codec.encode(event)
  } catch (thrown) {
    if (!(thrown instanceof NotPlain)) throw thrown
    const path = event.type + thrown.path
    return new InvalidInput({ message: `${path} ${thrown.problem}`, path })
  }
}

/** A fact of a caller's own command: of a type of the caller's own, and as that type says. */
const checkFact = (court: Court, { type, data, subjects }: Fact<string, unknown>): void => {
  const schema = court.foreign.get(type)
  if (schema === undefined)
    refuse("facts", `of the type ${type} are not this command's to make: name it in { events }`)
  else shaped(schema, data, type)
  for (const [index, id] of subjects.entries()) text(id, `${type}.subjects[${index}]`, nameBytesMax)
}

/** A refusal where the decision of a caller's own command is not as it should be. */
const checkForeign = (court: Court, { facts, result }: Decided): Refusal | undefined =>
  parsing(() => {
    for (const fact of facts) checkFact(court, fact)
    plain(result, "result")
    return undefined
  })

const tooLarge = (type: string, bytes: number): LimitExceeded =>
  new LimitExceeded({
    message: `a ${type} event of ${bytes} bytes does not fit a record: split the call`,
    limit: "recordBytesMax",
    allowed: recordBytesMax,
    actual: bytes,
  })

const known = (request: Request, draft: Draft): Verdict | undefined => {
  if (request.key === undefined) return undefined
  const { idempotencyKey, digest } = request.key
  const receipt = draft.view(receipts).get(["key", idempotencyKey])
  if (receipt === undefined) return undefined
  if (receipt.request === digest) return { kind: "known", first: receipt.first, last: receipt.last }
  const message =
    `the idempotency key ${idempotencyKey} came with another request ` +
    `at position ${receipt.first}: use a new key`
  const position = receipt.first
  const refusal = new IdempotencyMismatch({ message, idempotencyKey, position })
  return { kind: "refused", refusal }
}

/** Decides a request on its own layer of the draft. Throws what a command or a fold throws. */
export const decide = (court: Court, request: Request, draft: Draft, moment: Moment): Verdict => {
  const before = known(request, draft)
  if (before !== undefined) return before
  const session = new Session(court, request, draft, moment)
  const results: Array<Plain> = []
  for (const [index, step] of request.steps.entries()) {
    const outcome = session.step(step, index)
    if (isRefusal(outcome)) return { kind: "refused", refusal: outcome }
    results.push(outcome.result)
  }
  // An empty batch has no step to settle, and a key all the same.
  const empty = request.key !== undefined && request.steps.length === 0
  const unsettled = empty ? session.settle("batch", null, 0) : undefined
  if (unsettled !== undefined) return { kind: "refused", refusal: unsettled }
  const recordings = session.finish()
  if (isRefusal(recordings)) return { kind: "refused", refusal: recordings }
  const changed = recordings.some(({ event }) => event.type !== "request-settled")
  const position = moment.position - 1 + recordings.length
  return { kind: "decided", position, recordings, results, changed }
}
