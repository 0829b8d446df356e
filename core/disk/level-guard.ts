/**
 * Guards what is read from a LevelDB database against damage in its tables, whose checksums LevelDB
 * does not look at from Node: one wrong bit can make rows absent, with nothing to show for it.
 *
 * Watches the tables that are there at the opening. What LevelDB makes later it makes out of these
 * and of what it is given, so it is right if they are. Bytes that change after they were checked
 * are found at the next opening. Knows no rows; writes the signs `damaged` and `checked` alone.
 */
import { closeSync, fstatSync, openSync, readSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Damage } from "./damage.js"
import { fileMode } from "./files.js"
import { readManifest } from "./level-manifest.js"
import { checkedName, checkedText, currentManifest, damagedName, inspect } from "./level-opening.js"
import type { Table } from "./level-table.js"

// A slice takes some 0.2 ms of the event loop; with the pause behind it, 2 MB take some 15 ms.
const sliceBytes = 262_144
const pauseMilliseconds = 1
// Checked before the database opens, however large it is: about as much as levels 0 and 1 have,
// which nearly every compaction begins with.
const aheadBytes = 16_777_216

/** Tables of one level, in the order of their keys; those of level 0 overlap, each is by itself. */
type Sequence = ReadonlyArray<Table>

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
  for (const one of sorted)
    one.sort(({ entry: a }, { entry: b }) => Buffer.compare(a.smallest, b.smallest))
  return [...alone, ...sorted]
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

const bytesOf = (key: string | Buffer): Buffer => (typeof key === "string" ? Buffer.from(key) : key)

interface Followed {
  readonly name: string
  readonly descriptor: number
  /** How much of it was read. */
  seen: number
}

/**
 * In use: open the guard, open the database, `begin`; for each read check, read, `confirm`, answer;
 * close the database, close the guard. Why that is enough:
 *
 * - An answer comes from memory, from tables of this process, and from tables of the opening. Of
 *   the last, LevelDB looks at the blocks of the keys in question: they are checked before.
 * - A table of this process may be a compaction of damaged ones. Then any key can be concerned, not
 *   only those of the damaged block: a wrong key can delete another row, or break the order. But a
 *   compaction is in the MANIFEST before LevelDB answers out of it. So after each read the length
 *   of the MANIFEST says whether tables of the opening went into new ones, and then they are
 *   checked as a whole first; they are open, so LevelDB's removing them takes nothing away.
 * - LevelDB may also abort the process when it meets damage. Before it opens a database, the tables
 *   that it is likeliest to rewrite are checked, and all of them where the last process did not end
 *   well; and with it, a process that could not check what was rewritten is found out.
 */
