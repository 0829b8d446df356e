/**
 * Brings back a version or an artifact that was deleted, with its tags and its place in the order,
 * also a version made from others that are deleted: its lineage still names them, and each can be
 * restored by itself. Idempotent: what was not deleted is left alone.
 */
import { InvalidReference, isRefusal, type Refusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { members, parsing, target } from "../model/input.js"
import type { ParsedTarget } from "../model/reference.js"
import type { ArtifactRow } from "../projection/artifacts.js"
import {
  artifactMissing,
  artifactRef,
  contentGone,
  findArtifact,
  findByLabel,
  findTarget,
  labelMissing,
  type ResolvedTarget,
  versionRef,
} from "../projection/resolve.js"
import type { VersionRow } from "../projection/versions.js"
import type { ViewReader } from "../view/draft.js"
import { command, type Decided, unchanged } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

export interface RestoreInput {
  readonly target: ParsedTarget
  readonly expect?: Expectation
}

const unclear = (reference: string): InvalidReference =>
  new InvalidReference({
    message: `${reference}: name what to restore by its id, its label or { artifact: name }`,
    reference,
  })

/** What a target names, deleted or not; a selector that moves is refused as unclear. */
const named = (views: ViewReader, of: ParsedTarget): ResolvedTarget | Refusal => {
  if (of.kind === "tag") return unclear(of.name)
  if (of.kind === "artifact" || of.reference.by === "id") return findTarget(views, of)
  const { reference } = of
  if (reference.by !== "selector")
    return unclear(reference.by === "text" ? reference.text : `${reference.name}@latest`)
  const artifact = findArtifact(views, reference.name)
  if (artifact === undefined) return artifactMissing(reference.name)
  const version = findByLabel(views, artifact, reference.selector)
  return version === undefined ? labelMissing(artifact, reference.selector) : { artifact, version }
}

const restoreArtifact = (artifact: ArtifactRow): Decided | Refusal => {
  if (artifact.deleted === undefined) return unchanged(null)
  const { name, swept } = artifact
  if (swept !== undefined) return contentGone(name, swept.version, swept.digest, swept)
  const restored = fact("artifact-restored", { artifact: artifactRef(artifact) }, [artifact.id])
  return { facts: [restored], result: null }
}

const restoreVersion = (artifact: ArtifactRow, version: VersionRow): Decided | Refusal => {
  if (artifact.deleted !== undefined) return artifactMissing(artifact.name, artifact.deleted)
  if (version.deleted === undefined) return unchanged(null)
  const { label, content, swept } = version
  if (swept !== undefined) return contentGone(artifact.name, label, content.digest, swept)
  const at = { artifact: artifactRef(artifact), version: versionRef(version) }
  const restored = fact("version-restored", { target: at, inputs: version.inputs }, [
    version.id,
    artifact.id,
  ])
  return { facts: [restored], result: null }
}

export const restore = command<RestoreInput>({
  name: "restore",
  parse: (input) =>
    parsing(() => {
      const { target: of, expect } = members(input)
      return { target: target(of), ...expected(expect) }
    }),
  decide: (input, views) => {
    const found = named(views, input.target)
    if (isRefusal(found)) return found
    const { artifact, version } = found
    const subject = (version ?? artifact).id
    const failed = checkExpectation(views, input.expect, { subject, artifact })
    if (failed !== undefined) return failed
    return version === undefined ? restoreArtifact(artifact) : restoreVersion(artifact, version)
  },
})
