/**
 * Hides a version, or an artifact with all its versions. Frees no space and no name, label or
 * number; `restore` brings it back. What is held is not deleted, not by force either.
 *
 * The consumers of a version form a list, and a decision reads exact keys only. So a query lists
 * the surviving ones beforehand, as of a position, and the decision sees whether one came since.
 */
import { InUse, isRefusal, type Refusal } from "../errors.js"
import { fact } from "../event/catalog.js"
import { flag, members, parsing } from "../model/input.js"
import type { ParsedTarget } from "../model/reference.js"
import { lineage } from "../projection/lineage.js"
import {
  artifactRef,
  findById,
  type ResolvedTarget,
  resolveTarget,
  versionRef,
} from "../projection/resolve.js"
import { type VersionRow, versions } from "../projection/versions.js"
import type { ViewReader } from "../view/draft.js"
import { type Advice, bareText, outright } from "./bare-name.js"
import { command, type Decided } from "./command.js"
import { checkExpectation, type Expectation, expected } from "./expect.js"

/** What a query found before the decision. */
export interface ObservedUse {
  /** The id of what the target meant at that position. */
  readonly id: string
  readonly position: number
  /** Ids of surviving consumers, at most 10 (`candidateCountMax`). */
  readonly consumers: ReadonlyArray<string>
  /** Ids of held versions of an artifact, at most as many. */
  readonly held: ReadonlyArray<string>
}

export interface DeleteInput {
  readonly target: ParsedTarget
  readonly force?: true
  readonly expect?: Expectation
  readonly use?: ObservedUse
}

const advice: Advice = (name) => `"${name}@latest" or { artifact: "${name}" }`

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
  return new InUse({ message, consumers, held: [] })
}

/** `version 3 of churn is held by ann (audit): release it first`, as far as it is known. */
const printHeld = (name: string, count: number, first: VersionRow | undefined): string => {
  if (first?.held === undefined) return `${name} has versions that are held: release them first`
  const by = first.held.actor === undefined ? "" : ` by ${first.held.actor}`
  const why = first.held.reason === undefined ? "" : ` (${first.held.reason})`
  const rest = count === 1 ? ": release it first" : `, and ${count - 1} more: release them first`
  return `version ${first.label} of ${name} is held${by}${why}${rest}`
}

/**
 * Refuses what is held, whoever asks. That an artifact has held versions is seen by their number;
 * which ones was listed before, or is before anyone hears of the refusal.
 */
const heldIn = (
  views: ViewReader,
  { artifact: { id, name }, version }: ResolvedTarget,
  seen: ObservedUse | undefined,
): InUse | undefined => {
  if (version !== undefined) {
    if (version.held === undefined) return undefined
    const message = printHeld(name, 1, version)
    return new InUse({ message, consumers: [], held: [version.id] })
  }
  const count = views.view(versions).get(["holds", id]) ?? 0
  if (count === 0) return undefined
  const held = seen?.id === id ? seen.held : []
  const first = held[0] === undefined ? undefined : findById(views, held[0])?.version
  return new InUse({ message: printHeld(name, count, first), consumers: [], held })
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
  const bare = bareText(input.target, advice)
  if (bare !== undefined) return bare
  const resolved = resolveTarget(views, input.target)
  if (isRefusal(resolved)) return resolved
  const { artifact, version } = resolved
  const subject = (version ?? artifact).id
  const failed = checkExpectation(views, input.expect, { subject, artifact })
  if (failed !== undefined) return failed
  const held = heldIn(views, resolved, input.use)
  if (held !== undefined) return held
  const consumers = input.force === true ? undefined : consumersOf(views, subject, input.use)
  if (consumers !== undefined) return inUse(consumers)
  return hide(resolved, input.force)
}

export const deletion = command<DeleteInput>({
  name: "delete",
  parse: (input) =>
    parsing(() => {
      const { target: of, force, expect } = members(input)
      return {
        target: outright(of, advice),
        ...(flag(force, "options.force") ? { force: true as const } : {}),
        ...expected(expect),
      }
    }),
  decide: decideDeletion,
})
