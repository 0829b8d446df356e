/**
 * Making a new ledger, in place: a marker first, `ledger.json` last. Until that is there, whatever
 * else lies in the directory is no ledger, and who comes next begins again.
 *
 * Also tells an existing ledger from anything else, touching nothing.
 */
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises"
import { basename, dirname, join } from "node:path"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { defaultChunking } from "../blob/chunk.js"
import { directoryMode, readIfThere, syncDirectory, writeNew, writtenOver } from "../disk/files.js"
import { LedgerLocked, LogFailure, WrongLedger } from "../errors.js"
import { catalog, fact } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { EventLog } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import { hasCode, storageReason } from "../model/cause.js"
import type { Plain } from "../model/msgpack.js"
import { appendRecords, emptyEdge } from "../proof/merkle.js"
import { freshId } from "./id.js"
import { decodeIdentity, encodeIdentity, type Identity } from "./identity.js"
import { formatNumber, layoutOf, reserveBytes } from "./layout.js"
import { encodeTip } from "./tip.js"

const failure = (directory: string) => (cause: unknown) =>
  new LogFailure({
    message: `${directory} cannot be opened as a ledger: look at its permissions and the disk`,
    operation: "open",
    reason: storageReason(cause),
    outcome: "none",
    cause,
  })

/** Work on the files of a directory; its failure is one of opening. */
export const attempt = <A>(
  directory: string,
  act: () => Promise<A>,
): Effect.Effect<A, LogFailure> => Effect.tryPromise({ try: act, catch: failure(directory) })

export const newIdentity = (time: number): Identity => ({
  format: formatNumber,
  id: freshId(time),
  createdAt: new Date(time).toISOString(),
  hash: "sha256",
  chunking: defaultChunking,
})

/** What the first event says: all of the identity that may never change. */
export const creation = ({ id: ledger, format, hash, chunking }: Identity) =>
  fact("ledger-created", { ledger, format, hash, chunking: chunking as unknown as Plain }, [])

/** The record at position 1. */
export const firstRecord = (identity: Identity, time: number): Uint8Array => {
  const { type, data } = creation(identity)
  const envelope = { position: 1, id: freshId(time), type, revision: 1, time, subjects: [] }
  return makeCodec(catalog).encode({ ...envelope, data })
}

const entries = async (directory: string): Promise<ReadonlyArray<string>> => {
  try {
    return await readdir(directory)
  } catch (error) {
    if (storageReason(error) === "missing") return []
    throw error
  }
}

/** A ledger that was ever opened has views: without its identity it is damaged, not half made. */
const isHalfMade = (names: ReadonlyArray<string>, directory: string): boolean => {
  const { making, view } = layoutOf(directory)
  return names.includes(basename(making)) && !names.includes(basename(view))
}

/** The identity of a directory; undefined when there is none yet; refused when it is foreign. */
export const readIdentity = Effect.fnUntraced(function* (
  directory: string,
): Effect.fn.Return<Identity | undefined, LogFailure | WrongLedger> {
  const text = yield* attempt(directory, () => readIfThere(layoutOf(directory).identity))
  if (text !== undefined) {
    const identity = decodeIdentity(text, directory)
    return identity instanceof WrongLedger ? yield* identity : identity
  }
  const names = yield* attempt(directory, () => entries(directory))
  if (names.length === 0 || isHalfMade(names, directory)) return undefined
  const { log, blob } = layoutOf(directory)
  if ([log, blob].every((path) => names.includes(basename(path))))
    return yield* new WrongLedger({
      message: `${directory} is a ledger without its ledger.json: restore that from a backup`,
      directory,
    })
  return yield* new WrongLedger({
    message: `${directory} holds something else than a ledger: choose an empty directory`,
    directory,
  })
})

/** Everything that making puts into a directory, but for the lock, which is held meanwhile. */
const piecesOf = (directory: string): ReadonlyArray<string> => {
  const { log, blob, tmp, quarantine, reserve, tip } = layoutOf(directory)
  return [log, blob, tmp, quarantine, reserve, tip]
}

const remove = async (paths: ReadonlyArray<string>): Promise<void> => {
  for (const path of paths) await rm(path, { recursive: true, force: true })
}

/**
 * Makes a directory and those above it, durably; adds to `made` those that were not there,
 * uppermost first. One by one: on a read-only disk the recursive `mkdir` of Node says ENOENT.
 */
