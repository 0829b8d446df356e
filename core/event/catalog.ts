/**
 * Every event type of the ledger, one entry each: name, revision, schema, sentence, upcasts.
 *
 * A revision never changes its meaning. To change an event: raise its revision here, add the upcast
 * from the one before, and leave the recorded bytes of the old one in the golden corpus.
 */
import * as Schema from "effect/Schema"
import type { PlainMetadata } from "../model/metadata.js"
import {
  ArtifactTypeSchema,
  Count,
  IdSchema,
  PlainSchema,
  SaveTypeSchema,
} from "../model/schema.js"
import { ContentSchema, decodeContent, encodeContent } from "./content.js"
import { type EventsOf, eventType, type RecordedOf } from "./event.js"
import { decodeRecovery, encodeRecovery, printRecovery, RecoverySchema } from "./loss.js"
import {
  ArtifactPart,
  InputPart,
  printTaggings,
  printTarget,
  TaggingPart,
  TagPart,
  TargetPart,
  VersionPart,
  VersionTargetPart,
} from "./subject.js"
import { decodeSwept, encodeSwept, printSwept, SweptSchema } from "./swept.js"

const Metadata = Schema.Record(Schema.String, PlainSchema).pipe(
  Schema.refine((metadata): metadata is PlainMetadata => metadata !== null),
)
const True = Schema.Literal(true)

const keysOf = (values: object): string => Object.keys(values).join(", ")

const ledgerCreated = eventType({
  type: "ledger-created",
  revision: 1,
  schema: Schema.Struct({
    ledger: IdSchema,
    format: Count,
    hash: Schema.Literal("sha256"),
    chunking: PlainSchema,
  }),
  sentence: ({ ledger }) => `created the ledger ${ledger}`,
})

/** One after the other where what is to be said does not fit a record. */
const ledgerRecovered = eventType({
  type: "ledger-recovered",
  revision: 1,
  schema: RecoverySchema,
  sentence: printRecovery,
  wire: { encode: encodeRecovery, decode: decodeRecovery },
})

const versionSaved = eventType({
  type: "version-saved",
  revision: 1,
  schema: Schema.Struct({
    artifact: ArtifactPart,
    /** The artifact did not exist before this event. */
    created: Schema.optionalKey(True),
    version: VersionPart,
    type: ArtifactTypeSchema,
    saveType: SaveTypeSchema,
    materializer: Schema.String,
    description: Schema.optionalKey(Schema.String),
    content: ContentSchema,
    tags: Schema.Array(TaggingPart),
    metadata: Metadata,
    inputs: Schema.Array(InputPart),
    producer: Schema.optionalKey(
      Schema.Struct({
        name: Schema.String,
        run: Schema.optionalKey(Schema.String),
        step: Schema.optionalKey(Schema.String),
      }),
    ),
  }),
  sentence: ({ artifact, version, content, tags }) => {
    const tagged = tags.length === 0 ? "" : `, tagged ${printTaggings(tags, { artifact, version })}`
    return `saved version ${version.label} of ${artifact.name} (${content.size} bytes)${tagged}`
  },
  wire: { encode: encodeContent, decode: decodeContent },
})

const tagDefined = eventType({
  type: "tag-defined",
  revision: 1,
  schema: Schema.Struct({
    tag: TagPart,
    created: Schema.optionalKey(True),
    exclusive: Schema.Boolean,
    color: Schema.optionalKey(Schema.String),
    description: Schema.optionalKey(Schema.String),
  }),
  sentence: ({ tag, exclusive, created }) =>
    `${created ? "defined" : "redefined"} the ${exclusive ? "exclusive" : "plain"} tag ${tag.name}`,
})

const tagsAdded = eventType({
  type: "tags-added",
  revision: 1,
  schema: Schema.Struct({ target: TargetPart, tags: Schema.Array(TaggingPart) }),
  sentence: ({ target, tags }) => {
    const [tag] = tags
    if (tags.length !== 1 || tag?.from === undefined)
      return `tagged ${printTarget(target)} with ${printTaggings(tags, target)}`
    const { artifact, version } = tag.from
    return version === undefined
      ? `moved ${tag.name} from ${artifact.name} to ${target.artifact.name}`
      : `moved ${tag.name} of ${artifact.name} from ${version.label} to ${target.version?.label}`
  },
})

const tagsRemoved = eventType({
  type: "tags-removed",
  revision: 1,
  schema: Schema.Struct({ target: TargetPart, tags: Schema.Array(TagPart) }),
  sentence: ({ target, tags }) =>
    `took ${tags.map(({ name }) => name).join(", ")} off ${printTarget(target)}`,
})

