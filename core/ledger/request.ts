/**
 * A request: what waits in the inbox. One call is one request; a batch is one request of several
 * steps, all or nothing.
 */
import type * as Deferred from "effect/Deferred"
import type { AnyCommand } from "../command/command.js"
import type { Failure, Refusal } from "../errors.js"
import type { Context } from "../event/event.js"
import { type Digest, digestOf } from "../model/digest.js"
import { plain } from "../model/input.js"
import { isPlainMap, type Plain, pack } from "../model/msgpack.js"

export interface Step {
  readonly command: AnyCommand
  /** Parsed. */
  readonly input: unknown
  /** What was drawn or looked up for this try; the decision gets it with the input. */
  readonly observed?: object
}

export interface Reply {
  /** Of the last event of the request; when it made none, of the last event before it. */
  readonly position: number
  /** Whether the request, now or when it first came, made an event that changed something. */
  readonly changed: boolean
  /** One a step. */
  readonly results: ReadonlyArray<Plain>
}

export type Answer = Deferred.Deferred<Reply, Refusal | Failure>

export interface Request {
  readonly steps: ReadonlyArray<Step>
  readonly context: Context
  readonly key?: { readonly idempotencyKey: string; readonly digest: Digest }
  readonly answer: Answer
}

/** Ids that a call drew afresh differ from try to try: each is replaced by its number. */
const withoutFresh = (value: Plain, fresh: ReadonlyMap<string, number>): Plain => {
  if (typeof value === "string") {
    const number = fresh.get(value)
    return number === undefined ? value : { "": "fresh", value: number }
  }
  if (Array.isArray(value)) return value.map((member) => withoutFresh(member, fresh))
  if (!isPlainMap(value)) return value
  const members = Object.entries(value).map(([key, member]) => [
    key,
    member === undefined ? undefined : withoutFresh(member, fresh),
  ])
  return Object.fromEntries(members)
}

// Digests are kept in events, and must come out the same in every release.
const digestFormat = 1

/**
 * What makes two requests the same: the SHA-256 of `[1, [[command, input], …]]` as MessagePack,
 * inputs as they were given and content by its digest. What was drawn or looked up for one try is
 * left out. Throws `InvalidInput` when the input of a caller's own command is not plain data.
 */
export const requestDigest = (
  steps: ReadonlyArray<Step>,
  freshIds: ReadonlyArray<string>,
): Digest => {
  const fresh = new Map(freshIds.map((id, index) => [id, index]))
  const calls = steps.map(({ command, input = null }): Plain => {
    plain(input, "input")
    return [command.name, withoutFresh(input as Plain, fresh)]
  })
  return digestOf(pack([digestFormat, calls]))
}
