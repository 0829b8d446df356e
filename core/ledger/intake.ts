/**
 * Intake: a value becomes files, the files become durable blobs, the blobs a Tree.
 *
 * Everything here is done before any fact is decided: an event names only digests that are durable.
 * What is taken in for a call that is refused afterwards is named by nothing and can be swept.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStoreShape } from "../blob/blob-store.js"
import { type Failure, FileFailure, InvalidInput, isDaybookError, type Refusal } from "../errors.js"
import { intakeCountMax, nameBytesMax, treeEntryCountMax, treeInlineCountMax } from "../limits.js"
import type { AnyMaterializer, FileSource, Materializer } from "../materializer/materializer.js"
import { refusalOf } from "../materializer/refusal.js"
import type { ArtifactType, Content } from "../model/artifact.js"
import { checkCount, members, readable, refuse } from "../model/input.js"
import { encodeMetadata, type PlainMetadata, storageSize } from "../model/metadata.js"
import { pathProblem, type RelativePath } from "../model/path.js"
import { makeTree, summarizeTree, type Tree, type TreeEntry } from "../model/tree.js"
import { awaiting } from "./foreign.js"

/** A value as the ledger keeps it. */
export interface TakenIn {
  /** `name@revision`. */
  readonly materializer: string
  readonly type: ArtifactType
  readonly content: Content
  readonly automatic: PlainMetadata
}

interface Written {
  readonly path: RelativePath
  readonly source: FileSource
}

const collectFiles = (
  materializer: AnyMaterializer,
  value: unknown,
): Effect.Effect<ReadonlyArray<Written>, Refusal | Failure> => {
  const files = new Map<string, Written>()
  let closed = false
  const write = (path: string, source: FileSource): void => {
    // Its files are on their way already: taking no notice would lose this one.
    if (closed) refuse(`file ${JSON.stringify(path)}`, "is written after save has ended: await it")
    const problem = pathProblem(path)
    if (problem !== undefined) refuse(`file ${JSON.stringify(path)}`, problem)
    if (files.has(path)) refuse(`file ${path}`, "is written twice")
    if (typeof source === "string" && !source.isWellFormed())
      refuse(`file ${path}`, "contains half of a surrogate pair, which no UTF-8 can hold")
    files.set(path, { path: path as RelativePath, source })
  }
  return awaiting(async () => {
    await materializer.save(value as never, { write })
    closed = true
    checkCount("treeEntryCountMax", treeEntryCountMax, files.size)
    return [...files.values()]
  })
}

const sourceFailure =
  (path: string) =>
  (cause: unknown): Refusal | Failure =>
    isDaybookError(cause)
      ? cause
      : new FileFailure({
          message: `the source of ${path} failed while it was read: nothing was saved`,
          operation: "read",
          reason: "io",
          outcome: "none",
          cause,
        })

// Copied in one go; of a larger value only a slice at a time is held twice.
const copyBytesMax = 4_194_304

/**
 * Bytes that nobody else can change: the caller may, while they are hashed in one turn of the event
 * loop and compressed in another, and then digest and content would not be of the same bytes.
 */
const ownCopy = (bytes: Uint8Array): Uint8Array | Stream.Stream<Uint8Array> => {
  if (bytes.length <= copyBytesMax) return Uint8Array.prototype.slice.call(bytes)
  return Stream.unfold(0, (start) =>
    Effect.sync(() => {
      const end = start + copyBytesMax
      if (start >= bytes.length) return undefined
      return [Uint8Array.prototype.slice.call(bytes, start, end), end] as const
    }),
  )
}

const putFile = Effect.fnUntraced(function* (
  blobs: BlobStoreShape,
  { path, source }: Written,
): Effect.fn.Return<TreeEntry, Refusal | Failure> {
  const bytes =
    typeof source === "string"
      ? Buffer.from(source, "utf8")
      : source instanceof Uint8Array
        ? ownCopy(source)
        : Stream.fromAsyncIterable(source, sourceFailure(path))
  const { size, digest } = yield* blobs.put<Refusal | Failure>(bytes)
  return { path, kind: "file", size, digest }
})

/** Stores the manifests of a tree that is too large for an event. */
const storeTree = Effect.fnUntraced(function* (
  blobs: BlobStoreShape,
  tree: Tree,
): Effect.fn.Return<Content, Failure> {
  const { digest, size, manifests } = summarizeTree(tree)
  if (tree.length <= treeInlineCountMax) return { digest, size, count: tree.length, entries: tree }
  yield* Effect.forEach(manifests, (manifest) => blobs.put<never>(manifest), {
    concurrency: intakeCountMax,
    discard: true,
  })
  return { digest, size, count: tree.length }
})

/** What can be read off the value. It never fails a save: what cannot be had is left out. */
const automaticMetadata = (
  materializer: AnyMaterializer,
  value: unknown,
  size: number,
): PlainMetadata => {
  const own = encodeMetadata({ storage_size: storageSize(size) }, "metadata")
  try {
    const read = materializer.metadata?.(value as never)
    return read === undefined ? own : { ...encodeMetadata(read, "metadata"), ...own }
  } catch {
    return own
  }
}

export const printMaterializer = ({ name, revision }: AnyMaterializer): string =>
  `${name}@${revision}`

const isMaterializer = (asked: unknown): boolean =>
  readable("materializer", () => {
    const { accepts, save } = members(asked)
    return typeof accepts === "function" && typeof save === "function"
  })

/** The materializer for a value: the one asked for, itself or by name, or the first to accept. */
export const chooseMaterializer = (
  all: ReadonlyArray<AnyMaterializer>,
  value: unknown,
  asked: Materializer<never, unknown> | string | undefined,
): AnyMaterializer => {
  if (asked !== undefined && typeof asked !== "string" && !isMaterializer(asked))
    return refuse("materializer", "is neither a materializer nor the name of one")
  const chosen =
    typeof asked === "string"
      ? all.find(({ name }) => name === asked)
      : (asked ?? all.find((materializer) => materializer.accepts(value)))
  if (chosen !== undefined) {
    if (asked === undefined || chosen.accepts(value)) return chosen
    return refuse("value", `is not one that the materializer ${chosen.name} takes`)
  }
  if (typeof asked === "string")
    return refuse(
      "materializer",
      `${asked.slice(0, nameBytesMax)} is not known: known are ${all.map(({ name }) => name)}`,
    )
  throw refusalOf(value)
}

/** Takes a value in. Returns when its bytes are durable. */
export const takeIn = Effect.fnUntraced(function* (
  blobs: BlobStoreShape,
  materializer: AnyMaterializer,
  value: unknown,
): Effect.fn.Return<TakenIn, Refusal | Failure> {
  const files = yield* collectFiles(materializer, value)
  const entries = yield* Effect.forEach(files, (file) => putFile(blobs, file), {
    concurrency: intakeCountMax,
  })
  const tree = yield* Effect.try({
    try: () => makeTree(entries),
    catch: (cause) =>
      new InvalidInput({ message: cause instanceof Error ? cause.message : "", path: "files" }),
  })
  const content = yield* storeTree(blobs, tree)
  return {
    materializer: printMaterializer(materializer),
    type: materializer.type ?? "data",
    content,
    automatic: automaticMetadata(materializer, value, content.size),
  }
})
