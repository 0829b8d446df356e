/**
 * Guards the log against damage in the tables of its LevelDB, of which nothing comes before
 * LevelDB: a read that rests on a damaged block is not made, and its positions are named.
 *
 * Keys of the log only grow, so its tables lie apart, and LevelDB moves them but rewrites none:
 * damage stays where it is, and costs the records in it. Where some overlap all the same, all are
 * checked before. Writes the sign `damaged` alone; whoever finds it checks everything.
 */
import { existsSync, unlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Damage } from "../disk/damage.js"
import { fileMode } from "../disk/files.js"
import { damagedName, inspectUnsigned } from "../disk/level-opening.js"
import type { DamagedBlock, Table } from "../disk/level-table.js"
import { areApart, Tables } from "../disk/level-tables.js"
import { type Guard, keyOf, positionOf, type Stretch } from "./level-records.js"

// Checked before the log opens, however large it is: some 25 ms of processor time.
const aheadBytes = 16_777_216

export interface LogGuardOptions {
  readonly directory: string
  /** As many bytes of tables are checked before. */
  readonly bytesMax?: number
  /** In a copy nothing is noted, and nothing checked that is not read. */
  readonly isCopy?: boolean
}

const orDamage = (act: () => void): Damage | undefined => {
  try {
    act()
    return undefined
  } catch (cause) {
    if (cause instanceof Damage) return cause
    throw cause
  }
}

/** By the keys around it: what it holds is not known. */
const stretchOf = ({ after, from, to }: DamagedBlock): Stretch => ({
  from: after === undefined ? positionOf(from) : positionOf(after) + 1,
  to: positionOf(to),
})

export class LogGuard implements Guard {
  readonly #directory: string
  readonly #isCopy: boolean
  readonly #tables: Tables
  #damage: Damage | undefined
  #isClosed = false

  constructor({ directory, isCopy = false }: LogGuardOptions, tables: ReadonlyArray<Table>) {
    this.#directory = directory
    this.#isCopy = isCopy
    this.#tables = new Tables(tables)
  }

  /** Before the log is opened. Rejects with `Damage`, or an error of the disk. */
  static async open(options: LogGuardOptions): Promise<LogGuard> {
    const { directory, bytesMax = aheadBytes, isCopy = false } = options
    const tables = inspectUnsigned(directory)
    const guard = new LogGuard(options, tables)
    const sign = join(directory, damagedName)
    const isSigned = !isCopy && existsSync(sign)
    try {
      const isBounded = !isSigned && areApart(tables)
      await guard.#tables.ahead(isBounded ? bytesMax : Number.POSITIVE_INFINITY)
      // A disk can err and give the right bytes again.
      if (isSigned) unlinkSync(sign)
      return guard
    } catch (cause) {
      guard.close()
      throw cause
    }
  }

  /** What was found first; the log must not be written any more. */
  get damage(): Damage | undefined {
    return this.#damage
  }

  /** Once the log is open: checks on, beside whatever else is done. */
  begin(): void {
    if (!this.#isCopy && !this.#tables.whole) this.#tables.begin((span) => this.#slice(span))
  }

  /** Before the last key is looked for. Throws `Damage`. */
  checkEnds(): void {
    const damage = orDamage(() => this.#tables.checkEnds())
    if (damage !== undefined) throw this.#noted(damage)
  }

  /** Whether the record at a position can be read, if it is there. */
  isSafe(position: number): boolean {
    return this.#isSafe(() => this.#tables.checkSingle(keyOf(position)))
  }

  /** The same for an iterator from one position to another. */
  isSafeToScan(from: number, to: number): boolean {
    return this.#isSafe(() => this.#tables.checkScan(keyOf(from), keyOf(to)))
  }

  /** The first stretch among these positions that lies in damaged blocks. */
  firstDamaged(from: number, to: number): Stretch | undefined {
    let first: Stretch | undefined
    for (const block of this.#tables.damagedIn(keyOf(from), keyOf(to))) {
      const stretch = stretchOf(block)
      const isTouched = stretch.from <= to && stretch.to >= from
      if (isTouched && (first === undefined || stretch.from < first.from)) first = stretch
    }
    return first && { from: Math.max(first.from, from), to: Math.min(first.to, to) }
  }

  /** Once the log is closed. */
  close(): void {
    this.#isClosed = true
    this.#tables.close(() => true)
  }

  #isSafe(check: () => void): boolean {
    if (this.#tables.whole) return true
    const damage = orDamage(check)
    if (damage !== undefined) this.#noted(damage)
    return damage === undefined
  }

  #noted(damage: Damage): Damage {
    if (this.#damage !== undefined || this.#isClosed) return damage
    this.#damage = damage
    if (this.#isCopy) return damage
    try {
      writeFileSync(join(this.#directory, damagedName), `${damage.message}\n`, { mode: fileMode })
    } catch {
      // Without the sign it is found again, only later.
    }
    return damage
  }

  async #slice(span: Buffer<ArrayBuffer>): Promise<void> {
    await this.#tables.checkOn(span).catch((cause: unknown) => {
      throw cause instanceof Damage ? this.#noted(cause) : cause
    })
    this.#tables.close(({ whole }) => whole)
  }
}
