/**
 * The parts that event data share: what an event is about, with the names it had then, so that an
 * event can be read, and rendered as one sentence, without looking anything up.
 */
import * as Schema from "effect/Schema"
import { Count, IdSchema } from "../model/schema.js"

export const ArtifactPart = Schema.Struct({
  id: IdSchema,
  name: Schema.String,
  /** Counts artifacts from 1 in the order of their creation. */
  ordinal: Count,
})

export const VersionPart = Schema.Struct({
  id: IdSchema,
  label: Schema.String,
  /** Counts the versions of an artifact from 1 in the order of their positions. */
  ordinal: Count,
})

/** An artifact, or one version of it. */
export const TargetPart = Schema.Struct({
  artifact: ArtifactPart,
  version: Schema.optionalKey(VersionPart),
})

export const VersionTargetPart = Schema.Struct({ artifact: ArtifactPart, version: VersionPart })

/** A version that another was made from. `as` is its role there, if it was given. */
export const InputPart = Schema.Struct({
  id: IdSchema,
  artifactId: IdSchema,
  as: Schema.optionalKey(Schema.String),
})

export const TagPart = Schema.Struct({ id: IdSchema, name: Schema.String })

/** A tag as it was put on a target. */
export const TaggingPart = Schema.Struct({
  id: IdSchema,
  name: Schema.String,
  exclusive: Schema.optionalKey(Schema.Literal(true)),
  /** The tag did not exist before this event. */
  created: Schema.optionalKey(Schema.Literal(true)),
  /** Who held the exclusive tag until this event. */
  from: Schema.optionalKey(TargetPart),
})

export type ArtifactRef = typeof ArtifactPart.Type
export type VersionRef = typeof VersionPart.Type
export type TargetRef = typeof TargetPart.Type
export type VersionTarget = typeof VersionTargetPart.Type
export type Tagging = typeof TaggingPart.Type

/** `model`, or `version 7 of model`. */
export const printTarget = ({ artifact, version }: TargetRef): string =>
  version === undefined ? artifact.name : `version ${version.label} of ${artifact.name}`

/** The ids of a target, for the subjects of a fact. */
export const targetIds = ({ artifact, version }: TargetRef): ReadonlyArray<string> =>
  version === undefined ? [artifact.id] : [version.id, artifact.id]

const printTagging = ({ name, exclusive, from }: Tagging, target: TargetRef): string => {
  if (exclusive !== true || from === undefined) return name
  const holder = from.version?.label ?? from.artifact.name
  return `${name} (held by ${holder} before ${target.version?.label ?? target.artifact.name})`
}

/** `production (held by 6 before 7), candidate`. */
export const printTaggings = (tags: ReadonlyArray<Tagging>, target: TargetRef): string =>
  tags.map((tag) => printTagging(tag, target)).join(", ")
