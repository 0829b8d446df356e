/**
 * The view store on LevelDB. Commits are not synced: after a crash the log is folded again.
 *
 * A scan of several ranges reads them from one snapshot, so that a row which moves between two of
 * them is seen exactly once. Nothing that was read is answered before its tables were checked: what
 * is damaged can only be given up as a whole.
 */
import { mkdir, rm } from "node:fs/promises"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Level } from "level"
import { Damage } from "../disk/damage.js"
import { moveAside } from "../disk/evidence.js"
import { directoryMode, syncDirectory } from "../disk/files.js"
import { LevelGuard } from "../disk/level-guard.js"
import { lockedElsewhere } from "../disk/level-lock.js"
import { writing } from "../disk/room.js"
import { ViewFailure } from "../errors.js"
import { storageReason } from "../model/cause.js"
import { asDamage, RowsPass, type Walk } from "./level-rows.js"
import { Reached, reachedIn } from "./reached.js"
import {
  type RowWrite,
  type ScanRange,
  type StoredRow,
  ViewStore,
  type ViewStoreShape,
} from "./view-store.js"

export interface LevelViewOptions {
  readonly directory: string
  /** Where the directory goes when its files are damaged. Without it, opening then fails. */
  readonly aside?: string
}

type Database = Level<string, Uint8Array>

/** No row has it: spaces begin with a letter. */
const absentKey = "\u0000"

// Gone through before anything is answered, however many there are: some 5 ms.
const aheadCount = 4_096

const walkBytes = 262_144

interface Opened {
  readonly database: Database
  readonly guard: LevelGuard
  readonly rows: RowsPass
  readonly reached: Reached
}

export const failure = (operation: string, outcome: ViewFailure["outcome"], cause: unknown) =>
  cause instanceof Damage
    ? new ViewFailure({
        message: `the views are damaged (${cause.message}): call rebuild(), or open them again`,
        operation,
        reason: "damaged",
        outcome,
        cause,
      })
    : new ViewFailure({
        message: `the views cannot ${operation}: look at the disk that holds view/, then reopen`,
        operation,
        reason: storageReason(cause),
        outcome,
        cause,
      })

/** What is written from now on is not in it. */
const walkThrough = (database: Database): Walk => {
  const snapshot = database.snapshot()
  const begin = () => database.iterator({ snapshot, highWaterMarkBytes: walkBytes })
  let rows: ReturnType<typeof begin> | undefined
  return {
    next: (countMax) => {
      rows ??= begin()
      return rows.nextv(countMax)
    },
    close: async () => {
      await rows?.close()
      await snapshot.close()
    },
  }
}

/**
 * Who opened it without a guard may have changed any row, and nothing rests on them before all were
 * gone through. Until then the guard signs nothing, so that a kill does not hide it.
 */
const goThrough = async (rows: RowsPass, guard: LevelGuard): Promise<void> => {
  await rows.ahead(guard.isOurs ? aheadCount : Number.POSITIVE_INFINITY)
  guard.begin()
  rows.begin()
}

/** `noted`: how far the log had come by a directory that was given up. */
const openThere = async (directory: string, noted = 0): Promise<Opened> => {
  const guard = await LevelGuard.open(directory)
  // `view` encoding: bytes as they are. Block cache: the hot rows of a large ledger.
  const options = { keyEncoding: "utf8", valueEncoding: "view", cacheSize: 32 * 1024 * 1024 }
  const database: Database = new Level(directory, options)
  try {
    await database.open()
    const rows = new RowsPass(walkThrough(database), guard)
    await goThrough(rows, guard)
    return { database, guard, rows, reached: new Reached(directory, noted) }
  } catch (cause) {
    await database.close()
    guard.close()
    throw asDamage(cause)
  }
}

/** What is moved is evidence: nothing looks at it again. */
const beginAnew = async (directory: string, aside: string | undefined): Promise<void> => {
  if (aside === undefined) await rm(directory, { recursive: true, force: true })
  else await moveAside(directory, aside)
  await mkdir(directory, { mode: directoryMode })
  await syncDirectory(dirname(directory))
}

const scanRange = async (
  { database, guard }: Opened,
  { gte, lt, reverse, countMax }: ScanRange,
  snapshot: ReturnType<Database["snapshot"]> | undefined,
): Promise<ReadonlyArray<StoredRow>> => {
  // Of a range that is cut short by its count, only the beginning is known to be read.
  const start = reverse ? lt : gte
  if (Number.isFinite(countMax)) guard.checkRange(start, start)
  else guard.checkRange(gte, lt)
  const rows = await database
    .iterator({ gte, lt, reverse, limit: countMax, ...(snapshot ? { snapshot } : {}) })
    .all()
  guard.confirm()
  const last = rows.length < countMax ? undefined : rows.at(-1)?.[0]
  if (reverse) guard.checkRange(last ?? gte, lt)
  else guard.checkRange(gte, last ?? lt)
  return rows
}

