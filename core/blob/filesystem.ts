/**
 * The file system driver of the blobs: append-only packs with an index beside them.
 *
 * A directory holds `packs/`, which are the bytes, and `index/`, which is derived from them. One
 * process has it open at a time: the index keeps the others out. Knows nothing about events, nor
 * what the bytes mean.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { directoryMode } from "../disk/files.js"
import { writing } from "../disk/room.js"
import type { BlobFailure } from "../errors.js"
import { packBytesMax as packBytesMaxDefault } from "../limits.js"
import { type BlobStat, BlobStore, type BlobStoreShape, type Chunking } from "./blob-store.js"
import { fastcdc } from "./chunk.js"
import { removeBlobs } from "./compact.js"
import { behind } from "./index-behind.js"
import { openIndex } from "./index-level.js"
import { takeIn } from "./intake.js"
import { beginDraft } from "./pack-draft.js"
import { openPackReader } from "./pack-reader.js"
import {
  damagedRow,
  findRecipe,
  findRow,
  loadChunks,
  type PackSource,
  type PackStore,
} from "./pack-store.js"
import { openPackWriter } from "./pack-writer.js"
import { type Finding, recover } from "./recover.js"
import { blobFailure, storageError } from "./rules.js"
import { sendBlob } from "./send.js"

export interface FilesystemOptions {
  readonly directory: string
  readonly chunking: Chunking
  /** Whether a put waits for an fsync. Without, it survives a killed process, not a power loss. */
  readonly durable: boolean
  /** Bytes of a pack, beyond which a new one is begun. */
  readonly packBytesMax?: number
  /** Told of bytes that opening found to be no whole frame. Without it, damage is logged. */
  readonly onFinding?: (finding: Finding) => void
}

interface Opened {
  readonly store: PackStore
  readonly packs: string
  readonly findings: ReadonlyArray<Finding>
}

const openStore = async (options: FilesystemOptions): Promise<Opened> => {
  const { directory, durable, packBytesMax = packBytesMaxDefault } = options
  const packs = join(directory, "packs")
  await mkdir(packs, { recursive: true, mode: directoryMode })
  const opened = await openIndex(join(directory, "index"))
  const index = behind(opened)
  try {
    const { packs: files, last, findings } = await recover(packs, opened)
    const nextPack = (files.at(-1)?.pack ?? 0) + 1
    const resumed = last !== undefined && last.size < packBytesMax ? last : undefined
    const written = { directory: packs, index, durable, packBytesMax, last: resumed, nextPack }
    const writer = openPackWriter(written)
    const reader = openPackReader(packs)
    const sets = { damaged: new Set<string>(), going: new Set<string>() }
    return { store: { index, reader, writer, ...sets, leases: new Map() }, packs, findings }
  } catch (cause) {
    await index.close()
    throw cause
  }
}

const closeStore = async ({ writer, reader, index }: PackStore): Promise<void> => {
  try {
    await writer.close()
    await reader.close()
  } finally {
    await index.close()
  }
}

/** A torn tail is what a crash leaves: nothing in it was ever acknowledged as durable. */
const warn = ({ pack, from, to, state, digest }: Finding): Effect.Effect<void> => {
  const named = digest === undefined ? "" : `: chunk ${digest}`
  const text = `pack ${pack} is ${state} from ${from} to ${to}${named}`
  return state === "torn" ? Effect.logDebug(text) : Effect.logWarning(text)
}

const acquire = (options: FilesystemOptions): Effect.Effect<Opened, BlobFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => writing(options.directory, () => openStore(options)),
      catch: (cause) => blobFailure("open", cause),
    }),
    ({ store }) => Effect.promise(() => closeStore(store)),
  )

async function* statPages({ index }: PackSource) {
  for await (const page of index.blobs())
    yield page.map((row): BlobStat => {
      if (typeof row === "string") throw damagedRow(row)
      return row.stat
    })
}

/** The half of the port that changes nothing. */
export const readingOf = (
  source: PackSource,
): Pick<BlobStoreShape, "stat" | "read" | "readDeflated" | "list"> => {
  const load = loadChunks(source)
  return {
    stat: (digest) => Effect.map(findRow(source, digest), (row) => row?.stat),
    read: (digest, range) => sendBlob(findRecipe(source, digest), "content", range, load),
    readDeflated: (digest, range) => sendBlob(findRecipe(source, digest), "deflated", range, load),
    list: () =>
      Stream.flattenIterable(Stream.fromAsyncIterable(statPages(source), storageError("list"))),
  }
}

const make = Effect.fnUntraced(function* (options: FilesystemOptions) {
  const { store, packs, findings } = yield* acquire(options)
  const { onFinding } = options
  const tell = onFinding === undefined ? warn : (one: Finding) => Effect.sync(() => onFinding(one))
  yield* Effect.forEach(findings, tell, { discard: true })
  const cuts = fastcdc(options.chunking)
  const one = yield* Semaphore.make(1)
  const shape: BlobStoreShape = {
    put: (source) => takeIn(cuts, () => beginDraft(store), source),
    ...readingOf(store),
    flush: Effect.tryPromise({
      try: () => writing(packs, () => store.writer.flush()),
      catch: (cause) => blobFailure("flush", cause, "unknown"),
    }),
    remove: (digests) => {
      const remove = Effect.tryPromise({
        try: () => removeBlobs(store, packs, digests),
        catch: storageError("remove", "unknown"),
      })
      // Not interrupted between two steps of a pack; after a kill there, opening completes it.
      return one.withPermit(Effect.uninterruptible(remove))
    },
  }
  return shape
})

/** The blobs in a directory of its own, kept until the scope of the layer ends. */
export const layer = (options: FilesystemOptions): Layer.Layer<BlobStore, BlobFailure> =>
  Layer.effect(BlobStore, make(options))
