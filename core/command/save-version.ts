/**
 * Saves a version: one event that makes the artifact when it is new and carries everything known
 * about the version. The bytes are durable before this is decided.
 *
 * With `reuse`, content equal to that of the latest version, written by the same materializer,
 * makes no new one: tags and metadata that differ are put on the existing version, and what else
 * the call says of a version (inputs, producer, description, type) is not used.
 */
import { isRefusal, LimitExceeded, type Refusal, VersionExists } from "../errors.js"
import { type CoreEvents, type CoreRecorded, fact } from "../event/catalog.js"
import type { ArtifactRef, VersionRef } from "../event/subject.js"
import { targetIds } from "../event/subject.js"
import { metadataBytesMax, metadataKeyCountMax } from "../limits.js"
import type { Link } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import type { PlainMetadata } from "../model/metadata.js"
import { pack, packedLength } from "../model/msgpack.js"
import type { Id } from "../model/names.js"
import type { ParsedReference } from "../model/reference.js"
import { type ArtifactRow, artifacts } from "../projection/artifacts.js"
import {
  artifactRef,
  findArtifact,
  findByLabel,
  resolveVersion,
  taken,
  targetRef,
  versionAt,
} from "../projection/resolve.js"
import { tags as tagViews } from "../projection/tags.js"
import type { VersionRow } from "../projection/versions.js"
import type { ViewReader } from "../view/draft.js"
import { command, type Decided, type Stamp, unchanged } from "./command.js"
import type { Expectation } from "./expect.js"
import { checkExpectation } from "./expect.js"
import { fitsRecord } from "./fit.js"
import { checkRoom } from "./log-metadata.js"
import { planTaggings, taggingSubjects } from "./taggings.js"

type Saved = CoreEvents["version-saved"]

/** What intake made of a call: options checked, content stored. */
export interface SaveInput {
  /** The id of the version, if one is made. */
  readonly id: Id
  readonly name: string
  readonly label?: string
  readonly saved: Pick<Saved, "type" | "saveType" | "description" | "content" | "producer">
  /** `name@revision`. */
  readonly materializer: string
  readonly tags: ReadonlyArray<string>
  /** Given by the caller; wins over what was read off the value. */
  readonly metadata: PlainMetadata
  readonly automatic: PlainMetadata
  /** Of a folder: what was seen of its entries beside their content. */
  readonly states?: Digest
  readonly inputs: ReadonlyArray<{ readonly reference: ParsedReference; readonly as?: string }>
  readonly reuse?: true
  readonly expect?: Expectation
}

const newArtifact = (views: ViewReader, name: string, stamp: Stamp): ArtifactRef => ({
  id: stamp.id(),
  name,
  ordinal: (views.view(artifacts).get(["count"]) ?? 0) + 1,
})

const nextLabel = (artifact: ArtifactRow | undefined): string | LimitExceeded => {
  const number = (artifact?.counter ?? 0) + 1
  if (Number.isSafeInteger(number)) return String(number)
  return new LimitExceeded({
    message: `${artifact?.name} has used the largest version number: give a label`,
    limit: "versionNumberMax",
    allowed: Number.MAX_SAFE_INTEGER,
    actual: number,
  })
}

const labelRefusal = (
  views: ViewReader,
  artifact: ArtifactRow,
  label: string,
): Refusal | undefined => {
  const { name, id } = artifact
  const rows = views.view(tagViews)
  const labelled = findByLabel(views, artifact, label)
  if (labelled !== undefined) {
    const verb = labelled.deleted === undefined ? "has" : "has had"
    const message = `${name} ${verb} a version ${label} already: choose another label`
    return new VersionExists({ message, artifact: name, version: label })
  }
  const tag = rows.get(["name", label])
  const clash = tag?.exclusive === true && rows.get(["holders", tag.id, id]) !== undefined
  const message = `${label} is an exclusive tag of ${name}: choose another label`
  return clash ? taken(label, message, [`${name}@${label}`]) : undefined
}

const resolveInputs = (
  views: ViewReader,
  inputs: SaveInput["inputs"],
): Saved["inputs"] | Refusal => {
  const resolved: Array<Saved["inputs"][number]> = []
  for (const { reference, as } of inputs) {
    const found = resolveVersion(views, reference)
    if (isRefusal(found)) return found
    const id = found.version.id as Id
    const artifactId = found.artifact.id as Id
    if (resolved.some((input) => input.id === id && input.as === as)) continue
    resolved.push({ id, artifactId, ...(as === undefined ? {} : { as }) })
  }
  return resolved
}

/** The fact of a save, given all but its metadata. */
const savedFact = (
  { automatic, metadata }: SaveInput,
  data: (metadata: PlainMetadata) => Saved,
  subjects: ReadonlyArray<string>,
) => {
  const room = metadataKeyCountMax - Object.keys(metadata).length
  const more = Object.entries(automatic).filter(([key]) => !Object.hasOwn(metadata, key))
  const together = { ...Object.fromEntries(more.slice(0, room)), ...metadata }
  const whole = data(together)
  // What was read off the value fails no save: it is left out where there is no room for it.
  const bytes = packedLength(together)
  const fits = bytes <= metadataBytesMax && fitsRecord(whole, subjects.length, bytes)
  return fact("version-saved", fits ? whole : data(metadata), subjects)
}

