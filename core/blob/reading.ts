/**
 * The blobs of somebody else, read only: packs are read in place, through a copy of their index.
 * It takes no lock and no puts, and changes nothing of the original, which others may be writing.
 *
 * What was put since is seen after a renewal. A frame that is not where it was is looked for in a
 * newer copy of the index: its owner may have moved it. Knows nothing about events.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { borrow } from "../disk/borrow.js"
import { writing } from "../disk/room.js"
import { BlobFailure } from "../errors.js"
import { storageReason } from "../model/cause.js"
import type { BlobStoreShape } from "./blob-store.js"
import { defaultChunking } from "./chunk.js"
import { type Finding, PackDamage } from "./damage.js"
import { readDamage } from "./damage-file.js"
import { located } from "./damage-record.js"
import { checkNoticing, readingOf } from "./filesystem.js"
import { ExchangedIndex } from "./index-exchanged.js"
import { lately } from "./index-lately.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import type { Mark } from "./index-row.js"
import { listPacks, type PackFile } from "./pack-files.js"
import { openPackReader } from "./pack-reader.js"
import { forgetMended, type PackSource } from "./pack-store.js"
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
  /** What the owner's index says of its packs by now; undefined where it cannot be asked. */
  readonly marks: () => Promise<ReadonlyMap<number, Mark> | undefined>
}

// A pack may go between two looks at it, but not so many times in a row.
const triesMax = 10

const isSame = (one: ReadonlyArray<PackFile>, other: ReadonlyArray<PackFile>): boolean =>
  JSON.stringify(one) === JSON.stringify(other)

/** Whether anything that lay in packs before lies elsewhere by now, or is gone. */
const isCut = (before: ReadonlyArray<PackFile>, now: ReadonlyArray<PackFile>): boolean => {
  const sizes = new Map(now.map(({ pack, size }) => [pack, size]))
  return before.some(({ pack, size }) => (sizes.get(pack) ?? 0) < size)
}

/** What there is at one moment. */
interface Look {
  readonly index: BlobIndex
  readonly damage: PackDamage
  readonly findings: ReadonlyArray<Finding>
  /** The packs before it, to tell whether anything has changed since. */
  readonly packs: ReadonlyArray<PackFile>
}

class Looker {
  readonly packs: string
  readonly #options: ReadingOptions
  #count = 0

  constructor(options: ReadingOptions) {
    this.#options = options
    this.packs = join(options.directory, "packs")
  }

