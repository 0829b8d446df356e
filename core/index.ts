/**
 * Daybook for users of promises: open a ledger, bring your own types, and name everything that its
 * answers, options and errors are.
 */
import type * as Api from "./ledger/api.js"
import type { Tables } from "./view/draft.js"

export type { ByteRange, ContentDamage } from "./blob/blob-store.js"
export type { AnyCommand, Command, Decided, Stamp } from "./command/command.js"
export { command } from "./command/command.js"
export type { Expectation } from "./command/expect.js"
export type { DriftedEntry } from "./directory/drift.js"
export type { DaybookError, ErrorKind, Failure, Outcome, Refusal } from "./errors.js"
export {
  AmbiguousReference,
  ArtifactMissing,
  BlobCorrupted,
  BlobFailure,
  ContentDrifted,
  ContentGone,
  ExpectationFailed,
  FileFailure,
  IdempotencyMismatch,
  InUse,
  InvalidInput,
  InvalidReference,
  isDaybookError,
  isFailure,
  isRefusal,
  LedgerClosed,
  LedgerLocked,
  LedgerReadOnly,
  LimitExceeded,
  LogFailure,
  NameTaken,
  RecordCorrupted,
  TagMissing,
  TargetExists,
  TypeMismatch,
  VersionExists,
  VersionMissing,
  ViewFailure,
  WrongLedger,
} from "./errors.js"
export type { CoreEvents, CoreRecorded } from "./event/catalog.js"
export type {
  AnyEventType,
  Context,
  EventMap,
  EventType,
  Fact,
  Recorded,
  Subject,
  Upcast,
} from "./event/event.js"
export { eventType } from "./event/event.js"
export type { LostContent, Note } from "./event/loss.js"
export type {
  ArtifactUsage,
  BackupReceipt,
  Drift,
  KeptReason,
  LostVersion,
  ObservedDrift,
  Stats,
  Swept,
  Usage,
  Verified,
  VerifyFinding,
  WhyKept,
} from "./ledger/answers.js"
export type {
  Archive as ArchiveApi,
  BatchBuilder,
  BatchResults,
  Planned,
  ReaderApi,
  Receipt,
  StepOptions,
  View as ViewApi,
  ViewPage,
} from "./ledger/api.js"
export type {
  Abortable,
  CheckOptions,
  DeleteOptions,
  DriftOptions,
  FileOptions,
  ImportZipOptions,
  LoadOptions,
  ObserveOptions,
  RegisterOptions,
  SaveOptions,
  SaveProgress,
  SaveRequest,
  SweepOptions,
  TagDefinition,
  UsageOptions,
  VerifyOptions,
  WhyKeptOptions,
  WriteOptions,
  ZipGiven,
  ZipOptions,
} from "./ledger/call-options.js"
export type { CheckedOut } from "./ledger/checkout.js"
export type { Downloaded, DownloadOptions, Progress } from "./ledger/download.js"
export type { OpenOptions } from "./ledger/local.js"
export { openLedger, type PromiseLedger as Ledger, recover } from "./ledger/promise.js"
export type { PruneOptions, PrunePlan, PruneRequest, SkippedVersion } from "./ledger/prune-call.js"
export type { RecoverOptions } from "./ledger/recover.js"
export type { Recovered as Recovery } from "./ledger/transfer.js"
export type { Damage, Trust } from "./ledger/trust.js"
export type { Durability } from "./log/event-log.js"
export type {
  AnyMaterializer,
  FileInput,
  FileOutput,
  FileSource,
  Materializer,
} from "./materializer/materializer.js"
export { NdArray, ndarray } from "./materializer/ndarray.js"
export type {
  Artifact,
  ArtifactType,
  ArtifactVersion,
  Content,
  Hold,
  Input,
  Link,
  Loaded,
  Path,
  Producer,
  SaveType,
} from "./model/artifact.js"
export type { Digest } from "./model/digest.js"
export type {
  Dtype,
  Metadata,
  MetadataValue,
  PathText,
  StorageSize,
  Uri,
} from "./model/metadata.js"
export { dtype, Marked, path, storageSize, uri } from "./model/metadata.js"
export type { Plain } from "./model/msgpack.js"
export type { Id } from "./model/names.js"
export type { RelativePath } from "./model/path.js"
export type { Reference, Target } from "./model/reference.js"
export type { Tag, TagColor } from "./model/tag.js"
export type { EntryKind, Tree, TreeEntry } from "./model/tree.js"
export type { AnyProjection, Fold, Projection } from "./projection/projection.js"
export { projection } from "./projection/projection.js"
export type { ArtifactQuery } from "./query/artifacts.js"
export type { TagConditions, TagFilter, TextConditions, TextFilter } from "./query/filter.js"
export type { ReplayQuery } from "./query/history.js"
export type { MetadataChange, MetadataPoint } from "./query/metadata.js"
export type { Order, Page, PageQuery } from "./query/page.js"
export type { PlannedVersion } from "./query/prune.js"
export type { Kept, PrunePolicy } from "./query/pruning.js"
export type { TagQuery } from "./query/tags.js"
export type { VersionFilter, VersionQuery } from "./query/versions.js"
export type { RowReader, Rows, TableKey, Tables, ViewOf, ViewReader } from "./view/draft.js"
export type { KeyPart } from "./view/key.js"
export type { ZipCaps } from "./zip/caps.js"

// The operations are declared for both doors, as `ReaderApi` and such: the compiler writes those
// names into declarations of inferred types. These are the same types for people.

/** The ledger as it was: what `asOf` gives. */
export type Reader = Api.ReaderApi<"promise">

/** An archive of a version: what `zip` gives. */
export type Archive = Api.Archive<"promise">

/** The rows of one of your own projections: what `view` gives. */
export type View<T extends Tables> = Api.View<"promise", T>
