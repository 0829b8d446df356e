/**
 * The one resolver of references, over exact keys: commands use it on the draft, queries on a
 * reader of any moment. A part of an id is looked up by queries alone, which can list.
 *
 * Refusals leave here without candidates; the query that explains them puts those in.
 */
import {
  ArtifactMissing,
  InvalidReference,
  isRefusal,
  NameTaken,
  VersionMissing,
} from "../errors.js"
import type { ArtifactRef, TargetRef, VersionRef } from "../event/subject.js"
import type { Id } from "../model/names.js"
import type { ParsedReference, ParsedTarget } from "../model/reference.js"
import type { ViewReader } from "../view/draft.js"
import { type ArtifactRow, artifacts, type Deletion } from "./artifacts.js"
import { type TagRow, tags } from "./tags.js"
import { type VersionKey, type VersionRow, versions } from "./versions.js"

export interface ResolvedVersion {
  readonly artifact: ArtifactRow
  readonly version: VersionRow
}

const deletedAt = ({ position, reason }: Deletion): string =>
  `was deleted at position ${position}${reason === undefined ? "" : ` (${reason})`}`

/** The artifact of a name, deleted or not. */
export const findArtifact = (views: ViewReader, name: string): ArtifactRow | undefined =>
  views.view(artifacts).get(["name", name])

/** The surviving artifact of a name. */
export const resolveArtifact = (views: ViewReader, name: string): ArtifactRow | ArtifactMissing => {
  const artifact = findArtifact(views, name)
  if (artifact !== undefined && artifact.deleted === undefined) return artifact
  const message =
    artifact?.deleted === undefined
      ? `there is no artifact named ${name}`
      : `the artifact ${name} ${deletedAt(artifact.deleted)}: restore it to use it again`
  return new ArtifactMissing({ message, artifact: name, candidates: [] })
}

/** The row of an ordinal, deleted or not. */
export const versionAt = (views: ViewReader, key: VersionKey): VersionRow | undefined =>
  views.view(versions).get(["at", ...key])

/** A refusal for a version that is not there; `artifact` is "" where an id names none. */
export const versionMissing = (
  artifact: string,
  selector: string,
  message: string,
): VersionMissing => new VersionMissing({ message, artifact, selector, candidates: [] })

const alive = (
  artifact: ArtifactRow,
  version: VersionRow | undefined,
  selector: string,
): ResolvedVersion | VersionMissing => {
  if (version === undefined)
    return versionMissing(artifact.name, selector, `${artifact.name} has no version ${selector}`)
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
  const ordinal = views.view(tags).get(["label", artifact.id, selector])
  if (ordinal !== undefined)
    return alive(artifact, versionAt(views, [artifact.id, ordinal]), selector)
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

const byId = (views: ViewReader, id: Id): ResolvedVersion | VersionMissing | ArtifactMissing => {
  const found = findById(views, id)
  if (found === undefined) return versionMissing("", id, `there is no version with the id ${id}`)
  const artifact = resolveArtifact(views, found.artifact.name)
  return isRefusal(artifact) ? artifact : alive(artifact, found.version, id)
}

/** The surviving version that a reference means. */
export const resolveVersion = (
  views: ViewReader,
  reference: ParsedReference,
): ResolvedVersion | ArtifactMissing | VersionMissing | InvalidReference => {
  if (reference.by === "id") return byId(views, reference.id)
  const name = reference.by === "text" ? reference.text : reference.name
  const artifact = resolveArtifact(views, name)
  if (isRefusal(artifact)) return artifact
  return reference.by === "selector"
    ? bySelector(views, artifact, reference.selector)
    : latestOf(views, artifact)
}

export interface ResolvedTarget {
  readonly artifact: ArtifactRow
  /** Undefined: the artifact itself is meant. */
  readonly version?: VersionRow
}

/** The surviving artifact or version that a target means. Tags are no such thing. */
export const resolveTarget = (
  views: ViewReader,
  target: ParsedTarget,
): ResolvedTarget | ArtifactMissing | VersionMissing | InvalidReference => {
  if (target.kind === "version") return resolveVersion(views, target.reference)
  if (target.kind === "tag")
    return new InvalidReference({
      message: "a tag cannot be the target here: name an artifact or a version",
      reference: target.name,
    })
  const artifact = resolveArtifact(views, target.name)
  return isRefusal(artifact) ? artifact : { artifact }
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

/** A refusal for a name that something else has taken in an artifact's namespace of selectors. */
export const taken = (name: string, message: string, holders: ReadonlyArray<string>): NameTaken =>
  new NameTaken({ message, taken: name, holders })
