/**
 * The pass through all rows of a LevelDB as they were when it was opened: beside everything else,
 * or some of them before anything else. What it finds, it tells the guard of the database.
 *
 * LevelDB's files can be whole and rows be missing all the same: when another program deleted them,
 * or when they were never written. Knows how rows are walked through, not what they should be.
 */
import { Damage } from "../disk/damage.js"
import type { LevelGuard } from "../disk/level-guard.js"
import { hasCode } from "../model/cause.js"
import { RowTally } from "./row-tally.js"
import type { StoredRow } from "./view-store.js"

/** All rows of one moment, from the first to the last. Nothing is read before `next`. */
export interface Walk {
  /** Some of the next ones, none at the end. */
  readonly next: (countMax: number) => Promise<ReadonlyArray<StoredRow>>
  /** Waits for what is being read; may be called again. */
  readonly close: () => Promise<void>
}

// Of a page some 0.5 ms are spent on the event loop; with the pauses, a fifth of it while it lasts.
const pageCount = 256
// Of one for which everything waits.
const aheadPageCount = 2_048
const pauseMilliseconds = 2
// Nothing that is opened for one answer alone should pay for more than comes before it.
const delayMilliseconds = 250

/** LevelDB notices some damage by itself. */
export const asDamage = (cause: unknown): unknown =>
  hasCode(cause, "LEVEL_CORRUPTION") && !(cause instanceof Damage)
    ? new Damage("a table", "is damaged", { cause })
    : cause

export class RowsPass {
  readonly #walk: Walk
  readonly #guard: LevelGuard
  readonly #tally = new RowTally()
  #timer: NodeJS.Timeout | undefined
  #isOver = false

  constructor(walk: Walk, guard: LevelGuard) {
    this.#walk = walk
    this.#guard = guard
  }

  /** Goes through some rows now, where nothing of the tables is left to be checked. */
  async ahead(countMax: number): Promise<void> {
    for (let count = 0; count < countMax && this.#guard.whole; count += aheadPageCount) {
      if (this.#isOver) return
      await this.#page(aheadPageCount)
    }
  }

  /** Goes on beside everything else. An idle ledger does not keep its process alive. */
  begin(milliseconds = delayMilliseconds): void {
    if (this.#isOver) return
    this.#timer = setTimeout(() => void this.#slice(), milliseconds)
    this.#timer.unref()
  }

  /** Before the database is closed. */
  async close(): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#timer)
    await this.#walk.close()
  }

  async #slice(): Promise<void> {
    try {
      // A damaged table is told by the guard; until it knows, no more of them comes before LevelDB.
      if (this.#guard.whole) await this.#page(pageCount)
      if (this.#guard.damage === undefined) this.begin(pauseMilliseconds)
    } catch (thrown) {
      const cause = asDamage(thrown)
      // Rows that could not be read now are gone through by the next opening.
      if (cause instanceof Damage && !this.#isOver) this.#guard.note(cause)
    }
  }

  async #page(count: number): Promise<void> {
    const rows = await this.#walk.next(count)
    this.#tally.take(rows)
    if (rows.length > 0) return
    this.#tally.end()
    await this.close()
  }
}
