/**
 * A recorded event as the call that it came from, decided once more: in a ledger that lacks some of
 * what was there, the fact comes out otherwise, or is refused.
 *
 * Folds rely on what decisions guarantee (dense ordinals, holders, targets that exist), so events
 * of a damaged ledger are not copied, but decided. Plain functions: no clock, nothing fresh.
 */
import { isDeepStrictEqual } from "node:util"
import type { AnyCommand, Stamp } from "../command/command.js"
import { defineTag } from "../command/define-tag.js"
import { deletion } from "../command/delete.js"
import { hold } from "../command/hold.js"
import { logMetadata } from "../command/log-metadata.js"
import { observeDrift } from "../command/observe-drift.js"
import { release } from "../command/release.js"
import { removeMetadata } from "../command/remove-metadata.js"
import { restore } from "../command/restore.js"
import { saveVersion } from "../command/save-version.js"
import { settleRequest } from "../command/settle-request.js"
import { sweepContent } from "../command/sweep-content.js"
import { tag } from "../command/tag.js"
import { untag } from "../command/untag.js"
import { isRefusal, type Refusal } from "../errors.js"
import type { CoreEvents, CoreRecorded } from "../event/catalog.js"
import type { Fact } from "../event/event.js"
import type { Tagging, TargetRef } from "../event/subject.js"
import type { Id } from "../model/names.js"
import { byId, type ParsedTarget } from "../model/reference.js"
import { findArtifact, findById, resolveVersion } from "../projection/resolve.js"
import { tags as tagViews } from "../projection/tags.js"
import type { ViewReader } from "../view/draft.js"

/** What became of an event: a fact, maybe not quite the one it was, or why there is none. */
export type Redecided =
  | { readonly fact: Fact<string, unknown>; readonly altered?: string }
  | { readonly refused: string }

interface Asked {
  readonly command: AnyCommand
  readonly input: unknown
  /** In the order in which the decision draws them. */
  readonly ids: ReadonlyArray<Id>
}

const targetOf = ({ artifact, version }: TargetRef): ParsedTarget =>
  version === undefined
    ? { kind: "artifact", name: artifact.name }
    : { kind: "version", reference: byId(version.id) }

/** The ids of tags that come to be by this, since nothing that is left made them. */
const newTags = (views: ViewReader, taggings: ReadonlyArray<Tagging>): ReadonlyArray<Id> =>
  taggings.flatMap(({ id, name }) =>
    views.view(tagViews).get(["name", name]) === undefined ? [id] : [],
  )

const namesOf = (tags: ReadonlyArray<{ readonly name: string }>): ReadonlyArray<string> =>
  tags.map(({ name }) => name)

const askedSave = (data: CoreEvents["version-saved"], views: ViewReader): Asked => {
  const { artifact, version, materializer, metadata, tags, content, type, saveType } = data
  const { description, producer } = data
  // An input that is lost is no reason to lose what was made from it.
  const inputs = data.inputs.filter(({ id }) => !isRefusal(resolveVersion(views, byId(id))))
  const input = {
    id: version.id,
    name: artifact.name,
    label: version.label,
    saved: {
      content,
      type,
      saveType,
      ...(description === undefined ? {} : { description }),
      ...(producer === undefined ? {} : { producer }),
    },
    materializer,
    tags: namesOf(tags),
    metadata,
    automatic: {},
    inputs: inputs.map(({ id, as }) => ({
      reference: byId(id),
      ...(as === undefined ? {} : { as }),
    })),
  }
  const isNew = findArtifact(views, artifact.name) === undefined
  const ids = [...(isNew ? [artifact.id] : []), ...newTags(views, tags)]
  return { command: saveVersion, input, ids }
}

/**
 * That nothing in use was deleted is true since it was decided: who used it then was deleted
 * before, also where that event is lost. But a hold stays where its release is lost: what it keeps
 * must not go by an inference.
 */
const askedDeletion = (target: TargetRef, forced: true | undefined, position: number): Asked => {
  const { id } = target.version ?? target.artifact
  const use = { id, position, consumers: [], held: [] }
  const input = { target: targetOf(target), use, ...(forced === true ? { force: true } : {}) }
  return { command: deletion, input, ids: [] }
}

const without = (command: AnyCommand, input: unknown): Asked => ({ command, input, ids: [] })

const askedDefinition = (data: CoreEvents["tag-defined"]): Asked => {
  const { tag: of, exclusive, color, description } = data
  const meaning = {
    exclusive,
    ...(color === undefined ? {} : { color }),
    ...(description === undefined ? {} : { description }),
  }
  return { command: defineTag, input: { name: of.name, ...meaning }, ids: [of.id] }
}

