/**
 * Daybook for authors of drivers and extensions: the laws that each must obey, as suites for
 * vitest; the memory drivers, whose failpoints make storage fail where a test wants it to; and
 * events as a ledger would record them, for a test to begin with.
 *
 * A driver's suite takes a name and a way to make a fresh place that can be opened again.
 */

/** Blob stores: the suite, and blobs in memory that a test can damage and reopen. */
export { blobStoreContract, type FreshBlobs } from "./blob/blob-store.contract.js"
export {
  type BlobOperation,
  emptyBlobs,
  type Failpoint as BlobFailpoint,
  layer as memoryBlobs,
  layerWith as memoryBlobsWith,
  type MemoryBlobOptions,
  type MemoryBlobs,
} from "./blob/memory.js"

/** Commands: what was given, when a command comes, then its facts or its refusal. */
export {
  commandContract,
  type Extensions,
  freshTestId,
  Given,
  given,
  type Situation,
} from "./command/command.contract.js"

/** Event types: the suite, and a recorder that makes recorded events of facts. */
export { eventTypeContract } from "./event/event.contract.js"
export {
  type Envelope,
  everyEvent,
  Recorder,
  type SaveFacts,
  testId,
  timeAt,
} from "./event/recorder.contract.js"

/** Logs: the suite, and records in an array that outlives the layer. */
export { eventLogContract, type FreshStore as FreshLog } from "./log/event-log.contract.js"
export {
  type Failpoint as LogFailpoint,
  layer as memoryLog,
  layerWith as memoryLogWith,
  type MemoryLogOptions,
} from "./log/memory.js"

/** Materializers: the round-trip suite, and files in memory. */
export {
  type Files,
  filesOf,
  materializerContract,
  roundTrip,
} from "./materializer/materializer.contract.js"

/** Projections: the suite, and rows folded into plain maps. */
export {
  type FoldedRows,
  FoldedViews,
  foldedRows,
  projectionContract,
} from "./projection/projection.contract.js"

/** View stores: the suite, and rows in a map that outlives the layer. */
export {
  type Failpoint as ViewFailpoint,
  layer as memoryViews,
  layerWith as memoryViewsWith,
  type MemoryOptions as MemoryViewOptions,
  type Operation as ViewOperation,
} from "./view/memory.js"
export { type ViewStorePlace, viewStoreContract } from "./view/view-store.contract.js"
