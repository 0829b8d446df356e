/**
 * The LevelDB that the blob index lies in: its rows are answers only when its tables were checked.
 *
 * The index is derived, so a database that is damaged is moved aside, as evidence, and begun anew;
 * one that turns out to be damaged while it is in use fails every read. What a disk does not give
 * now is no damage: it may come the next time. Knows keys and values, no rows.
 */
import { rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Level } from "level"
import { Damage, Unread } from "../disk/damage.js"
import { keptIn, moveAside, nextKept } from "../disk/evidence.js"
import { isThere, makeDirectory, syncDirectory } from "../disk/files.js"
import { LevelGuard } from "../disk/level-guard.js"
import { lockedElsewhere } from "../disk/level-lock.js"
import { BlobFailure } from "../errors.js"
import { hasCode, storageReason } from "../model/cause.js"
import type { Operation } from "./index-numbers.js"

const pageCount = 1_000
const pageBytes = 262_144

type Database = Level<Buffer, Buffer>

/** Half-open. */
export interface BytesRange {
  readonly gte: Buffer
  readonly lt: Buffer
}

export type IndexEntry = [key: Buffer, value: Buffer]

interface Opened {
  readonly isNew: boolean
  readonly database: Database
  readonly guard: LevelGuard
}

const openElsewhere = (directory: string, cause: unknown): BlobFailure =>
  new BlobFailure({
    message: `the blob index in ${directory} is open elsewhere: close it there first`,
    operation: "open",
    reason: "conflict",
    outcome: "none",
    cause,
  })

const unusable = (cause: Damage): BlobFailure =>
  new BlobFailure({
    message:
      cause instanceof Unread
        ? `the blob index does not come from the disk (${cause.message}): look at the disk; ` +
          "without blob/index it is made anew"
        : `the blob index is damaged (${cause.message}): opening again makes it anew`,
    operation: "read",
    reason: storageReason(cause),
    outcome: "none",
    cause,
  })

const options = { keyEncoding: "buffer", valueEncoding: "buffer" } as const

const openThere = async (directory: string): Promise<Opened> => {
  await makeDirectory(directory)
  const isNew = !(await isThere(join(directory, "CURRENT")))
  const guard = await LevelGuard.open(directory)
  // Digests do not shrink.
  const database: Database = new Level<Buffer, Buffer>(directory, {
    ...options,
    compression: false,
  })
  try {
    await database.open()
    guard.begin()
    return { isNew, database, guard }
  } catch (cause) {
    await database.close()
    guard.close()
    throw cause
  }
}

const remove = async (directory: string): Promise<void> => {
  await rm(directory, { recursive: true, force: true })
  await syncDirectory(dirname(directory))
}

/** Evidence where there is a place for it. Tells whether there was. */
const giveUp = async (directory: string, quarantine: string | undefined): Promise<boolean> => {
  if (quarantine === undefined) {
    await remove(directory)
    return false
  }
  await makeDirectory(quarantine)
  const kept = await keptIn(quarantine, "index")
  await moveAside(directory, nextKept(quarantine, "index", kept))
  return true
}

export class IndexDatabase {
  readonly #directory: string
  readonly #quarantine: string | undefined
  #opened: Opened
  #isAside = false

  constructor(directory: string, quarantine: string | undefined, opened: Opened) {
    this.#directory = directory
    this.#quarantine = quarantine
    this.#opened = opened
  }

  /**
   * `quarantine`: where damaged files are kept; they are removed without it. Fails when another
   * process has it open, when the disk does not give its files, and when it cannot be made.
   */
  static async open(directory: string, quarantine?: string): Promise<IndexDatabase> {
    try {
      return new IndexDatabase(directory, quarantine, await openThere(directory))
    } catch (cause) {
      // Whatever it was: what somebody else has open may only look damaged.
      const locked = await lockedElsewhere(directory)
      if (locked !== undefined) throw openElsewhere(directory, locked)
      if (!hasCode(cause, "LEVEL_CORRUPTION")) throw cause
    }
    const isAside = await giveUp(directory, quarantine)
    const database = new IndexDatabase(directory, quarantine, await openThere(directory))
    database.#isAside = isAside
    return database
  }

  /** Whether damaged files were kept, and rows begun anew. */
  get isAside(): boolean {
    return this.#isAside
  }

  /** Whether there was no database before. */
  get isNew(): boolean {
    return this.#opened.isNew
  }

  get(key: Buffer): Buffer | undefined {
    const { database, guard } = this.#opened
    return this.#sound(() => {
      guard.checkKey(key)
      const value = database.getSync(key)
      guard.confirm()
      return value
    })
  }

  async getMany(keys: ReadonlyArray<Buffer>): Promise<ReadonlyArray<Buffer | undefined>> {
    const { database, guard } = this.#opened
    this.#sound(() => {
      for (const key of keys) guard.checkKey(key)
    })
    const values = await this.#read(database.getMany([...keys]))
    this.#sound(() => guard.confirm())
    return values
  }

  /** The entries of a range, page by page. `isLong`: it may be most of what there is. */
  async *pages(range: BytesRange, isLong = false): AsyncGenerator<ReadonlyArray<IndexEntry>, void> {
    const { database, guard } = this.#opened
    if (isLong) await this.#read(guard.checkAll())
    else this.#sound(() => guard.checkRange(range.gte, range.lt))
    const iterator = database.iterator({ ...range, highWaterMarkBytes: pageBytes })
    try {
      for (;;) {
        const entries = await this.#read(iterator.nextv(pageCount))
        this.#sound(() => guard.confirm())
        if (entries.length === 0) return
        yield entries
      }
    } finally {
      await iterator.close()
    }
  }

  batch(operations: ReadonlyArray<Operation>, sync: boolean): Promise<void> {
    // Chained, since an array of operations would be copied one by one: four times the work.
    const batch = this.#opened.database.batch()
    for (const operation of operations)
      if (operation.type === "del") batch.del(operation.key)
      else batch.put(operation.key, operation.value)
    return batch.write({ sync })
  }

  /** Begins anew. What was there cannot come back, however this ends; if damaged, it is kept. */
  async renew(): Promise<void> {
    await this.close()
    const isDamaged = this.#opened.guard.damage !== undefined
    if (!isDamaged) await remove(this.#directory)
    else if (await giveUp(this.#directory, this.#quarantine)) this.#isAside = true
    this.#opened = await openThere(this.#directory)
  }

  async close(): Promise<void> {
    const { database, guard } = this.#opened
    await database.close()
    guard.close()
  }

  #sound<A>(act: () => A): A {
    try {
      return act()
    } catch (cause) {
      throw this.#failure(cause)
    }
  }

  #read<A>(reading: Promise<A>): Promise<A> {
    return reading.catch((cause: unknown) => {
      throw this.#failure(cause)
    })
  }

  /** LevelDB notices some damage by itself. */
  #failure(cause: unknown): unknown {
    if (cause instanceof Damage) return unusable(cause)
    if (!hasCode(cause, "LEVEL_CORRUPTION")) return cause
    return unusable(this.#opened.guard.note(new Damage("a table", "is damaged", { cause })))
  }
}
