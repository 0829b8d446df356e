/**
 * What calls take besides their subject: the options of writes, saves, loads and files. Types
 * alone; how they are parsed is known where they are used.
 */
import type { StandardSchemaV1 } from "effect/StandardSchema"
import type { ByteRange } from "../blob/blob-store.js"
import type { Expectation } from "../command/expect.js"
import type { Materializer } from "../materializer/materializer.js"
import type { ArtifactType, Producer, SaveType } from "../model/artifact.js"
import type { Metadata } from "../model/metadata.js"
import type { Reference } from "../model/reference.js"
import type { TagColor } from "../model/tag.js"
import type { ZipCaps } from "../zip/caps.js"

export interface Abortable {
  /** Aborts the call; a promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface WriteOptions extends Abortable {
  /** Same key and same input: the first result, for good. Same key, other input: refused. */
  readonly idempotencyKey?: string
  /** Refuses the write when the ledger is not as expected. */
  readonly expect?: Expectation
  /** Why, for the event; in place of that of `with`. */
  readonly reason?: string
}

/** How far a save has come with its content, in bytes. */
export interface SaveProgress {
  readonly done: number
  /** Absent where a stream says only at its end how long it is. */
  readonly total?: number
  /** Of a folder that is registered: how many of its files are taken in, and how many it has. */
  readonly files?: { readonly done: number; readonly total: number }
}

export interface SaveOptions extends WriteOptions {
  /** The label; assigned when left out. */
  readonly version?: string | number
  readonly tags?: string | ReadonlyArray<string>
  readonly metadata?: Metadata
  readonly type?: ArtifactType
  readonly saveType?: SaveType
  /** A materializer, or the name of one that the ledger knows. */
  readonly materializer?: Materializer<never, unknown> | string
  /** Versions it was made from. */
  readonly inputs?: ReadonlyArray<Reference | { readonly version: Reference; readonly as: string }>
  readonly producer?: string | Producer
  readonly description?: string
  /** `"content"`: content equal to that of the latest version makes no new version. */
  readonly reuse?: "content"
  /** Told while content is taken in, after each piece of it. */
  readonly onProgress?: (progress: SaveProgress) => void
}

export interface RegisterOptions extends Omit<SaveOptions, "materializer"> {
  readonly name: string
  /**
   * `"link"` (default): nothing is copied, and what is there later must still be what it was.
   * `"copy"`: the content is stored as if it had been saved.
   */
  readonly mode?: "link" | "copy"
}

/**
 * An archive: its bytes, a stream of them, a Blob or File, or the path of a file, confined by the
 * roots of the ledger. A stream is kept until it is over, beyond 4 MiB in a temporary file. Read
 * are entries that are stored or deflated, ZIP64 among them, under names in ASCII or UTF-8
 * (APPNOTE.TXT 6.3.10, 4.3 to 4.5). Refused with `InvalidInput` are paths that climb or clash,
 * entries that overlap or contradict the directory, ciphers, devices and damage; with
 * `LimitExceeded` what is too large. No version is made then.
 */
export type ZipGiven = string | Uint8Array | ArrayBuffer | Blob | AsyncIterable<Uint8Array>

export interface ImportZipOptions extends Omit<SaveOptions, "materializer"> {
  /** Of the artifact. */
  readonly name: string
  /**
   * What the archive may be, in place of the defaults: 2 GiB of content, 100,000 entries, content
   * 200 times as long as the archive, and files 200 times as long as they are packed.
   */
  readonly limits?: Partial<ZipCaps>
}

/** Options that a call has as a whole, not each of its writes. */
export type WholeCall = "idempotencyKey" | "reason" | "signal"

export interface SaveRequest<T = unknown> extends Omit<SaveOptions, WholeCall> {
  readonly name: string
  readonly value: T
}

export interface CheckOptions extends Abortable {
  /**
   * How files that were left in place are compared with what was registered: `"stat"` (default) by
   * size and times, and by their bytes where these leave a doubt; `"hash"` by their bytes; `"none"`
   * not before they are read. Whatever is read is checked.
   */
  readonly check?: "stat" | "hash" | "none"
}

export interface DriftOptions extends Abortable {
  /** `"hash"`: files are read whose size and times leave no doubt, too. Default: `"stat"`. */
  readonly check?: "stat" | "hash"
}

export interface ObserveOptions extends DriftOptions, Omit<WriteOptions, "expect"> {}

export interface LoadOptions<T = unknown> extends CheckOptions {
  readonly version?: string | number
  /** A schema (standardschema.dev) that the value must match, or a materializer to read it with. */
  readonly as?: StandardSchemaV1<unknown, T> | Materializer<never, T>
}

export interface TagDefinition extends WriteOptions {
  readonly exclusive?: boolean
  readonly color?: TagColor
  readonly description?: string
}

export interface DeleteOptions extends WriteOptions {
  /** Also when surviving versions use it as input. */
  readonly force?: boolean
}

export interface SweepOptions extends Abortable {
  /** Only says what would go. */
  readonly dryRun?: boolean
  /** Days for which what was deleted can be restored, from its deletion on; default 7. */
  readonly undoDays?: number
  readonly reason?: string
}

export interface WhyKeptOptions extends Abortable, Pick<SweepOptions, "undoDays"> {}

export interface UsageOptions extends WhyKeptOptions {
  /** Artifacts to tell of, those that take the most first; default 20, at most 1,000. */
  readonly limit?: number
}

export interface VerifyOptions extends Abortable {
  /** All content is read, frame by frame, never by the index. */
  readonly depth: "blobs"
  /** About so many bytes are read; default: all. */
  readonly budget?: number
  /** Where an earlier call ended. */
  readonly resume?: string
}

export interface ZipOptions extends CheckOptions {
  /** The folder that everything lies in. */
  readonly prefix?: string
  /** Paths of files, or of folders with all that is in them; default: everything. */
  readonly only?: string | ReadonlyArray<string>
}

export interface FileOptions extends Abortable {
  /** Half-open, in bytes, clamped to the file. */
  readonly range?: ByteRange
}
