/**
 * The shape of a command: what may be asked to change, decided by a plain function.
 *
 * A decision reads the draft by exact keys and answers with facts or with a refusal. No clock, no
 * randomness, no promise: time and fresh ids come in the stamp. Callers' own commands are values of
 * this shape.
 */
import type { Refusal } from "../errors.js"
import type { Fact, Recorded } from "../event/event.js"
import type { Plain } from "../model/msgpack.js"
import type { Id } from "../model/names.js"
import type { ViewReader } from "../view/draft.js"

/** What a decision takes from the world. */
export interface Stamp {
  /** The position that the first of its facts will have. */
  readonly position: number
  /** Milliseconds UTC: the recorded time of its facts. */
  readonly time: number
  /** A fresh id at each call. */
  readonly id: () => Id
}

export interface Decided {
  /** Stored together or not at all. None: the ledger is already as it was asked to be. */
  readonly facts: ReadonlyArray<Fact<string, unknown>>
  /** What the caller needs to find the answer; kept with the idempotency key of the call. */
  readonly result: Plain
}

export interface Command<Input> {
  /** Imperative, as `log-metadata`. */
  readonly name: string
  /** Parses what callers give, or refuses it. Plain data, so that a request has a digest. */
  readonly parse: (input: unknown) => Input | Refusal
  readonly decide: (input: Input, views: ViewReader, stamp: Stamp) => Decided | Refusal
  /** The result again, from the recorded facts, for a retry; without it the result is recorded. */
  readonly recall?: (events: ReadonlyArray<Recorded>) => Plain
}

/** A command whose input is its own business: what lists and the inbox hold. */
export interface AnyCommand {
  readonly name: string
  readonly parse: (input: unknown) => unknown
  readonly decide: (input: never, views: ViewReader, stamp: Stamp) => Decided | Refusal
  readonly recall?: (events: ReadonlyArray<Recorded>) => Plain
}

/** Keeps the type of a command's input without writing it down. */
export const command = <Input>(definition: Command<Input>): Command<Input> => definition

/** Where nothing changes. */
export const unchanged = (result: Plain): Decided => ({ facts: [], result })
