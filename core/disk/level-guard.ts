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
import { Damage, Unread } from "./damage.js"
import { fileMode } from "./files.js"
import { readManifest } from "./level-manifest.js"
import { checkedName, checkedText, currentManifest, damagedName, inspect } from "./level-opening.js"
import type { Table } from "./level-table.js"
import { Tables } from "./level-tables.js"

// Checked before the database opens, however large it is: about as much as levels 0 and 1 have,
// which nearly every compaction begins with.
const aheadBytes = 16_777_216

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
  /** Whether nobody without a guard has had the database open since the last one had. */
  readonly isOurs: boolean
  readonly #directory: string
  /** The numbers of all tables of the opening. */
  readonly #opened: ReadonlySet<number>
  readonly #tables: Tables
  #manifest: Followed | undefined
  #damage: Damage | undefined
  #isClosed = false

  constructor(directory: string, tables: ReadonlyArray<Table>, isOurs = true) {
    this.isOurs = isOurs
    this.#directory = directory
    this.#opened = new Set(tables.map(({ entry }) => entry.number))
    this.#tables = new Tables(tables)
  }

  /** Before the database is opened. Rejects with `Damage`, or an error of the disk. */
  static async open(directory: string, bytesMax = aheadBytes): Promise<LevelGuard> {
    const { tables, endedWell, isOurs } = inspect(directory)
    const guard = new LevelGuard(directory, tables, isOurs)
    try {
      await guard.#tables.ahead(endedWell ? bytesMax : Number.POSITIVE_INFINITY)
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
    return this.#tables.whole && this.#damage === undefined
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
    this.#tables.begin((span) => this.#slice(span))
  }

  /** Before a key is read. Throws `Damage`. */
  checkKey(key: string | Buffer): void {
    if (this.whole) return
    this.#noting(() => this.#tables.checkKey(bytesOf(key)))
  }

  /** Before the keys from `from` to `to` are read, both included. Throws `Damage`. */
  checkRange(from: string | Buffer, to: string | Buffer): void {
    if (this.whole) return
    this.#noting(() => this.#tables.checkRange(bytesOf(from), bytesOf(to)))
  }

  /** After each read, before it is an answer. Throws `Damage`. */
  confirm(): void {
    if (!this.whole) this.#noting(() => this.#follow())
  }

  /** Checks all that is left, slice by slice. Rejects with `Damage`. */
  async checkAll(): Promise<void> {
    while (!this.whole) await this.#slice()
  }

  /** Notes damage that showed elsewhere; answers with what is known. */
  note(damage: Damage): Damage {
    if (this.#damage === undefined) {
      this.#damage = damage
      // The disk may give the bytes to the next opening.
      if (!(damage instanceof Unread)) this.#write(damagedName, `${damage.message}\n`)
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
    this.#isClosed = true
    this.#close(() => true)
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
    return this.note(new Unread(this.#manifest?.name ?? "MANIFEST", cause))
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
    const rewritten = new Set(this.#tables.left.filter(({ entry }) => removed.has(entry.number)))
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
    this.#tables.close(isOver)
    if (!this.#tables.whole) return
    if (this.#manifest !== undefined) closeSync(this.#manifest.descriptor)
    this.#manifest = undefined
  }

  #write(name: string, text: string): void {
    // By now another database may lie here, of which this says nothing.
    if (this.#isClosed) return
    try {
      writeFileSync(join(this.#directory, name), text, { mode: fileMode })
    } catch {
      // Without its sign, damage is found again, and what was checked is taken for damaged.
    }
  }

  async #slice(span?: Buffer<ArrayBuffer>): Promise<void> {
    this.#noting(() => this.#follow())
    await this.#tables.checkOn(span).catch((cause: unknown) => {
      throw this.#noted(cause)
    })
    if (this.#tables.left.some(({ whole }) => whole)) this.#forget(({ whole }) => whole)
  }
}
