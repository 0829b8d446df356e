/**
 * The LevelDB driver of the log: one key a record, in the order of positions.
 *
 * Key: the position as u64 big-endian. Value: a format byte, the CRC-32 of key and body as u32
 * big-endian, the body. LevelDB's own checksums are not verified on reads from Node, and it loses
 * records silently, so every read checks checksum and sequence here. Knows nothing about events;
 * cannot notice records missing at the end, which takes a head sealed elsewhere.
 */
import { access, readdir } from "node:fs/promises"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Level } from "level"
import { syncDirectory, syncFile } from "../disk/files.js"
import { writeCause } from "../disk/room.js"
import { LogFailure, type Outcome, RecordCorrupted } from "../errors.js"
import { hasCode, storageReason } from "../model/cause.js"
import { type Durability, EventLog, type EventLogShape, type LogRecord } from "./event-log.js"
import { checkBodies, conflict, corrupted, isCovered, lastCovered, stopped } from "./rules.js"

export interface LevelLogOptions {
  readonly directory: string
  readonly durability: Durability
  /** `true` makes a new log and refuses an existing one, `false` the reverse. */
  readonly create: boolean
}

type Store = Level<Buffer, Buffer>

const format = 1
const headerBytes = 5

// One hop to LevelDB's thread fetches at most this much, whichever comes first. Its default of
// 16 KiB halves the speed of a scan; LevelDB reserves room for the count, so that is bounded too.
const hopBytes = 262_144
const hopCount = 1_000

const keyOf = (position: number): Buffer => {
  const key = Buffer.allocUnsafe(8)
  key.writeUInt32BE(Math.floor(position / 2 ** 32), 0)
  key.writeUInt32BE(position % 2 ** 32, 4)
  return key
}

/** NaN, which equals no position, when the key is not one. */
const positionOf = (key: Buffer): number =>
  key.length === 8 ? key.readUInt32BE(0) * 2 ** 32 + key.readUInt32BE(4) : Number.NaN

const putOf = (position: number, body: Uint8Array) => {
  const key = keyOf(position)
  const value = Buffer.allocUnsafe(headerBytes + body.length)
  value.writeUInt8(format, 0)
  value.writeUInt32BE(crc32(body, crc32(key)), 1)
  value.set(body, headerBytes)
  return { type: "put", key, value } as const
}

/** The body inside a value, without a copy; undefined when it is not what was put at this key. */
const bodyOf = (key: Buffer, value: Buffer | undefined): Uint8Array | undefined => {
  if (value === undefined || value.length < headerBytes || value[0] !== format) return undefined
  const body = value.subarray(headerBytes)
  return crc32(body, crc32(key)) === value.readUInt32BE(1) ? body : undefined
}

const isDamage = (cause: unknown): boolean => hasCode(cause, "LEVEL_CORRUPTION")

const failure = (operation: string, outcome: Outcome, message: string, cause: unknown) =>
  new LogFailure({ message, operation, reason: storageReason(cause), outcome, cause })

/** The records after `after`, up to `last` or to the first one that is not as it should be. */
const scan = async (store: Store, after: number, last: number, signal: AbortSignal) => {
  const records: Array<LogRecord> = []
  const iterator = store.iterator({ gt: keyOf(after), highWaterMarkBytes: hopBytes, signal })
  try {
    let position = after + 1
    while (position <= last) {
      const entries = await iterator.nextv(Math.min(hopCount, last - position + 1))
      if (entries.length === 0) break
      for (const [key, value] of entries) {
        const body = positionOf(key) === position ? bodyOf(key, value) : undefined
        if (body === undefined) return records
        records.push({ position, body })
        position += 1
      }
    }
  } catch (cause) {
    if (!isDamage(cause)) throw cause
  } finally {
    await iterator.close()
  }
  return records
}

const bodyAt = async (store: Store, position: number): Promise<Uint8Array | undefined> => {
  const key = keyOf(position)
  try {
    return bodyOf(key, await store.get(key))
  } catch (cause) {
    if (isDamage(cause)) return undefined
    throw cause
  }
}

/**
 * Names the first bad stretch from `from` on, where a scan broke off. Asks for one record at a
 * time: a table block that LevelDB cannot read spoils a whole iterator, but only its own gets.
 */
