/**
 * Hides a version, or an artifact with all its versions. Frees no space and no name, label or
 * number; `restore` brings it back.
 *
 * The consumers of a version form a list, and a decision reads exact keys only. So a query lists
 * the surviving ones beforehand, as of a position, and the decision sees whether one came since.
 */
import { InUse, InvalidReference, isRefusal, type Refusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { flag, members, parsing, target } from "../model/input.js"
import type { ParsedTarget } from "../model/reference.js"
import { lineage } from "../projection/lineage.js"
import {
  artifactRef,
  type ResolvedTarget,
  resolveTarget,
  versionRef,
} from "../projection/resolve.js"
import type { ViewReader } from "../view/draft.js"
import { command, type Decided } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

/** What a query found before the decision. */
export interface ObservedUse {
  /** The id of what the target meant at that position. */
  readonly id: string
  readonly position: number
  /** Ids of surviving consumers, at most 10 (`candidateCountMax`). */
  readonly consumers: ReadonlyArray<string>
}

export interface DeleteInput {
  readonly target: ParsedTarget
  readonly force?: true
  readonly expect?: Expectation
  readonly use?: ObservedUse
}

/** A bare name would mean its latest version, which is rarely what was meant to be deleted. */
const bare = (name: string): InvalidReference =>
  new InvalidReference({
    message: `${name} is a bare name: say "${name}@latest" or { artifact: "${name}" }`,
    reference: name,
  })

/**
 * Consumers that were listed, or came since; undefined when there are none. An empty list where
 * they must be listed again: an artifact was restored, and its versions may be among them.
 */
const consumersOf = (
  views: ViewReader,
  id: string,
  seen: ObservedUse | undefined,
): ReadonlyArray<string> | undefined => {
  const rows = views.view(lineage)
  const used = rows.get(["used", id])
  if (used === undefined) return undefined
  const position = seen?.id === id ? seen.position : 0
  if (used.position > position) return [used.by]
  if (seen !== undefined && seen.consumers.length > 0) return seen.consumers
  return (rows.get(["restored"]) ?? 0) > position ? [] : undefined
}

const inUse = (consumers: ReadonlyArray<string>): InUse => {
  const message =
    consumers.length === 0
      ? "an artifact was restored meanwhile, whose versions may use it as input: try again"
      : "surviving versions use it as input: delete them first, or say { force: true }"
  return new InUse({ message, consumers })
}

const hide = ({ artifact, version }: ResolvedTarget, forced: true | undefined): Decided => {
  const part = artifactRef(artifact)
  const mark = forced === true ? { forced } : {}
  if (version === undefined)
    return {
      facts: [fact("artifact-deleted", { artifact: part, ...mark }, [part.id])],
      result: null,
    }
  const at = { artifact: part, version: versionRef(version) }
  const subjects = [version.id, part.id]
  return { facts: [fact("version-deleted", { target: at, ...mark }, subjects)], result: null }
}

/** Also asked outside the writer: what would be decided at a moment. */
export const decideDeletion = (input: DeleteInput, views: ViewReader): Decided | Refusal => {
  // A part of an id, which looks like a name, is an id by now.
  if (input.target.kind === "version" && input.target.reference.by === "text")
    return bare(input.target.reference.text)
  const resolved = resolveTarget(views, input.target)
  if (isRefusal(resolved)) return resolved
  const { artifact, version } = resolved
  const subject = (version ?? artifact).id
  const failed = checkExpectation(views, input.expect, { subject, artifact })
  if (failed !== undefined) return failed
  const consumers = input.force === true ? undefined : consumersOf(views, subject, input.use)
  if (consumers !== undefined) return inUse(consumers)
  return hide(resolved, input.force)
}

export const deletion = command<DeleteInput>({
  name: "delete",
  parse: (input) =>
    parsing(() => {
      const { target: of, force, expect } = members(input)
      const meant = target(of)
      // `{ name }` means the latest version as a bare name does.
      const isBare = meant.kind === "version" && meant.reference.by === "latest"
      if (isBare && typeof of === "object" && members(of).version === undefined)
        throw bare(meant.reference.name)
      return {
        target: meant,
        ...(flag(force, "options.force") ? { force: true as const } : {}),
        ...expected(expect),
      }
    }),
  decide: decideDeletion,
})
