/**
 * History and replay: the recorded events, all of them or those about one thing, in order.
 */
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { type Failure, InvalidInput, isRefusal, type Refusal } from "../errors.js"
import type { Recorded } from "../event/event.js"
import { replayPageCount } from "../limits.js"
import { checkOptions, shaped, tagName, target } from "../model/input.js"
import type { ParsedTarget, Target } from "../model/reference.js"
import { strict } from "../model/schema.js"
import { findTarget, tagMissing } from "../projection/resolve.js"
import { tags } from "../projection/tags.js"
import { chain } from "./chain.js"
import { expandTarget } from "./find.js"
import { parsedInput } from "./input.js"
import { signalField } from "./page.js"
import type { Moment } from "./query.js"
import { decodeRecords, readUpTo } from "./records.js"

/** Filters of `replay`; all must hold. */
export interface ReplayQuery {
  /** Only events after this position. */
  readonly after?: number
  /** Only events up to and including this position. */
  readonly upTo?: number
  readonly types?: ReadonlyArray<string>
  readonly target?: Target
  readonly actor?: string
  readonly correlationId?: string
  /** Only events about this tag. */
  readonly tag?: string
  /** Recorded time, `after` exclusive, `before` exclusive. */
  readonly time?: { readonly after?: Date; readonly before?: Date }
  /** Aborts the query; an iterable rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** Events as callers see them. */
export type Events = Stream.Stream<Recorded, Refusal | Failure>

const date = Schema.optional(Schema.Date)
const position = Schema.optional(Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)))

const schema = strict(
  Schema.Struct({
    after: position,
    upTo: position,
    types: Schema.optional(Schema.Array(Schema.String)),
    target: Schema.optional(Schema.Unknown),
    actor: Schema.optional(Schema.String),
    correlationId: Schema.optional(Schema.String),
    tag: Schema.optional(Schema.String),
    time: Schema.optional(Schema.Struct({ after: date, before: date })),
    ...signalField,
  }),
)

type Parsed = typeof schema.Type

/** The id of what a target means, deleted or not: history does not end with a deletion. */
export const subjectOf = Effect.fnUntraced(function* (
  moment: Moment,
  parsed: ParsedTarget,
): Effect.fn.Return<string, Refusal | Failure> {
  const { views } = moment
  const expanded = yield* expandTarget(moment, parsed)
  if (expanded.kind === "tag") {
    const tag = views.view(tags).get(["name", expanded.name])
    return tag?.id ?? (yield* tagMissing(expanded.name))
  }
  const found = findTarget(views, expanded)
  return isRefusal(found) ? yield* found : (found.version ?? found.artifact).id
})

/** The events about an artifact, a version or a tag, in order. */
export const history = (moment: Moment, value: unknown, options: object = {}): Events =>
  Stream.unwrap(
    Effect.gen(function* () {
      const parsed = yield* parsedInput(() => {
        checkOptions(options, ["signal"])
        return target(value)
      })
      return chain(moment, yield* subjectOf(moment, parsed))
    }),
  )

/** Every event after `after`, up to and including `upTo`: the next page is read meanwhile. */
const everything = (moment: Moment, after: number, upTo: number): Events =>
  Stream.paginate(after, (start: number) =>
    Effect.gen(function* () {
      const countMax = Math.min(replayPageCount, upTo - start)
      if (countMax <= 0) return [[], Option.none<number>()] as const
      const records = yield* readUpTo(moment.log, start, countMax)
      const end = start + records.length
      const isLast = end >= upTo || records.length === 0
      return [[records], isLast ? Option.none<number>() : Option.some(end)] as const
    }),
  ).pipe(
    Stream.buffer({ capacity: 1 }),
    Stream.mapEffect((records) => decodeRecords(moment.codec, records)),
    Stream.filter(Arr.isReadonlyArrayNonEmpty),
    Stream.flattenArray,
  )

const predicate = (query: Parsed): ((event: Recorded) => boolean) => {
  const { after = 0, upTo = Number.POSITIVE_INFINITY, types, actor, correlationId, time } = query
  const from = time?.after?.getTime() ?? Number.NEGATIVE_INFINITY
  const before = time?.before?.getTime() ?? Number.POSITIVE_INFINITY
  return (event) =>
    event.position > after &&
    event.position <= upTo &&
    (types === undefined || types.includes(event.type)) &&
    (actor === undefined || event.actor === actor) &&
    (correlationId === undefined || event.correlationId === correlationId) &&
    event.time > from &&
    event.time < before
}

const about = Effect.fnUntraced(function* (moment: Moment, query: Parsed) {
  const of = query.target === undefined ? undefined : yield* parsedInput(() => target(query.target))
  const id = of === undefined ? undefined : yield* subjectOf(moment, of)
  if (query.tag === undefined) return { id, tagId: undefined }
  const name = yield* parsedInput(() => tagName(query.tag, "query.tag"))
  const tagId = yield* subjectOf(moment, { kind: "tag", name })
  return { id, tagId }
})

/** The recorded events that pass the filters, in order, up to the moment. */
export const replay = (moment: Moment, value: ReplayQuery | undefined): Events =>
  Stream.unwrap(
    Effect.gen(function* () {
      const query = yield* parsedInput(() => shaped(schema, value ?? {}, "query"))
      const { after = 0, upTo = moment.position } = query
      if (upTo > moment.position)
        return yield* new InvalidInput({
          message: `upTo is ${upTo}, beyond the head ${moment.position}`,
          path: "query.upTo",
        })
      const { id, tagId } = yield* about(moment, query)
      const first = id ?? tagId
      const events =
        first === undefined ? everything(moment, after, upTo) : chain(moment, first, after)
      const passes = predicate(query)
      const both = (event: Recorded) =>
        tagId === undefined || event.subjects.some((subject) => subject.id === tagId)
      return Stream.filter(events, (event) => passes(event) && both(event))
    }),
  )
