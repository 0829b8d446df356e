/**
 * The operations of a ledger as one interface over a kind: what a call gives is an `Effect` behind
 * one door and a `Promise` behind the other, so every operation is declared and written once.
 *
 * Plain data in, plain data out: readonly objects, `undefined` for absence.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Command } from "../command/command.js"
import type { BlobFailure, DaybookError, LogFailure } from "../errors.js"
import type { Context, Recorded } from "../event/event.js"
import type { Materializer } from "../materializer/materializer.js"
import type { Artifact, ArtifactVersion, Loaded, Path } from "../model/artifact.js"
import type { Metadata } from "../model/metadata.js"
import type { Reference, Target } from "../model/reference.js"
import type { Tag } from "../model/tag.js"
import type { ArtifactQuery } from "../query/artifacts.js"
import type { ReplayQuery } from "../query/history.js"
import type { MetadataChange, MetadataPoint } from "../query/metadata.js"
import type { Page } from "../query/page.js"
import type { TagQuery } from "../query/tags.js"
import type { VersionQuery } from "../query/versions.js"
import type { TableKey, Tables, ViewOf } from "../view/draft.js"
import type {
  BackupReceipt,
  Drift,
  ObservedDrift,
  Stats,
  Swept,
  Usage,
  Verified,
  WhyKept,
} from "./answers.js"
import type { ArchiveOf } from "./archive.js"
import type {
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
  SaveRequest,
  SweepOptions,
  TagDefinition,
  UsageOptions,
  VerifyOptions,
  WholeCall,
  WhyKeptOptions,
  WriteOptions,
  ZipGiven,
  ZipOptions,
} from "./call-options.js"
import type { CheckedOut } from "./checkout.js"
import type { Downloaded, DownloadOptions } from "./download.js"
import type { PruneOptions, PrunePlan, PruneRequest } from "./prune-call.js"
import type { Trust } from "./trust.js"

export type Door = "effect" | "promise"

/** One answer. */
export type Run<D extends Door, A, E = DaybookError> = D extends "effect"
  ? Effect.Effect<A, E>
  : Promise<A>

/** Answers one after the other, as they are asked for. */
export type Many<D extends Door, A, E = DaybookError> = D extends "effect"
  ? Stream.Stream<A, E>
  : AsyncIterable<A>

/** What a write answers. */
export interface Receipt {
  /** Of its last event; when it made none, of the last event before it. */
  readonly position: number
  /** Whether anything changed. */
  readonly changed: boolean
}

export type Archive<D extends Door> = ArchiveOf<Many<D, Uint8Array>>

/** The rows of one projection. */
export interface View<D extends Door, T extends Tables> {
  readonly get: <N extends keyof T & string>(key: TableKey<N>) => Run<D, T[N] | undefined>
  readonly list: <N extends keyof T & string>(
    prefix: TableKey<N>,
    page?: { readonly limit?: number; readonly after?: string; readonly reverse?: boolean },
  ) => Run<D, ViewPage<T[N]>>
}

export interface ViewPage<V> {
  readonly entries: ReadonlyArray<{ readonly key: ReadonlyArray<string>; readonly value: V }>
  /** Where to go on; absent on the last page. */
  readonly next?: string
}