const metadataLogged = eventType({
  type: "metadata-logged",
  revision: 1,
  schema: Schema.Struct({ target: TargetPart, values: Metadata }),
  sentence: ({ target, values }) => `logged ${keysOf(values)} for ${printTarget(target)}`,
})

const metadataRemoved = eventType({
  type: "metadata-removed",
  revision: 1,
  schema: Schema.Struct({ target: TargetPart, keys: Schema.Array(Schema.String) }),
  sentence: ({ target, keys }) => `removed ${keys.join(", ")} from ${printTarget(target)}`,
})

const versionDeleted = eventType({
  type: "version-deleted",
  revision: 1,
  schema: Schema.Struct({ target: VersionTargetPart, forced: Schema.optionalKey(True) }),
  sentence: ({ target }) => `deleted ${printTarget(target)}`,
})

const versionRestored = eventType({
  type: "version-restored",
  revision: 1,
  schema: Schema.Struct({ target: VersionTargetPart, inputs: Schema.Array(InputPart) }),
  sentence: ({ target }) => `restored ${printTarget(target)}`,
})

const artifactDeleted = eventType({
  type: "artifact-deleted",
  revision: 1,
  schema: Schema.Struct({ artifact: ArtifactPart, forced: Schema.optionalKey(True) }),
  sentence: ({ artifact }) => `deleted ${artifact.name} with all its versions`,
})

const artifactRestored = eventType({
  type: "artifact-restored",
  revision: 1,
  schema: Schema.Struct({ artifact: ArtifactPart }),
  sentence: ({ artifact }) => `restored ${artifact.name}`,
})

/** Neither a deletion nor a prune nor a sweep touches the version until the hold is released. */
const holdPlaced = eventType({
  type: "hold-placed",
  revision: 1,
  schema: Schema.Struct({ target: VersionTargetPart }),
  sentence: ({ target }) => `placed a hold on ${printTarget(target)}`,
})

const holdReleased = eventType({
  type: "hold-released",
  revision: 1,
  schema: Schema.Struct({ target: VersionTargetPart }),
  sentence: ({ target }) => `released the hold on ${printTarget(target)}`,
})

/** Of what was left in place. Lists the first of the entries that are not what they were. */
const driftObserved = eventType({
  type: "drift-observed",
  revision: 1,
  schema: Schema.Struct({
    target: VersionTargetPart,
    same: Count,
    changed: Count,
    missing: Count,
    extra: Count,
    entries: Schema.Array(
      Schema.Struct({
        path: Schema.String,
        change: Schema.Literals(["missing", "kind", "content", "mode", "extra"]),
      }),
    ),
  }),
  sentence: ({ target, same, changed, missing, extra }) =>
    changed + missing + extra === 0
      ? `found ${printTarget(target)} in place as it was registered`
      : `found ${printTarget(target)} drifted: ${changed} changed, ${missing} missing, ` +
        `${extra} extra, ${same} the same`,
})

/** Comes before the bytes go: from then on nothing needs them. */
const contentSwept = eventType({
  type: "content-swept",
  revision: 1,
  schema: SweptSchema,
  sentence: printSwept,
  wire: { encode: encodeSwept, decode: decodeSwept },
})

const requestSettled = eventType({
  type: "request-settled",
  revision: 1,
  schema: Schema.Struct({ command: Schema.String, result: PlainSchema }),
  sentence: ({ command }) => `asked for ${command}, which changed nothing`,
})

/** Every event type of the ledger's own. */
export const catalog = [
  ledgerCreated,
  ledgerRecovered,
  versionSaved,
  tagDefined,
  tagsAdded,
  tagsRemoved,
  metadataLogged,
  metadataRemoved,
  versionDeleted,
  versionRestored,
  artifactDeleted,
  artifactRestored,
  holdPlaced,
  holdReleased,
  driftObserved,
  contentSwept,
  requestSettled,
] as const

/** The data of the ledger's own events, by type. */
export type CoreEvents = EventsOf<typeof catalog>

/** The ledger's own events, told apart by `type`. */
export type CoreRecorded = RecordedOf<CoreEvents>

/** A fact of one of the ledger's own types. */
export const fact = <T extends keyof CoreEvents & string>(
  type: T,
  data: CoreEvents[T],
  subjects: ReadonlyArray<string>,
) => ({ type, data, subjects })
