/**
 * Borrowing a LevelDB directory: a copy to open and read, while whoever owns the original goes on
 * writing it. Nothing of the original changes, neither a byte nor a time stamp.
 *
 * Tables never change once they are there, so they are not copied where the system can give a name
 * to an open file: it stays readable after its owner has removed it.
 */
import {
  chmod,
  constants,
  copyFile,
  type FileHandle,
  mkdir,
  open,
  rm,
  symlink,
} from "node:fs/promises"
import { dirname, join } from "node:path"
import { hasCode } from "../model/cause.js"
import { current, isLog, isTable, isTold, lockFile, namesIn, numberOf } from "./database.js"
import { directoryMode, fileMode } from "./files.js"
import { tablesAfter } from "./level-manifest.js"
import { currentManifest } from "./level-opening.js"
import { writeCause } from "./room.js"

// Linux gives every open file of a process a name here.
const descriptors = "/proc/self/fd"
const canName = process.platform === "linux"

/** Those that the manifest names; or all, for a repair, which gives new ones higher numbers. */
export type Tables = "in use" | "all"

/** A copy, with the files that it needs held open. */
class Copy {
  readonly #from: string
  readonly #to: string
  readonly #handles: Array<FileHandle> = []

  constructor(from: string, to: string) {
    this.#from = from
    this.#to = to
  }

  async #copy(name: string): Promise<void> {
    const to = join(this.#to, name)
    await copyFile(join(this.#from, name), to, constants.COPYFILE_FICLONE)
    // Copied along comes the mode, which may forbid to write.
    await chmod(to, fileMode)
  }

  async #table(name: string): Promise<void> {
    if (!canName) return await this.#copy(name)
    const handle = await open(join(this.#from, name), "r")
    this.#handles.push(handle)
    await symlink(join(descriptors, String(handle.fd)), join(this.#to, name))
  }

  /**
   * Logs first, then the manifest, then its tables: what is flushed from a log to a table meanwhile
   * is then in both or in the table alone, so the copy holds all that was written up to a moment.
   */
  async take(tables: Tables): Promise<void> {
    await mkdir(this.#to, { mode: directoryMode })
    const isWanted = (name: string) => !isTable(name) && !isTold(name) && name !== lockFile
    const names = (await namesIn(this.#from)).filter(isWanted)
    for (const name of names) if (isLog(name)) await this.#copy(name)
    if (names.includes(current)) await this.#copy(current)
    const rest = (await namesIn(this.#from)).filter(isWanted)
    for (const name of rest) if (!isLog(name) && name !== current) await this.#copy(name)
    const inUse = tables === "all" ? undefined : this.#tablesInUse()
    for (const name of (await namesIn(this.#from)).filter(isTable))
      if (inUse === undefined || inUse.has(numberOf(name))) await this.#table(name)
  }

  /**
   * By the manifest that was copied. No other table may have a name here: LevelDB would give its
   * number to a new one, and write that through the name into a file of the owner.
   */
  #tablesInUse(): ReadonlySet<number> {
    const { edits } = currentManifest(this.#to)
    return new Set(tablesAfter(edits).map(({ number }) => number))
  }

  /** What cannot be removed takes nothing from what was read: it lies in a temporary place. */
  async close(): Promise<void> {
    for (const handle of this.#handles) await handle.close().catch(() => undefined)
    await rm(this.#to, { recursive: true, force: true }).catch(() => undefined)
  }
}

export interface Borrowed<A> {
  /** What was opened in the copy. */
  readonly opened: A
  /** Gives the copy up; what was opened in it must be closed before. */
  readonly giveBack: () => Promise<void>
}

// A writer that is busy may remove a table between two looks, but not so many times in a row.
const triesMax = 10

/**
 * Copies a directory to a new one and opens it there, again if its owner removed a file meanwhile.
 * Fails as `open` does when the directory is damaged.
 */
export const borrow = async <A>(
  from: string,
  to: string,
  open: (copy: string) => Promise<A>,
  tables: Tables = "in use",
): Promise<Borrowed<A>> => {
  for (let tries = 1; ; tries += 1) {
    const before = await namesIn(from)
    const copy = new Copy(from, to)
    try {
      await copy.take(tables)
      return { opened: await open(to), giveBack: () => copy.close() }
    } catch (cause) {
      await copy.close()
      const isMoving = (await namesIn(from)).join("/") !== before.join("/")
      if (tries === triesMax || !(isMoving || hasCode(cause, "ENOENT")))
        throw await writeCause(dirname(to), cause)
    }
  }
}
