/**
 * Tags: words on artifacts and versions. An exclusive tag is held by at most one version of each
 * artifact (and, among artifacts, by one artifact of the ledger), so it works as an alias.
 */
import type { Id } from "./names.js"

export interface Tag {
  readonly id: Id
  readonly name: string
  readonly exclusive: boolean
  readonly color?: string
  readonly description?: string
  readonly createdAt: Date
  /** Of the event that first named it. */
  readonly position: number
}

/** ZenML's palette, so that both dashboards look alike. */
export const tagColors = [
  "grey",
  "purple",
  "red",
  "green",
  "yellow",
  "orange",
  "lime",
  "teal",
  "turquoise",
  "magenta",
  "blue",
] as const

export type TagColor = (typeof tagColors)[number]
