/**
 * Intake: a value becomes files, the files become durable blobs, the blobs a Tree.
 *
 * Everything here is done before any fact is decided: an event names only digests that are durable.
 * What is taken in for a call that is refused afterwards is named by nothing and can be swept.
 */
import { types } from "node:util"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { BlobStoreShape } from "../blob/blob-store.js"
import { type Failure, FileFailure, InvalidInput, isDaybookError, type Refusal } from "../errors.js"
import {
  copyBytesMax,
  heldIntakeCountMax,
  intakeCountMax,
  nameBytesMax,
  treeEntryCountMax,
  treeInlineCountMax,
} from "../limits.js"
import { materializers as builtIn } from "../materializer/all.js"
import type { AnyMaterializer, FileSource, Materializer } from "../materializer/materializer.js"
import { refusalOf } from "../materializer/refusal.js"
import type { ArtifactType, Content } from "../model/artifact.js"
import type { Digest } from "../model/digest.js"
import { checkCount, members, readable, refuse } from "../model/input.js"
import { encodeMetadata, type PlainMetadata, storageSize } from "../model/metadata.js"
import { pathProblem, type RelativePath } from "../model/path.js"
import { makeTree, summarizeTree, type Tree, type TreeEntry } from "../model/tree.js"
import type { SaveOptions } from "./call-options.js"
import { awaiting } from "./foreign.js"
import { putSource, type Source, type Tell, telling } from "./progress.js"

/** A value as the ledger keeps it. */
export interface Stored {
  /** `name@revision`. */
  readonly materializer: string
  readonly type: ArtifactType
  readonly content: Content
  readonly automatic: PlainMetadata
  /** Of a folder: see `Content`. Times of files do not make a call another one. */
  readonly states?: Digest
}

/** A value that was turned into files, of which none is stored yet. */
export interface TakenIn extends Pick<Stored, "materializer" | "type"> {
  /** Answers when the bytes are durable. To be run once: a stream can be read only once. */
  readonly store: (
    blobs: BlobStoreShape,
    onProgress?: SaveOptions["onProgress"],
  ) => Effect.Effect<Stored, Refusal | Failure>
}

interface Written {
  readonly path: RelativePath
  readonly source: Source
  /** Bytes, where they are known before they are read. */
  readonly size: number | undefined
}

/** What a materializer made of a value, all of it at one moment where its `save` is synchronous. */
interface Collected {
  readonly files: ReadonlyArray<Written>
  readonly metadata: PlainMetadata
}

const collectFiles = (
  materializer: AnyMaterializer,
  value: unknown,
): Effect.Effect<Collected, Refusal | Failure> => {
  const files = new Map<string, Written>()
  let closed = false
  const write = (path: string, given: FileSource): void => {
    // Its files are on their way already: taking no notice would lose this one.
    if (closed) refuse(`file ${JSON.stringify(path)}`, "is written after save has ended: await it")
    const problem = typeof path === "string" ? pathProblem(path) : "is not a path"
    if (problem !== undefined) refuse(`file ${JSON.stringify(path)}`, problem)
    if (files.has(path)) refuse(`file ${path}`, "is written twice")
    const source = sourceOf(path, given)
    const known = types.isUint8Array(source) ? source : given
    const size = typeof known === "object" && types.isUint8Array(known) ? known.length : undefined
    files.set(path, { path: path as RelativePath, source, size })
  }
  const end = (metadata: PlainMetadata): Collected => {
    closed = true
    checkCount("treeEntryCountMax", treeEntryCountMax, files.size)
    return { files: [...files.values()], metadata }
  }
  return awaiting(() => {
    const saving: unknown = materializer.save(value as never, { write })
    const metadata = readMetadata(materializer, value)
    // Most are done by now, and have nothing to wait for.
    return saving === undefined ? end(metadata) : Promise.resolve(saving).then(() => end(metadata))
  })
}

/** `path` names what the source is of. */
export const sourceFailure =
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

/** Bytes as they are now: the caller may go on using them while they are stored. */
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

const isIterable = (given: unknown): given is AsyncIterable<unknown> =>
  typeof given === "object" && given !== null && Symbol.asyncIterator in given

/** An array of other elements has another length in bytes than it says. */
const checkChunk = (path: string, chunk: unknown): Effect.Effect<Uint8Array, InvalidInput> => {
  if (types.isUint8Array(chunk)) return Effect.succeed(chunk)
  const message = `file ${path} is written as a stream that does not yield a Uint8Array each time`
  return Effect.fail(new InvalidInput({ message, path: `file ${path}` }))
}

