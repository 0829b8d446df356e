/**
 * One table file of LevelDB (doc/table_format.md of its sources), looked at for damage alone.
 *
 * Blocks of rows lie one behind the other from the start, then the filter, the metaindex, the index
 * and a footer; behind each block are its form and a CRC-32C. The index says which block holds a
 * key. A table is held open, so it can be read after LevelDB has removed it. Reads no rows.
 */
import { closeSync, fstatSync, openSync, read, readSync } from "node:fs"
import { Cursor, Damage, Unread } from "./damage.js"
import {
  type Block,
  type BlockEntry,
  contentsOf,
  endOf,
  entriesOf,
  readBlock,
  verifyBlock,
} from "./level-block.js"
import type { TableEntry } from "./level-manifest.js"

const footerBytes = 48
const magic = 0xdb4775248b80fb57n
/** Behind each key of an index: sequence number and kind. */
const keyTrailerBytes = 8

/** What the footer and the index say of a table. */
interface Index {
  /** For each block of rows a key that is not before its last one, and before all of the next. */
  readonly keys: ReadonlyArray<Buffer>
  readonly blocks: ReadonlyArray<Block>
}

/** A block that is not as it was written, by what the index says of the keys in it. */
export interface DamagedBlock {
  /** The last key before it, where there is one in the table; else its first key is `from`. */
  readonly after: Buffer | undefined
  readonly from: Buffer
  readonly to: Buffer
}

type ReadAt = (offset: number, length: number) => Buffer

const blocksIn = (entries: ReadonlyArray<BlockEntry>, file: string): ReadonlyArray<Block> =>
  entries.map(({ value }) => readBlock(new Cursor(value, file)))

/**
 * The index of a table of so many bytes. Also checks all that is not rows: LevelDB reads it
 * whenever it opens the table. Throws `Damage`.
 */
export const indexOf = (file: string, size: number, read: ReadAt): Index => {
  const contents = (block: Block): Buffer => {
    const bytes = read(block.offset, endOf(block) - block.offset)
    verifyBlock(bytes, block.offset, file)
    return contentsOf(bytes, file)
  }
  const footerAt = size - footerBytes
  if (footerAt < 0) throw new Damage(file, "is too short for a table")
  const footer = read(footerAt, footerBytes)
  if (footer.readBigUInt64LE(footerBytes - 8) !== magic) throw new Damage(file, "has no footer")
  const cursor = new Cursor(footer, file)
  const [metaindex, index] = [readBlock(cursor), readBlock(cursor)]
  // Blocks leave no gap, so nothing that is read can lie outside of what is checked.
  const follow = (block: Block, start: number) => {
    if (block.offset !== start) throw new Damage(file, `has no block at ${start}`)
    return endOf(block)
  }
  if (index.offset < metaindex.offset || endOf(index) !== footerAt)
    throw new Damage(file, "has a footer that names no index")
  follow(index, endOf(metaindex))
  const entries = entriesOf(contents(index), file)
  const blocks = blocksIn(entries, file)
  const filters = blocksIn(entriesOf(contents(metaindex), file), file)
  const end = [...blocks, ...filters].reduce((start, block) => follow(block, start), 0)
  follow(metaindex, end)
  for (const filter of filters) contents(filter)
  return { keys: entries.map(({ key }) => key.subarray(0, -keyTrailerBytes)), blocks }
}

export class Table {
  readonly entry: TableEntry
  /** Every byte that LevelDB may rest an answer on has been checked. */
  whole = false
  readonly #file: string
  readonly #descriptor: number
  #index: Index | undefined
  #checked = new Uint8Array(0)
  #left = 0
  /** Blocks before this one are checked. */
  #next = 0
  #readCount = 0
  #isClosed = false

