/**
 * The one resolver of references, over exact keys: commands use it on the draft, queries on a
 * reader of any moment. A part of an id is looked up by queries alone, which can list.
 *
 * Refusals leave here without candidates; the query that explains them adds those.
 */
import {
  ArtifactMissing,
  ContentGone,
  InvalidReference,
  isRefusal,
  NameTaken,
  TagMissing,
  VersionMissing,
} from "../errors.js"
import type { ArtifactRef, TargetRef, VersionRef } from "../event/subject.js"
import type { Id } from "../model/names.js"
import type { ParsedReference, ParsedTarget } from "../model/reference.js"
import type { ViewReader } from "../view/draft.js"
import { type ArtifactRow, artifacts, type Mark } from "./artifacts.js"
import { type TagRow, tags } from "./tags.js"
import { type VersionKey, type VersionRow, versions } from "./versions.js"

/** A version with its artifact, as rows. */
export interface ResolvedVersion {
  readonly artifact: ArtifactRow
  readonly version: VersionRow
}

const deletedAt = ({ position, reason }: Mark): string =>
  `was deleted at position ${position}${reason === undefined ? "" : ` (${reason})`}`

/** The artifact of a name, deleted or not. */
export const findArtifact = (views: ViewReader, name: string): ArtifactRow | undefined =>
  views.view(artifacts).get(["name", name])

/** A refusal for an artifact that does not exist, or was deleted. */
export const artifactMissing = (name: string, deleted?: Mark): ArtifactMissing => {
  const message =
    deleted === undefined
      ? `there is no artifact named ${name}`
      : `the artifact ${name} ${deletedAt(deleted)}: restore it to use it again`
  return new ArtifactMissing({ message, artifact: name, candidates: [] })
}

export const tagMissing = (tag: string): TagMissing =>
  new TagMissing({ message: `there is no tag ${tag}`, tag, candidates: [] })

/** The surviving artifact of a name. */
export const resolveArtifact = (views: ViewReader, name: string): ArtifactRow | ArtifactMissing => {
  const artifact = findArtifact(views, name)
  return artifact === undefined || artifact.deleted !== undefined
    ? artifactMissing(name, artifact?.deleted)
    : artifact
}

/** The row of an ordinal, deleted or not. */
export const versionAt = (views: ViewReader, key: VersionKey): VersionRow | undefined =>
  views.view(versions).get(["at", ...key])

/** The version of a label, deleted or not. */
export const findByLabel = (
  views: ViewReader,
  { id }: ArtifactRow,
  label: string,
): VersionRow | undefined => {
  const ordinal = views.view(tags).get(["label", id, label])
  return ordinal === undefined ? undefined : versionAt(views, [id, ordinal])
}

const versionMissing = (artifact: string, selector: string, message: string): VersionMissing =>
  new VersionMissing({ message, artifact, selector, candidates: [] })

export const labelMissing = ({ name }: ArtifactRow, label: string): VersionMissing =>
  versionMissing(name, label, `${name} has no version ${label}`)

const alive = (
  artifact: ArtifactRow,
  version: VersionRow | undefined,
  selector: string,
): ResolvedVersion | VersionMissing => {
  if (version === undefined) return labelMissing(artifact, selector)
  if (version.deleted === undefined) return { artifact, version }
  const what = `version ${version.label} of ${artifact.name}`
  const message = `${what} ${deletedAt(version.deleted)}: restore it to use it again`
  return versionMissing(artifact.name, selector, message)
}

const latestOf = (views: ViewReader, artifact: ArtifactRow): ResolvedVersion | VersionMissing => {
  if (artifact.latest === undefined)
    return versionMissing(artifact.name, "latest", `${artifact.name} has no surviving version`)
  return alive(artifact, versionAt(views, [artifact.id, artifact.latest]), "latest")
}

/** The artifact of an ordinal, deleted or not. */
export const artifactAt = (views: ViewReader, ordinal: number): ArtifactRow | undefined => {
  const name = views.view(artifacts).get(["ordinal", ordinal])
  return name === undefined ? undefined : findArtifact(views, name)
}

/** The ordinal of the one holder of a tag in a scope; undefined when there is none or several. */
export const holderOrdinal = (
  views: ViewReader,
  tag: TagRow,
  scope: string,
): number | undefined => {
  const holders = views.view(tags).get(["holders", tag.id, scope])
  return holders?.count === 1 ? holders.sum : undefined
}

const bySelector = (
  views: ViewReader,
  artifact: ArtifactRow,
  selector: string,
): ResolvedVersion | VersionMissing | InvalidReference => {
  const labelled = findByLabel(views, artifact, selector)
  if (labelled !== undefined) return alive(artifact, labelled, selector)
  const tag = views.view(tags).get(["name", selector])
  if (tag === undefined) return alive(artifact, undefined, selector)
  if (!tag.exclusive)
    return new InvalidReference({
      message:
        `${selector} is a plain tag, which several versions may hold: ` +
        `make it exclusive with defineTag("${selector}", { exclusive: true }), or name a version`,
      reference: `${artifact.name}@${selector}`,
    })
  const holder = holderOrdinal(views, tag, artifact.id)
  const version = holder === undefined ? undefined : versionAt(views, [artifact.id, holder])
  return alive(artifact, version, selector)
}

/** The version of an id, deleted or not, with its artifact. */
export const findById = (views: ViewReader, id: string): ResolvedVersion | undefined => {
  const key = views.view(versions).get(["id", id])
  const version = key === undefined ? undefined : versionAt(views, key)
  if (version === undefined) return undefined
  const name = views.view(artifacts).get(["id", version.artifactId])
  const artifact = name === undefined ? undefined : findArtifact(views, name)
  return artifact === undefined ? undefined : { artifact, version }
}

