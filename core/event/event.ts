/**
 * What an event is: a fact that was decided, then recorded at a position.
 *
 * An event type has a name, a revision, a schema of its data and a sentence for people. Knows
 * neither how events are stored nor what they mean for any view.
 */
import type * as Schema from "effect/Schema"
import type { Plain } from "../model/msgpack.js"

/** Who acts, why, and on whose behalf: carried by every event of a call. */
export interface Context {
  readonly actor?: string
  readonly reason?: string
  readonly correlationId?: string
  readonly causationId?: string
}

/** What was decided: not stored yet. `subjects` are the ids that the fact is about. */
export interface Fact<Type extends string = string, Data = Plain> {
  readonly type: Type
  readonly data: Data
  readonly subjects: ReadonlyArray<string>
}

/** An id that an event is about, and the position of the event about it before (0: none). */
export interface Subject {
  readonly id: string
  readonly previous: number
}

/** An event as it stands in the log. */
export interface Recorded<Type extends string = string, Data = unknown> extends Context {
  /** From 1, dense: the only order there is. */
  readonly position: number
  /** A ULID. Identifies, never orders. */
  readonly id: string
  readonly type: Type
  /** Of the event type when this was recorded; data of an older one is upcast when it is read. */
  readonly revision: number
  /** Milliseconds UTC, never less than that of the event before. */
  readonly time: number
  /** The clock's reading, if it was behind the time of the event before. */
  readonly clock?: number
  readonly idempotencyKey?: string
  /** Digest (SHA-256) of the request that came with the idempotency key. */
  readonly request?: string
  /** Which call of a keyed batch made it, from 0. */
  readonly step?: number
  /** Which of the events of one request it is, from 0, where there are several: all or none. */
  readonly part?: { readonly index: number; readonly count: number }
  readonly subjects: ReadonlyArray<Subject>
  readonly data: Data
}

/** Data of an older revision as that of the next one. Pure and total. */
export type Upcast = (data: Plain) => Plain

/** One kind of event. Callers' own are values of this shape too. */
export interface EventType<Type extends string = string, Data = never> {
  /** Past tense, as `version-saved`; a caller's own has a slash, as `birds/counted`. */
  readonly type: Type
  /** From 1; raised together with an upcast from the revision before. */
  readonly revision: number
  readonly schema: Schema.ConstraintDecoder<unknown> & { readonly Type: Data }
  /** By the revision that they read. */
  readonly upcasts?: { readonly [revision: number]: Upcast }
  /** What happened, as the predicate of a sentence whose subject is the actor. */
  readonly sentence: (data: Data, event: Recorded<Type, Data>) => string
  /** Turns data into the form for records and back, where that is not the data itself. */
  readonly wire?: {
    readonly encode: (data: Data) => Plain
    readonly decode: (plain: Plain) => Data
  }
}

/** The data of events by their type. */
export type EventMap = { readonly [type: string]: unknown }

/** An event type whose data is its own business: what lists hold. */
export interface AnyEventType {
  readonly type: string
  readonly revision: number
  readonly schema: Schema.ConstraintDecoder<unknown>
  readonly upcasts?: { readonly [revision: number]: Upcast }
  readonly sentence: (data: never, event: never) => string
  readonly wire?: {
    readonly encode: (data: never) => Plain
    readonly decode: (plain: Plain) => unknown
  }
}

type DataOf<T extends AnyEventType> = T["schema"]["Type"]

/** The data by type of a list of event types. */
export type EventsOf<List extends ReadonlyArray<AnyEventType>> = {
  readonly [T in List[number] as T["type"]]: DataOf<T>
}

/** The recorded events of a map, told apart by `type`. */
export type RecordedOf<Events extends EventMap> = {
  readonly [T in keyof Events & string]: Recorded<T, Events[T]>
}[keyof Events & string]

/** Keeps the types of an event type without writing them down. */
export const eventType = <const Type extends string, Data>(
  definition: EventType<Type, Data>,
): EventType<Type, Data> => definition
