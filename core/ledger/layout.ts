/**
 * Every path in a ledger directory, and the format number. Nothing else knows where things lie.
 */
import { join } from "node:path"

/** Raised when a program of the older format could not read the directory any more. */
export const formatNumber = 1

export interface Layout {
  /** Who this ledger is and what may never change. */
  readonly identity: string
  /** An empty LevelDB: its lock of the operating system dies with its owner. */
  readonly lock: string
  /** The process id of the owner, for the message of who comes second. */
  readonly owner: string
  /** The last seal; beside LevelDB on purpose. */
  readonly tip: string
  readonly log: string
  readonly view: string
  readonly blob: string
  /** The bytes: not to be made anew where they are missing. */
  readonly packs: string
  /** Damaged bytes are evidence: kept, never used. */
  readonly quarantine: string
  /** Given up only so that opening and sweeping still run on a full disk. */
  readonly reserve: string
  /** Unfinished work; emptied under the lock. */
  readonly tmp: string
  /** There until a new ledger is complete. */
  readonly making: string
}

export const layoutOf = (directory: string): Layout => ({
  identity: join(directory, "ledger.json"),
  lock: join(directory, "lock"),
  owner: join(directory, "lock", "owner"),
  tip: join(directory, "tip"),
  log: join(directory, "log"),
  view: join(directory, "view"),
  blob: join(directory, "blob"),
  packs: join(directory, "blob", "packs"),
  quarantine: join(directory, "quarantine"),
  reserve: join(directory, "reserve"),
  tmp: join(directory, "tmp"),
  making: join(directory, "making"),
})

export const reserveBytes = 1_048_576
