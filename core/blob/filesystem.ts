/**
 * The file system driver of the blobs: append-only packs with an index beside them.
 *
 * A directory holds `packs/`, which are the bytes, and `index/`, which is derived from them. One
 * process has it open at a time: the index keeps the others out. Knows nothing about events, nor
 * what the bytes mean.
 */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { directoryMode } from "../disk/files.js"
import type { Reserve } from "../disk/reserve.js"
import { writing } from "../disk/room.js"
import type { BlobFailure } from "../errors.js"
import { packBytesMax as packBytesMaxDefault } from "../limits.js"
import type { Digest } from "../model/digest.js"
import {
  type BlobStat,
  BlobStore,
  type BlobStoreShape,
  type CheckedPart,
  type ContentDamage,
  type Remove,
} from "./blob-store.js"
import { checkPacks } from "./check.js"
import { type Chunking, fastcdc } from "./chunk.js"
import { type Finding, PackDamage, printDamage } from "./damage.js"
import { readDamage } from "./damage-file.js"
import { DamageRecord, located } from "./damage-record.js"
import { behind } from "./index-behind.js"
import { lately } from "./index-lately.js"
import { type Anew, openIndex } from "./index-level.js"
import type { Mark } from "./index-row.js"
import { takeIn } from "./intake.js"
import { takeKnown, takePrepared } from "./intake-prepared.js"
import { keepingIn, Leases, withKeeping } from "./leases.js"
import { beginDraft } from "./pack-draft.js"
import { openPackReader } from "./pack-reader.js"
import {
  damagedRow,
  findChunks,
  findRecipe,
  findRow,
  forgetMended,
  isBlobThere,
  loadChunks,
  type PackSource,
  type PackStore,
} from "./pack-store.js"
import { openPackWriter } from "./pack-writer.js"
import { recover } from "./recover.js"
import { removeBlobs } from "./removal.js"
import { blobFailure, storageError } from "./rules.js"
import { fillParts, sendBlob, wholeContents } from "./send.js"

export interface FilesystemOptions {
  readonly directory: string
  readonly chunking: Chunking
  /** Whether a put waits for an fsync. Without, it survives a killed process, not a power loss. */
  readonly durable: boolean
  /** Bytes of a pack, beyond which a new one is begun. */
  readonly packBytesMax?: number
  /** Where damaged packs, and a damaged index, are kept as evidence; nowhere without it. */
  readonly quarantine?: string
  /** Given up for a removal on a disk that is full, and taken again behind it. */
  readonly reserve?: Reserve
  /** Told of all damage that is known when the store is open. */
  readonly onFinding?: (finding: Finding) => void
  /** Told, in a sentence, of an index that was made anew. */
  readonly onRepair?: (text: string) => void
}

const repairs: Readonly<Record<Anew, string>> = {
  damaged: "the blob index was damaged: it was moved to quarantine/, and made anew from the packs",
  lost: "rows of the blob index were lost: it was made anew from the packs",
  missing: "the blob index was missing: it was made anew from the packs",
}

interface Opened {
  readonly store: PackStore
  readonly packs: string
  readonly findings: ReadonlyArray<Finding>
  readonly repair: string | undefined
}

/** Never rejects: where even this cannot be looked at, the read that noticed it says why. */
const locatedOr = (packs: string, finding: Finding): Promise<Finding> =>
  located(packs, finding).catch(() => finding)

const openStore = async (options: FilesystemOptions): Promise<Opened> => {
  const { directory, durable, quarantine, packBytesMax = packBytesMaxDefault } = options
  const packs = join(directory, "packs")
  await mkdir(packs, { recursive: true, mode: directoryMode })
  const found = await openIndex(join(directory, "index"), quarantine)
  const opened = lately(found)
  const index = behind(opened)
  try {
    const damage = new PackDamage(await readDamage(directory))
    const record = new DamageRecord({ directory, packs, quarantine, damage })
    const { last, nextPack, findings } = await recover(packs, opened, damage)
    for (const finding of findings) damage.add(finding)
    const resumed = last !== undefined && last.size < packBytesMax ? last : undefined
    const written = { directory: packs, index, durable, packBytesMax, last: resumed, nextPack }
    const writer = openPackWriter(written)
    const reader = openPackReader(packs)
    const notice: PackSource["notice"] = async (finding, isNamed) => {
      const found = await locatedOr(packs, finding)
      if (await isNamed()) await record.take([found], () => writer.roll())
      return found
    }
    const source = { index, reader, damage, notice }
    await forgetMended(source)
    // Nothing is written to these packs yet, and to damaged ones nothing will be.
    await record.take([], () => Promise.resolve())
    const names = { going: new Set<string>(), leases: new Leases() }
    const store = { ...source, writer, record, packs, packBytesMax, ...names }
    const torn = findings.filter(({ state }) => state === "torn")
    const anew = found.anew()
    // Where there was never a pack, there is nothing to make it from.
    const repair = anew === undefined || nextPack === 1 ? undefined : repairs[anew]
    return { store, packs, findings: [...torn, ...damage.findings], repair }
  } catch (cause) {
    await index.close()
    throw cause
  }
}

