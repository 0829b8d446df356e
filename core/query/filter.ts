/**
 * Filters as objects: parsed once into predicates. A filter on a tag that does not exist, or with
 * an unknown key, is an error, never an unfiltered answer.
 */
import * as Schema from "effect/Schema"
import { tagNames } from "../model/input.js"
import { tagMissing } from "../projection/resolve.js"
import { tags } from "../projection/tags.js"
import type { ViewReader } from "../view/draft.js"

/** Conditions on a text; all must hold. A bare string means `eq`. */
export interface TextConditions {
  readonly eq?: string
  readonly ne?: string
  readonly in?: ReadonlyArray<string>
  readonly notIn?: ReadonlyArray<string>
  readonly contains?: string
  readonly startsWith?: string
  readonly endsWith?: string
}

export type TextFilter = string | TextConditions

export interface TagConditions {
  readonly all?: ReadonlyArray<string>
  readonly any?: ReadonlyArray<string>
  readonly none?: ReadonlyArray<string>
}

/** A bare tag or list of tags means `all`. */
export type TagFilter = string | ReadonlyArray<string> | TagConditions

const text = Schema.optional(Schema.String)
const texts = Schema.optional(Schema.Array(Schema.String))

/** A filter without a condition would let everything pass, which nobody writes a filter for. */
export const conditional = Schema.makeFilter(
  (conditions: object) =>
    Object.values(conditions).some((condition) => condition !== undefined) || "has no condition",
)

export const TextFilterSchema = Schema.Union([
  Schema.String,
  Schema.Struct({
    eq: text,
    ne: text,
    in: texts,
    notIn: texts,
    contains: text,
    startsWith: text,
    endsWith: text,
  }).check(conditional),
])

export const TagFilterSchema = Schema.Union([
  Schema.String,
  Schema.Array(Schema.String),
  Schema.Struct({ all: texts, any: texts, none: texts }).check(conditional),
])

type ParsedText = typeof TextFilterSchema.Type
type ParsedTags = typeof TagFilterSchema.Type

/** Whether a text passes; an absent filter lets everything pass. */
export const textPredicate = (filter: ParsedText | undefined): ((value: string) => boolean) => {
  if (filter === undefined) return () => true
  const conditions = typeof filter === "string" ? { eq: filter } : filter
  const { eq, ne, in: among, notIn, contains, startsWith, endsWith } = conditions
  return (value) =>
    (eq === undefined || value === eq) &&
    (ne === undefined || value !== ne) &&
    (among === undefined || among.includes(value)) &&
    (notIn === undefined || !notIn.includes(value)) &&
    (contains === undefined || value.includes(contains)) &&
    (startsWith === undefined || value.startsWith(startsWith)) &&
    (endsWith === undefined || value.endsWith(endsWith))
}

/** The one name that a filter allows, if it allows only one: then nothing else need be read. */
export const exactText = (filter: ParsedText | undefined): string | undefined =>
  typeof filter === "string" ? filter : filter?.eq

const tagConditions = (filter: ParsedTags): TagConditions => {
  if (typeof filter === "string") return { all: [filter] }
  if (!Array.isArray(filter)) {
    const { all, any, none } = filter as TagConditions
    return {
      ...(all === undefined ? {} : { all }),
      ...(any === undefined ? {} : { any }),
      ...(none === undefined ? {} : { none }),
    }
  }
  return { all: filter }
}

/** Whether a list of tag ids passes. Throws `TagMissing` for a tag that did not exist then. */
export const tagPredicate = (
  views: ViewReader,
  filter: ParsedTags | undefined,
): ((ids: ReadonlyArray<string>) => boolean) => {
  if (filter === undefined) return () => true
  const idsOf = (names: ReadonlyArray<string> | undefined, at: string) =>
    names === undefined
      ? undefined
      : tagNames(names, at).map((name) => {
          const tag = views.view(tags).get(["name", name])
          if (tag !== undefined) return tag.id
          throw tagMissing(name)
        })
  const { all, any, none } = tagConditions(filter)
  const every = idsOf(all, "tags.all")
  const some = idsOf(any, "tags.any")
  const no = idsOf(none, "tags.none")
  return (ids) =>
    (every?.every((id) => ids.includes(id)) ?? true) &&
    (some?.some((id) => ids.includes(id)) ?? true) &&
    !(no?.some((id) => ids.includes(id)) ?? false)
}
