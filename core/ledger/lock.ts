/**
 * The lock of a ledger directory, held from before anything is touched until it is closed.
 *
 * Node offers no flock, LevelDB takes one: an empty database is opened for its lock alone, which
 * the operating system gives back when the process ends, however it ends.
 */
import { access, constants, writeFile } from "node:fs/promises"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Level } from "level"
import { LedgerLocked, LogFailure, storageReason } from "../errors.js"
import { readIfThere } from "./files.js"
import { fileMode, layoutOf } from "./layout.js"

const isLocked = (error: unknown): boolean => {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if ("code" in cause && cause.code === "LEVEL_LOCKED") return true
  return false
}

/** Why a directory cannot be written, since LevelDB says so in words only. */
const obstacle = async (directory: string, error: unknown): Promise<unknown> => {
  try {
    await access(directory, constants.W_OK)
    return error
  } catch (cause) {
    return cause
  }
}

const refusal = async (directory: string, error: unknown): Promise<LedgerLocked | LogFailure> => {
  if (!isLocked(error))
    return new LogFailure({
      message: `${directory} cannot be locked: look at its permissions and the disk`,
      operation: "lock",
      reason: storageReason(await obstacle(directory, error)),
      outcome: "none",
      cause: error,
    })
  const owner = Number(await readIfThere(layoutOf(directory).owner).catch(() => undefined))
  const known = Number.isSafeInteger(owner) && owner > 0
  const who = known ? `process ${owner}` : "another process"
  return new LedgerLocked({
    message: `${directory} is open in ${who}: close it there first`,
    directory,
    ...(known ? { pid: owner } : {}),
  })
}

const acquire = async (directory: string): Promise<Level> => {
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

const take = (directory: string): Effect.Effect<Level, LedgerLocked | LogFailure> =>
  Effect.tryPromise({
    try: () => acquire(directory),
    catch: (thrown) => thrown as LedgerLocked | LogFailure,
  })

/** Holds the lock until the scope closes. */
export const lock = (
  directory: string,
): Effect.Effect<Level, LedgerLocked | LogFailure, Scope.Scope> =>
  Effect.acquireRelease(take(directory), (database) => Effect.promise(() => database.close()))
