/**
 * Rows of views counted and summed up, and held against what the registry has of them: so a row
 * that vanished, that was swapped for another or that was added is noticed, which no checksum of a
 * row can tell.
 *
 * Is shown all rows of one moment, in any order. Reads none itself, and knows no store.
 */
import { Damage } from "../disk/damage.js"
import { registryPrefix, slotPrefix } from "./key.js"
import { readRegistry, sumModulus, type ViewState } from "./registry.js"
import { isSound, rowChecksum } from "./row.js"
import { isDamage, type StoredRow } from "./view-store.js"

/** Of the rows in one space of a slot. */
interface Count {
  rows: number
  sum: number
  /** Rows that do not match their checksum. */
  unsound: number
}

const none: Readonly<Count> = { rows: 0, sum: 0, unsound: 0 }

const entryPrefix = `${registryPrefix}\u0000`

export class RowTally {
  readonly #counts = new Map<string, Count>()
  readonly #entries: Array<StoredRow> = []

  take(rows: ReadonlyArray<StoredRow>): void {
    for (const row of rows) {
      const [key, value] = row
      const prefix = key.slice(0, key.indexOf("\u0000") + 1)
      if (prefix === entryPrefix) this.#entries.push(row)
      else this.#add(this.#countOf(prefix), key, value)
    }
  }

  /** When all were shown. Throws `Damage` where they are not the rows that were written. */
  end(): void {
    // What is being built, or dropped, is not read, and rows of it go one by one.
    for (const { state, build } of this.#registry()) if (build === "current") this.#check(state)
  }

  #countOf(prefix: string): Count {
    const known = this.#counts.get(prefix)
    if (known !== undefined) return known
    const count = { ...none }
    this.#counts.set(prefix, count)
    return count
  }

  #add(count: Count, key: string, value: Uint8Array): void {
    count.rows += 1
    if (!isSound(key, value)) count.unsound += 1
    const sum = count.sum + rowChecksum(value)
    count.sum = sum < sumModulus ? sum : sum - sumModulus
  }

  #registry() {
    try {
      return readRegistry(this.#entries)
    } catch (cause) {
      if (!isDamage(cause)) throw cause
      throw new Damage("registry", "has an entry that is not as it was written", { cause })
    }
  }

  #check({ name, slot, rowCount, rowSum, goneCount }: ViewState): void {
    const of = (space: "now" | "gone" | "was") => this.#counts.get(slotPrefix(space, slot)) ?? none
    const gone = of("gone")
    const all = [of("now"), gone, of("was")]
    const rows = all.reduce((total, one) => total + one.rows, 0)
    if (all.some(({ unsound }) => unsound > 0))
      throw new Damage(name, "has a row that is not as it was written")
    if (rows !== rowCount) throw new Damage(name, `has ${rows} rows in place of ${rowCount}`)
    const sum = all.reduce((total, one) => (total + one.sum) % sumModulus, 0)
    if (sum !== rowSum || gone.rows !== goneCount)
      throw new Damage(name, "has other rows than were written")
  }
}
