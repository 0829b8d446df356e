/**
 * Every error of Daybook on one page, grouped by whose turn it is.
 *
 * The first four kinds are refusals: decisions return them as values, nothing was stored. The last
 * two are failures, and only storage makes them. Knows no protocol: faces map kinds to statuses.
 */
import * as Schema from "effect/Schema"

const kinds = ["invalid", "missing", "conflict", "exceeded", "unavailable", "corrupt"] as const
const known = new Set<unknown>(kinds)
export type ErrorKind = (typeof kinds)[number]

const text = { message: Schema.String }
const located = { ...text, path: Schema.String }
const strings = Schema.Array(Schema.String)
const label = Schema.NullOr(Schema.Union([Schema.String, Schema.Number]))

// invalid: the caller fixes the input

/** A value outside the rules. `path` locates the offending part, as in `metadata.scores[3]`. */
export class InvalidInput extends Schema.TaggedError<InvalidInput>()("InvalidInput", located) {
  readonly kind = "invalid" as const
}

/** A reference that cannot be read, or that names something which is not a version. */
export class InvalidReference extends Schema.TaggedError<InvalidReference>()("InvalidReference", {
  ...text,
  reference: Schema.String,
}) {
  readonly kind = "invalid" as const
}

// missing: the caller names something that exists

/** No artifact of this name at that moment. `candidates` lists the closest names first. */
export class ArtifactMissing extends Schema.TaggedError<ArtifactMissing>()("ArtifactMissing", {
  ...text,
  artifact: Schema.String,
  candidates: strings,
}) {
  readonly kind = "missing" as const
}

/** The artifact exists, the version does not. `candidates` lists the closest labels first. */
export class VersionMissing extends Schema.TaggedError<VersionMissing>()("VersionMissing", {
  ...text,
  artifact: Schema.String,
  selector: Schema.String,
  candidates: strings,
}) {
  readonly kind = "missing" as const
}

export class TagMissing extends Schema.TaggedError<TagMissing>()("TagMissing", {
  ...text,
  tag: Schema.String,
  candidates: strings,
}) {
  readonly kind = "missing" as const
}

/** The bytes were swept or erased on purpose, at `position`. Never a corruption. */
export class ContentGone extends Schema.TaggedError<ContentGone>()("ContentGone", {
  ...text,
  digest: Schema.String,
  position: Schema.Number,
  time: Schema.Number,
  actor: Schema.optionalKey(Schema.String),
  reason: Schema.optionalKey(Schema.String),
}) {
  readonly kind = "missing" as const
}

// conflict: the caller looks again

export class VersionExists extends Schema.TaggedError<VersionExists>()("VersionExists", {
  ...text,
  artifact: Schema.String,
  version: Schema.String,
}) {
  readonly kind = "conflict" as const
}

/** The name is taken by something else: a deleted artifact, a label, or an exclusive tag. */
export class NameTaken extends Schema.TaggedError<NameTaken>()("NameTaken", {
  ...text,
  taken: Schema.String,
  holders: strings,
}) {
  readonly kind = "conflict" as const
}

export class AmbiguousReference extends Schema.TaggedError<AmbiguousReference>()(
  "AmbiguousReference",
  { ...text, reference: Schema.String, candidates: strings },
) {
  readonly kind = "conflict" as const
}

/** What the caller expected of the ledger is not so. `actual` is what it holds. */
export class ExpectationFailed extends Schema.TaggedError<ExpectationFailed>()(
  "ExpectationFailed",
  {
    ...text,
    expectation: Schema.Literals(["position", "latest", "holder"]),
    expected: label,
    actual: label,
  },
) {
  readonly kind = "conflict" as const
}

/** This idempotency key was used with another input, at `position`. */
export class IdempotencyMismatch extends Schema.TaggedError<IdempotencyMismatch>()(
  "IdempotencyMismatch",
  { ...text, idempotencyKey: Schema.String, position: Schema.Number },
) {
  readonly kind = "conflict" as const
}

/** Registered files are no longer what was registered. */
export class ContentDrifted extends Schema.TaggedError<ContentDrifted>()(
  "ContentDrifted",
  located,
) {
  readonly kind = "conflict" as const
}

/** The file to write is already there. */
export class TargetExists extends Schema.TaggedError<TargetExists>()("TargetExists", located) {
  readonly kind = "conflict" as const
}

/** Surviving versions use it as input (`consumers`), or it is held, which force does not change. */
export class InUse extends Schema.TaggedError<InUse>()("InUse", {
  ...text,
  consumers: strings,
  held: strings,
}) {
  readonly kind = "conflict" as const
}

/** The stored value is not of the type asked for. `path` locates the first difference. */
export class TypeMismatch extends Schema.TaggedError<TypeMismatch>()("TypeMismatch", located) {
  readonly kind = "conflict" as const
}

// exceeded: the caller makes it smaller

