/**
 * The memory driver of the blobs: for tests and scratch ledgers, with points at which it can be
 * told to fail as a disk would.
 *
 * Cuts, compresses and checks as the others do, so that the stored form obeys the same laws.
 * Durability means nothing here. What a crash leaves is the store, which a test keeps and hands to
 * the next layer.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { BlobFailure } from "../errors.js"
import { memoryBytesMaxDefault } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import {
  type BlobBytes,
  BlobStore,
  type BlobStoreShape,
  type CheckedPart,
  type Removal,
  type Remove,
  type Sent,
} from "./blob-store.js"
import { defaultChunking, fastcdc } from "./chunk.js"
import type { BlobDraft } from "./draft.js"
import type { Frame } from "./frame.js"
import { takeIn } from "./intake.js"
import { takeKnown, takePrepared } from "./intake-prepared.js"
import { type Keeping, keepingIn, Leases, withKeeping } from "./leases.js"
import { chunksOf, type Recipe } from "./recipe.js"
import { absent, corrupted } from "./rules.js"
import { fillParts, type LoadChunks, sendBlob, wholeContents } from "./send.js"

export type BlobOperation = "put" | "read" | "stat" | "flush" | "remove" | "list"

/**
 * Consulted before and after every operation; a failure that it returns is what the caller gets.
 * `before`: nothing was done. `after`: all was done; of bytes and lists, all was sent.
 */
export type Failpoint = (
  operation: BlobOperation,
  phase: "before" | "after",
) => BlobFailure | undefined

/** What outlives a layer. A test may change it to see damage. */
export interface MemoryBlobs {
  readonly chunks: Map<Digest, Frame>
  readonly recipes: Map<Digest, Recipe>
}

export interface MemoryBlobOptions {
  /** Of all stored forms together; a put beyond it fails with reason `full`. */
  readonly bytesMax?: number
  readonly failpoint?: Failpoint
  readonly store?: MemoryBlobs
}

export const emptyBlobs = (): MemoryBlobs => ({ chunks: new Map(), recipes: new Map() })

const full = (bytesMax: number): BlobFailure =>
  new BlobFailure({
    message: `the blobs in memory would pass ${bytesMax} bytes: allow more, or keep them on disk`,
    operation: "put",
    reason: "full",
    outcome: "none",
  })

const bytesOf = (frames: Iterable<Frame>): number => {
  let bytes = 0
  for (const { storedSize } of frames) bytes += storedSize
  return bytes
}

interface Usage {
  bytes: number
}

/** A put: its chunks join the store with the recipe, so that what fails leaves nothing. */
const beginDraft = (
  { chunks, recipes }: MemoryBlobs,
  usage: Usage,
  bytesMax: number,
  keeping: Keeping | undefined,
): BlobDraft => {
  const held = new Map<Digest, Frame>()
  const fresh = () => [...held.values()].filter(({ digest }) => !chunks.has(digest))

  const append = (frames: ReadonlyArray<Frame>): Effect.Effect<void, BlobFailure> => {
    // The bytes are still the caller's.
    for (const frame of frames)
      held.set(frame.digest, { ...frame, stored: new Uint8Array(frame.stored) })
    const bytes = usage.bytes + bytesOf(fresh())
    return bytes > bytesMax ? Effect.fail(full(bytesMax)) : Effect.void
  }

  return {
    blob: (digest) => {
      const recipe = recipes.get(digest)
      if (recipe !== undefined) keeping?.hold(digest)
      return recipe?.stat
    },
    chunk: (digest) => {
      const frame = held.get(digest) ?? chunks.get(digest)
      // Held on to, lest a removal takes it before the recipe names it.
      if (frame !== undefined) held.set(digest, frame)
      return frame
    },
    append: (frames) => Effect.suspend(() => append(frames)),
    commit: (frames, made) =>
      Effect.suspend(() =>
        Effect.map(append(frames), () => {
          const added = fresh()
          usage.bytes += bytesOf(added)
          for (const frame of added) chunks.set(frame.digest, frame)
          for (const recipe of made) {
            keeping?.hold(recipe.stat.digest)
            recipes.set(recipe.stat.digest, recipe)
          }
        }),
      ),
    close: () => undefined,
  }
}

const isWhole = ({ chunks }: MemoryBlobs, digest: Digest): boolean => {
  const frame = chunks.get(digest)
  return frame !== undefined && digestOf(frame.stored) === frame.storedDigest
}

const isThere = (store: MemoryBlobs, digest: Digest): boolean => {
  const recipe = store.recipes.get(digest)
  if (recipe === undefined) return false
  return chunksOf(recipe, 0, recipe.count).every((chunk) => isWhole(store, chunk.digest))
}

/** All in one part: nothing of it is read from a disk. */
const checkAll = (store: MemoryBlobs): CheckedPart => {
  const digests = [...store.chunks.keys()]
  const damage = digests
    .filter((digest) => !isWhole(store, digest))
    .map((digest) => {
      const text = `the chunk ${digest} is damaged`
      return { pack: "memory", from: 0, to: 0, digests: [digest], text }
    })
  const frames = digests.length + store.recipes.size
  return { bytes: bytesOf(store.chunks.values()), frames, damage }
}

const loadFrom =
  ({ chunks }: MemoryBlobs): LoadChunks =>
  async (wanted) =>
    wanted.map(({ blob, chunk }) => {
      const frame = chunks.get(chunk.digest)
      // A copy: what is handed out is the reader's.
      if (frame !== undefined && digestOf(frame.stored) === frame.storedDigest)
        return { ...frame, stored: new Uint8Array(frame.stored) }
      throw corrupted(blob, `has the chunk ${chunk.digest} damaged or missing`)
    })

