/**
 * Rows as answers: ids of tags become names, plain metadata becomes values, times become dates.
 * An answer shares nothing with the rows, which stay in memory: callers may change what they get.
 */

import type { Artifact, ArtifactVersion, Content, Hold } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { decodeMetadata } from "../model/metadata.js"
import { copyPlain } from "../model/msgpack.js"
import type { Id } from "../model/names.js"
import type { Tag } from "../model/tag.js"
import { compareUtf8, type Tree } from "../model/tree.js"
import type { ArtifactRow, Mark } from "../projection/artifacts.js"
import { versionAt } from "../projection/resolve.js"
import { type TagRow, tags } from "../projection/tags.js"
import type { VersionRow } from "../projection/versions.js"
import type { ViewReader } from "../view/draft.js"

const tagNames = (views: ViewReader, ids: ReadonlyArray<string>): ReadonlyArray<string> =>
  ids.map((id) => views.view(tags).get(["id", id]) ?? id).sort(compareUtf8)

const toContent = ({
  digest,
  size,
  count,
  entries,
  states,
  link,
}: VersionRow["content"]): Content => ({
  digest: digest as Digest,
  size,
  count,
  // Rows hold the tree as the event has it, whose entries passed the codec.
  ...(entries === undefined ? {} : { entries: copyPlain(entries) as unknown as Tree }),
  ...(states === undefined ? {} : { states: states as Digest }),
  ...(link === undefined ? {} : { link: { ...link } }),
})

const toHold = ({ time, ...mark }: Mark): Hold => ({ ...mark, time: new Date(time) })

export const toVersion = (views: ViewReader, name: string, row: VersionRow): ArtifactVersion => {
  const content = toContent(row.content)
  return {
    id: row.id as Id,
    artifactId: row.artifactId as Id,
    name,
    version: row.label,
    ...(row.number === undefined ? {} : { number: row.number }),
    type: row.type,
    saveType: row.saveType,
    materializer: row.materializer,
    ...(row.description === undefined ? {} : { description: row.description }),
    digest: content.digest,
    size: content.size,
    content,
    tags: tagNames(views, row.tags),
    metadata: decodeMetadata(row.metadata),
    inputs: copyPlain(row.inputs),
    ...(row.producer === undefined ? {} : { producer: copyPlain(row.producer) }),
    createdAt: new Date(row.createdAt),
    ...(row.actor === undefined ? {} : { actor: row.actor }),
    position: row.position,
    ...(row.held === undefined ? {} : { held: toHold(row.held) }),
  }
}

export const toArtifact = (views: ViewReader, row: ArtifactRow): Artifact => {
  const latest = row.latest === undefined ? undefined : versionAt(views, [row.id, row.latest])
  return {
    id: row.id as Id,
    name: row.name,
    tags: tagNames(views, row.tags),
    metadata: decodeMetadata(row.metadata),
    versionCount: row.surviving,
    ...(latest === undefined ? {} : { latest: { id: latest.id as Id, version: latest.label } }),
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
    position: row.position,
  }
}

export const toTag = ({ id, name, exclusive, color, description, ...row }: TagRow): Tag => ({
  id: id as Id,
  name,
  exclusive,
  ...(color === undefined ? {} : { color }),
  ...(description === undefined ? {} : { description }),
  createdAt: new Date(row.createdAt),
  position: row.position,
})
