/**
 * What is known of an entry of a directory, and the errors of one that is not what it was.
 *
 * Looks at none: threads do, and errors with their schemas are not for them.
 */
import { ContentDrifted, type FileFailure } from "../errors.js"
import { fileFailure } from "../model/file-failure.js"

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

export const drifted = (path: string, found: string): ContentDrifted =>
  new ContentDrifted({ message: `${path} ${found}: register it again when it is at rest`, path })

/** The error of a caller's file that cannot be read. */
export const readFailure = (path: string, cause: unknown): FileFailure =>
  fileFailure("read", `${path} cannot be read: look at its permissions and its disk`, cause)

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