  /** Throws `Damage` when the file is not as long as the MANIFEST says. */
  constructor(path: string, file: string, entry: TableEntry) {
    this.entry = entry
    this.#file = file
    this.#descriptor = openSync(path, "r")
    const { size } = fstatSync(this.#descriptor)
    if (size === entry.size) return
    closeSync(this.#descriptor)
    throw new Damage(file, `has ${size} bytes in place of ${entry.size}`)
  }

  close(): void {
    this.#isClosed = true
    // A read under way would read whatever file gets this descriptor next.
    if (this.#readCount === 0) closeSync(this.#descriptor)
  }

  /** Checks what LevelDB reads for a key. Throws `Damage`. */
  checkKey(key: Buffer): void {
    const { keys } = this.#open()
    for (let at = this.#find(key); at < keys.length; at += 1) {
      this.#check(at)
      if (keys[at]?.equals(key) !== true) return
    }
  }

  /**
   * Checks the blocks from that of `from` to that of `to`, and one more on either side: an iterator
   * rests on the row beyond its range.
   */
  checkRange(from: Buffer, to: Buffer): void {
    const { keys } = this.#open()
    const first = Math.max(0, this.#find(from) - 1)
    let last = this.#find(to)
    while (keys[last]?.equals(to) === true) last += 1
    for (let at = first; at <= Math.min(last + 1, keys.length - 1); at += 1) this.#check(at)
  }

  /**
   * Checks the blocks from that of `from` to that of `to`, which a forward iterator rests on, and
   * exact reads; of keys that were written once.
   */
  checkScan(from: Buffer, to: Buffer): void {
    const { keys } = this.#open()
    const first = this.#find(from)
    for (let at = first; at <= Math.min(this.#find(to), keys.length - 1); at += 1) this.#check(at)
  }

  /** Checks the last so many blocks, and answers with how many there were. */
  checkLast(count: number): number {
    const { keys } = this.#open()
    const first = Math.max(0, keys.length - count)
    for (let at = first; at < keys.length; at += 1) this.#check(at)
    return keys.length - first
  }

  /** The damaged blocks among those that may hold keys between two; or the whole table. */
  damagedIn(from: Buffer, to: Buffer): ReadonlyArray<DamagedBlock> {
    const { smallest, largest } = this.entry
    const damaged: Array<DamagedBlock> = []
    try {
      const { keys } = this.#open()
      const last = Math.min(this.#find(to), keys.length - 1)
      for (let at = this.#find(from); at <= last; at += 1)
        if (this.#isDamaged(at))
          // The key of the last block in an index is one that is merely long enough.
          damaged.push({
            after: keys[at - 1],
            from: smallest,
            to: at === keys.length - 1 ? largest : (keys[at] ?? largest),
          })
      return damaged
    } catch (cause) {
      if (!(cause instanceof Damage)) throw cause
      return [{ after: undefined, from: smallest, to: largest }]
    }
  }

  #isDamaged(at: number): boolean {
    try {
      this.#check(at)
      return false
    } catch (cause) {
      if (cause instanceof Damage) return true
      throw cause
    }
  }

  /** Checks everything that is left. */
  checkAll(): void {
    const { keys } = this.#open()
    for (let at = this.#next; at < keys.length; at += 1) this.#check(at)
  }

  /** Checks on, reading beside the event loop as much as `span` holds, or a single block. */
  async checkOn(span: Buffer): Promise<void> {
    const { blocks } = this.#open()
    if (this.whole) return
    while (this.#checked[this.#next] === 1) this.#next += 1
    const first = this.#next
    const start = blocks[first]?.offset ?? 0
    let after = first
    for (let block = blocks[after]; block !== undefined; block = blocks[after]) {
      if (after > first && endOf(block) - start > span.length) break
      after += 1
    }
    const end = blocks[after - 1]
    if (end === undefined) return
    const bytes = await this.#readBeside(start, endOf(end) - start, span)
    for (let at = first; at < after; at += 1) {
      const block = blocks[at]
      if (block !== undefined && this.#checked[at] === 0)
        this.#note(at, bytes.subarray(block.offset - start, endOf(block) - start))
    }
  }

  #open(): Index {
    if (this.#index !== undefined) return this.#index
    const index = indexOf(this.#file, this.entry.size, this.#read)
    if (Buffer.compare(index.keys.at(-1) ?? Buffer.alloc(0), this.entry.largest) < 0)
      throw new Damage(this.#file, "is not the table that the MANIFEST names")
    this.#checked = new Uint8Array(index.blocks.length)
    this.#left = index.blocks.length
    this.#index = index
    return index
  }

  /** The first block whose key is not before this one; the count of blocks when there is none. */
  #find(key: Buffer): number {
    const { keys } = this.#open()
    let [low, high] = [0, keys.length]
    while (low < high) {
      const at = (low + high) >>> 1
      if (Buffer.compare(keys[at] ?? key, key) < 0) low = at + 1
      else high = at
    }
    return low
  }

  #check(at: number): void {
    const block = this.#open().blocks[at]
    if (block === undefined || this.#checked[at] === 1) return
    this.#note(at, this.#read(block.offset, endOf(block) - block.offset))
  }

  #note(at: number, bytes: Buffer): void {
    verifyBlock(bytes, this.#index?.blocks[at]?.offset ?? 0, this.#file)
    this.#checked[at] = 1
    this.#left -= 1
    this.whole = this.#left === 0
  }

  readonly #read: ReadAt = (offset, length) => {
    const bytes = Buffer.allocUnsafe(length)
    const count = this.#orDamage(() => readSync(this.#descriptor, bytes, 0, length, offset))
    if (count !== length) throw new Damage(this.#file, `ends too early, at ${offset + count}`)
    return bytes
  }

  #orDamage<A>(act: () => A): A {
    try {
      return act()
    } catch (cause) {
      throw new Unread(this.#file, cause)
    }
  }

  #readBeside(offset: number, length: number, span: Buffer): Promise<Buffer> {
    const bytes = length > span.length ? Buffer.allocUnsafe(length) : span.subarray(0, length)
    this.#readCount += 1
    return new Promise((resolve, reject) => {
      read(this.#descriptor, bytes, 0, length, offset, (cause, count) => {
        this.#readCount -= 1
        if (this.#isClosed && this.#readCount === 0) closeSync(this.#descriptor)
        if (cause) reject(new Unread(this.#file, cause))
        else if (count !== length) reject(new Damage(this.#file, `ends too early, at ${offset}`))
        else resolve(bytes)
      })
    })
  }
}
