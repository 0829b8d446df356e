/**
 * Numbers of the batches of the blob index, so that one which was lost before others is noticed.
 *
 * Batches are not synced. After a power loss LevelDB skips what is missing in its log and keeps
 * what comes after it: the mark of a pack would be there, but not the rows that it vouches for. So
 * every batch carries a number, and where one is missing the index is rebuilt. Every 1,000 batches
 * one is synced, and drops the numbers before the one that was synced before it. Knows no rows.
 */

export type Operation =
  | { readonly type: "put"; readonly key: Buffer; readonly value: Buffer }
  | { readonly type: "del"; readonly key: Buffer }

/** Raised when rows of an older release cannot be read any more. */
const rowFormat = 1
/** Its value is the format (u8), and the first number that is kept (u48). */
export const baseKey = Buffer.from("f")
const numberPrefix = 0x6e
const baseBytes = 7
const numberBytes = 7

/** The keys of all numbers. */
export const numberRange = { gte: Buffer.of(numberPrefix), lt: Buffer.of(numberPrefix + 1) }

// So many batches pay for one fsync; twice as many numbers are kept at most.
const syncedEvery = 1_000

const numberKey = (number: number): Buffer => {
  const key = Buffer.allocUnsafe(numberBytes)
  key[0] = numberPrefix
  key.writeUIntBE(number, 1, 6)
  return key
}

const numberOf = (key: Buffer): number =>
  key.length === numberBytes ? key.readUIntBE(1, 6) : Number.NaN

const baseOf = (first: number): Operation => {
  const value = Buffer.allocUnsafe(baseBytes)
  value[0] = rowFormat
  value.writeUIntBE(first, 1, 6)
  return { type: "put", key: baseKey, value }
}

/** What a batch carries beside its own operations. */
export interface Numbering {
  readonly operations: ReadonlyArray<Operation>
  readonly sync: boolean
}

export class IndexNumbers {
  #first: number
  #next: number
  /** The next number when a batch was last synced. */
  #marked: number

  constructor(first = 1, next = first) {
    this.#first = first
    this.#next = next
    this.#marked = next
  }

  /** Those of an index, by what lies under `baseKey` and its numbers; undefined when some lack. */
  static of(base: Buffer | undefined, numbers: ReadonlyArray<Buffer>): IndexNumbers | undefined {
    if (base?.length !== baseBytes || base[0] !== rowFormat || numbers.length === 0)
      return undefined
    const first = base.readUIntBE(1, 6)
    const whole = numbers.every((key, at) => numberOf(key) === first + at)
    return whole ? new IndexNumbers(first, first + numbers.length) : undefined
  }

  /** The number of the next batch. `isSynced`: it will be synced anyway. */
  take(isSynced = false): Numbering {
    const number = this.#next
    const own: Operation = { type: "put", key: numberKey(number), value: Buffer.alloc(0) }
    this.#next += 1
    const isDue = isSynced || this.#next - this.#marked > syncedEvery
    if (!isDue)
      return { operations: number === this.#first ? [own, baseOf(number)] : [own], sync: false }
    const dropped: Array<Operation> = []
    for (let at = this.#first; at < this.#marked; at += 1)
      dropped.push({ type: "del", key: numberKey(at) })
    this.#first = this.#marked
    this.#marked = number
    return { operations: [...dropped, own, baseOf(this.#first)], sync: true }
  }
}
