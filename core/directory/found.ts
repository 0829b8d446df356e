/**
 * What the system says of an entry of a directory, and the errors of one that is not what it was.
 *
 * Knows the rules by which entries are opened, and opens none.
 */
import { type BigIntStats, constants, existsSync } from "node:fs"
import { join, sep } from "node:path"
import { ContentDrifted, type FileFailure } from "../errors.js"
import { fileFailure, hasCode } from "../model/cause.js"

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

/** How a directory is opened: never through a symlink. */
export const directoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW
/** How a file is opened: never through a symlink, and what would block is not waited for. */
export const fileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK

const descriptors = "/proc/self/fd"

/** Whether the system shows open files as paths, by which their entries are found. */
export const hasDescriptors = existsSync(descriptors)

/** What a name follows to be found in the very directory that is open, where that is possible. */
export const prefixOf = (descriptor: number, shown: string): string =>
  hasDescriptors ? `${descriptors}/${descriptor}/` : join(shown, sep)

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

const kindOf = (stats: BigIntStats): FoundKind => {
  if (stats.isFile()) return "file"
  if (stats.isDirectory()) return "directory"
  return stats.isSymbolicLink() ? "symlink" : "special"
}

export const toFound = (stats: BigIntStats): Found => ({
  kind: kindOf(stats),
  device: stats.dev,
  inode: stats.ino,
  size: Number(stats.size),
  mode: Number(stats.mode & 0o7777n),
  mtime: stats.mtimeNs,
  ctime: stats.ctimeNs,
})

/** Whether two looks were at one and the same entry. */
export const isSameEntry = (
  one: Pick<Found, "device" | "inode">,
  other: Pick<Found, "device" | "inode">,
): boolean => one.inode === other.inode && one.device === other.device

/** What two looks at one entry have in common, unless it changed in between. */
export const isUnchanged = (before: Found, after: Found): boolean =>
  isSameEntry(before, after) &&
  before.size === after.size &&
  before.mtime === after.mtime &&
  before.ctime === after.ctime

export const drifted = (path: string, found: string): ContentDrifted =>
  new ContentDrifted({ message: `${path} ${found}: register it again when it is at rest`, path })

/** The error of a caller's file that cannot be read. */
export const readFailure = (path: string, cause: unknown): FileFailure =>
  fileFailure("read", `${path} cannot be read: look at its permissions and its disk`, cause)

const goneCodes = ["ENOENT", "ENOTDIR", "ELOOP", "EMLINK", "ENXIO"]

/** Whether something could not be opened because it is not there, or is something else. */
export const isGone = (cause: unknown): boolean => goneCodes.some((code) => hasCode(cause, code))

/** What the errors of entries say that are not what they were. */
export const sentences = {
  gone: "is gone by now",
  other: "is gone, or is something else by now",
  file: "is no plain file any more",
  directory: "is another directory by now",
  shorter: "became shorter while it was read",
  changed: "changed while it was read",
  content: "is not what was registered",
} as const
