/**
 * Artifacts, listed: by name, by age, or by when they last changed.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Artifact } from "../model/artifact.js"
import { strict } from "../model/schema.js"
import { type ArtifactRow, artifacts } from "../projection/artifacts.js"
import { findArtifact } from "../projection/resolve.js"
import { toArtifact } from "./answer.js"
import {
  type TagFilter,
  TagFilterSchema,
  type TextFilter,
  TextFilterSchema,
  tagPredicate,
  textPredicate,
} from "./filter.js"
import { parsedInput } from "./input.js"
import { parseListing, tableSource } from "./list.js"
import {
  type Found,
  type Order,
  type Page,
  type PageQuery,
  pageFields,
  sortSchema,
  toPage,
} from "./page.js"
import type { Asked, Moment } from "./query.js"

export interface ArtifactQuery extends PageQuery {
  readonly name?: TextFilter
  readonly tags?: TagFilter
  /** Default: by name, ascending. */
  readonly sort?: { readonly by: "name" | "createdAt" | "updatedAt"; readonly order?: Order }
}

const schema = strict(
  Schema.Struct({
    name: Schema.optional(TextFilterSchema),
    tags: Schema.optional(TagFilterSchema),
    sort: sortSchema(["name", "createdAt", "updatedAt"]),
    ...pageFields,
  }),
)

type Parsed = typeof schema.Type

/** The filters as one predicate. Deleted artifacts pass none. */
const predicate = ({ views }: Moment, query: Parsed) =>
  parsedInput(() => {
    const named = textPredicate(query.name)
    const tagged = tagPredicate(views, query.tags)
    return (row: ArtifactRow) => row.deleted === undefined && named(row.name) && tagged(row.tags)
  })

/** `at` gives the moment of a position: later pages answer as of the first page's. */
export const listArtifacts = (
  at: (position: number | undefined) => Moment,
  value: ArtifactQuery | undefined,
): Asked<Page<Artifact>> =>
  Effect.gen(function* () {
    const { query, digest, limit, from, position } = yield* parseListing("artifacts", schema, value)
    const moment = at(position)
    const passes = yield* predicate(moment, query)
    const { by, order = "asc" } = query.sort ?? { by: "name" as const }
    const found = (
      row: ArtifactRow | undefined,
      key: string,
      sortValue: string | number,
    ): Found<Artifact> | undefined =>
      row !== undefined && passes(row)
        ? { place: { value: sortValue, key }, answer: () => toArtifact(moment.views, row) }
        : undefined
    const byAge = { view: artifacts, prefix: ["ordinal"], order, sorted: true } as const
    const sorted = by === "name"
    const byName = { view: artifacts, prefix: ["name"], order, sorted } as const
    const source =
      by === "createdAt"
        ? tableSource(moment, byAge, ({ value: name, cursor }) =>
            found(findArtifact(moment.views, name), cursor, ""),
          )
        : tableSource(moment, byName, ({ value: row, cursor }) =>
            found(row, cursor, sorted ? "" : row.updatedAt),
          )
    return yield* toPage(source, { digest, position: moment.position, order, limit, from })
  })