const saveNew = (
  input: SaveInput,
  artifact: ArtifactRow | undefined,
  views: ViewReader,
  stamp: Stamp,
): Decided | Refusal => {
  const label = input.label ?? nextLabel(artifact)
  if (typeof label !== "string") return label
  const refusal = artifact === undefined ? undefined : labelRefusal(views, artifact, label)
  if (refusal !== undefined) return refusal
  const inputs = resolveInputs(views, input.inputs)
  if (isRefusal(inputs)) return inputs
  const ref = artifact === undefined ? newArtifact(views, input.name, stamp) : artifactRef(artifact)
  const version: VersionRef = { id: input.id, label, ordinal: (artifact?.versions ?? 0) + 1 }
  const target = { artifact: ref, version }
  const taggings = planTaggings(views, target, [], input.tags, stamp)
  if (isRefusal(taggings)) return taggings
  // Members one by one, in the order of the record, so that nothing has to be sorted or copied.
  const data = (metadata: PlainMetadata): Saved => {
    const { description, producer, saveType, type } = input.saved
    const { materializer, states } = input
    const content = states === undefined ? input.saved.content : { ...input.saved.content, states }
    const saved: { -readonly [K in keyof Saved]?: Saved[K] } = { artifact: ref, content }
    if (artifact === undefined) saved.created = true
    if (description !== undefined) saved.description = description
    saved.inputs = inputs
    saved.materializer = materializer
    saved.metadata = metadata
    if (producer !== undefined) saved.producer = producer
    saved.saveType = saveType
    saved.tags = taggings
    saved.type = type
    saved.version = version
    return saved as Saved
  }
  const saved = savedFact(input, data, [...targetIds(target), ...taggingSubjects(taggings)])
  return { facts: [saved], result: input.id }
}

const differs = (row: VersionRow, values: PlainMetadata): PlainMetadata =>
  Object.fromEntries(
    Object.entries(values).filter(
      ([key, value]) =>
        !Object.hasOwn(row.metadata, key) ||
        Buffer.compare(pack(value), pack(row.metadata[key] ?? null)) !== 0,
    ),
  )

const isSameLink = (a: Link | undefined, b: Link | undefined): boolean =>
  a?.root === b?.root && a?.path === b?.path && a?.file === b?.file

/** Whether a version already is what a call asks for: its bytes, read in the same way. */
const isSame = (input: SaveInput, { label, content, materializer }: VersionRow): boolean =>
  (input.label === undefined || input.label === label) &&
  content.digest === input.saved.content.digest &&
  isSameLink(content.link, input.saved.content.link) &&
  materializer === input.materializer

const reuseLatest = (
  input: SaveInput,
  artifact: ArtifactRow,
  version: VersionRow,
  views: ViewReader,
  stamp: Stamp,
): Decided | Refusal => {
  const target = targetRef({ artifact, version })
  const taggings = planTaggings(views, target, version.tags, input.tags, stamp)
  if (isRefusal(taggings)) return taggings
  const values = differs(version, input.metadata)
  const exceeded = checkRoom(version.metadata, values)
  if (exceeded !== undefined) return exceeded
  const ids = targetIds(target)
  const facts = [
    ...(taggings.length === 0
      ? []
      : [fact("tags-added", { target, tags: taggings }, [...ids, ...taggingSubjects(taggings)])]),
    ...(Object.keys(values).length === 0 ? [] : [fact("metadata-logged", { target, values }, ids)]),
  ]
  return facts.length === 0 ? unchanged(version.id) : { facts, result: version.id }
}

export const saveVersion = command<SaveInput>({
  name: "save-version",
  // Intake has parsed the call before it stored the content.
  parse: (input) => input as SaveInput,
  recall: (events) => {
    const [event] = events as ReadonlyArray<CoreRecorded>
    if (event?.type === "version-saved") return event.data.version.id
    const reused = event?.type === "tags-added" || event?.type === "metadata-logged"
    return reused ? (event.data.target.version?.id ?? null) : null
  },
  decide: (input, views, stamp) => {
    const artifact = findArtifact(views, input.name)
    if (artifact?.deleted !== undefined) {
      const message = `the artifact ${input.name} is deleted, and its name stays taken: restore it`
      return taken(input.name, message, [artifact.id])
    }
    const about = { subject: artifact?.id, artifact, tags: input.tags }
    const failed = checkExpectation(views, input.expect, about)
    if (failed !== undefined) return failed
    const latest =
      input.reuse === true && artifact?.latest !== undefined
        ? versionAt(views, [artifact.id, artifact.latest])
        : undefined
    const same = latest !== undefined && isSame(input, latest)
    return artifact !== undefined && same
      ? reuseLatest(input, artifact, latest, views, stamp)
      : saveNew(input, artifact, views, stamp)
  },
})
