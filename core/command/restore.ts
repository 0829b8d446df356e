/**
 * Brings back a version or an artifact that was deleted, with its tags and its place in the order.
 * Idempotent: what was not deleted is left alone.
 */
import { InvalidReference, isRefusal, type Refusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { members, parsing, target } from "../model/input.js"
import type { ParsedReference, ParsedTarget } from "../model/reference.js"
import type { ArtifactRow } from "../projection/artifacts.js"
import {
  artifactRef,
  findArtifact,
  findById,
  type ResolvedVersion,
  resolveArtifact,
  versionAt,
  versionMissing,
  versionRef,
} from "../projection/resolve.js"
import { tags } from "../projection/tags.js"
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

/** The version that a reference means, deleted or not; selectors that move mean none. */
const findVersion = (views: ViewReader, reference: ParsedReference): ResolvedVersion | Refusal => {
  if (reference.by === "id") {
    const found = findById(views, reference.id)
    const message = `there is no version with the id ${reference.id}`
    return found ?? versionMissing("", reference.id, message)
  }
  if (reference.by !== "selector")
    return unclear(reference.by === "text" ? reference.text : `${reference.name}@latest`)
  const { name, selector } = reference
  const artifact = findArtifact(views, name)
  if (artifact === undefined) return resolveArtifact(views, name) as Refusal
  const ordinal = views.view(tags).get(["label", artifact.id, selector])
  const version = ordinal === undefined ? undefined : versionAt(views, [artifact.id, ordinal])
  const message = `${name} has no version ${selector}`
  return version === undefined ? versionMissing(name, selector, message) : { artifact, version }
}

const restoreArtifact = (artifact: ArtifactRow): Decided => {
  if (artifact.deleted === undefined) return unchanged(null)
  const restored = fact("artifact-restored", { artifact: artifactRef(artifact) }, [artifact.id])
  return { facts: [restored], result: null }
}

const restoreVersion = (views: ViewReader, found: ResolvedVersion): Decided | Refusal => {
  const { version } = found
  const artifact = resolveArtifact(views, found.artifact.name)
  if (isRefusal(artifact)) return artifact
  if (version.deleted === undefined) return unchanged(null)
  const at = { artifact: artifactRef(artifact), version: versionRef(version) }
  const restored = fact("version-restored", { target: at, inputs: version.inputs }, [
    version.id,
    artifact.id,
  ])
  return { facts: [restored], result: null }
}

const find = (
  views: ViewReader,
  of: ParsedTarget,
): { readonly artifact: ArtifactRow; readonly version?: ResolvedVersion } | Refusal => {
  if (of.kind === "tag") return unclear(of.name)
  if (of.kind === "version") {
    const version = findVersion(views, of.reference)
    return isRefusal(version) ? version : { artifact: version.artifact, version }
  }
  const artifact = findArtifact(views, of.name) ?? resolveArtifact(views, of.name)
  return isRefusal(artifact) ? artifact : { artifact }
}

export const restore = command<RestoreInput>({
  name: "restore",
  parse: (input) =>
    parsing(() => {
      const { target: of, expect } = members(input)
      return { target: target(of), ...expected(expect) }
    }),
  decide: (input, views) => {
    const found = find(views, input.target)
    if (isRefusal(found)) return found
    const { artifact, version } = found
    const subject = (version?.version ?? artifact).id
    const failed = checkExpectation(views, input.expect, { subject, artifact })
    if (failed !== undefined) return failed
    return version === undefined ? restoreArtifact(artifact) : restoreVersion(views, version)
  },
})
