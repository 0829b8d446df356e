/**
 * What the first door hands on, by name: values as they run, types as the compiler sees them. An
 * export that is lost does not compile here.
 */

import type * as d from "daybook"
import * as door from "daybook"
import * as effectDoor from "daybook/effect"
import { describe, expect, expectTypeOf, it } from "vitest"

type Extending = [
  d.AnyCommand,
  d.AnyEventType,
  d.AnyMaterializer,
  d.AnyProjection,
  d.Command<string>,
  d.CoreEvents,
  d.CoreRecorded,
  d.Decided,
  d.EventMap,
  d.EventType,
  d.Fact,
  d.FileInput,
  d.FileOutput,
  d.FileSource,
  d.Fold<d.Tables, string, d.Plain>,
  d.KeyPart,
  d.Materializer,
  d.Plain,
  d.Projection<d.Tables>,
  d.RowReader<d.Tables>,
  d.Rows<d.Tables>,
  d.Stamp,
  d.TableKey<string>,
  d.Tables,
  d.Upcast,
  d.ViewOf<d.Tables>,
  d.ViewReader,
]

type Asking = [
  d.Abortable,
  d.ArtifactQuery,
  d.BatchBuilder,
  d.ByteRange,
  d.Context,
  d.DeleteOptions,
  d.DownloadOptions,
  d.Durability,
  d.Expectation,
  d.FileOptions,
  d.ImportZipOptions,
  d.LoadOptions,
  d.OpenOptions,
  d.Order,
  d.PageQuery,
  d.Reference,
  d.PruneOptions,
  d.PrunePolicy,
  d.PruneRequest,
  d.RecoverOptions,
  d.ReplayQuery,
  d.SaveOptions,
  d.SaveRequest,
  d.StepOptions,
  d.TagConditions,
  d.TagDefinition,
  d.TagFilter,
  d.TagQuery,
  d.Target,
  d.TextConditions,
  d.TextFilter,
  d.VersionFilter,
  d.VersionQuery,
  d.WriteOptions,
  d.ZipCaps,
  d.ZipGiven,
]

type Answered = [
  d.Archive,
  d.Artifact,
  d.ArtifactType,
  d.ArtifactVersion,
  d.BatchResults,
  d.Content,
  d.DaybookError,
  d.Digest,
  d.Downloaded,
  d.Dtype,
  d.EntryKind,
  d.ErrorKind,
  d.Failure,
  d.Hold,
  d.Id,
  d.Input,
  d.Kept,
  d.Ledger,
  d.Loaded<string>,
  d.LostContent,
  d.Metadata,
  d.MetadataChange,
  d.MetadataPoint,
  d.MetadataValue,
  d.Note,
  d.Outcome,
  d.Page<d.Tag>,
  d.PathText,
  d.Planned,
  d.PlannedVersion,
  d.Producer,
  d.Progress,
  d.PrunePlan,
  d.Reader,
  d.Receipt,
  d.Recorded,
  d.Recovery,
  d.Refusal,
  d.RelativePath,
  d.SaveType,
  d.SkippedVersion,
  d.Stats,
  d.StorageSize,
  d.Subject,
  d.Tag,
  d.TagColor,
  d.Tree,
  d.TreeEntry,
  d.Trust,
  d.Uri,
  d.View<d.Tables>,
  d.ViewPage<d.Plain>,
]

const makers = [
  "Marked",
  "NdArray",
  "command",
  "dtype",
  "eventType",
  "isDaybookError",
  "isFailure",
  "isRefusal",
  "ndarray",
  "openLedger",
  "path",
  "projection",
  "recover",
  "storageSize",
  "uri",
]

/** One a tag: the compiler asks for those that are missing. */
const errorClasses: Readonly<Record<d.DaybookError["_tag"], true>> = {
  AmbiguousReference: true,
  ArtifactMissing: true,
  BlobCorrupted: true,
  BlobFailure: true,
  ContentDrifted: true,
  ContentGone: true,
  ExpectationFailed: true,
  FileFailure: true,
  IdempotencyMismatch: true,
  InUse: true,
  InvalidInput: true,
  InvalidReference: true,
  LedgerClosed: true,
  LedgerLocked: true,
  LedgerReadOnly: true,
  LimitExceeded: true,
  LogFailure: true,
  NameTaken: true,
  RecordCorrupted: true,
  TagMissing: true,
  TargetExists: true,
  TypeMismatch: true,
  VersionExists: true,
  VersionMissing: true,
  ViewFailure: true,
  WrongLedger: true,
}

describe("the door of promises", () => {
  it("has every class of an error, and what makes or tells values apart", () => {
    expect(Object.keys(door).sort()).toEqual([...makers, ...Object.keys(errorClasses)].sort())
  })

  it("has no value but the opener that users of effects would miss", () => {
    const shared = Object.keys(door).filter((name) => name !== "openLedger")
    expect(Object.keys(effectDoor)).toEqual(expect.arrayContaining(shared))
  })

  it("names what its operations take and give", () => {
    expect(door.openLedger).toBeTypeOf("function")
    expectTypeOf<Extending | Asking | Answered>().not.toBeAny()
    expectTypeOf<ReturnType<d.Ledger["asOf"]>>().toEqualTypeOf<d.Reader>()
    expectTypeOf<ReturnType<d.Ledger["asOf"]>>().toEqualTypeOf<d.ReaderApi<"promise">>()
    expectTypeOf<Awaited<ReturnType<d.Ledger["zip"]>>>().toEqualTypeOf<d.Archive>()
    expectTypeOf<d.Archive>().toEqualTypeOf<d.ArchiveApi<"promise">>()
    expectTypeOf<d.View<d.Tables>>().toEqualTypeOf<d.ViewApi<"promise", d.Tables>>()
    expectTypeOf<Parameters<d.Reader["open"]>[2]>().toEqualTypeOf<d.FileOptions | undefined>()
  })
})
