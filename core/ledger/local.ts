/**
 * Ledgers of this process: in a directory, on LevelDB and packs, or in memory.
 */
import { randomUUID } from "node:crypto"
import { mkdir, rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Filesystem from "../blob/filesystem.js"
import * as MemoryBlobs from "../blob/memory.js"
import { directoryMode, isThere, readIfThere, replaceFile } from "../disk/files.js"
import { type Failure, LogFailure, type Refusal, WrongLedger } from "../errors.js"
import { memoryBytesMaxDefault } from "../limits.js"
import type { Durability } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import * as MemoryLog from "../log/memory.js"
import { storageReason } from "../model/cause.js"
import { checkOptions, refuse } from "../model/input.js"
import { appendLeaf, emptyEdge, leafHash } from "../proof/merkle.js"
import { parsedInput } from "../query/input.js"
import * as LevelViews from "../view/level.js"
import * as MemoryViews from "../view/memory.js"
import {
  attempt,
  beginLedger,
  finishLedger,
  firstRecord,
  newIdentity,
  readIdentity,
} from "./create.js"
import { layoutOf } from "./layout.js"
import {
  checkLedgerOptions,
  type Ledger,
  type LedgerOptions,
  layerNoDeps,
  type Place,
} from "./ledger.js"
import { lock } from "./lock.js"
import { parseContext } from "./submit.js"
import { decodeTip, encodeTip } from "./tip.js"

export interface OpenOptions extends LedgerOptions {
  /** Where the ledger lies, or is to be made. Leave it out only with `memory`. */
  readonly directory?: string
  /** `false`: refuse to make a ledger where there is none. */
  readonly create?: boolean
  /** Default `synced`: what was acknowledged survives a power loss. */
  readonly durability?: Durability
  /** In memory, gone when it is closed; at most 1 GiB, or as many bytes as `bytesMax` says. */
  readonly memory?: boolean | { readonly bytesMax: number }
  /** Short for `context: { actor }`. */
  readonly actor?: string
}

const known = [
  "directory",
  "create",
  "durability",
  "memory",
  "actor",
  "context",
  "requireContext",
  "events",
  "commands",
  "projections",
  "materializers",
] as const

const durabilities: ReadonlyArray<unknown> = ["synced", "buffered", undefined]

const isSize = (bytes: unknown): boolean => Number.isSafeInteger(bytes) && Number(bytes) > 0

const checkMemory = (memory: OpenOptions["memory"]): boolean => {
  if (memory === undefined || typeof memory === "boolean") return memory === true
  const { bytesMax } = memory ?? {}
  return isSize(bytesMax) || refuse("options.memory.bytesMax", "is not a number of bytes")
}

const ledgerOptions = ({ actor, context, ...options }: OpenOptions): LedgerOptions => ({
  ...options,
  context: { ...(actor === undefined ? {} : { actor }), ...context },
})

const checkOpen = (options: OpenOptions): OpenOptions => {
  checkOptions(options, known)
  const { directory, memory, durability, create } = options
  const inMemory = checkMemory(memory)
  if (inMemory && directory !== undefined) refuse("options.directory", "does not go with memory")
  if (!inMemory && (typeof directory !== "string" || directory === ""))
    refuse("options.directory", "is missing: name the directory of the ledger")
  if (!durabilities.includes(durability))
    refuse("options.durability", 'is neither "synced" nor "buffered"')
  if (create !== undefined && typeof create !== "boolean")
    refuse("options.create", "is neither true nor false")
  parseContext(options.context ?? {})
  checkLedgerOptions(ledgerOptions(options))
  return options
}

const sealFailure = (path: string) => (cause: unknown) =>
  new LogFailure({
    message: `the seal ${path} cannot be written: look at the disk`,
    operation: "seal",
    reason: storageReason(cause),
    outcome: "none",
    cause,
  })

/** Finds a ledger or makes one, and holds its lock, before anything else in it is touched. */
const findOrMake = Effect.fnUntraced(function* (directory: string, create: boolean) {
  const found = yield* readIdentity(directory)
  if (found === undefined && !create)
    return yield* new WrongLedger({
      message: `there is no ledger in ${directory}, and create is false: check the path`,
      directory,
    })
  if (found === undefined) yield* beginLedger(directory)
  yield* lock(directory)
  // Read again: another process may have changed what it says until the lock was ours.
  return yield* finishLedger(directory)
})

/** Content cannot be made anew: where its directory is gone, opening would only hide the loss. */
const checkPacks = Effect.fnUntraced(function* (directory: string) {
  const { packs } = layoutOf(directory)
  const there = yield* attempt(directory, () => isThere(packs))
  if (!there)
    return yield* new WrongLedger({
      message: `${packs} is missing, and with it all content: put it back, or restore a backup`,
      directory,
    })
})

/** Empties what an earlier process left unfinished. */
const clean = (directory: string) =>
  attempt(directory, async () => {
    const { tmp, view, quarantine, making } = layoutOf(directory)
    for (const path of [tmp, making]) await rm(path, { recursive: true, force: true })
    for (const path of [tmp, view, quarantine])
      await mkdir(path, { recursive: true, mode: directoryMode })
  })

const directoryLedger = (options: OpenOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const directory = resolve(options.directory ?? "")
      const identity = yield* findOrMake(directory, options.create !== false)
      const layout = layoutOf(directory)
      yield* checkPacks(directory)
      yield* clean(directory)
      const text = yield* attempt(directory, () => readIfThere(layout.tip))
      const durability = options.durability ?? "synced"
      const place: Place = {
        identity,
        directory,
        tip: text === undefined ? undefined : decodeTip(text),
        writeSeal: (edge) =>
          Effect.tryPromise({
            try: () =>
              replaceFile(layout.tip, encodeTip({ ledger: identity.id, edge }), layout.tmp),
            catch: sealFailure(layout.tip),
          }),
      }
      const stores = Layer.mergeAll(
        LevelLog.layer({ directory: layout.log, durability, create: false }),
        LevelViews.layer({
          directory: layout.view,
          aside: join(layout.quarantine, `view-${randomUUID()}`),
        }),
        Filesystem.layer({
          directory: layout.blob,
          chunking: identity.chunking,
          durable: durability === "synced",
        }),
      )
      return Layer.provide(layerNoDeps(place, ledgerOptions(options)), stores)
    }),
  )

const memoryLedger = (options: OpenOptions) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const time = yield* Clock.currentTimeMillis
      const identity = newIdentity(time)
      const first = firstRecord(identity, time)
      const { memory } = options
      const bytesMax = typeof memory === "object" ? memory.bytesMax : memoryBytesMaxDefault
      const stores = Layer.mergeAll(
        MemoryLog.layerWith({ bytesMax, records: [first] }),
        MemoryViews.layer,
        MemoryBlobs.layerWith({ bytesMax }),
      )
      const place: Place = {
        identity,
        directory: "memory",
        tip: { ledger: identity.id, edge: appendLeaf(emptyEdge, leafHash(first)) },
        writeSeal: () => Effect.void,
      }
      return Layer.provide(layerNoDeps(place, ledgerOptions(options)), stores)
    }),
  )

/** A ledger as a layer: opened with it, closed with it. A string is the directory. */
export const layer = (options: string | OpenOptions): Layer.Layer<Ledger, Refusal | Failure> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const given = typeof options === "string" ? { directory: options } : options
      const checked = yield* parsedInput(() => checkOpen(given))
      return checked.memory === undefined || checked.memory === false
        ? directoryLedger(checked)
        : memoryLedger(checked)
    }),
  )