/** What was asked for; undefined for events that no command of a caller's makes. */
const askedBy = (
  event: CoreRecorded,
  views: ViewReader,
  { position }: Pick<Stamp, "position">,
): Asked | undefined => {
  switch (event.type) {
    case "version-saved":
      return askedSave(event.data, views)
    case "tag-defined":
      return askedDefinition(event.data)
    case "tags-added": {
      const { target, tags } = event.data
      const input = { target: targetOf(target), tags: namesOf(tags) }
      return { command: tag, input, ids: newTags(views, tags) }
    }
    case "tags-removed": {
      const { target, tags } = event.data
      return without(untag, { target: targetOf(target), tags: namesOf(tags) })
    }
    case "metadata-logged": {
      const { target, values } = event.data
      return without(logMetadata, { target: targetOf(target), values })
    }
    case "metadata-removed": {
      const { target, keys } = event.data
      return without(removeMetadata, { target: targetOf(target), keys })
    }
    case "version-deleted":
      return askedDeletion(event.data.target, event.data.forced, position)
    case "artifact-deleted":
      return askedDeletion({ artifact: event.data.artifact }, event.data.forced, position)
    case "version-restored":
      return without(restore, { target: targetOf(event.data.target) })
    case "artifact-restored":
      return without(restore, { target: targetOf(event.data) })
    case "hold-placed":
      return without(hold, { target: targetOf(event.data.target) })
    case "hold-released":
      return without(release, { target: targetOf(event.data.target) })
    case "drift-observed": {
      const { target, ...found } = event.data
      return without(observeDrift, { target: targetOf(target), ...found })
    }
    case "content-swept": {
      const versions = event.data.versions.map(({ version }) => version.id)
      return without(sweepContent, { versions, before: Number.POSITIVE_INFINITY })
    }
    case "request-settled":
      return without(settleRequest, event.data)
    default:
      return undefined
  }
}

/** Where refusals say positions, which are not those of the ledger before, it is said anew. */
const said = (refusal: Refusal): string => {
  switch (refusal._tag) {
    case "ArtifactMissing":
      return `the artifact ${refusal.artifact} is not there by then`
    case "VersionMissing":
      return "its version is not there by then"
    default:
      return refusal.message
  }
}

interface Parts {
  readonly tags?: ReadonlyArray<Tagging>
  readonly inputs?: ReadonlyArray<{ readonly id: string; readonly as?: string }>
  readonly keys?: ReadonlyArray<string>
  readonly versions?: ReadonlyArray<unknown>
}

const holder = ({ id, exclusive, from }: Tagging) => {
  const before = from?.version ?? from?.artifact
  return [id, exclusive === true, before?.id]
}

/** Where a fact differs from what was recorded; its ordinals are counted anew, and may differ. */
const difference = (before: Parts, after: Parts): string | undefined => {
  const { inputs = [], keys = [], tags = [], versions } = before
  if (!isDeepStrictEqual(inputs, after.inputs ?? [])) return "of its inputs some are not there"
  if (!isDeepStrictEqual(keys, after.keys ?? [])) return "of its keys some are not there"
  if (versions?.length !== after.versions?.length) return "of its versions some are not deleted"
  const changed = tags.filter(({ id }, index) => {
    const now = after.tags?.[index]
    return now?.id !== id || !isDeepStrictEqual(holder(tags[index] ?? now), holder(now))
  })
  if (changed.length === 0 && tags.length === (after.tags ?? []).length) return undefined
  return `its tags are not what they were: ${namesOf(tags).join(", ")}`
}

/** A retry of a save that found its version there already is answered with that version. */
const answersNothing = ({ data }: CoreRecorded, views: ViewReader): boolean => {
  const { command, result } = data as CoreEvents["request-settled"]
  return command === saveVersion.name && findById(views, String(result)) === undefined
}

const drawing = (ids: ReadonlyArray<Id>): (() => Id) => {
  const left = [...ids]
  return () => {
    const id = left.shift()
    if (id === undefined) throw new Error("the decision draws more ids than its event names")
    return id
  }
}

/** Decides one of the ledger's own events again. */
export const redecide = (
  event: CoreRecorded,
  views: ViewReader,
  { position, time }: Pick<Stamp, "position" | "time">,
): Redecided => {
  const asked = askedBy(event, views, { position })
  const subjects = event.subjects.map(({ id }) => id)
  if (asked === undefined) return { fact: { type: event.type, data: event.data, subjects } }
  if (event.type === "request-settled" && answersNothing(event, views))
    return { refused: "the version that it answers with is not there" }
  const stamp: Stamp = { position, time, id: drawing(asked.ids) }
  const decided = asked.command.decide(asked.input as never, views, stamp)
  if (isRefusal(decided)) return { refused: said(decided) }
  const [fact] = decided.facts
  if (fact === undefined) return { refused: "it changes nothing any more" }
  const altered = difference(event.data as Parts, fact.data as Parts)
  return { fact, ...(altered === undefined ? {} : { altered }) }
}
