/**
 * The LevelDB driver of the log: appends records, and reads them as `level-records.ts` does.
 *
 * Knows nothing about events; cannot notice records missing at the end, which takes a head sealed
 * elsewhere.
 */
import { readdir } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Level } from "level"
import { generationOf } from "../disk/database.js"
import { syncDirectory, syncFile } from "../disk/files.js"
import { writeCause } from "../disk/room.js"
import { LogFailure, type Outcome, RecordCorrupted } from "../errors.js"
import { hasCode, storageReason } from "../model/cause.js"
import { type Durability, EventLog, type EventLogShape } from "./event-log.js"
import { LogGuard } from "./level-guard.js"
import { findHead, getEach, keyOf, readRange, recordOf, type Store } from "./level-records.js"
import { checkBodies, conflict, lastCovered, stopped } from "./rules.js"

export interface LevelLogOptions {
  readonly directory: string
  readonly durability: Durability
  /** `true` makes a new log and refuses an existing one, `false` the reverse. */
  readonly create: boolean
}

const failure = (operation: string, outcome: Outcome, message: string, cause: unknown) =>
  new LogFailure({ message, operation, reason: storageReason(cause), outcome, cause })

/**
 * LevelDB syncs its tables and manifest, but no write-ahead log that it was not told to, nor the
 * one before it when it starts another. Only those are opened here: closing a second descriptor of
 * the file LOCK would drop the process's POSIX lock on it (fcntl(2)), and let a second writer in.
 */
const syncLogs = async (directory: string): Promise<void> => {
  for (const name of await readdir(directory)) {
    if (!name.endsWith(".log")) continue
    await syncFile(join(directory, name)).catch((cause: unknown) => {
      // Gone since it was listed: its records are in a table, which LevelDB synced before.
      if (!hasCode(cause, "ENOENT")) throw cause
    })
  }
  await syncDirectory(directory)
}

interface Opened {
  readonly store: Store
  readonly guard: LogGuard
}

const openStore = async ({ directory, create }: LevelLogOptions): Promise<Opened> => {
  // Asked first: LevelDB leaves files behind even where it refuses, and gives no code for why.
  const isThere = (await generationOf(directory)) !== undefined
  if (create && isThere)
    throw new LogFailure({
      message: `${directory} holds a log already: open it without creating one`,
      operation: "open",
      reason: "conflict",
      outcome: "none",
    })
  if (!create && !isThere)
    throw new LogFailure({
      message: `${directory} holds no log, or one without its manifest: restore it`,
      operation: "open",
      reason: "missing",
      outcome: "none",
    })
  const guard = await LogGuard.open({ directory })
  const store: Store = new Level<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    createIfMissing: create,
    errorIfExists: create,
    // Measured on events of 390 bytes, half of them digests and ids: half the disk, at 0.95 of
    // the speed of reading and 0.85 of that of unsynced appends.
    compression: true,
  })
  try {
    await store.open()
    // Opening renames CURRENT and removes the manifest before it; LevelDB syncs neither name.
    await syncDirectory(directory)
    guard.begin()
    return { store, guard }
  } catch (cause) {
    await store.close()
    guard.close()
    throw await writeCause(directory, cause)
  }
}

const openFailure = (directory: string, cause: unknown): LogFailure => {
  if (cause instanceof LogFailure) return cause
  const message = hasCode(cause, "LEVEL_LOCKED")
    ? `the log in ${directory} is open elsewhere: close it there first`
    : `the log in ${directory} does not open: fix what the cause names, and open it again`
  return failure("open", "none", message, cause)
}

const damaged = ({ directory }: LevelLogOptions, cause: Error): LogFailure => {
  const message = `the log in ${directory} is damaged (${cause.message}), and takes no appends`
  return failure("append", "none", `${message}: restore it, or recover what is left`, cause)
}

/** Closed with the scope; iterators that an interrupted read left are closed before it. */
const acquire = (options: LevelLogOptions): Effect.Effect<Opened, LogFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => openStore(options),
      catch: (cause) => openFailure(options.directory, cause),
    }),
    ({ store, guard }) => Effect.promise(() => store.close().finally(() => guard.close())),
  )

/** After a failed flush none is believed: pages that an fsync lost pass for written at the next. */
const untilFailed = (flush: Effect.Effect<void, LogFailure>): Effect.Effect<void, LogFailure> => {
  let hasFailed = false
  const noting = Effect.tapError(flush, () =>
    Effect.sync(() => {
      hasFailed = true
    }),
  )
  return Effect.suspend(() => (hasFailed ? Effect.fail(stopped()) : noting))
}

const make = Effect.fnUntraced(function* (options: LevelLogOptions) {
  const source = yield* acquire(options)
  const { store, guard } = source
  let head = yield* Effect.tryPromise({
    try: () => findHead(source),
    catch: (cause) => openFailure(options.directory, cause),
  })
  const one = yield* Semaphore.make(1)
  const sync = options.durability === "synced"
  let isStopped = false

  const observe = <A>(operation: string, run: (signal: AbortSignal) => Promise<A>) =>
    Effect.tryPromise({
      try: (signal) => run(signal),
      catch: (cause) => {
        if (cause instanceof RecordCorrupted) return cause
        const message = `the log in ${options.directory} cannot be read: fix what the cause names`
        return failure(operation, "none", message, cause)
      },
    })

  const changed = async (run: () => Promise<void>): Promise<void> => {
    try {
      await run()
    } catch (cause) {
      // What a failed write or sync left behind shows only when LevelDB reads its log again.
      isStopped = true
      throw await writeCause(options.directory, cause)
    }
  }

  const change = (operation: string, run: () => Promise<void>) =>
    Effect.tryPromise({
      try: () => changed(run),
      catch: (cause) => {
        const message = `the log in ${options.directory} kept this or lost it: open it again`
        return failure(operation, "unknown", message, cause)
      },
    })

  const write = (after: number, bodies: ReadonlyArray<Uint8Array>) =>
    change("append", async () => {
      const batch = store.batch()
      for (const [index, body] of bodies.entries()) {
        const key = keyOf(after + index + 1)
        batch.put(key, recordOf(key, body))
      }
      await batch.write({ sync })
      head = after + bodies.length
    })

  const shape: EventLogShape = {
    durability: options.durability,
    head: Effect.sync(() => head),
    append: (after, bodies) =>
      Effect.suspend(() => {
        checkBodies(bodies)
        const append = Effect.suspend(() => {
          if (isStopped) return Effect.fail(stopped())
          if (guard.damage !== undefined) return Effect.fail(damaged(options, guard.damage))
          if (after !== head) return Effect.fail(conflict(after, head))
          return bodies.length === 0 ? Effect.void : write(after, bodies)
        })
        // One at a time: two batches in flight could be stored out of order, and a crash between
        // them leave a gap. Not interrupted, so that the head is known whatever becomes of it.
        return one.withPermit(Effect.uninterruptible(append))
      }),
    read: (after, countMax) =>
      Effect.suspend(() => {
        const last = lastCovered(after, countMax, head)
        if (last === after) return Effect.succeed([])
        return observe("read", (signal) => readRange(source, after, last, signal))
      }),
    get: (positions) => observe("get", () => getEach(source, positions, head)),
    flush: sync ? Effect.void : untilFailed(change("flush", () => syncLogs(options.directory))),
  }
  return shape
})

/** The log in a directory of its own, kept until the scope of the layer ends. */
export const layer = (options: LevelLogOptions): Layer.Layer<EventLog, LogFailure> =>
  Layer.effect(EventLog, make(options))
