/**
 * The one way to open what lies at a path of the caller's: component by component, from a directory
 * that is held open, never through a symlink.
 *
 * Where the system shows open files as paths (Linux: /proc/self/fd), an entry is found below the
 * very directory that is open, whatever is renamed or exchanged meanwhile. Elsewhere the directory
 * is looked at once more after each step. Knows nothing of what the files mean.
 */
import { type FileHandle, lstat, open, realpath } from "node:fs/promises"
import { join } from "node:path"
import { InvalidInput } from "../errors.js"
import { hasCode } from "../model/cause.js"
import { shownBytes } from "../model/utf8.js"
import { drifted, type Found, readFailure, sentences } from "./found.js"
import {
  directoryFlags,
  fileFlags,
  hasDescriptors,
  isGone,
  isSameEntry,
  prefixOf,
  toFound,
} from "./look.js"

const statOf = (path: string) => lstat(path, { bigint: true })

/** A file that is open, and what it was when it was opened. */
export interface OpenFile {
  readonly handle: FileHandle
  readonly found: Found
}

/** A directory that is open, for other threads of this process. */
export interface Place extends Pick<Found, "device" | "inode"> {
  readonly descriptor: number
  readonly shown: string
}

/** A directory that is held open, and can be shared: it is closed with the last of its users. */
export class OpenDirectory {
  /** How errors call it. */
  readonly shown: string
  readonly found: Found
  readonly #handle: FileHandle
  #users = 1

  constructor(handle: FileHandle, shown: string, found: Found) {
    this.#handle = handle
    this.shown = shown
    this.found = found
  }

  /** One more that will `release` it. */
  share(): this {
    this.#users += 1
    return this
  }

  async release(): Promise<void> {
    this.#users -= 1
    if (this.#users === 0) await this.#handle.close()
  }

  /** Throws `ContentDrifted` where an entry of that kind is not there any more. */
  async directory(name: string): Promise<OpenDirectory> {
    return openedDirectory(await this.#open(name, directoryFlags), this.shownOf(name))
  }

  /** As `directory`. What is no plain file is not waited for, and refused. */
  async file(name: string): Promise<OpenFile> {
    const handle = await this.#open(name, fileFlags)
    try {
      const found = toFound(await handle.stat({ bigint: true }))
      if (found.kind !== "file") throw drifted(this.shownOf(name), sentences.file)
      return { handle, found }
    } catch (cause) {
      await handle.close()
      throw cause
    }
  }

  /** What lies there now, itself and not what it points to; undefined when nothing does. */
  async look(name: string): Promise<Found | undefined> {
    try {
      return toFound(await this.#confirmed(statOf(this.#at(name))))
    } catch (cause) {
      if (hasCode(cause, "ENOENT") || hasCode(cause, "ENOTDIR")) return undefined
      throw cause
    }
  }

  /** Where it is, for whoever opens what is in it on another thread: it must stay open. */
  get place(): Place {
    const { device, inode } = this.found
    return { descriptor: this.#handle.fd, shown: this.shown, device, inode }
  }

  shownOf(name: string): string {
    return join(this.shown, name)
  }

  /** A path by which the system finds an entry of this very directory. */
  #at(name: string): string {
    return prefixOf(this.#handle.fd, this.shown) + name
  }

  /** Where an entry is found by its whole path: that path still leads through this directory. */
  async #confirmed<A>(looking: Promise<A>): Promise<A> {
    const answer = await looking
    if (hasDescriptors) return answer
    const now = toFound(await statOf(this.shown))
    if (isSameEntry(now, this.found)) return answer
    throw drifted(this.shown, sentences.directory)
  }

  async #open(name: string, flags: number): Promise<FileHandle> {
    const handle = await open(this.#at(name), flags).catch((cause: unknown) => {
      throw isGone(cause) ? drifted(this.shownOf(name), sentences.other) : cause
    })
    await this.#confirmed(Promise.resolve()).catch(async (cause: unknown) => {
      await handle.close()
      throw cause
    })
    return handle
  }
}

const openedDirectory = async (handle: FileHandle, shown: string): Promise<OpenDirectory> => {
  try {
    return new OpenDirectory(handle, shown, toFound(await handle.stat({ bigint: true })))
  } catch (cause) {
    await handle.close()
    throw cause
  }
}

/** Opens a directory by a path that `resolved` gave. */
export const openDirectory = async (path: string): Promise<OpenDirectory> =>
  openedDirectory(await open(path, directoryFlags), path)

/**
 * The path of what a caller names, without symlinks, taken once. Throws `InvalidInput` for what is
 * not there.
 */
export const resolved = async (path: string, at: string): Promise<string> => {
  try {
    return await realpath(path)
  } catch (cause) {
    if (!hasCode(cause, "ENOENT") && !hasCode(cause, "ENOTDIR")) throw readFailure(path, cause)
    const shown = shownBytes(Buffer.from(path))
    throw new InvalidInput({ message: `${at} names ${shown}, which does not exist`, path: at })
  }
}

/** Opens what lies some components below a directory, which stays open. */
export const openBelow = async (
  root: OpenDirectory,
  components: ReadonlyArray<string>,
): Promise<OpenDirectory> => {
  let directory = root.share()
  for (const name of components) {
    const next = directory.directory(name)
    await next.catch(() => undefined)
    await directory.release()
    directory = await next
  }
  return directory
}
