/**
 * Newest: which event was seen last. It ties the views to the history that they were made of: where
 * the log has another event at that position, all of them are of another ledger, or of a copy that
 * went its own way.
 */
import { projection } from "./projection.js"

export type NewestTables = {
  readonly event: { readonly id: string; readonly position: number }
}

export const newest = projection<NewestTables>()({
  name: "newest",
  revision: 1,
  past: false,
  on: {},
  onEvery: (rows, { id, position }) => rows.put(["event"], { id, position }),
})
