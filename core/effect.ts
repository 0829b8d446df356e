/**
 * Daybook for users of Effect and for adapters: the service, the ports, the layers. The types of
 * answers and options are those of the first door.
 */
export { type BlobStat, BlobStore, type BlobStoreShape } from "./blob/blob-store.js"
export { command } from "./command/command.js"
export * from "./errors.js"
export { eventType } from "./event/event.js"
export type { LedgerApi, ReaderApi } from "./ledger/api.js"
export { Ledger, type LedgerOptions, layerNoDeps, type Place } from "./ledger/ledger.js"
export { layer, type OpenOptions } from "./ledger/local.js"
export { EventLog, type EventLogShape, type LogRecord } from "./log/event-log.js"
export { NdArray, ndarray } from "./materializer/ndarray.js"
export { dtype, Marked, path, storageSize, uri } from "./model/metadata.js"
export { projection } from "./projection/projection.js"
export { ViewStore, type ViewStoreShape } from "./view/view-store.js"