/** Answers with what became of the digests. */
const removeFrom = (
  { chunks, recipes }: MemoryBlobs,
  names: ReadonlySet<string>,
  digests: ReadonlyArray<Digest>,
): Omit<Removal, "bytes"> => {
  const kept = [...new Set(digests)].filter((digest) => names.has(digest))
  let removed = 0
  for (const digest of digests) if (!names.has(digest) && recipes.delete(digest)) removed += 1
  const used = new Set<Digest>()
  for (const recipe of recipes.values())
    for (const { digest } of chunksOf(recipe, 0, recipe.count)) used.add(digest)
  for (const digest of [...chunks.keys()]) if (!used.has(digest)) chunks.delete(digest)
  return { removed, kept }
}

/** The half of the port by which blobs go, one call at a time as everywhere. */
const removals = (
  store: MemoryBlobs,
  leases: Leases,
  usage: Usage,
  guarded: (removal: Effect.Effect<Removal>) => Effect.Effect<Removal, BlobFailure>,
): Pick<BlobStoreShape, "removing" | "remove"> => {
  const one = Semaphore.makeUnsafe(1)
  const removeNow = (digests: ReadonlyArray<Digest>, names: ReadonlySet<string>): Removal => {
    const before = usage.bytes
    const answer = removeFrom(store, names, digests)
    usage.bytes = bytesOf(store.chunks.values())
    return { ...answer, bytes: before - usage.bytes }
  }
  const removing: BlobStoreShape["removing"] = (use) =>
    Effect.suspend(() => {
      const note = leases.note()
      const remove: Remove = (digests) => guarded(Effect.sync(() => removeNow(digests, note.names)))
      return Effect.ensuring(one.withPermit(use(remove)), Effect.sync(note.end))
    })
  return { removing, remove: (digests) => removing((remove) => remove(digests)) }
}

const make = (options: MemoryBlobOptions): BlobStoreShape => {
  const { bytesMax = memoryBytesMaxDefault, failpoint, store = emptyBlobs() } = options
  const { recipes } = store
  const cuts = fastcdc(defaultChunking)
  const load = loadFrom(store)
  const usage: Usage = { bytes: bytesOf(store.chunks.values()) }
  const leases = new Leases()
  const begin = withKeeping(leases, (keeping) => beginDraft(store, usage, bytesMax, keeping))

  const failAt = (operation: BlobOperation, phase: "before" | "after") =>
    Effect.suspend(() => {
      const failure = failpoint?.(operation, phase)
      return failure === undefined ? Effect.void : Effect.fail(failure)
    })

  const guarded = <A, E>(operation: BlobOperation, run: Effect.Effect<A, E>) =>
    Effect.andThen(
      failAt(operation, "before"),
      Effect.tap(run, () => failAt(operation, "after")),
    )

  const guardedSync = <A>(operation: BlobOperation, run: () => A) =>
    guarded(operation, Effect.sync(run))

  const guardedStream = <A, E>(operation: BlobOperation, stream: Stream.Stream<A, E>) =>
    Stream.fromEffectDrain(failAt(operation, "before")).pipe(
      Stream.concat(stream),
      Stream.concat(Stream.fromEffectDrain(failAt(operation, "after"))),
    )

  const find = (digest: Digest): Recipe => {
    const recipe = recipes.get(digest)
    if (recipe === undefined) throw absent(digest)
    return recipe
  }

  const send =
    (sent: Sent): BlobStoreShape["read"] =>
    (digest, range): BlobBytes =>
      guardedStream("read", sendBlob(find, digest, sent, range, load))

  return {
    put: (source) => guarded("put", takeIn(cuts, begin, source)),
    putPrepared: (contents) => guarded("put", takePrepared(begin, contents)),
    putKnown: (digests) => guarded("put", takeKnown(begin, digests)),
    chunking: defaultChunking,
    keeping: keepingIn(leases),
    stat: (digest) => guardedSync("stat", () => recipes.get(digest)?.stat),
    read: send("content"),
    readDeflated: send("deflated"),
    readInto: (parts) => guarded("read", fillParts(find, parts, load)),
    readWhole: (digests) => guarded("read", wholeContents(find, digests, load)),
    chunks: (digest) =>
      guardedSync("stat", () => {
        const recipe = recipes.get(digest)
        return recipe === undefined ? [] : chunksOf(recipe, 0, recipe.count)
      }),
    flush: guarded("flush", Effect.void),
    isThere: (digest) => guardedSync("stat", () => isThere(store, digest)),
    check: () => guardedSync("read", () => checkAll(store)),
    ...removals(store, leases, usage, (removal) => guarded("remove", removal)),
    list: () =>
      guardedStream(
        "list",
        Stream.suspend(() => {
          const sorted = [...recipes.keys()].sort()
          return Stream.fromIterable(sorted.flatMap((digest) => recipes.get(digest)?.stat ?? []))
        }),
      ),
  }
}

export const layerWith = (options: MemoryBlobOptions): Layer.Layer<BlobStore> =>
  Layer.effect(
    BlobStore,
    Effect.sync(() => make(options)),
  )

/** An empty store within the default bound, forgotten with its scope. */
export const layer: Layer.Layer<BlobStore> = layerWith({})
