/**
 * Tags, listed: by name or by age.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { strict } from "../model/schema.js"
import type { Tag } from "../model/tag.js"
import { type TagRow, tags } from "../projection/tags.js"
import { toTag } from "./answer.js"
import { type TextFilter, TextFilterSchema, textPredicate } from "./filter.js"
import { parsedInput } from "./input.js"
import { parseListing, tableSource } from "./list.js"
import { type Order, type Page, type PageQuery, pageFields, sortSchema, toPage } from "./page.js"
import type { Asked, Moment } from "./query.js"

export interface TagQuery extends PageQuery {
  readonly name?: TextFilter
  readonly exclusive?: boolean
  /** Default: by name, ascending. */
  readonly sort?: { readonly by: "name" | "createdAt"; readonly order?: Order }
}

const schema = strict(
  Schema.Struct({
    name: Schema.optional(TextFilterSchema),
    exclusive: Schema.optional(Schema.Boolean),
    sort: sortSchema(["name", "createdAt"]),
    ...pageFields,
  }),
)

export const listTags = (
  at: (position: number | undefined) => Moment,
  value: TagQuery | undefined,
): Asked<Page<Tag>> =>
  Effect.gen(function* () {
    const { query, digest, limit, from, position } = yield* parseListing("tags", schema, value)
    const moment = at(position)
    const named = yield* parsedInput(() => textPredicate(query.name))
    const { by, order = "asc" } = query.sort ?? { by: "name" as const }
    const passes = (tag: TagRow): boolean =>
      named(tag.name) && (query.exclusive ?? tag.exclusive) === tag.exclusive
    const sorted = by === "name"
    const walk = { view: tags, prefix: ["name"], order, sorted } as const
    const source = tableSource(moment, walk, ({ value: tag, cursor }) =>
      passes(tag)
        ? { place: { value: sorted ? "" : tag.position, key: cursor }, answer: () => toTag(tag) }
        : undefined,
    )
    return yield* toPage(source, { digest, position: moment.position, order, limit, from })
  })