  look(): Promise<Look> {
    return writing(this.#options.temporary, () => this.#look())
  }

  /**
   * The owner may remove packs after their index was copied, or move what lies behind it while that
   * is looked for: then a newer copy knows.
   */
  async #look(): Promise<Look> {
    let seen = ""
    for (let tries = 1; ; tries += 1) {
      const before = await this.listing()
      const found = await this.#once(before).catch(async (cause: unknown) => {
        if (tries === triesMax || isSame(await this.listing(), before)) throw cause
        return undefined
      })
      if (found === undefined) continue
      const isGone = ({ state }: Finding) => state === "missing" || state === "replaced"
      const lost = JSON.stringify(found.findings.filter(isGone))
      const now = await this.listing().catch(async (cause: unknown) => {
        await found.index.close()
        throw cause
      })
      const isMoving = tries < triesMax && isCut(before, now)
      if (!isMoving && (lost === "[]" || lost === seen)) return found
      seen = lost
      await found.index.close()
    }
  }

  /** An index that cannot be copied is made of the packs. Tells what it finds, on no record. */
  async #once(packs: ReadonlyArray<PackFile>): Promise<Look> {
    const index = lately((await this.#copy()) ?? (await openIndex(this.#place())))
    try {
      const damage = new PackDamage(await readDamage(this.#options.directory))
      const { findings } = await recover(this.packs, index, damage, "reader")
      for (const finding of findings) damage.add(finding)
      return { index, damage, findings, packs }
    } catch (cause) {
      await index.close()
      throw cause
    }
  }

  listing(): Promise<ReadonlyArray<PackFile>> {
    return listPacks(this.packs)
  }

  #place(): string {
    this.#count += 1
    return join(this.#options.temporary, `index-${this.#count}`)
  }

  /** A copy of the index, or undefined where it cannot be copied. It goes when it is closed. */
  async #copy(): Promise<BlobIndex | undefined> {
    const from = join(this.#options.directory, "index")
    const copied = await borrow(from, this.#place(), openIndex).catch((cause: unknown) => {
      if (!["damaged", "missing"].includes(storageReason(cause))) throw cause
      return undefined
    })
    if (copied === undefined) return undefined
    const { opened, giveBack } = copied
    const close = async () => {
      await opened.close()
      await giveBack()
    }
    return { ...opened, close }
  }

  /** What the index of the owner says of packs by now. */
  async marks(): Promise<ReadonlyMap<number, Mark> | undefined> {
    const index = await this.#copy()
    try {
      return await index?.marks()
    } finally {
      await index?.close()
    }
  }
}

/** The blobs of somebody else as they were last looked at. */
class Reader {
  readonly source: PackSource
  readonly #looker: Looker
  readonly #index: ExchangedIndex
  #listing: ReadonlyArray<PackFile>
  #looking: Promise<boolean> | undefined

  constructor(looker: Looker, { index, damage, packs }: Look) {
    this.#looker = looker
    this.#index = new ExchangedIndex(index)
    this.#listing = packs
    const notice: PackSource["notice"] = async (finding, isNamed) => {
      const found = await located(looker.packs, finding).catch(() => finding)
      if (await isNamed()) damage.add(found)
      return found
    }
    const again = () => this.again()
    const reader = openPackReader(looker.packs)
    this.source = { index: this.#index, damage, reader, notice, again }
  }

  /** Looks again, where anything has changed; tells whether it has. */
  again(): Promise<boolean> {
    this.#looking ??= this.#again().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #again(): Promise<boolean> {
    if (isSame(await this.#looker.listing(), this.#listing)) return false
    const { index, damage, packs } = await this.#looker.look()
    const known = this.source.damage
    known.change(() => [])
    for (const finding of damage.findings) known.add(finding)
    this.#listing = packs
    await this.#index.exchange(index)
    await forgetMended(this.source)
    return true
  }

  /** Follows what was put; where packs have become shorter, what lay there is elsewhere. */
  async renew(): Promise<void> {
    const { packs } = this.#looker
    const { damage } = this.source
    // What was begun before may not see what was put since.
    await this.#looking?.catch(() => undefined)
    const before = await this.#looker.listing()
    const marks = [...(await this.#index.marks()).values()]
    const indexed = marks.map(({ pack, end: size }) => ({ pack, size }))
    const isShorter = isCut(
      indexed.filter(({ pack }) => !damage.isIn(pack)),
      before,
    )
    if (isShorter && (await this.again())) return
    try {
      await recover(packs, this.#index, damage, "follower")
    } catch (cause) {
      // A pack that was there a moment ago.
      if (!(await this.again())) throw cause
    }
    // What was looked for may have been moved to where nobody looked any more.
    if (isCut(before, await this.#looker.listing())) await this.again()
  }

  async close(): Promise<void> {
    await this.#looking?.catch(() => undefined)
    await this.source.reader.close()
    await this.#index.close()
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
  const looker = new Looker(options)
  const open = async () => {
    const opened = new Reader(looker, await looker.look())
    await forgetMended(opened.source)
    return opened
  }
  const reader = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: open,
      catch: (cause) => blobFailure("open", cause),
    }),
    (opened) => Effect.promise(() => opened.close()),
  )
  const blobs: BlobStoreShape = {
    ...readingOf(reader.source),
    put: () => Effect.fail(refused("put")),
    putPrepared: () => Effect.fail(refused("put")),
    putKnown: () => Effect.fail(refused("put")),
    chunking: defaultChunking,
    check: (resume, bytesMax) => checkNoticing(reader.source, looker.packs, resume, bytesMax),
    removing: (use) => use(() => Effect.fail(refused("remove"))),
    remove: () => Effect.fail(refused("remove")),
    // Nothing is put, and whoever owns these blobs does not know of this.
    keeping: (use) => use,
    flush: Effect.void,
  }
  const renew = Effect.tryPromise({
    try: () => reader.renew(),
    catch: (cause) => blobFailure("read", cause),
  })
  const { findings } = reader.source.damage
  const marks = () => looker.marks()
  return { blobs, renew: Effect.uninterruptible(renew), findings, marks }
})