export class LevelGuard {
  readonly #directory: string
  /** The numbers of all tables of the opening. */
  readonly #opened: ReadonlySet<number>
  /** Those that are not checked yet. */
  #sequences: ReadonlyArray<Sequence>
  #manifest: Followed | undefined
  #damage: Damage | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(directory: string, tables: ReadonlyArray<Table>) {
    this.#directory = directory
    this.#opened = new Set(tables.map(({ entry }) => entry.number))
    this.#sequences = sequencesOf(tables)
  }

  /** Before the database is opened. Rejects with `Damage`, or an error of the disk. */
  static async open(directory: string, bytesMax = aheadBytes): Promise<LevelGuard> {
    const { tables, endedWell } = inspect(directory)
    const guard = new LevelGuard(directory, tables)
    try {
      await guard.#ahead(endedWell ? bytesMax : Number.POSITIVE_INFINITY)
      return guard
    } catch (cause) {
      guard.#close(() => true)
      throw cause
    }
  }

  /** What was found, after which every check fails. */
  get damage(): Damage | undefined {
    return this.#damage
  }

  /** Whether nothing is left to be checked. */
  get whole(): boolean {
    return this.#sequences.length === 0 && this.#damage === undefined
  }

  /** Once the database is open: checks on, beside whatever else is done. */
  begin(): void {
    const { name, edits } = currentManifest(this.#directory)
    const opened = edits[0]?.added ?? []
    if (opened.length !== this.#opened.size || opened.some((one) => !this.#opened.has(one.number)))
      throw new Error(`${this.#directory} was written to by another process: open it again`)
    // Numbers of a MANIFEST can come back after a power loss: no sign of an earlier one may stay.
    this.#write(checkedName, checkedText(name, this.whole ? "all" : 0))
    if (this.whole) return
    const descriptor = openSync(join(this.#directory, name), "r")
    this.#manifest = { name, descriptor, seen: 0 }
    this.#rest(Buffer.allocUnsafe(sliceBytes))
  }

  /** Before a key is read. Throws `Damage`. */
  checkKey(key: string | Buffer): void {
    if (this.whole) return
    this.#noting(() => {
      const bytes = bytesOf(key)
      for (const sequence of this.#sequences)
        for (let at = firstIn(sequence, bytes); at < sequence.length; at += 1) {
          const table = sequence[at]
          if (table === undefined || Buffer.compare(table.entry.smallest, bytes) > 0) break
          table.checkKey(bytes)
        }
    })
  }

  /** Before the keys from `from` to `to` are read, both included. Throws `Damage`. */
  checkRange(from: string | Buffer, to: string | Buffer): void {
    if (this.whole) return
    this.#noting(() => {
      const [first, last] = [bytesOf(from), bytesOf(to)]
      for (const sequence of this.#sequences) {
        const begin = firstIn(sequence, first)
        let end = begin
        for (let table = sequence[end]; table !== undefined; table = sequence[end]) {
          if (Buffer.compare(table.entry.smallest, last) > 0) break
          end += 1
        }
        // With the neighbours, where an iterator rests when it has left the range.
        for (const table of sequence.slice(Math.max(0, begin - 1), end + 1))
          table.checkRange(first, last)
      }
    })
  }

  /** After each read, before it is an answer. Throws `Damage`. */
  confirm(): void {
    if (!this.whole) this.#noting(() => this.#follow())
  }

  /** Checks all that is left, slice by slice. Rejects with `Damage`. */
  async checkAll(): Promise<void> {
    const span = Buffer.allocUnsafe(sliceBytes)
    while (!this.whole) await this.#slice(span)
  }

  /** Notes damage that showed elsewhere; answers with what is known. */
  note(damage: Damage): Damage {
    if (this.#damage === undefined) {
      this.#damage = damage
      this.#write(damagedName, `${damage.message}\n`)
    }
    return this.#damage
  }

  /** Once the database is closed: what was rewritten must still be checked. */
  close(): void {
    const name = this.#manifest?.name
    try {
      this.confirm()
      // Nothing is rewritten any more, so what is left can wait for the next opening.
      if (name !== undefined) this.#write(checkedName, checkedText(name, "all"))
    } catch {
      // It is noted, and nobody is left to be told.
    }
    this.#close(() => true)
  }

  async #ahead(bytesMax: number): Promise<void> {
    const span = Buffer.allocUnsafe(sliceBytes)
    let left = bytesMax
    for (const table of this.#tables()) {
      left -= table.entry.size
      if (left < 0) return
      while (!table.whole) await table.checkOn(span)
      this.#close((one) => one === table)
    }
  }

  #tables(): ReadonlyArray<Table> {
    return this.#sequences.flat()
  }

  #noting(act: () => void): void {
    if (this.#damage !== undefined) throw this.#damage
    try {
      act()
    } catch (cause) {
      throw this.#noted(cause)
    }
  }

  #noted(cause: unknown): Damage {
    if (cause instanceof Damage) return this.note(cause)
    return this.note(new Damage(this.#manifest?.name ?? "MANIFEST", "cannot be read", { cause }))
  }

  /** Checks as a whole what LevelDB has rewritten since the last look. */
  #follow(): void {
    const followed = this.#manifest
    if (followed === undefined) return
    const { name, descriptor } = followed
    const { size } = fstatSync(descriptor)
    if (size === followed.seen) return
    const bytes = Buffer.alloc(size)
    readSync(descriptor, bytes, 0, size, 0)
    const edits = readManifest(bytes, name)
    const removed = new Set(edits.flatMap((edit) => edit.removed))
    const rewritten = new Set(this.#tables().filter(({ entry }) => removed.has(entry.number)))
    for (const table of rewritten) table.checkAll()
    followed.seen = size
    if ([...removed].some((number) => this.#opened.has(number)))
      this.#write(checkedName, checkedText(name, edits.at(-1)?.end ?? 0))
    this.#forget((table) => rewritten.has(table))
  }

  /** Lets go of tables that are checked. */
  #forget(isChecked: (table: Table) => boolean): void {
    const name = this.#manifest?.name
    this.#close(isChecked)
    if (this.whole && name !== undefined) this.#write(checkedName, checkedText(name, "all"))
  }

  #close(isOver: (table: Table) => boolean): void {
    for (const table of this.#tables()) if (isOver(table)) table.close()
    this.#sequences = this.#sequences
      .map((sequence) => sequence.filter((table) => !isOver(table)))
      .filter(({ length }) => length > 0)
    if (this.#sequences.length > 0) return
    clearTimeout(this.#timer)
    if (this.#manifest !== undefined) closeSync(this.#manifest.descriptor)
    this.#manifest = undefined
  }

  #write(name: string, text: string): void {
    try {
      writeFileSync(join(this.#directory, name), text, { mode: fileMode })
    } catch {
      // Without its sign, damage is found again, and what was checked is taken for damaged.
    }
  }

  #rest(span: Buffer): void {
    this.#timer = setTimeout(() => {
      this.#slice(span).then(
        () => this.whole || this.#rest(span),
        () => undefined,
      )
    }, pauseMilliseconds)
    // An idle ledger does not keep its process alive.
    this.#timer.unref()
  }

  async #slice(span: Buffer): Promise<void> {
    this.#noting(() => this.#follow())
    const table = this.#sequences[0]?.[0]
    if (table === undefined) return
    await table.checkOn(span).catch((cause: unknown) => {
      throw this.#noted(cause)
    })
    if (table.whole && this.#tables().includes(table)) this.#forget((one) => one === table)
  }
}
