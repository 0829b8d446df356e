/**
 * Ledgers of this process: in a directory, on LevelDB and packs, or in memory.
 */
import { resolve } from "node:path"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MemoryBlobs from "../blob/memory.js"
import type { Failure, Refusal } from "../errors.js"
import { memoryBytesMaxDefault } from "../limits.js"
import type { Durability } from "../log/event-log.js"
import * as MemoryLog from "../log/memory.js"
import { checkOptions, directoryPath, readable, refuse } from "../model/input.js"
import { appendRecords, emptyEdge } from "../proof/merkle.js"
import { parsedInput } from "../query/input.js"
import * as MemoryViews from "../view/memory.js"
import { firstRecord, newIdentity } from "./create.js"
import { layoutOf } from "./layout.js"
import { checkLedgerOptions, Ledger, type LedgerOptions, layerNoDeps } from "./ledger.js"
import type { Place } from "./place.js"
import { openForReading } from "./reading.js"
import { parseContext } from "./submit.js"
import { openForWriting } from "./writing.js"

export interface OpenOptions extends LedgerOptions {
  /** Where the ledger lies, or is to be made. Leave it out only with `memory`. */
  readonly directory?: string
  /** `false`: refuse to make a ledger where there is none. */
  readonly create?: boolean
  /**
   * Only to be asked, also while another process writes it: no lock is taken, and nothing in the
   * directory changes. `refresh` follows the writer.
   */
  readonly readOnly?: boolean
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
  "readOnly",
  "durability",
  "memory",
  "actor",
  "context",
  "requireContext",
  "events",
  "commands",
  "projections",
  "materializers",
  "roots",
] as const

const durabilities: ReadonlyArray<unknown> = ["synced", "buffered", undefined]

const isSize = (bytes: unknown): boolean => Number.isSafeInteger(bytes) && Number(bytes) > 0

const checkMemory = (memory: OpenOptions["memory"]): boolean => {
  if (memory === undefined || typeof memory === "boolean") return memory === true
  const { bytesMax } = readable("options.memory", () => ({ bytesMax: memory?.bytesMax }))
  return isSize(bytesMax) || refuse("options.memory.bytesMax", "is not a number of bytes")
}

const ledgerOptions = ({ actor, context, ...options }: OpenOptions): LedgerOptions => ({
  ...options,
  context: { ...(actor === undefined ? {} : { actor }), ...context },
})

const checkOpen = (options: OpenOptions): OpenOptions => {
  checkOptions(options, known)
  const { directory, memory, durability } = options
  if (options.readOnly === true)
    for (const name of ["memory", "create", "durability"] as const)
      if (options[name] !== undefined) refuse(`options.${name}`, "does not go with readOnly")
  const inMemory = checkMemory(memory)
  if (inMemory && directory !== undefined) refuse("options.directory", "does not go with memory")
  if (!inMemory) directoryPath(directory, "options.directory", "of the ledger")
  if (!durabilities.includes(durability))
    refuse("options.durability", 'is neither "synced" nor "buffered"')
  for (const name of ["create", "readOnly"] as const)
    if (options[name] !== undefined && typeof options[name] !== "boolean")
      refuse(`options.${name}`, "is neither true nor false")
  parseContext(options.context ?? {})
  checkLedgerOptions(ledgerOptions(options))
  return options
}

const directoryLedger = (options: OpenOptions) => {
  const directory = resolve(options.directory ?? "")
  const own = ledgerOptions(options)
  const { durability = "synced", create = true, readOnly = false } = options
  return Layer.effect(
    Ledger,
    readOnly
      ? openForReading({ directory, log: layoutOf(directory).log }, own)
      : openForWriting({ directory, durability, create }, own),
  )
}

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
        tip: { ledger: identity.id, edge: appendRecords(emptyEdge, [first]) },
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