const locate = async (store: Store, from: number, last: number, signal: AbortSignal) => {
  let first: number | undefined
  for (let position = from; position <= last; position += 1) {
    signal.throwIfAborted()
    const sound = (await bodyAt(store, position)) !== undefined
    if (!sound) first ??= position
    else if (first !== undefined) return corrupted(first, position - 1)
  }
  // Every record is there by its key, yet the scan met something else: a key that is not ours.
  return first === undefined ? corrupted(from, from) : corrupted(first, last)
}

const readRange = async (store: Store, after: number, last: number, signal: AbortSignal) => {
  const records = await scan(store, after, last, signal)
  const next = after + records.length + 1
  if (next <= last) throw await locate(store, next, last, signal)
  return records
}

const getEach = async (store: Store, positions: ReadonlyArray<number>, head: number) => {
  const absent = positions.find((position) => !isCovered(position, head))
  if (absent !== undefined) throw corrupted(absent, absent)
  const keys = positions.map(keyOf)
  const values = await store.getMany(keys).catch((cause: unknown) => {
    if (isDamage(cause)) return undefined
    throw cause
  })
  const records: Array<LogRecord> = []
  for (const [index, key] of keys.entries()) {
    const position = positionOf(key)
    const body = values ? bodyOf(key, values[index]) : await bodyAt(store, position)
    if (body === undefined) throw corrupted(position, position)
    records.push({ position, body })
  }
  return records
}

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

const openStore = async ({ directory, create }: LevelLogOptions): Promise<Store> => {
  // Asked first: LevelDB leaves files behind even where it refuses, and gives no code for why.
  const missing = await access(join(directory, "CURRENT")).catch((cause: unknown) => ({ cause }))
  if (create && missing === undefined)
    throw new LogFailure({
      message: `${directory} holds a log already: open it without creating one`,
      operation: "open",
      reason: "conflict",
      outcome: "none",
    })
  if (!create && missing !== undefined)
    throw failure("open", "none", `${directory} holds no log: restore it`, missing.cause)
  const store: Store = new Level<Buffer, Buffer>(directory, {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
    createIfMissing: create,
    errorIfExists: create,
    // Measured on events of 390 bytes, half of them digests and ids: half the disk, at 0.95 of
    // the speed of reading and 0.85 of that of unsynced appends.
    compression: true,
  })
  await store.open()
  // Opening renames CURRENT and removes the manifest before it; LevelDB syncs neither name.
  await syncDirectory(directory)
  return store
}

const openFailure = (directory: string, cause: unknown): LogFailure => {
  if (cause instanceof LogFailure) return cause
  const message = hasCode(cause, "LEVEL_LOCKED")
    ? `the log in ${directory} is open elsewhere: close it there first`
    : `the log in ${directory} does not open: fix what the cause names, and open it again`
  return failure("open", "none", message, cause)
}

/** Closed with the scope; iterators that an interrupted read left are closed before it. */
const acquire = (options: LevelLogOptions): Effect.Effect<Store, LogFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({
      try: () => openStore(options),
      catch: (cause) => openFailure(options.directory, cause),
    }),
    (store) => Effect.promise(() => store.close()),
  )

const findHead = async (store: Store): Promise<number> => {
  const [key] = await store.keys({ reverse: true, limit: 1 }).all()
  if (key === undefined) return 0
  // Backwards LevelDB steps over a block that it cannot read; forwards it reports it. Without
  // this, the next append would overwrite what the block held.
  await store.keys({ gt: key, limit: 1 }).all()
  const head = positionOf(key)
  if (Number.isSafeInteger(head)) return head
  throw new Error(`the last key ${key.toString("hex")} is not a position`)
}

const make = Effect.fnUntraced(function* (options: LevelLogOptions) {
  const store = yield* acquire(options)
  let head = yield* Effect.tryPromise({
    try: () => findHead(store),
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
      const puts = bodies.map((body, index) => putOf(after + index + 1, body))
      await store.batch(puts, { sync })
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
        return observe("read", (signal) => readRange(store, after, last, signal))
      }),
    get: (positions) => observe("get", () => getEach(store, positions, head)),
    flush: sync ? Effect.void : change("flush", () => syncLogs(options.directory)),
  }
  return shape
})

/** The log in a directory of its own, kept until the scope of the layer ends. */
export const layer = (options: LevelLogOptions): Layer.Layer<EventLog, LogFailure> =>
  Layer.effect(EventLog, make(options))
