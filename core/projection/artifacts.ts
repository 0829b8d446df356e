/**
 * Artifacts: by name, with the counter of version numbers and the surviving version that is latest.
 *
 * An artifact's ordinal counts artifacts in the order of creation; a version's ordinal counts the
 * versions of its artifact. Deleted versions are kept as a set of ordinals, so a save touches one
 * row and the next latest is found without walking the versions.
 */
import type { CoreEvents } from "../event/catalog.js"
import type { Recorded } from "../event/event.js"
import type { Tagging, TargetRef } from "../event/subject.js"
import type { PlainMetadata } from "../model/metadata.js"
import { labelNumber } from "../model/names.js"
import type { Rows } from "../view/draft.js"
import { addOrdinal, dropOrdinal, hasOrdinal, highestAbsent, pageOf } from "./bitmap.js"
import { projection } from "./projection.js"

/** When, by whom and why something was deleted, swept or held. */
export type Mark = {
  readonly position: number
  readonly time: number
  readonly actor?: string
  readonly reason?: string
}

export type ArtifactRow = {
  readonly id: string
  readonly name: string
  readonly ordinal: number
  /** The highest version number ever used. */
  readonly counter: number
  /** The ordinal of the version saved last, deleted or not. */
  readonly versions: number
  readonly surviving: number
  /** The ordinal of the surviving version saved last. */
  readonly latest?: number
  /** Ids of tags. */
  readonly tags: ReadonlyArray<string>
  readonly metadata: PlainMetadata
  readonly createdAt: number
  readonly updatedAt: number
  readonly position: number
  readonly deleted?: Mark
  /** A version that is hidden with the artifact alone, and whose content was given up. */
  readonly swept?: Mark & { readonly digest: string; readonly version: string }
}

export type ArtifactTables = {
  readonly name: ArtifactRow
  /** Id to name. */
  readonly id: string
  /** Ordinal to name. */
  readonly ordinal: string
  /** The number of artifacts ever made. */
  readonly count: number
  /** [artifact id, page]: the deleted versions. */
  readonly deleted: Uint8Array
}

type ArtifactRows = Rows<ArtifactTables>

export const markOf = ({ position, time, actor, reason }: Recorded): Mark => ({
  position,
  time,
  ...(actor === undefined ? {} : { actor }),
  ...(reason === undefined ? {} : { reason }),
})

/** The list with these ids added, each once. */
export const withTags = (
  tags: ReadonlyArray<string>,
  added: ReadonlyArray<{ readonly id: string }>,
): ReadonlyArray<string> => [...new Set([...tags, ...added.map(({ id }) => id)])]

export const withoutTags = (
  tags: ReadonlyArray<string>,
  removed: ReadonlyArray<{ readonly id: string }>,
): ReadonlyArray<string> => tags.filter((tag) => removed.every(({ id }) => id !== tag))

/** Metadata without these keys. */
export const withoutKeys = (metadata: PlainMetadata, keys: ReadonlyArray<string>): PlainMetadata =>
  Object.fromEntries(Object.entries(metadata).filter(([key]) => !keys.includes(key)))

const change = (
  rows: ArtifactRows,
  name: string,
  { time }: Recorded,
  update: (row: ArtifactRow) => ArtifactRow,
): void => {
  const row = rows.get(["name", name])
  if (row !== undefined) rows.put(["name", name], { ...update(row), updatedAt: time })
}

const removeMoved = (rows: ArtifactRows, tags: ReadonlyArray<Tagging>, event: Recorded): void => {
  for (const tag of tags) {
    if (tag.from === undefined || tag.from.version !== undefined) continue
    const { name } = tag.from.artifact
    change(rows, name, event, (row) => ({ ...row, tags: withoutTags(row.tags, [tag]) }))
  }
}

type Saved = Required<
  Pick<ArtifactRow, "counter" | "latest" | "surviving" | "updatedAt" | "versions">
>