/** A refusal for an id that no version has; an artifact's id is easily taken for a version's. */
const idMissing = (views: ViewReader, id: Id): VersionMissing => {
  const name = views.view(artifacts).get(["id", id])
  if (name === undefined) return versionMissing("", id, `there is no version with the id ${id}`)
  const message =
    `${id} is the id of the artifact ${name}, not of a version: ` +
    `say "${name}@latest", or { artifact: "${name}" } where an artifact can be meant`
  return versionMissing(name, id, message)
}

const byId = (views: ViewReader, id: Id): ResolvedVersion | VersionMissing | ArtifactMissing => {
  const found = findById(views, id)
  if (found === undefined) return idMissing(views, id)
  const artifact = resolveArtifact(views, found.artifact.name)
  return isRefusal(artifact) ? artifact : alive(artifact, found.version, id)
}

type Named = Exclude<ParsedReference, { readonly by: "id" }>

const nameIn = (reference: Named): string =>
  reference.by === "text" ? reference.text : reference.name

const selected = (
  views: ViewReader,
  artifact: ArtifactRow,
  reference: Named,
): ResolvedVersion | VersionMissing | InvalidReference =>
  reference.by === "selector"
    ? bySelector(views, artifact, reference.selector)
    : latestOf(views, artifact)

/** The surviving version that a reference means. */
export const resolveVersion = (
  views: ViewReader,
  reference: ParsedReference,
): ResolvedVersion | ArtifactMissing | VersionMissing | InvalidReference => {
  if (reference.by === "id") return byId(views, reference.id)
  const artifact = resolveArtifact(views, nameIn(reference))
  return isRefusal(artifact) ? artifact : selected(views, artifact, reference)
}

/**
 * The version that a reference means, deleted or not. A bare name, `latest` and exclusive tags mean
 * a surviving version; for a deleted artifact, the one that they meant when it was deleted.
 */
export const findVersion = (
  views: ViewReader,
  reference: ParsedReference,
): ResolvedVersion | ArtifactMissing | VersionMissing | InvalidReference => {
  if (reference.by === "id") return findById(views, reference.id) ?? idMissing(views, reference.id)
  const name = nameIn(reference)
  const artifact = findArtifact(views, name)
  if (artifact === undefined) return artifactMissing(name)
  const labelled =
    reference.by === "selector" ? findByLabel(views, artifact, reference.selector) : undefined
  return labelled === undefined
    ? selected(views, artifact, reference)
    : { artifact, version: labelled }
}

/** What a target means, as rows. */
export interface ResolvedTarget {
  readonly artifact: ArtifactRow
  /** Undefined: the artifact itself is meant. */
  readonly version?: VersionRow
}

const notOfTag = (name: string): InvalidReference =>
  new InvalidReference({
    message: "a tag cannot be the target here: name an artifact or a version",
    reference: name,
  })

/** The surviving artifact or version that a target means. A tag is not a target here. */
export const resolveTarget = (
  views: ViewReader,
  target: ParsedTarget,
): ResolvedTarget | ArtifactMissing | VersionMissing | InvalidReference => {
  if (target.kind === "version") return resolveVersion(views, target.reference)
  if (target.kind === "tag") return notOfTag(target.name)
  const artifact = resolveArtifact(views, target.name)
  return isRefusal(artifact) ? artifact : { artifact }
}

/** As `resolveTarget`, deleted or not. */
export const findTarget = (
  views: ViewReader,
  target: ParsedTarget,
): ResolvedTarget | ArtifactMissing | VersionMissing | InvalidReference => {
  if (target.kind === "version") return findVersion(views, target.reference)
  if (target.kind === "tag") return notOfTag(target.name)
  const artifact = findArtifact(views, target.name)
  return artifact === undefined ? artifactMissing(target.name) : { artifact }
}

/** As events name it. */
export const artifactRef = ({ id, name, ordinal }: ArtifactRow): ArtifactRef => ({
  id: id as Id,
  name,
  ordinal,
})

export const versionRef = ({ id, label, ordinal }: VersionRow): VersionRef => ({
  id: id as Id,
  label,
  ordinal,
})

export const targetRef = ({ artifact, version }: ResolvedTarget): TargetRef => ({
  artifact: artifactRef(artifact),
  ...(version === undefined ? {} : { version: versionRef(version) }),
})

/** A refusal for a name that something else holds in an artifact's namespace of selectors. */
export const taken = (name: string, message: string, holders: ReadonlyArray<string>): NameTaken =>
  new NameTaken({ message, taken: name, holders })

/** Since when a version is hidden, by its own deletion or with its artifact; else undefined. */
export const hiddenSince = ({ artifact, version }: ResolvedVersion): Mark | undefined =>
  version.deleted ?? artifact.deleted

/** The answer to whoever wants the content of a version that was swept. */
export const contentGone = (
  artifact: string,
  version: string,
  digest: string,
  swept: Mark,
): ContentGone => {
  const { position, time, actor, reason } = swept
  const what = `version ${version} of ${artifact}`
  const why = reason === undefined ? "" : ` (${reason})`
  return new ContentGone({
    message: `the content of ${what} was swept at position ${position}${why}: save it anew`,
    digest,
    position,
    time,
    ...(actor === undefined ? {} : { actor }),
    ...(reason === undefined ? {} : { reason }),
  })
}
