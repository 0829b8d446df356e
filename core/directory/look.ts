/**
 * How entries of a directory are opened and looked at, and when two looks were at the same thing.
 *
 * Knows the rules by which entries are opened, and opens none. Threads load it: it knows no error
 * of ours.
 */
import { type BigIntStats, constants, existsSync } from "node:fs"
import { join, sep } from "node:path"
import { hasCode } from "../model/cause.js"
import type { Found, FoundKind } from "./found.js"

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

const goneCodes = ["ENOENT", "ENOTDIR", "ELOOP", "EMLINK", "ENXIO"]

/** Whether something could not be opened because it is not there, or is something else. */
export const isGone = (cause: unknown): boolean => goneCodes.some((code) => hasCode(cause, code))