/** A bound of `limits.ts` was passed. `limit` is its name there. */
export class LimitExceeded extends Schema.TaggedError<LimitExceeded>()("LimitExceeded", {
  ...text,
  limit: Schema.String,
  allowed: Schema.Number,
  actual: Schema.Number,
}) {
  readonly kind = "exceeded" as const
}

// unavailable: the operator looks at the disk, the lock, the network

/**
 * What became of a write that failed: `none` of it is stored, all is (`committed`), or either may
 * be (`unknown`): reopen the ledger, and a retry under the same key gives the one right answer.
 */
export type Outcome = "none" | "unknown" | "committed"

const storage = {
  ...text,
  operation: Schema.String,
  reason: Schema.Literals([
    "full",
    "read-only",
    "permission",
    "missing",
    "conflict",
    "stopped",
    "damaged",
    "io",
  ]),
  outcome: Schema.Literals(["none", "unknown", "committed"]),
  cause: Schema.optionalKey(Schema.Defect()),
}

export class LogFailure extends Schema.TaggedError<LogFailure>()("LogFailure", storage) {
  readonly kind = "unavailable" as const
}

export class ViewFailure extends Schema.TaggedError<ViewFailure>()("ViewFailure", storage) {
  readonly kind = "unavailable" as const
}

export class BlobFailure extends Schema.TaggedError<BlobFailure>()("BlobFailure", storage) {
  readonly kind = "unavailable" as const
}

/** Reading a caller's stream or writing a caller's file failed; the ledger itself is well. */
export class FileFailure extends Schema.TaggedError<FileFailure>()("FileFailure", storage) {
  readonly kind = "unavailable" as const
}

export class LedgerLocked extends Schema.TaggedError<LedgerLocked>()("LedgerLocked", {
  ...text,
  directory: Schema.String,
  pid: Schema.optionalKey(Schema.Number),
}) {
  readonly kind = "unavailable" as const
}

export class LedgerClosed extends Schema.TaggedError<LedgerClosed>()("LedgerClosed", text) {
  readonly kind = "unavailable" as const
}

/** The ledger can only be asked: opened so, or found damaged, and the `cause` says where. */
export class LedgerReadOnly extends Schema.TaggedError<LedgerReadOnly>()("LedgerReadOnly", {
  ...text,
  directory: Schema.String,
  cause: Schema.optionalKey(Schema.Defect()),
}) {
  readonly kind = "unavailable" as const
}

// corrupt: the operator restores

const stretch = { from: Schema.Number, to: Schema.Number }

/** Events `from` to `to` are damaged or missing. */
export class RecordCorrupted extends Schema.TaggedError<RecordCorrupted>()("RecordCorrupted", {
  ...text,
  ...stretch,
}) {
  readonly kind = "corrupt" as const
}

/** Content that is damaged or missing; its version and its bytes in `blob/packs/`, where known. */
export class BlobCorrupted extends Schema.TaggedError<BlobCorrupted>()("BlobCorrupted", {
  ...text,
  digest: Schema.String,
  where: Schema.optionalKey(Schema.Struct({ pack: Schema.String, ...stretch })),
  artifact: Schema.optionalKey(Schema.String),
  version: Schema.optionalKey(Schema.String),
}) {
  readonly kind = "corrupt" as const
}

/** Not the ledger it should be (`expected`, `found`), or a newer program's. It was not touched. */
export class WrongLedger extends Schema.TaggedError<WrongLedger>()("WrongLedger", {
  ...text,
  directory: Schema.optionalKey(Schema.String),
  expected: Schema.optionalKey(Schema.String),
  found: Schema.optionalKey(Schema.String),
}) {
  readonly kind = "corrupt" as const
}

/** What a decision may answer in place of facts. Nothing was stored. */
export type Refusal =
  | InvalidInput
  | InvalidReference
  | ArtifactMissing
  | VersionMissing
  | TagMissing
  | ContentGone
  | VersionExists
  | NameTaken
  | AmbiguousReference
  | ExpectationFailed
  | IdempotencyMismatch
  | ContentDrifted
  | TargetExists
  | InUse
  | TypeMismatch
  | LimitExceeded

export type Failure =
  | LogFailure
  | ViewFailure
  | BlobFailure
  | FileFailure
  | LedgerLocked
  | LedgerClosed
  | LedgerReadOnly
  | RecordCorrupted
  | BlobCorrupted
  | WrongLedger

export type DaybookError = Refusal | Failure

/** Tells a refusal from what a decision or a parser answers otherwise, which is never an error. */
export const isRefusal = (answer: unknown): answer is Refusal =>
  answer instanceof Error && isDaybookError(answer) && !isFailure(answer)

/** Tells an error of this page from whatever else foreign code throws. */
export const isDaybookError = (thrown: unknown): thrown is DaybookError =>
  thrown instanceof Error && "_tag" in thrown && "kind" in thrown && known.has(thrown.kind)

export const isFailure = (error: DaybookError): error is Failure =>
  error.kind === "unavailable" || error.kind === "corrupt"