/** Members in the order of stored rows, so that nothing has to be sorted when one is packed. */
const newArtifact = (
  { data, position, time }: Recorded<"version-saved", CoreEvents["version-saved"]>,
  { counter, latest, surviving, updatedAt, versions }: Saved,
): ArtifactRow => {
  const { id, name, ordinal } = data.artifact
  return {
    counter,
    createdAt: time,
    id,
    latest,
    metadata: {},
    name,
    ordinal,
    position,
    surviving,
    tags: [],
    updatedAt,
    versions,
  }
}

const isArtifact = (target: TargetRef): boolean => target.version === undefined

export const artifacts = projection<ArtifactTables>()({
  name: "artifacts",
  revision: 1,
  on: {
    "version-saved": (rows, event) => {
      const { artifact, version, created } = event.data
      const { id, name, ordinal } = artifact
      if (created === true) {
        rows.put(["id", id], name)
        rows.put(["ordinal", ordinal], name)
        rows.put(["count"], ordinal)
      }
      const before = rows.get(["name", name])
      const saved = {
        counter: Math.max(before?.counter ?? 0, labelNumber(version.label) ?? 0),
        latest: version.ordinal,
        surviving: (before?.surviving ?? 0) + 1,
        updatedAt: event.time,
        versions: version.ordinal,
      }
      rows.put(
        ["name", name],
        before === undefined ? newArtifact(event, saved) : { ...before, ...saved },
      )
    },
    "version-deleted": (rows, event) => {
      const { artifact, version } = event.data.target
      const pageAt = (page: number) => rows.get(["deleted", artifact.id, page])
      const page = pageOf(version.ordinal)
      rows.put(["deleted", artifact.id, page], addOrdinal(pageAt(page), version.ordinal))
      change(rows, artifact.name, event, ({ latest, ...row }) => {
        const next = latest === version.ordinal ? highestAbsent(latest, pageAt) : latest
        const surviving = row.surviving - 1
        return { ...row, surviving, ...(next === undefined ? {} : { latest: next }) }
      })
    },
    "version-restored": (rows, event) => {
      const { artifact, version } = event.data.target
      const page = pageOf(version.ordinal)
      const key = ["deleted", artifact.id, page] as const
      const left = dropOrdinal(rows.get(key), version.ordinal)
      if (left === undefined) rows.delete(key)
      else rows.put(key, left)
      change(rows, artifact.name, event, (row) => ({
        ...row,
        surviving: row.surviving + 1,
        latest: Math.max(row.latest ?? 0, version.ordinal),
      }))
    },
    "artifact-deleted": (rows, event) =>
      change(rows, event.data.artifact.name, event, (row) => ({
        ...row,
        deleted: markOf(event),
      })),
    "artifact-restored": (rows, event) =>
      change(rows, event.data.artifact.name, event, ({ deleted, ...row }) => row),
    "content-swept": (rows, event) => {
      for (const { artifact, version, digest } of event.data.versions) {
        const page = rows.get(["deleted", artifact.id, pageOf(version.ordinal)])
        if (hasOrdinal(page, version.ordinal)) continue
        const swept = { ...markOf(event), digest, version: version.label }
        change(rows, artifact.name, event, (row) => ({ ...row, swept }))
      }
    },
    "tags-added": (rows, event) => {
      const { target, tags } = event.data
      removeMoved(rows, tags, event)
      if (isArtifact(target))
        change(rows, target.artifact.name, event, (row) => ({
          ...row,
          tags: withTags(row.tags, tags),
        }))
    },
    "tags-removed": (rows, event) => {
      const { target, tags } = event.data
      if (isArtifact(target))
        change(rows, target.artifact.name, event, (row) => ({
          ...row,
          tags: withoutTags(row.tags, tags),
        }))
    },
    "metadata-logged": (rows, event) => {
      const { target, values } = event.data
      if (isArtifact(target))
        change(rows, target.artifact.name, event, (row) => ({
          ...row,
          metadata: { ...row.metadata, ...values },
        }))
    },
    "metadata-removed": (rows, event) => {
      const { target, keys } = event.data
      if (isArtifact(target))
        change(rows, target.artifact.name, event, (row) => ({
          ...row,
          metadata: withoutKeys(row.metadata, keys),
        }))
    },
  },
})
