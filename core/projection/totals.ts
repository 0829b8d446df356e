/**
 * Totals: what `stats` counts, kept so that nothing has to be walked.
 */
import type { Rows } from "../view/draft.js"
import { projection } from "./projection.js"

export type TotalsTables = {
  /** Ever saved, deleted or not. */
  readonly versions: number
  /** Bytes of all versions ever saved, before anything is shared. */
  readonly bytes: number
  readonly tags: number
}

const add = (rows: Rows<TotalsTables>, table: keyof TotalsTables, by: number): void =>
  rows.put([table], (rows.get([table]) ?? 0) + by)

const countTags = (
  rows: Rows<TotalsTables>,
  tags: ReadonlyArray<{ readonly created?: true }>,
): void => {
  const created = tags.filter((tag) => tag.created === true).length
  if (created > 0) add(rows, "tags", created)
}

export const totals = projection<TotalsTables>()({
  name: "totals",
  revision: 1,
  past: false,
  on: {
    "version-saved": (rows, { data }) => {
      add(rows, "versions", 1)
      add(rows, "bytes", data.content.size)
      countTags(rows, data.tags)
    },
    "tags-added": (rows, { data }) => countTags(rows, data.tags),
    "tag-defined": (rows, { data }) => countTags(rows, [data]),
  },
})
