/**
 * The LevelDB that the blob index lies in: its rows are answers only when its tables were checked.
 *
 * The index is derived, so a database that cannot be trusted is removed and begun anew; one that
 * turns out to be damaged while it is in use fails every read. Knows keys and values, no rows.
 */
import { mkdir, rm } from "node:fs/promises"
import { dirname, join } from "node:path"
import { Level } from "level"
import { Damage } from "../disk/damage.js"
import { directoryMode, isThere, syncDirectory } from "../disk/files.js"
import { LevelGuard } from "../disk/level-guard.js"
import { lockedElsewhere } from "../disk/level-lock.js"
import { BlobFailure } from "../errors.js"
import { hasCode } from "../model/cause.js"
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

const damaged = (cause: Damage): BlobFailure =>
  new BlobFailure({
    message: `the blob index is damaged (${cause.message}): opening again makes it anew`,
    operation: "read",
    reason: "damaged",
    outcome: "none",
    cause,
  })

const options = { keyEncoding: "buffer", valueEncoding: "buffer" } as const

const openThere = async (directory: string): Promise<Opened> => {
  await mkdir(directory, { recursive: true, mode: directoryMode })
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

export class IndexDatabase {
  readonly #directory: string
  #opened: Opened

  constructor(directory: string, opened: Opened) {
    this.#directory = directory
    this.#opened = opened
  }

  /** Fails only when another process has it open or it cannot be made. */
  static async open(directory: string): Promise<IndexDatabase> {
    try {
      return new IndexDatabase(directory, await openThere(directory))
    } catch (cause) {
      // Nothing is wrong with the index when the process may open no more files.
      if (hasCode(cause, "EMFILE") || hasCode(cause, "ENFILE")) throw cause
      // Whatever it was: what somebody else has open is not removed.
      const locked = await lockedElsewhere(directory)
      if (locked !== undefined) throw openElsewhere(directory, locked)
    }
    await remove(directory)
    return new IndexDatabase(directory, await openThere(directory))
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

  /** Removes everything. What was there cannot come back, however this ends. */
  async renew(): Promise<void> {
    await this.close()
    await remove(this.#directory)
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
    if (cause instanceof Damage) return damaged(cause)
    if (!hasCode(cause, "LEVEL_CORRUPTION")) return cause
    return damaged(this.#opened.guard.note(new Damage("a table", "is damaged", { cause })))
  }
}