const sourceOf = (path: string, given: FileSource): Source => {
  if (typeof given === "string") {
    if (given.isWellFormed()) return Buffer.from(given, "utf8")
    return refuse(`file ${path}`, "contains half of a surrogate pair, which no UTF-8 can hold")
  }
  if (types.isUint8Array(given)) return ownCopy(given)
  if (!isIterable(given))
    return refuse(`file ${path}`, "is neither text, a Uint8Array nor an async iterable of these")
  return Stream.mapEffect(Stream.fromAsyncIterable(given, sourceFailure(path)), (chunk) =>
    checkChunk(path, chunk),
  )
}

/** Several at a time, so that their contents share an fsync; one alone needs no further fiber. */
export const sideBySide = <A, B, E>(
  all: ReadonlyArray<A>,
  act: (one: A) => Effect.Effect<B, E>,
  concurrency = intakeCountMax,
): Effect.Effect<ReadonlyArray<B>, E> => {
  const [only] = all
  return only !== undefined && all.length === 1
    ? Effect.map(act(only), (done) => [done])
    : Effect.forEach(all, act, { concurrency })
}

const putFile = (
  blobs: BlobStoreShape,
  { path, source }: Written,
  tell: Tell | undefined,
): Effect.Effect<TreeEntry, Refusal | Failure> =>
  // Here and below, members are in the order in which they are packed: nothing has to be sorted.
  Effect.map(putSource(blobs, source, tell), ({ size, digest }) => ({
    digest,
    kind: "file",
    path,
    size,
  }))

/** Stores the manifests of a tree that is too large for an event. */
export const storeTree = (blobs: BlobStoreShape, tree: Tree): Effect.Effect<Content, Failure> => {
  const { digest, size, manifests } = summarizeTree(tree)
  if (tree.length <= treeInlineCountMax)
    return Effect.succeed({ count: tree.length, digest, entries: tree, size })
  const stored = sideBySide(manifests, (manifest) => blobs.put<never>(manifest), heldIntakeCountMax)
  return Effect.as(stored, { count: tree.length, digest, size })
}

/** What can be read off the value. It never fails a save: what cannot be had is left out. */
const readMetadata = (materializer: AnyMaterializer, value: unknown): PlainMetadata => {
  try {
    const read: unknown = materializer.metadata?.(value as never) ?? {}
    // One that is promised comes too late, and its rejection is nobody else's to see.
    if (read instanceof Promise) read.catch(() => undefined)
    return encodeMetadata(read, "metadata")
  } catch {
    return {}
  }
}

const printMaterializer = ({ name, revision }: AnyMaterializer): string => `${name}@${revision}`

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
    // A built-in one refuses what it does not take with the path of the offending part.
    if (asked === undefined || builtIn.includes(chosen) || chosen.accepts(value)) return chosen
    return refuse("value", `is not one that the materializer ${chosen.name} takes`)
  }
  if (typeof asked === "string")
    return refuse(
      "materializer",
      `${asked.slice(0, nameBytesMax)} is not known: known are ${all.map(({ name }) => name)}`,
    )
  throw refusalOf(value)
}

const treeOf = (entries: ReadonlyArray<TreeEntry>): Tree | InvalidInput => {
  try {
    return makeTree(entries)
  } catch (cause) {
    return new InvalidInput({ message: cause instanceof Error ? cause.message : "", path: "files" })
  }
}

const storeFiles = (
  blobs: BlobStoreShape,
  files: ReadonlyArray<Written>,
  tell: Tell | undefined,
): Effect.Effect<Content, Refusal | Failure> =>
  Effect.flatMap(
    sideBySide(
      files,
      (file) => putFile(blobs, file, tell),
      files.every(({ source }) => source instanceof Uint8Array)
        ? heldIntakeCountMax
        : intakeCountMax,
    ),
    (entries): Effect.Effect<Content, Refusal | Failure> => {
      const tree = treeOf(entries)
      return tree instanceof InvalidInput ? Effect.fail(tree) : storeTree(blobs, tree)
    },
  )

const sizesOf = (files: ReadonlyArray<Written>) => files.map(({ size }) => size)

/** Takes a value in, as it is now, where its materializer is synchronous. */
export const takeIn = (
  materializer: AnyMaterializer,
  value: unknown,
): Effect.Effect<TakenIn, Refusal | Failure> =>
  Effect.map(collectFiles(materializer, value), ({ files, metadata }) => {
    const known = {
      materializer: printMaterializer(materializer),
      type: materializer.type ?? ("data" as const),
    }
    return {
      ...known,
      store: (blobs, onProgress) =>
        Effect.map(storeFiles(blobs, files, telling(sizesOf(files), onProgress)), (content) => {
          const size = encodeMetadata({ storage_size: storageSize(content.size) }, "metadata")
          return { ...known, content, automatic: { ...metadata, ...size } }
        }),
    }
  })
