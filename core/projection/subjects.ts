/**
 * Subjects: the position of the last event about an id. Each event names the one before it, so the
 * history of an id is a chain, and as of then it is the same chain, entered further back.
 */
import { projection } from "./projection.js"

export type SubjectTables = {
  /** [id]: a position. */
  readonly last: number
}

export const subjects = projection<SubjectTables>()({
  name: "subjects",
  revision: 1,
  past: false,
  on: {},
  onEvery: (rows, event) => {
    for (const { id } of event.subjects) rows.put(["last", id], event.position)
  },
})
