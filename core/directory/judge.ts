/**
 * Judging: whether an entry that was left in place is still what was registered, and if not, what
 * of it has changed. By size and times first, and by its bytes where these leave a doubt.
 */
import { digestOf } from "../model/digest.js"
import type { TreeEntry } from "../model/tree.js"
import { digestFile } from "./file.js"
import type { Found, OpenDirectory } from "./safe-path.js"
import { isExecutable } from "./scanned.js"
import type { EntryState } from "./states.js"

/**
 * How files are compared with what was registered: by their size and times, and by their bytes
 * where these leave a doubt; by their bytes in any case; or not at all before they are read.
 */
export type Check = "stat" | "hash" | "none"

/** What of an entry is not what it was. */
export type Change = "missing" | "kind" | "content" | "mode"

/** An entry of a tree with what was seen of it; of an empty directory there may be nothing. */
export interface LinkedEntry extends TreeEntry {
  readonly state: EntryState | undefined
}

const hasSameTimes = (found: Found, state: EntryState | undefined): boolean =>
  state !== undefined &&
  state.recent !== true &&
  state.mtime === found.mtime &&
  state.ctime === found.ctime

const isSameFile = async (
  directory: OpenDirectory,
  name: string,
  entry: LinkedEntry,
): Promise<boolean> => {
  const file = await directory.file(name)
  try {
    return (await digestFile(file, entry.path)).digest === entry.digest
  } finally {
    await file.handle.close()
  }
}

/** What of an entry has changed; undefined when nothing has. */
export const judge = async (
  directory: OpenDirectory,
  name: string,
  entry: LinkedEntry,
  check: "stat" | "hash",
): Promise<Change | undefined> => {
  const found = await directory.look(name)
  if (found === undefined) return "missing"
  if (found.kind !== entry.kind) return "kind"
  if (found.kind === "directory") return undefined
  if (found.size !== entry.size) return "content"
  const isTrusted = check === "stat" && hasSameTimes(found, entry.state)
  if (found.kind === "symlink")
    return digestOf(await directory.link(name)) === entry.digest ? undefined : "content"
  if (!isTrusted && !(await isSameFile(directory, name, entry))) return "content"
  return isExecutable(found) === (entry.executable === true) ? undefined : "mode"
}
