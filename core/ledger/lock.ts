/**
 * The lock of a ledger directory, held from before anything is touched until it is closed.
 *
 * Node offers no flock, LevelDB takes one: an empty database is opened for its lock alone, which
 * the operating system gives back when the process ends, however it ends.
 */
import { access, constants, realpath, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Level } from "level"
import { generationOf, lockFile, namesIn } from "../disk/database.js"
import { makeDirectory, readIfThere, writtenOver } from "../disk/files.js"
import { writeCause } from "../disk/room.js"
import { LedgerLocked, LogFailure } from "../errors.js"
import { hasCode, storageReason } from "../model/cause.js"
import { layoutOf } from "./layout.js"

/** Why a directory cannot be written, since LevelDB says so in words only. */
const obstacle = async (directory: string, error: unknown): Promise<unknown> => {
  try {
    await access(directory, constants.W_OK)
    return error
  } catch (cause) {
    return cause
  }
}

const locked = (directory: string, pid: number | undefined): LedgerLocked => {
  const who = pid === undefined ? "another process" : `process ${pid}`
  return new LedgerLocked({
    message: `${directory} is open in ${who}: close it there first`,
    directory,
    ...(pid === undefined ? {} : { pid }),
  })
}

const refusal = async (directory: string, error: unknown): Promise<LedgerLocked | LogFailure> => {
  if (!hasCode(error, "LEVEL_LOCKED"))
    return new LogFailure({
      message: `${directory} cannot be locked: look at its permissions and the disk`,
      operation: "lock",
      reason: storageReason(await obstacle(directory, await writeCause(directory, error))),
      outcome: "none",
      cause: error,
    })
  return locked(directory, (await readOwner(directory))?.pid)
}

/**
 * What this thread holds, by real path. LevelDB must not be asked for it again by any thread of the
 * process: it would open the file LOCK, find itself the holder and close it, and the system drops a
 * process's locks on a file with the first descriptor of it that is closed (fcntl(2)).
 */
const held = new Set<string>()

interface Held {
  readonly database: Level
  readonly place: string
}

/** When this process began, ms UTC: the same in all of its threads, but for rounding. */
const startedAt = (): number => Math.round(Date.now() - process.uptime() * 1000)

interface Owner {
  readonly pid: number
  readonly startedAt: number
}

/** Who says that it holds the lock, if anybody does. */
const readOwner = async (directory: string): Promise<Owner | undefined> => {
  const text = await readIfThere(layoutOf(directory).owner).catch(() => undefined)
  const [pid = 0, began = 0] = (text ?? "").split("\n").map(Number)
  return Number.isSafeInteger(pid) && pid > 0 ? { pid, startedAt: began } : undefined
}

// Clocks are put right now and then, by less than a process takes to begin.
const startToleranceMs = 2_000

/** Another thread of this process, or another copy of this module in it. */
const isThisProcess = (owner: Owner): boolean =>
  owner.pid === process.pid && Math.abs(owner.startedAt - startedAt()) < startToleranceMs

const openDatabase = async (path: string): Promise<Level> => {
  const database = new Level(path)
  try {
    await database.open()
    return database
  } catch (error) {
    await database.close().catch(() => undefined)
    throw error
  }
}

/** Nothing is stored there: files of it that are damaged go, but for the one that is locked. */
const openMended = async (path: string): Promise<Level> => {
  try {
    return await openDatabase(path)
  } catch (error) {
    const isDamaged = storageReason(error) === "damaged" || (await generationOf(path)) === undefined
    if (!isDamaged || hasCode(error, "LEVEL_LOCKED")) throw error
  }
  for (const name of await namesIn(path))
    if (name !== lockFile) await rm(join(path, name), { recursive: true, force: true })
  return await openDatabase(path)
}

const open = async (directory: string): Promise<Level> => {
  const { lock: path, owner } = layoutOf(directory)
  let database: Level | undefined
  try {
    await makeDirectory(path)
    // Only now: it begins to open by itself, and would make the directory for everyone to read.
    database = await openMended(path)
    await writeFile(owner, `${process.pid}\n${startedAt()}\n`, writtenOver)
    return database
  } catch (error) {
    await database?.close().catch(() => undefined)
    throw await refusal(directory, error)
  }
}

const acquire = async (directory: string): Promise<Held> => {
  const place = await realpath(directory)
  const owner = held.has(place) ? undefined : await readOwner(directory)
  if (held.has(place) || (owner !== undefined && isThisProcess(owner)))
    throw locked(directory, process.pid)
  held.add(place)
  try {
    return { database: await open(directory), place }
  } catch (error) {
    held.delete(place)
    throw error
  }
}

/** A note that stayed would keep this process out; emptied, it names nobody. */
const forgetOwner = async (owner: string): Promise<void> => {
  try {
    await rm(owner, { force: true })
  } catch {
    await writeFile(owner, "", writtenOver).catch(() => undefined)
  }
}

const release = async ({ database, place }: Held): Promise<void> => {
  try {
    await forgetOwner(layoutOf(place).owner)
    await database.close()
  } finally {
    held.delete(place)
  }
}

const take = (directory: string): Effect.Effect<Held, LedgerLocked | LogFailure> =>
  Effect.tryPromise({
    try: () => acquire(directory),
    catch: (thrown) => thrown as LedgerLocked | LogFailure,
  })

/** Holds the lock until the scope closes. */
export const lock = (
  directory: string,
): Effect.Effect<void, LedgerLocked | LogFailure, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(take(directory), (own) => Effect.promise(() => release(own))))
