/**
 * Live rows as they are stored, decoded once: hot ones stay in memory, what is absent included.
 *
 * Rows move between two generations; when the young one has reached its bound, the old one is
 * dropped and the young one takes its place. Values are shared and never changed in place. Whoever
 * commits rows says here what became of them; nothing else writes to the store meanwhile.
 */
import { liveRowsBytesMax } from "../limits.js"
import { decodeNow, type NowRow, rowChecksum } from "./row.js"
import type { WrittenKeys } from "./written.js"

export type RawRead = (key: string) => Uint8Array | undefined

export interface LiveRow extends NowRow {
  readonly checksum: number
  /** Of the row as it is stored. */
  readonly bytes: number
}

/** What an entry takes beside the bytes of its row. */
const entryBytes = 128

export class LiveRows {
  readonly #read: RawRead
  #written: WrittenKeys | undefined
  /** `null`: there is no such row. */
  #young = new Map<string, LiveRow | null>()
  #old = new Map<string, LiveRow | null>()
  #bytes = 0

  /** `written`: for rows that begin empty, and that nobody writes who does not say so here. */
  constructor(read: RawRead, written?: WrittenKeys) {
    this.#read = read
    this.#written = written
  }

  /** The row of a key with its slot, kept from now on. Throws `ViewFailure` for a damaged one. */
  get(at: string): LiveRow | undefined {
    const young = this.#young.get(at)
    if (young !== undefined) return young ?? undefined
    const old = this.#old.get(at)
    const row = old === undefined ? this.#decoded(at) : (old ?? undefined)
    this.#keep(at, row)
    return row
  }

  /** As `get`, without keeping it: for a row that is about to become another. */
  peek(at: string): LiveRow | undefined {
    const kept = this.#young.get(at) ?? this.#old.get(at)
    if (kept !== undefined && kept !== null) return kept
    return this.#young.has(at) || this.#old.has(at) ? undefined : this.#decoded(at)
  }

  /**
   * Notes what is stored under a key from now on. A row that is new to everyone is not kept before
   * somebody asks for it.
   */
  set(at: string, before: LiveRow | undefined, row: LiveRow | undefined): void {
    this.#written?.add(at)
    if (before !== undefined || this.#young.has(at) || this.#old.has(at)) this.#keep(at, row)
  }

  /** For rows that are given up: those of others may come to lie under the same keys. */
  clear(): void {
    this.#young = new Map()
    this.#old = new Map()
    this.#bytes = 0
    this.#written = undefined
  }

  #keep(at: string, row: LiveRow | undefined): void {
    this.#young.set(at, row ?? null)
    this.#bytes += entryBytes + (row?.bytes ?? 0)
    if (this.#bytes < liveRowsBytesMax) return
    this.#old = this.#young
    this.#young = new Map()
    this.#bytes = 0
  }

  #decoded(at: string): LiveRow | undefined {
    if (this.#written?.mayHave(at) === false) return undefined
    const stored = this.#read(at)
    if (stored === undefined) return undefined
    const { from, ladder, value } = decodeNow(at, stored)
    return { from, ladder, value, checksum: rowChecksum(stored), bytes: stored.length }
  }
}