const closeStore = async ({ writer, record, reader, index }: PackStore): Promise<void> => {
  try {
    await writer.close()
    await record.settled()
  } finally {
    await reader.close()
    await index.close()
  }
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
): Pick<
  BlobStoreShape,
  "stat" | "read" | "readDeflated" | "readInto" | "readWhole" | "isThere" | "chunks" | "list"
> => {
  const load = loadChunks(source)
  const find = (digest: Digest) => findRecipe(source, digest)
  const loadOnce = loadChunks(source, true)
  const findOnce = (digest: Digest) => findRecipe(source, digest, true)
  return {
    stat: (digest) => Effect.map(findRow(source, digest), (row) => row?.stat),
    read: (digest, range) => sendBlob(find, digest, "content", range, load),
    readDeflated: (digest, range) => sendBlob(find, digest, "deflated", range, load),
    readInto: (parts) => fillParts(find, parts, load),
    readWhole: (digests) => wholeContents(findOnce, digests, loadOnce),
    isThere: (digest) =>
      Effect.tryPromise({ try: () => isBlobThere(source, digest), catch: storageError("read") }),
    chunks: (digest) =>
      Effect.tryPromise({ try: () => findChunks(source, digest), catch: storageError("read") }),
    list: () =>
      Stream.flattenIterable(Stream.fromAsyncIterable(statPages(source), storageError("list"))),
  }
}

/** What is found goes on record, as what a read comes upon. */
export const checkNoticing = (
  { notice }: Pick<PackSource, "notice">,
  packs: string,
  resume: string | undefined,
  bytesMax: number,
): Effect.Effect<CheckedPart, BlobFailure> =>
  Effect.tryPromise({
    try: async () => {
      const { findings, ...part } = await checkPacks(packs, resume, bytesMax)
      const damage: Array<ContentDamage> = []
      // Nothing is moved while packs are read through: it lies where it was found.
      const isNamed = () => Promise.resolve(true)
      for (const finding of findings) damage.push(printDamage(await notice(finding, isNamed)))
      return { ...part, damage }
    },
    catch: (cause) => blobFailure("check", cause),
  })

/** Ends between two steps when it is interrupted, and is over when it has ended. */
const interrupted = <A>(run: (signal: AbortSignal) => Promise<A>) =>
  Effect.suspend(() => {
    const aborting = new AbortController()
    const running = run(aborting.signal)
    return Effect.onInterrupt(
      Effect.tryPromise({ try: () => running, catch: storageError("remove", "unknown") }),
      () =>
        Effect.promise(async () => {
          aborting.abort()
          await running.catch(() => undefined)
        }),
    )
  })

/** The half of the port by which blobs go, one after the other. */
const removals = (
  store: PackStore,
  one: Semaphore.Semaphore,
  reserve: Reserve | undefined,
): Pick<BlobStoreShape, "removing" | "remove"> => {
  const makeRoom = async () => (await reserve?.giveUp()) ?? false
  const removing: BlobStoreShape["removing"] = (use) =>
    Effect.suspend(() => {
      // Taken at the call: what is let go of while others remove is passed over too.
      const note = store.leases.note()
      const remove: Remove = (digests, { thorough = false, more = false } = {}) =>
        interrupted(async (signal) => {
          try {
            return await removeBlobs(store, digests, { note, thorough, more, signal, makeRoom })
          } finally {
            await reserve?.keep()
          }
        })
      return Effect.ensuring(one.withPermit(use(remove)), Effect.sync(note.end))
    })
  return {
    removing,
    remove: (digests, options) => removing((remove) => remove(digests, options)),
  }
}

const make = Effect.fnUntraced(function* (options: FilesystemOptions) {
  const { store, packs, findings, repair } = yield* acquire(options)
  if (repair !== undefined) options.onRepair?.(repair)
  for (const finding of findings) options.onFinding?.(finding)
  const cuts = fastcdc(options.chunking)
  const one = yield* Semaphore.make(1)
  const begin = withKeeping(store.leases, (keeping) => beginDraft(store, keeping))
  const shape: BlobStoreShape = {
    put: (source) => takeIn(cuts, begin, source),
    putPrepared: (contents) => takePrepared(begin, contents),
    putKnown: (digests) => takeKnown(begin, digests),
    chunking: options.chunking,
    keeping: keepingIn(store.leases),
    ...readingOf(store),
    flush: Effect.tryPromise({
      try: () => writing(packs, () => store.writer.flush()),
      catch: (cause) => blobFailure("flush", cause, "unknown"),
    }),
    check: (resume, bytesMax) => one.withPermit(checkNoticing(store, packs, resume, bytesMax)),
    ...removals(store, one, options.reserve),
  }
  const marks = () => store.index.marks()
  return Context.make(BlobStore, shape).pipe(Context.add(PackMarks, { marks }))
})

/** What the index has of each pack: by it who copies packs tells what was removed from a loss. */
export class PackMarks extends Context.Service<
  PackMarks,
  { readonly marks: () => Promise<ReadonlyMap<number, Mark>> }
>()("daybook/blob/filesystem/PackMarks") {}

/** The blobs in a directory of its own, kept until the scope of the layer ends. */
export const layer = (
  options: FilesystemOptions,
): Layer.Layer<BlobStore | PackMarks, BlobFailure> => Layer.effectContext(make(options))
