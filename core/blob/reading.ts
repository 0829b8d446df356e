/**
 * The blobs of somebody else, read only: packs are read in place, through a copy of their index.
 * It takes no lock and no puts, and changes nothing of the original, which others may be writing.
 *
 * What was put since is seen after a renewal. Knows nothing about events.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { borrow } from "../disk/borrow.js"
import { writing } from "../disk/room.js"
import { BlobFailure } from "../errors.js"
import { storageReason } from "../model/cause.js"
import type { BlobStoreShape } from "./blob-store.js"
import { type Finding, PackDamage } from "./damage.js"
import { readDamage } from "./damage-file.js"
import { located } from "./damage-record.js"
import { checkNoticing, readingOf } from "./filesystem.js"
import { lately } from "./index-lately.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import { openPackReader } from "./pack-reader.js"
import { forgetMended } from "./pack-store.js"
import { recover } from "./recover.js"
import { blobFailure } from "./rules.js"

export interface ReadingOptions {
  /** The original: its `packs/` and `index/`. */
  readonly directory: string
  /** Where the copy of the index is made: a directory that goes with whoever made it. */
  readonly temporary: string
}

export interface BlobReading {
  readonly blobs: BlobStoreShape
  /** From now on what was put meanwhile can be read. */
  readonly renew: Effect.Effect<void, BlobFailure>
  /** All damage of packs that is known. */
  readonly findings: ReadonlyArray<Finding>
}

/** The index as it is, or an empty one where it cannot be copied: it can be made of the packs. */
const copyIndex = async ({ directory, temporary }: ReadingOptions): Promise<BlobIndex> => {
  const from = join(directory, "index")
  const to = join(temporary, "index")
  const copied = await borrow(from, to, openIndex).catch((cause: unknown) => {
    if (!["damaged", "missing"].includes(storageReason(cause))) throw cause
    return undefined
  })
  if (copied === undefined) return await openIndex(to)
  const { opened, giveBack } = copied
  const close = async () => {
    await opened.close()
    await giveBack()
  }
  return { ...opened, close }
}

/** Tells what it finds, and takes nothing on record. */
const openOnce = async (options: ReadingOptions) => {
  const packs = join(options.directory, "packs")
  const index = lately(await copyIndex(options))
  try {
    const damage = new PackDamage(await readDamage(options.directory))
    const { findings } = await recover(packs, index, damage, "reader")
    for (const finding of findings) damage.add(finding)
    const notice = async (finding: Finding) => {
      const found = await located(packs, finding).catch(() => finding)
      damage.add(found)
      return found
    }
    return { packs, index, damage, notice, reader: openPackReader(packs), findings }
  } catch (cause) {
    await index.close()
    throw cause
  }
}

/** The owner may have rewritten packs after their index was copied: then a newer copy knows. */
const openStore = async (options: ReadingOptions) => {
  let seen = ""
  for (;;) {
    const store = await openOnce(options)
    const isGone = ({ state }: Finding) => state === "missing" || state === "replaced"
    const lost = JSON.stringify(store.findings.filter(isGone))
    if (lost === "[]" || lost === seen) {
      await forgetMended(store)
      return store
    }
    seen = lost
    await store.index.close()
  }
}

const refused = (operation: string): BlobFailure =>
  new BlobFailure({
    message: `these blobs are only read: open the ledger without readOnly to ${operation}`,
    operation,
    reason: "read-only",
    outcome: "none",
  })

/** Opens the blobs in a directory for reading; the copy of their index goes with the scope. */
export const openReading = Effect.fnUntraced(function* (
  options: ReadingOptions,
): Effect.fn.Return<BlobReading, BlobFailure, Scope.Scope> {
  const store = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => writing(options.temporary, () => openStore(options)),
      catch: (cause) => blobFailure("open", cause),
    }),
    ({ reader, index }) =>
      Effect.promise(async () => {
        await reader.close()
        await index.close()
      }),
  )
  const blobs: BlobStoreShape = {
    ...readingOf(store),
    put: () => Effect.fail(refused("put")),
    check: (resume, bytesMax) => checkNoticing(store, store.packs, resume, bytesMax),
    removing: (use) => use(() => Effect.fail(refused("remove"))),
    remove: () => Effect.fail(refused("remove")),
    // Nothing is put, and whoever owns these blobs does not know of this.
    keeping: (use) => use,
    flush: Effect.void,
  }
  const renew = Effect.tryPromise({
    try: async () => void (await recover(store.packs, store.index, store.damage, "follower")),
    catch: (cause) => blobFailure("read", cause),
  })
  return { blobs, renew: Effect.uninterruptible(renew), findings: store.damage.findings }
})
