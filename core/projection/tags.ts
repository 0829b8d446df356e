/**
 * Tags and labels: the one namespace of selectors, and who holds which tag.
 *
 * Holders are counted per scope: an artifact for its versions, the ledger for artifacts. Beside the
 * count there is the sum of the holders' ordinals: when one holder is left, it is that ordinal.
 */
import type { CoreEvents } from "../event/catalog.js"
import type { ArtifactRef, Tagging, TargetRef } from "../event/subject.js"
import type { Rows } from "../view/draft.js"
import { projection } from "./projection.js"

export type TagRow = {
  readonly id: string
  readonly name: string
  readonly exclusive: boolean
  readonly color?: string
  readonly description?: string
  readonly createdAt: number
  readonly position: number
  /** Scopes with more than one holder: while there are any, the tag cannot become exclusive. */
  readonly crowded: number
  /** Artifacts that hold the tag and have a version label of the same name. */
  readonly clashes: number
}

export type HoldersRow = {
  readonly count: number
  /** Sum of the holders' ordinals. */
  readonly sum: number
}

export type TagTables = {
  readonly name: TagRow
  /** Id to name. */
  readonly id: string
  /** [artifact id, label]: the ordinal of the version that has the label, deleted or not. */
  readonly label: number
  /** [tag id, scope] */
  readonly holders: HoldersRow
  /** [tag id, scope, ordinal]: the holder's id. */
  readonly holder: string
}

type TagRows = Rows<TagTables>

/** Where artifacts compete for a tag: an artifact's id never equals it. */
export const ledgerScope = "ledger"

export const scopeOf = ({ artifact, version }: TargetRef): string =>
  version === undefined ? ledgerScope : artifact.id

const ordinalOf = ({ artifact, version }: TargetRef): number => (version ?? artifact).ordinal

const adjust = (
  rows: TagRows,
  name: string,
  by: { readonly crowded: number; readonly clashes: number },
): void => {
  const tag = rows.get(["name", name])
  if (tag === undefined || (by.crowded === 0 && by.clashes === 0)) return
  const { crowded, clashes } = tag
  rows.put(["name", name], { ...tag, crowded: crowded + by.crowded, clashes: clashes + by.clashes })
}

const step = (before: number, after: number, edge: number): number =>
  (after >= edge ? 1 : 0) - (before >= edge ? 1 : 0)

/** Adds a holder (1) or removes one (-1). */
const count = (
  rows: TagRows,
  tag: { readonly id: string; readonly name: string },
  target: TargetRef,
  sign: 1 | -1,
): void => {
  const scope = scopeOf(target)
  const ordinal = ordinalOf(target)
  const key = ["holder", tag.id, scope, ordinal] as const
  if ((rows.get(key) !== undefined) === (sign === 1)) return
  const before = rows.get(["holders", tag.id, scope]) ?? { count: 0, sum: 0 }
  const after = { count: before.count + sign, sum: before.sum + sign * ordinal }
  if (sign === 1) rows.put(key, (target.version ?? target.artifact).id)
  else rows.delete(key)
  if (after.count === 0) rows.delete(["holders", tag.id, scope])
  else rows.put(["holders", tag.id, scope], after)
  const labelled = rows.get(["label", scope, tag.name]) !== undefined
  adjust(rows, tag.name, {
    crowded: step(before.count, after.count, 2),
    clashes: labelled ? step(before.count, after.count, 1) : 0,
  })
}

const newTag = (
  rows: TagRows,
  { id, name }: { readonly id: string; readonly name: string },
  event: { readonly time: number; readonly position: number },
): TagRow => {
  rows.put(["id", id], name)
  const { time, position } = event
  return { id, name, exclusive: false, createdAt: time, position, crowded: 0, clashes: 0 }
}

const addAll = (
  rows: TagRows,
  tags: ReadonlyArray<Tagging>,
  target: TargetRef,
  event: { readonly time: number; readonly position: number },
): void => {
  for (const tag of tags) {
    if (tag.created === true) rows.put(["name", tag.name], newTag(rows, tag, event))
    if (tag.from !== undefined) count(rows, tag, tag.from, -1)
    count(rows, tag, target, 1)
  }
}

const putLabel = (
  rows: TagRows,
  artifact: ArtifactRef,
  version: CoreEvents["version-saved"]["version"],
): void => {
  rows.put(["label", artifact.id, version.label], version.ordinal)
  const tag = rows.get(["name", version.label])
  if (tag !== undefined && rows.get(["holders", tag.id, artifact.id]) !== undefined)
    adjust(rows, tag.name, { crowded: 0, clashes: 1 })
}

export const tags = projection<TagTables>()({
  name: "tags",
  revision: 1,
  on: {
    "version-saved": (rows, event) => {
      const { artifact, version } = event.data
      putLabel(rows, artifact, version)
      addAll(rows, event.data.tags, { artifact, version }, event)
    },
    "tags-added": (rows, event) => addAll(rows, event.data.tags, event.data.target, event),
    "tags-removed": (rows, { data }) => {
      for (const tag of data.tags) count(rows, tag, data.target, -1)
    },
    "tag-defined": (rows, event) => {
      const { tag, exclusive, color, description } = event.data
      const row = rows.get(["name", tag.name]) ?? newTag(rows, tag, event)
      const { color: _color, description: _description, ...kept } = row
      rows.put(["name", tag.name], {
        ...kept,
        exclusive,
        ...(color === undefined ? {} : { color }),
        ...(description === undefined ? {} : { description }),
      })
    },
  },
})
