/**
 * Versions, listed: of one artifact or of all, newest first unless asked otherwise.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { ArtifactVersion } from "../model/artifact.js"
import { strict } from "../model/schema.js"
import { artifacts } from "../projection/artifacts.js"
import { findArtifact, versionAt } from "../projection/resolve.js"
import { type VersionRow, versions } from "../projection/versions.js"
import { toVersion } from "./answer.js"
import {
  exactText,
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
  type Source,
  sortSchema,
  toPage,
} from "./page.js"
import type { Asked, Moment } from "./query.js"

/** Which versions are meant; all conditions must hold. */
export interface VersionFilter {
  /** The artifact's name. */
  readonly name?: TextFilter
  /** The label. */
  readonly version?: TextFilter
  readonly tags?: TagFilter
  /** Whether it is held. */
  readonly held?: boolean
}

export interface VersionQuery extends PageQuery, VersionFilter {
  /** Default: by createdAt, descending; `{ by }` alone sorts ascending. */
  readonly sort?: {
    readonly by: "createdAt" | "name" | "version" | "size"
    readonly order?: Order
  }
}

/** The filter by itself; a query has its fields among others. */
export const VersionFilterSchema = Schema.Struct({
  name: Schema.optional(TextFilterSchema),
  version: Schema.optional(TextFilterSchema),
  tags: Schema.optional(TagFilterSchema),
  held: Schema.optional(Schema.Boolean),
})

const schema = strict(
  Schema.Struct({
    ...VersionFilterSchema.fields,
    sort: sortSchema(["createdAt", "name", "version", "size"]),
    ...pageFields,
  }),
)

type SortBy = NonNullable<VersionQuery["sort"]>["by"]

/** The artifact's name, for rows of artifacts that survive; looked up once for each artifact. */
const survivingNames = ({ views }: Moment) => {
  const names = new Map<string, string | undefined>()
  return (artifactId: string): string | undefined => {
    if (names.has(artifactId)) return names.get(artifactId)
    const name = views.view(artifacts).get(["id", artifactId])
    const survives = name !== undefined && findArtifact(views, name)?.deleted === undefined
    names.set(artifactId, survives ? name : undefined)
    return survives ? name : undefined
  }
}

/** Whether a version survives and passes. Throws `TagMissing` for a tag that did not exist then. */
export const versionPredicate = (
  { views }: Moment,
  { name, version, tags, held }: typeof VersionFilterSchema.Type,
): ((name: string, row: VersionRow) => boolean) => {
  const named = textPredicate(name)
  const labelled = textPredicate(version)
  const tagged = tagPredicate(views, tags)
  return (of, row) =>
    row.deleted === undefined &&
    (held === undefined || held === (row.held !== undefined)) &&
    named(of) &&
    labelled(row.label) &&
    tagged(row.tags)
}

// Numbers come before other labels, in numeric order.
const labelValue = ({ label, number }: VersionRow): string =>
  number === undefined ? `b${label}` : `a${String(number).padStart(16, "0")}`

const sortValue = (by: SortBy, name: string, row: VersionRow): string | number => {
  if (by === "createdAt") return row.position
  if (by === "size") return row.content.size
  return by === "name" ? name : labelValue(row)
}

const empty: Source<never> = {
  sorted: true,
  read: () => Effect.succeed({ rows: [], resume: undefined }),
}

export const listVersions = (
  at: (position: number | undefined) => Moment,
  value: VersionQuery | undefined,
): Asked<Page<ArtifactVersion>> =>
  Effect.gen(function* () {
    const { query, digest, limit, from, position } = yield* parseListing("versions", schema, value)
    const moment = at(position)
    const passes = yield* parsedInput(() => versionPredicate(moment, query))
    const nameOf = survivingNames(moment)
    const by = query.sort?.by ?? "createdAt"
    const order = query.sort?.order ?? (query.sort === undefined ? "desc" : "asc")
    const sorted = by === "createdAt"
    const found = (
      row: VersionRow | undefined,
      key: string,
    ): Found<ArtifactVersion> | undefined => {
      const name = row === undefined ? undefined : nameOf(row.artifactId)
      if (row === undefined || name === undefined || !passes(name, row)) return undefined
      const place = { value: sortValue(by, name, row), key }
      return { place, answer: () => toVersion(moment.views, name, row) }
    }
    const only = exactText(query.name)
    const artifact = only === undefined ? undefined : findArtifact(moment.views, only)
    const everywhere = { view: versions, prefix: ["position"], order, sorted } as const
    const of = (id: string) => ({ view: versions, prefix: ["at", id], order, sorted }) as const
    const source =
      only === undefined
        ? tableSource(moment, everywhere, ({ value: key, cursor }) =>
            found(versionAt(moment.views, key), cursor),
          )
        : artifact === undefined
          ? empty
          : tableSource(moment, of(artifact.id), (row) => found(row.value, row.cursor))
    return yield* toPage(source, { digest, position: moment.position, order, limit, from })
  })
