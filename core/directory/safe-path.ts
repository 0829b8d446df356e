/**
 * The one way to open what lies at a path of the caller's: component by component, from a directory
 * that is held open, never through a symlink.
 *
 * Where the system shows open files as paths (Linux: /proc/self/fd), an entry is found below the
 * very directory that is open, whatever is renamed or exchanged meanwhile. Elsewhere the directory
 * is looked at once more after each step. Knows nothing of what the files mean.
 */
import { constants, existsSync } from "node:fs"
import { type FileHandle, lstat, open, opendir, readlink, realpath } from "node:fs/promises"
import { join } from "node:path"
import { ContentDrifted, type FileFailure, InvalidInput } from "../errors.js"
import { fileFailure, hasCode } from "../model/cause.js"
import { shownBytes } from "../model/utf8.js"

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

const descriptors = "/proc/self/fd"
const hasDescriptors = existsSync(descriptors)

/** What an entry of a directory is; everything that is none of the three is special. */
export type FoundKind = "file" | "directory" | "symlink" | "special"

/** An entry as the system tells of it. Times are nanoseconds of Unix time. */
export interface Found {
  readonly kind: FoundKind
  readonly device: bigint
  readonly inode: bigint
  readonly size: number
  /** Permission bits. */
  readonly mode: number
  readonly mtime: bigint
  /** When content, mode or names of it changed last: no program can set it. */
  readonly ctime: bigint
}

type Stats = Awaited<ReturnType<typeof statOf>>

const statOf = (path: string) => lstat(path, { bigint: true })

const kindOf = (stats: {
  readonly isFile: () => boolean
  readonly isDirectory: () => boolean
  readonly isSymbolicLink: () => boolean
}): FoundKind => {
  if (stats.isFile()) return "file"
  if (stats.isDirectory()) return "directory"
  return stats.isSymbolicLink() ? "symlink" : "special"
}

const toFound = (stats: Stats): Found => ({
  kind: kindOf(stats),
  device: stats.dev,
  inode: stats.ino,
  size: Number(stats.size),
  mode: Number(stats.mode & 0o7777n),
  mtime: stats.mtimeNs,
  ctime: stats.ctimeNs,
})

/** What two looks at one entry have in common, unless it changed in between. */
export const isUnchanged = (before: Found, after: Found): boolean =>
  before.inode === after.inode &&
  before.device === after.device &&
  before.size === after.size &&
  before.mtime === after.mtime &&
  before.ctime === after.ctime

export const drifted = (path: string, found: string): ContentDrifted =>
  new ContentDrifted({ message: `${path} ${found}: register it again when it is at rest`, path })

/** The error of a caller's file that cannot be read. */
export const readFailure = (path: string, cause: unknown): FileFailure =>
  fileFailure("read", `${path} cannot be read: look at its permissions and its disk`, cause)

/** A file that is open, and what it was when it was opened. */
export interface OpenFile {
  readonly handle: FileHandle
  readonly found: Found
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
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
    return openedDirectory(await this.#open(name, flags), this.shownOf(name))
  }

  /** As `directory`. What is no plain file is not waited for, and refused. */
  async file(name: string): Promise<OpenFile> {
    const handle = await this.#open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    try {
      const found = toFound(await handle.stat({ bigint: true }))
      if (found.kind !== "file") throw drifted(this.shownOf(name), "is no plain file any more")
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

  /** Where a symlink points, as the bytes it has. */
  link(name: string): Promise<Buffer> {
    return this.#confirmed(readlink(this.#at(name), { encoding: "buffer" }))
  }

  /** The names in it, as the bytes they have, with what the system says they are. */
  async *entries(): AsyncGenerator<{ readonly name: Buffer; readonly kind: FoundKind }> {
    // Node's types know no buffers here, its implementation does.
    const options = { encoding: "buffer" as BufferEncoding, bufferSize: 1_024 }
    const listing = await this.#confirmed(opendir(this.#at(""), options))
    for await (const entry of listing) {
      const name = entry.name as unknown as Buffer
      yield { name, kind: kindOf(entry) }
    }
  }

  shownOf(name: string): string {
    return join(this.shown, name)
  }

  /** A path by which the system finds an entry of this very directory. */
  #at(name: string): string {
    return hasDescriptors ? `${descriptors}/${this.#handle.fd}/${name}` : join(this.shown, name)
  }

  /** Where an entry is found by its whole path: that path still leads through this directory. */
  async #confirmed<A>(looking: Promise<A>): Promise<A> {
    const answer = await looking
    if (hasDescriptors) return answer
    const now = toFound(await statOf(this.shown))
    if (now.inode === this.found.inode && now.device === this.found.device) return answer
    throw drifted(this.shown, "is another directory by now")
  }

  async #open(name: string, flags: number): Promise<FileHandle> {
    const gone = ["ENOENT", "ENOTDIR", "ELOOP", "EMLINK", "ENXIO"]
    const handle = await open(this.#at(name), flags).catch((cause: unknown) => {
      if (!gone.some((code) => hasCode(cause, code))) throw cause
      throw drifted(this.shownOf(name), "is gone, or is something else by now")
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
  openedDirectory(await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path)

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