const makeDirectories = async (directory: string, made: Array<string>): Promise<void> => {
  try {
    await mkdir(directory, { mode: directoryMode })
  } catch (cause) {
    if (hasCode(cause, "EEXIST") && (await stat(directory)).isDirectory()) return
    if (!hasCode(cause, "ENOENT") || dirname(directory) === directory) throw cause
    const before = made.length
    await makeDirectories(dirname(directory), made)
    if (made.length === before) throw cause
    return makeDirectories(directory, made)
  }
  made.push(directory)
  await syncDirectory(dirname(directory))
}

/** Another process holds the lock: what lies there is its to finish. */
const isElsewhere = (exit: Exit.Exit<unknown, unknown>): boolean =>
  Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof LedgerLocked

/** Puts a directory back as it was, unless a ledger has come into being there. */
const undo = async (directory: string, made: ReadonlyArray<string>): Promise<void> => {
  const { identity, making, lock } = layoutOf(directory)
  if ((await readIfThere(identity)) !== undefined) return
  await remove([...piecesOf(directory), lock, making])
  for (const path of made.toReversed()) await rmdir(path)
}

/** The lock is not held yet: directories go that were made here, and only while they are empty. */
const takeBack = async (directory: string, made: ReadonlyArray<string>): Promise<void> => {
  const { making } = layoutOf(directory)
  const names = await entries(directory)
  if (made.includes(directory) && names.every((name) => name === basename(making)))
    await rm(making, { force: true })
  for (const path of made.toReversed()) await rmdir(path)
}

/**
 * Begins a ledger where there is none: from now on the directory is marked. What is not finished
 * when the scope ends is taken away again; so the lock must be taken behind this.
 */
export const beginLedger = (directory: string): Effect.Effect<void, LogFailure, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      attempt(directory, async () => {
        const made: Array<string> = []
        try {
          await makeDirectories(directory, made)
          await writeFile(layoutOf(directory).making, "", writtenOver)
          await syncDirectory(directory)
          return made
        } catch (cause) {
          await takeBack(directory, made).catch(() => undefined)
          throw cause
        }
      }),
      (made, exit) =>
        isElsewhere(exit)
          ? Effect.void
          : Effect.promise(() => undo(directory, made).catch(() => undefined)),
    ),
  )

const makePieces = async (directory: string): Promise<void> => {
  const { log, blob, packs, tmp, quarantine, reserve } = layoutOf(directory)
  await remove(piecesOf(directory))
  for (const path of [log, blob, packs, tmp, quarantine]) await mkdir(path, { mode: directoryMode })
  await writeFile(reserve, Buffer.alloc(reserveBytes), writtenOver)
  await syncDirectory(blob)
}

/** Makes the first event, and the seal over it. */
const writeFirst = Effect.fnUntraced(function* (
  directory: string,
  identity: Identity,
  time: number,
): Effect.fn.Return<void, LogFailure> {
  const { log, tip } = layoutOf(directory)
  const record = firstRecord(identity, time)
  yield* Effect.provide(
    EventLog.use((events) => events.append(0, [record])),
    LevelLog.layer({ directory: log, durability: "synced", create: true }),
  )
  const edge = appendRecords(emptyEdge, [record])
  yield* attempt(directory, () => writeNew(tip, encodeTip({ ledger: identity.id, edge })))
})

/**
 * Finishes, under the lock, a ledger that was begun: `fill` writes events, and the seal over them.
 * The identity comes last.
 */
export const finishWith = Effect.fnUntraced(function* <A, E>(
  directory: string,
  identity: Identity,
  fill: Effect.Effect<A, E>,
): Effect.fn.Return<A, E | LogFailure> {
  const { tmp, identity: path } = layoutOf(directory)
  yield* attempt(directory, () => makePieces(directory))
  const filled = yield* fill
  yield* attempt(directory, async () => {
    const beside = join(tmp, basename(path))
    await writeNew(beside, encodeIdentity(identity))
    await syncDirectory(directory)
    await rename(beside, path)
    await syncDirectory(directory)
  })
  return filled
})

/** Finishes, under the lock, the ledger that was begun; or finds that another process has. */
export const finishLedger = Effect.fnUntraced(function* (
  directory: string,
): Effect.fn.Return<Identity, LogFailure | WrongLedger> {
  const found = yield* readIdentity(directory)
  if (found !== undefined) return found
  const time = yield* Clock.currentTimeMillis
  const identity = newIdentity(time)
  yield* finishWith(directory, identity, writeFirst(directory, identity, time))
  return identity
})