export class LevelViews implements ViewStoreShape {
  readonly beganAnew: boolean
  readonly #options: LevelViewOptions
  #opened: Opened
  #renewed = 0

  constructor(options: LevelViewOptions, opened: Opened, beganAnew = false) {
    this.beganAnew = beganAnew
    this.#options = options
    this.#opened = opened
  }

  /** Reads throw inside: this is where they become failures of the port. */
  #failed(operation: string, outcome: ViewFailure["outcome"], thrown: unknown): ViewFailure {
    const cause = asDamage(thrown)
    return failure(operation, outcome, cause instanceof Damage ? this.#noted(cause) : cause)
  }

  #noted(damage: Damage): Damage {
    return this.#opened.guard.note(damage)
  }

  readonly isDamaged = (): boolean => this.#opened.guard.damage !== undefined

  readonly get = (key: string): Uint8Array | undefined => {
    const { database, guard } = this.#opened
    try {
      guard.checkKey(key)
      const row = database.getSync(key)
      guard.confirm()
      return row
    } catch (cause) {
      throw this.#failed("read", "none", cause)
    }
  }

  readonly scan: ViewStoreShape["scan"] = (ranges) =>
    Effect.tryPromise({
      try: async () => {
        const opened = this.#opened
        // Taken before anything is awaited: the caller knows which moment the scan sees.
        const snapshot = ranges.length > 1 ? opened.database.snapshot() : undefined
        try {
          return await Promise.all(ranges.map((range) => scanRange(opened, range, snapshot)))
        } finally {
          await snapshot?.close()
        }
      },
      catch: (cause) => this.#failed("list", "none", cause),
    })

  #writing<A>(run: () => Promise<A>): Promise<A> {
    return writing(this.#options.directory, run)
  }

  /** Not held up by damage: what is written to damaged rows is given up with them. */
  #write(writes: ReadonlyArray<RowWrite>, sync: boolean): Effect.Effect<void, ViewFailure> {
    return Effect.tryPromise({
      try: () => this.#writing(() => this.#batch(writes, sync)),
      catch: (cause) => this.#failed("commit", "unknown", cause),
    })
  }

  #batch(writes: ReadonlyArray<RowWrite>, sync: boolean): Promise<void> {
    // Chained, since an array of operations would be copied one by one: four times the work.
    const batch = this.#opened.database.batch()
    for (const { key, value } of writes)
      if (value === undefined) batch.del(key)
      else batch.put(key, value)
    // An empty batch is not written at all, so it would make nothing durable.
    if (sync && writes.length === 0) batch.del(absentKey)
    return batch.write({ sync })
  }

  readonly note = (position: number): void => this.#opened.reached.note(position)

  readonly noted = (): number => this.#opened.reached.position

  readonly commit: ViewStoreShape["commit"] = (writes) => this.#write(writes, false)

  readonly commitDurably: ViewStoreShape["commitDurably"] = (writes) => this.#write(writes, true)

  readonly clear: ViewStoreShape["clear"] = (range) =>
    Effect.tryPromise({
      try: async () => {
        const { database, guard } = this.#opened
        // LevelDB deletes each key as it reads it: a wrong one would be another row.
        await guard.checkAll()
        await this.#writing(() => database.clear(range))
      },
      catch: (cause) => this.#failed("clear", "unknown", cause),
    })

  readonly renew = Effect.uninterruptible(
    Effect.tryPromise({
      try: async () => {
        const { directory, aside } = this.#options
        const noted = this.noted()
        await this.close()
        const isEvidence = this.isDamaged() && aside !== undefined
        if (isEvidence) this.#renewed += 1
        await beginAnew(directory, isEvidence ? `${aside}-${this.#renewed}` : undefined)
        this.#opened = await openThere(directory, noted)
      },
      catch: (cause) => failure("begin anew", "unknown", cause),
    }),
  )

  async close(): Promise<void> {
    const { database, guard, rows, reached } = this.#opened
    await rows.close()
    await database.close()
    guard.close()
    reached.close()
  }
}

/** Files that cannot be trusted are moved aside as evidence: the rows can be rebuilt. */
export const openLevelViews = async (options: LevelViewOptions): Promise<LevelViews> => {
  const { directory, aside } = options
  try {
    return new LevelViews(options, await openThere(directory))
  } catch (cause) {
    if (aside === undefined || !(cause instanceof Damage)) throw cause
    const locked = await lockedElsewhere(directory)
    if (locked !== undefined) throw locked
    const noted = reachedIn(directory)
    await beginAnew(directory, aside)
    return new LevelViews(options, await openThere(directory, noted), true)
  }
}

/** The rows in a directory of their own, kept until the scope of the layer ends. */
export const layer = (options: LevelViewOptions): Layer.Layer<ViewStore, ViewFailure> =>
  Layer.effect(
    ViewStore,
    Effect.acquireRelease(
      Effect.tryPromise({
        try: () => writing(dirname(options.directory), () => openLevelViews(options)),
        catch: (cause) => failure("open", "none", cause),
      }),
      (views) => Effect.promise(() => views.close()),
    ),
  )
