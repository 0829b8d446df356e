/**
 * Making a new ledger: built beside its place and renamed into it, so that a kill in between leaves
 * nothing half made; and telling an existing one from anything else, touching nothing.
 */
import { randomUUID } from "node:crypto"
import { mkdir, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { defaultChunking } from "../blob/chunk.js"
import { LogFailure, WrongLedger } from "../errors.js"
import { catalog, fact } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { EventLog } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import { hasCode, storageReason } from "../model/cause.js"
import type { Plain } from "../model/msgpack.js"
import { appendLeaf, emptyEdge, leafHash } from "../proof/merkle.js"
import { readIfThere, syncDirectory, writeNew } from "./files.js"
import { freshId } from "./id.js"
import { decodeIdentity, encodeIdentity, type Identity } from "./identity.js"
import { directoryMode, fileMode, formatNumber, layoutOf, reserveBytes } from "./layout.js"
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

/** The record at position 1. */
export const firstRecord = (identity: Identity, time: number): Uint8Array => {
  const { id: ledger, format, hash } = identity
  const chunking = identity.chunking as unknown as Plain
  const { type, data } = fact("ledger-created", { ledger, format, hash, chunking }, [])
  const envelope = { position: 1, id: freshId(time), type, revision: 1, time, subjects: [] }
  return makeCodec(catalog).encode({ ...envelope, data })
}

const entries = async (directory: string): Promise<ReadonlyArray<string> | undefined> => {
  try {
    return await readdir(directory)
  } catch (error) {
    if (storageReason(error) === "missing") return undefined
    throw error
  }
}

/** The identity of a directory; undefined when it is missing or empty; refused when foreign. */
export const readIdentity = Effect.fnUntraced(function* (
  directory: string,
): Effect.fn.Return<Identity | undefined, LogFailure | WrongLedger> {
  const names = yield* attempt(directory, () => entries(directory))
  if (names === undefined || names.length === 0) return undefined
  const text = yield* attempt(directory, () => readIfThere(layoutOf(directory).identity))
  if (text === undefined)
    return yield* new WrongLedger({
      message: `${directory} holds something else than a ledger: choose an empty directory`,
      directory,
    })
  const identity = decodeIdentity(text, directory)
  return identity instanceof WrongLedger ? yield* identity : identity
})

const writeFiles = async (building: string, identity: Identity): Promise<void> => {
  const layout = layoutOf(building)
  await mkdir(building, { mode: directoryMode })
  for (const path of [layout.lock, layout.log, layout.blob, layout.tmp, layout.quarantine])
    await mkdir(path, { mode: directoryMode })
  await writeFile(layout.reserve, Buffer.alloc(reserveBytes), { mode: fileMode })
  await writeNew(layout.identity, encodeIdentity(identity))
}

/** Makes the first event, and the seal over it. */
const writeFirst = Effect.fnUntraced(function* (
  building: string,
  identity: Identity,
  time: number,
): Effect.fn.Return<void, LogFailure> {
  const { log: directory, tip } = layoutOf(building)
  const record = firstRecord(identity, time)
  yield* Effect.provide(
    EventLog.use((log) => log.append(0, [record])),
    LevelLog.layer({ directory, durability: "synced", create: true }),
  )
  const edge = appendLeaf(emptyEdge, leafHash(record))
  yield* attempt(building, () => writeNew(tip, encodeTip({ ledger: identity.id, edge })))
})

/** Gives the finished directory its name; who comes second finds the first one's. */
const settle = async (building: string, directory: string): Promise<void> => {
  // Some systems rename onto an empty directory, some refuse to.
  await rmdir(directory).catch(() => undefined)
  await rename(building, directory)
  await syncDirectory(dirname(directory))
}

const isOccupied = (cause: unknown): boolean =>
  hasCode(cause, "ENOTEMPTY") || hasCode(cause, "EEXIST")

/** Makes a ledger where there is none. Another process that was faster is no error. */
export const createLedger = Effect.fnUntraced(function* (
  path: string,
): Effect.fn.Return<void, LogFailure> {
  const directory = resolve(path)
  const time = yield* Clock.currentTimeMillis
  const identity = newIdentity(time)
  const building = join(dirname(directory), `.${basename(directory)}.${randomUUID()}`)
  const build = Effect.gen(function* () {
    yield* attempt(directory, () => writeFiles(building, identity))
    yield* writeFirst(building, identity, time)
    yield* attempt(directory, async () => {
      await syncDirectory(building)
      await settle(building, directory).catch((cause: unknown) => {
        if (!isOccupied(cause)) throw cause
      })
    })
  })
  yield* attempt(directory, () => mkdir(dirname(directory), { recursive: true }))
  yield* Effect.ensuring(
    build,
    Effect.promise(() => rm(building, { recursive: true, force: true }).catch(() => undefined)),
  )
})