/** Everything that can be asked, of the present or of any past moment. */
export interface ReaderApi<D extends Door> {
  readonly get: (reference: Reference) => Run<D, ArtifactVersion>
  /** As `get`; undefined where nothing of that name exists. */
  readonly find: (reference: Reference) => Run<D, ArtifactVersion | undefined>
  readonly artifact: (name: string) => Run<D, Artifact>
  readonly findArtifact: (name: string) => Run<D, Artifact | undefined>
  readonly findTag: (name: string) => Run<D, Tag | undefined>
  readonly listArtifacts: (query?: ArtifactQuery) => Run<D, Page<Artifact>>
  readonly listVersions: (query?: VersionQuery) => Run<D, Page<ArtifactVersion>>
  readonly listTags: (query?: TagQuery) => Run<D, Page<Tag>>
  readonly artifacts: (query?: ArtifactQuery) => Many<D, Artifact>
  readonly versions: (query?: VersionQuery) => Many<D, ArtifactVersion>
  readonly tags: (query?: TagQuery) => Many<D, Tag>
  /** Of deleted things too: a name then means what it meant when its artifact was deleted. */
  readonly history: (target: Target, options?: Abortable) => Many<D, Recorded>
  readonly replay: (query?: ReplayQuery) => Many<D, Recorded>
  readonly metadataHistory: (target: Target, key?: string) => Run<D, ReadonlyArray<MetadataChange>>
  readonly metadataSeries: (artifact: string, key: string) => Run<D, ReadonlyArray<MetadataPoint>>
  /** The value of a version. One that `save` gave is read back as what was saved, typed so. */
  readonly load: {
    <T>(version: ArtifactVersion<T>, options?: Abortable): Run<D, T>
    <T>(reference: Reference, options: LoadOptions<T> & { readonly as: object }): Run<D, T>
    (reference: Reference, options?: LoadOptions): Run<D, unknown>
  }
  /** One file, streamed; the path may be left out where the version has one file. */
  readonly open: (reference: Reference, path?: string, options?: FileOptions) => Many<D, Uint8Array>
  /** Of several versions each is a folder, `name/version/`. */
  readonly zip: (
    references: Reference | ReadonlyArray<Reference>,
    options?: ZipOptions,
  ) => Run<D, Archive<D>>
  readonly download: (
    references: Reference | ReadonlyArray<Reference>,
    path: string,
    options?: DownloadOptions & ZipOptions,
  ) => Run<D, Downloaded>
  /**
   * Writes a version to a directory, which must not be there, or be empty. It is there as a whole
   * or not at all.
   */
  readonly checkout: (
    reference: Reference,
    directory: string,
    options?: CheckOptions,
  ) => Run<D, CheckedOut>
  /** What has become of a folder or a file that was left in place. */
  readonly drift: (reference: Reference, options?: DriftOptions) => Run<D, Drift>
  /** The rows of a caller's own projection. */
  readonly view: <T extends Tables>(projection: ViewOf<T>) => View<D, T>
}

/** A save inside a batch: its id is known at once. */
export interface Planned {
  readonly id: string
}

/** What one write of a batch may say; everything else is said of the whole batch. */
export type StepOptions = Pick<WriteOptions, "expect">

/** Collects the writes of a batch. Nothing happens before the callback is done. */
export interface BatchBuilder {
  readonly save: (
    name: string,
    value: unknown,
    options?: Omit<SaveOptions, WholeCall | "reuse">,
  ) => Planned
  readonly tag: (
    target: Target,
    tags: string | ReadonlyArray<string>,
    options?: StepOptions,
  ) => void
  readonly untag: (
    target: Target,
    tags: string | ReadonlyArray<string>,
    options?: StepOptions,
  ) => void
  readonly defineTag: (name: string, definition?: Omit<TagDefinition, WholeCall>) => void
  readonly logMetadata: (target: Target, values: Metadata, options?: StepOptions) => void
  readonly removeMetadata: (
    target: Target,
    keys: string | ReadonlyArray<string>,
    options?: StepOptions,
  ) => void
  readonly hold: (reference: Reference, options?: StepOptions) => void
  readonly release: (reference: Reference, options?: StepOptions) => void
}

/** One a write, in order: a version for a save, a receipt for anything else. */
export type BatchResults = ReadonlyArray<ArtifactVersion | Receipt>

