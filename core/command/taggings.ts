/**
 * Deciding what it means to put tags on a target: which are new, which move from another holder.
 */
import { isRefusal, LimitExceeded, type Refusal } from "../errors.js"
import type { Tagging, TargetRef } from "../event/subject.js"
import { targetIds } from "../event/subject.js"
import { targetTagCountMax } from "../limits.js"
import type { Id } from "../model/names.js"
import {
  artifactAt,
  artifactRef,
  holderOrdinal,
  taken,
  versionAt,
  versionRef,
} from "../projection/resolve.js"
import { ledgerScope, scopeOf, type TagRow, tags } from "../projection/tags.js"
import type { ViewReader } from "../view/draft.js"
import type { Stamp } from "./command.js"

/** Who holds an exclusive tag in the scope of the target. */
const currentHolder = (
  views: ViewReader,
  tag: TagRow,
  target: TargetRef,
): TargetRef | undefined => {
  const scope = scopeOf(target)
  const ordinal = holderOrdinal(views, tag, scope)
  if (ordinal === undefined) return undefined
  if (scope !== ledgerScope) {
    const version = versionAt(views, [scope, ordinal])
    return version && { artifact: target.artifact, version: versionRef(version) }
  }
  const artifact = artifactAt(views, ordinal)
  return artifact && { artifact: artifactRef(artifact) }
}

const planOne = (
  views: ViewReader,
  target: TargetRef,
  name: string,
  stamp: Stamp,
): Tagging | Refusal => {
  const tag = views.view(tags).get(["name", name])
  if (tag === undefined) return { id: stamp.id(), name, created: true }
  const id = tag.id as Id
  if (!tag.exclusive) return { id, name }
  const { artifact, version } = target
  const labels = views.view(tags)
  const labelled = version?.label === name || labels.get(["label", artifact.id, name]) !== undefined
  if (version !== undefined && labelled) {
    const message = `${name} is the label of a version of ${artifact.name}: no exclusive tag there`
    return taken(name, message, [`${artifact.name}@${name}`])
  }
  const from = currentHolder(views, tag, target)
  return { id, name, exclusive: true, ...(from === undefined ? {} : { from }) }
}

/**
 * The taggings for tags that the target does not hold yet. `held` are the ids of those it does.
 */
export const planTaggings = (
  views: ViewReader,
  target: TargetRef,
  held: ReadonlyArray<string>,
  names: ReadonlyArray<string>,
  stamp: Stamp,
): ReadonlyArray<Tagging> | Refusal => {
  const taggings: Array<Tagging> = []
  for (const name of names) {
    const tagging = planOne(views, target, name, stamp)
    if (isRefusal(tagging)) return tagging
    if (!held.includes(tagging.id)) taggings.push(tagging)
  }
  const actual = held.length + taggings.length
  if (actual <= targetTagCountMax) return taggings
  return new LimitExceeded({
    message: `a target holds at most ${targetTagCountMax} tags, not ${actual}: take some off`,
    limit: "targetTagCountMax",
    allowed: targetTagCountMax,
    actual,
  })
}

/** The ids that an event with these taggings is about, besides those of its target. */
export const taggingSubjects = (taggings: ReadonlyArray<Tagging>): ReadonlyArray<string> =>
  taggings.flatMap(({ id, from }) => (from === undefined ? [id] : [id, ...targetIds(from)]))
