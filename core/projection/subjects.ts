/**
 * Subjects: the position of the last event about an id. Each event names the one before it, so the
 * history of an id is a chain. The rows keep their past, so that the history at a past moment
 * begins at the last event about the id by then, without a walk through all that came later.
 */
import { projection } from "./projection.js"

export type SubjectTables = {
  /** [id]: a position. */
  readonly last: number
}

export const subjects = projection<SubjectTables>()({
  name: "subjects",
  revision: 3,
  past: "positions",
  on: {},
  onEvery: (rows, event) => {
    for (const { id } of event.subjects) rows.put(["last", id], event.position)
  },
})
