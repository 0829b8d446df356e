/**
 * The tables of a LevelDB database that are still to be checked, in the order in which LevelDB
 * looks through them: each of level 0 by itself, those of a deeper level one behind the other.
 *
 * Knows which blocks a read rests on. Decides nothing: what damage means, its user knows.
 */
import type { DamagedBlock, Table } from "./level-table.js"

// A slice takes some 0.2 ms of the event loop; with the pause behind it, 2 MB take some 15 ms.
const sliceBytes = 262_144
const pauseMilliseconds = 1

/** Tables of one level, in the order of their keys; those of level 0 overlap, each is by itself. */
type Sequence = ReadonlyArray<Table>

const byKey = (a: Table, b: Table): number => Buffer.compare(a.entry.smallest, b.entry.smallest)

const sequencesOf = (tables: ReadonlyArray<Table>): ReadonlyArray<Sequence> => {
  const levels = new Map<number, Array<Table>>()
  const alone: Array<Sequence> = []
  for (const table of tables) {
    const { level } = table.entry
    const others = levels.get(level)
    if (level === 0) alone.push([table])
    else if (others === undefined) levels.set(level, [table])
    else others.push(table)
  }
  const sorted = [...levels].sort(([a], [b]) => a - b).map(([, one]) => one)
  for (const one of sorted) one.sort(byKey)
  return [...alone, ...sorted]
}

/** Whether no key can be in two of them: then LevelDB moves them, and rewrites none. */
export const areApart = (tables: ReadonlyArray<Table>): boolean => {
  const sorted = tables.toSorted(byKey)
  return sorted.every(({ entry }, at) => {
    const before = sorted[at - 1]?.entry.largest
    return before === undefined || Buffer.compare(before, entry.smallest) < 0
  })
}

/** The first table that may hold this key or a later one. */
const firstIn = (sequence: Sequence, key: Buffer): number => {
  let [low, high] = [0, sequence.length]
  while (low < high) {
    const at = (low + high) >>> 1
    if (Buffer.compare(sequence[at]?.entry.largest ?? key, key) < 0) low = at + 1
    else high = at
  }
  return low
}

/** From `begin` on, those that begin no later than a key. */
const endIn = (sequence: Sequence, begin: number, last: Buffer): number => {
  let end = begin
  for (let table = sequence[end]; table !== undefined; table = sequence[end]) {
    if (Buffer.compare(table.entry.smallest, last) > 0) break
    end += 1
  }
  return end
}

export class Tables {
  #sequences: ReadonlyArray<Sequence>
  #timer: NodeJS.Timeout | undefined

  constructor(tables: ReadonlyArray<Table>) {
    this.#sequences = sequencesOf(tables)
  }

  /** Those that are not checked yet. */
  get left(): ReadonlyArray<Table> {
    return this.#sequences.flat()
  }

  get whole(): boolean {
    return this.#sequences.length === 0
  }

  /**
   * Checks tables in their order, as long as they come to no more bytes than that: two at a time,
   * so that one is read while the other is checked.
   */
  async ahead(bytesMax: number): Promise<void> {
    let left = bytesMax
    const waiting = this.left.values()
    const lane = async (): Promise<void> => {
      const span = Buffer.allocUnsafe(sliceBytes)
      for (const table of waiting) {
        left -= table.entry.size
        // Nothing is begun behind it, nor behind one that is damaged.
        if (left < 0) return
        try {
          while (!table.whole) await table.checkOn(span)
        } catch (cause) {
          left = -1
          throw cause
        }
        this.close((one) => one === table)
      }
    }
    const lanes = await Promise.allSettled([lane(), lane()])
    for (const one of lanes) if (one.status === "rejected") throw one.reason
  }

  /** What an exact read of a key rests on. Throws `Damage`. */
  checkKey(key: Buffer): void {
    for (const table of this.#tablesOf(key)) table.checkKey(key)
  }

  /** The same for a key that was written once. */
  checkSingle(key: Buffer): void {
    for (const table of this.#tablesOf(key)) table.checkScan(key, key)
  }

  #tablesOf(key: Buffer): ReadonlyArray<Table> {
    return this.#sequences.flatMap((sequence) => {
      const begin = firstIn(sequence, key)
      return sequence.slice(begin, endIn(sequence, begin, key))
    })
  }

  /** What iterators rest on that stay between two keys, in either direction. Throws `Damage`. */
  checkRange(first: Buffer, last: Buffer): void {
    for (const sequence of this.#sequences) {
      const begin = firstIn(sequence, first)
      const end = endIn(sequence, begin, last)
      // With the neighbours, where an iterator rests when it has left the range.
      for (const table of sequence.slice(Math.max(0, begin - 1), end + 1))
        table.checkRange(first, last)
    }
  }

  /**
   * What a forward iterator rests on that is never moved beyond `last`, where each key was written
   * once. Throws `Damage`.
   */
  checkScan(first: Buffer, last: Buffer): void {
    for (const sequence of this.#sequences) {
      const begin = firstIn(sequence, first)
      // Seeking rests on the first entry from `first` on, also where that is beyond `last`.
      const end = Math.max(endIn(sequence, begin, last), begin + 1)
      for (const table of sequence.slice(begin, end)) table.checkScan(first, last)
    }
  }

  /** What looking for the last key rests on. Throws `Damage`. */
  checkEnds(): void {
    for (const sequence of this.#sequences) {
      // Backwards an iterator looks at the entry before, which may be in the block before.
      let wanted = 2
      for (const table of sequence.toReversed()) if (wanted > 0) wanted -= table.checkLast(wanted)
    }
  }

  /** The damaged blocks that may hold keys between two, each of which was written once. */
  damagedIn(first: Buffer, last: Buffer): ReadonlyArray<DamagedBlock> {
    return this.#sequences.flatMap((sequence) => {
      const begin = firstIn(sequence, first)
      const tables = sequence.slice(begin, endIn(sequence, begin, last))
      return tables.flatMap((table) => table.damagedIn(first, last))
    })
  }

  /** Checks a slice of what is left. Rejects with `Damage`. */
  async checkOn(span = Buffer.allocUnsafe(sliceBytes)): Promise<void> {
    const table = this.#sequences[0]?.[0]
    if (table === undefined) return
    await table.checkOn(span)
  }

  /** Runs `slice` again and again, beside everything else, until it rejects or nothing is left. */
  begin(
    slice: (span: Buffer<ArrayBuffer>) => Promise<void>,
    span = Buffer.allocUnsafe(sliceBytes),
  ): void {
    this.#timer = setTimeout(() => {
      slice(span).then(
        () => this.whole || this.begin(slice, span),
        () => undefined,
      )
    }, pauseMilliseconds)
    // An idle ledger does not keep its process alive.
    this.#timer.unref()
  }

  /** Lets go of tables. */
  close(isOver: (table: Table) => boolean): void {
    for (const table of this.left) if (isOver(table)) table.close()
    this.#sequences = this.#sequences
      .map((sequence) => sequence.filter((table) => !isOver(table)))
      .filter(({ length }) => length > 0)
    if (this.whole) clearTimeout(this.#timer)
  }
}