export interface LedgerApi<D extends Door> extends ReaderApi<D> {
  /** Position of the last event that every answer includes. */
  readonly position: number
  /** What opening proved. */
  readonly trust: Trust
  readonly save: {
    <V, T>(
      name: string,
      value: V,
      options: SaveOptions & { readonly materializer: Materializer<V, T> },
    ): Run<D, ArtifactVersion<T>>
    <T>(name: string, value: T, options?: SaveOptions): Run<D, ArtifactVersion<Loaded<T>>>
  }
  /** All or none, one commit. */
  readonly saveAll: (
    requests: ReadonlyArray<SaveRequest>,
    options?: Pick<WriteOptions, "idempotencyKey" | "signal" | "reason">,
  ) => Run<D, ReadonlyArray<ArtifactVersion>>
  /**
   * Makes a version of a folder, or of a single file, that is there already. Symlinks are recorded
   * and not followed; what is neither file, folder nor symlink is refused, and what changes while
   * it is read is `ContentDrifted`.
   */
  readonly register: (path: string, options: RegisterOptions) => Run<D, ArtifactVersion<Path>>
  /** As `drift`, of now; what was found is an event in the history of the version. */
  readonly observeDrift: (reference: Reference, options?: ObserveOptions) => Run<D, ObservedDrift>
  /**
   * Takes an untrusted zip archive (APPNOTE.TXT 6.3.10) in as a version: files, exec bits, links as
   * links, empty folders. What is not clearly one tree within the limits is refused by name.
   */
  readonly importZip: (source: ZipGiven, options: ImportZipOptions) => Run<D, ArtifactVersion<Path>>
  readonly tag: (
    target: Target,
    tags: string | ReadonlyArray<string>,
    options?: WriteOptions,
  ) => Run<D, Receipt>
  readonly untag: (
    target: Target,
    tags: string | ReadonlyArray<string>,
    options?: WriteOptions,
  ) => Run<D, Receipt>
  readonly defineTag: (name: string, definition?: TagDefinition) => Run<D, Tag>
  readonly logMetadata: (
    target: Target,
    values: Metadata,
    options?: WriteOptions,
  ) => Run<D, Receipt>
  readonly removeMetadata: (
    target: Target,
    keys: string | ReadonlyArray<string>,
    options?: WriteOptions,
  ) => Run<D, Receipt>
  /** Hides a version, or an artifact with all its versions. */
  readonly delete: (target: Target, options?: DeleteOptions) => Run<D, Receipt>
  readonly restore: (target: Target, options?: WriteOptions) => Run<D, Receipt>
  /** Keeps a version: it cannot be deleted, pruned or swept until it is released. */
  readonly hold: (reference: Reference, options?: WriteOptions) => Run<D, Receipt>
  readonly release: (reference: Reference, options?: WriteOptions) => Run<D, Receipt>
  /**
   * Deletes what a policy does not keep, or the versions of a plan that `dryRun` gave: consumers
   * before what they were made from, each as `delete` does. What changed since is skipped. Needs no
   * key: what is deleted already is skipped too.
   */
  readonly prune: {
    (request: PruneRequest): Run<D, PrunePlan>
    (plan: PrunePlan, options?: PruneOptions): Run<D, PrunePlan>
  }
  /**
   * Gives back the bytes that no surviving version needs, nor one that was deleted lately, nor a
   * save under way. What it takes cannot be restored.
   */
  readonly sweep: (options?: SweepOptions) => Run<D, Swept>
  /** Reads all that is stored through, and looks for all that versions need. Changes nothing. */
  readonly verify: (options: VerifyOptions) => Run<D, Verified>
  /** Which versions the content of a digest stays for: of a version, or of a file. */
  readonly whyKept: (digest: string, options?: WhyKeptOptions) => Run<D, WhyKept>
  /** What is stored, by artifact, and what a sweep would give back. */
  readonly usage: (options?: UsageOptions) => Run<D, Usage>
  /** All or none, one commit, results in order. */
  readonly batch: (
    build: (batch: BatchBuilder) => void | Promise<void>,
    options?: Pick<WriteOptions, "idempotencyKey" | "signal" | "reason">,
  ) => Run<D, BatchResults>
  /** A caller's own command. */
  readonly execute: <Input>(
    command: Command<Input>,
    input: unknown,
    options?: Omit<WriteOptions, "expect">,
  ) => Run<D, Receipt & { readonly result: unknown }>
  /** The ledger as it was: after the event of a position, or at a date. */
  readonly asOf: (moment: number | Date) => ReaderApi<D>
  /** The same ledger; its events carry this context. */
  readonly with: (context: Context) => LedgerApi<D>
  /** The one-line sentence of an event. */
  readonly formatEvent: (event: Recorded) => string
  /** Throws the views away and folds the log again; they answer meanwhile, if not damaged. */
  readonly rebuild: () => Run<D, { readonly events: number }>
  /**
   * Makes a directory this ledger as it is now, or brings an earlier backup there up to it, beside
   * all that goes on. The backup opens as this ledger, with the same positions and root.
   */
  readonly backup: (
    directory: string,
    options?: { readonly signal?: AbortSignal },
  ) => Run<D, BackupReceipt>
  /** Where it is only read: brings it to what its writer has done since. Answers include that. */
  readonly refresh: () => Run<D, { readonly position: number }>
  readonly stats: () => Run<D, Stats>
  readonly close: () => Run<D, void, LogFailure | BlobFailure>
}
