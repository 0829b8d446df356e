/**
 * Daybook for users of promises: open a ledger, and everything that its answers and errors are.
 */

export type { Command, Decided, Stamp } from "./command/command.js"
export { command } from "./command/command.js"
export type { Expectation } from "./command/expect.js"
export * from "./errors.js"
export type { CoreEvents, CoreRecorded } from "./event/catalog.js"
export type { Context, EventType, Fact, Recorded, Subject } from "./event/event.js"
export { eventType } from "./event/event.js"
export type {
  Archive,
  BatchBuilder,
  BatchResults,
  DeleteOptions,
  LoadOptions,
  Planned,
  Receipt,
  SaveOptions,
  SaveRequest,
  Stats,
  TagDefinition,
  View,
  ViewPage,
  WriteOptions,
} from "./ledger/api.js"
export type { Downloaded, DownloadOptions, Progress } from "./ledger/download.js"
export type { OpenOptions } from "./ledger/local.js"
export { openLedger, type PromiseLedger as Ledger } from "./ledger/promise.js"
export type { Trust } from "./ledger/trust.js"
export type { Durability } from "./log/event-log.js"
export type {
  FileInput,
  FileOutput,
  FileSource,
  Materializer,
} from "./materializer/materializer.js"
export { NdArray, ndarray } from "./materializer/ndarray.js"
export type * from "./model/artifact.js"
export type { Digest } from "./model/digest.js"
export type { Metadata, MetadataValue } from "./model/metadata.js"
export { dtype, Marked, path, storageSize, uri } from "./model/metadata.js"
export type { Id } from "./model/names.js"
export type { Reference, Target } from "./model/reference.js"
export type { Tag, TagColor } from "./model/tag.js"
export type { Tree, TreeEntry } from "./model/tree.js"
export type { Projection } from "./projection/projection.js"
export { projection } from "./projection/projection.js"
export type { ArtifactQuery } from "./query/artifacts.js"
export type { TagFilter, TextFilter } from "./query/filter.js"
export type { ReplayQuery } from "./query/history.js"
export type { MetadataChange, MetadataPoint } from "./query/metadata.js"
export type { Page } from "./query/page.js"
export type { TagQuery } from "./query/tags.js"
export type { VersionQuery } from "./query/versions.js"
export type { Rows, Tables, ViewReader } from "./view/draft.js"
