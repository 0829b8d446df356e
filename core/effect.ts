/**
 * Daybook for users of Effect and for adapters: the service, the ports, the layers, and what it
 * takes to make a ledger over stores of one's own. The types of answers and options are those of
 * the first door.
 */
export {
  type BlobBytes,
  type BlobStat,
  BlobStore,
  type BlobStoreShape,
  type ByteRange,
  type Removal,
  type RemoveOptions,
} from "./blob/blob-store.js"
export type { Chunking } from "./blob/chunk.js"
export type { Prepared } from "./blob/prepared.js"
export { command } from "./command/command.js"
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
export { type Context, eventType } from "./event/event.js"
export type { Archive, Door, LedgerApi, Many, ReaderApi, Run, View } from "./ledger/api.js"
export { firstRecord, newIdentity } from "./ledger/create.js"
export { decodeIdentity, encodeIdentity, type Identity } from "./ledger/identity.js"
export { Ledger, type LedgerOptions, layerNoDeps } from "./ledger/ledger.js"
export { layer, type OpenOptions } from "./ledger/local.js"
export type { Place, Reading } from "./ledger/place.js"
export { type RecoverOptions, recover } from "./ledger/recover.js"
export type { WriteSeal } from "./ledger/seal.js"
export { decodeTip, encodeTip, type Tip } from "./ledger/tip.js"
export type { Recovered as Recovery } from "./ledger/transfer.js"
export { type Durability, EventLog, type EventLogShape, type LogRecord } from "./log/event-log.js"
export { NdArray, ndarray } from "./materializer/ndarray.js"
export { dtype, Marked, path, storageSize, uri } from "./model/metadata.js"
export { projection } from "./projection/projection.js"
export type { Edge } from "./proof/merkle.js"
export type { KeyRange } from "./view/key.js"
export {
  type RowWrite,
  type ScanRange,
  type StoredRow,
  ViewStore,
  type ViewStoreShape,
} from "./view/view-store.js"
