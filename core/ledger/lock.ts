/**
 * The lock of a ledger directory, held from before anything is touched until it is closed.
 *
 * Node offers no flock, LevelDB takes one: an empty database is opened for its lock alone, which
 * the operating system gives back when the process ends, however it ends.
 */
import { access, constants, realpath, writeFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Level } from "level"
import { LedgerLocked, LogFailure } from "../errors.js"
import { hasCode, storageReason } from "../model/cause.js"
import { readIfThere } from "./files.js"
import { fileMode, layoutOf } from "./layout.js"

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
      reason: storageReason(await obstacle(directory, error)),
      outcome: "none",
      cause: error,
    })
  const owner = Number(await readIfThere(layoutOf(directory).owner).catch(() => undefined))
  return locked(directory, Number.isSafeInteger(owner) && owner > 0 ? owner : undefined)
}

/**
 * What this process holds, by real path. LevelDB must not be asked for it again: it would open the
 * file LOCK, find itself the holder and close it, and the system drops a process's locks on a file
 * with the first descriptor of it that is closed (fcntl(2)).
 */
const held = new Set<string>()

interface Held {
  readonly database: Level
  readonly place: string
}

const open = async (directory: string): Promise<Level> => {
  const { lock: path, owner } = layoutOf(directory)
  const database = new Level(path)
  try {
    await database.open()
    await writeFile(owner, `${process.pid}\n`, { mode: fileMode })
    return database
  } catch (error) {
    await database.close().catch(() => undefined)
    throw await refusal(directory, error)
  }
}

const acquire = async (directory: string): Promise<Held> => {
  const place = await realpath(directory)
  if (held.has(place)) throw locked(directory, process.pid)
  held.add(place)
  try {
    return { database: await open(directory), place }
  } catch (error) {
    held.delete(place)
    throw error
  }
}

const release = async ({ database, place }: Held): Promise<void> => {
  await database.close()
  held.delete(place)
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
