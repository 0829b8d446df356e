/**
 * Judging: whether an entry that was left in place is still what was registered, and if not, what
 * of it has changed. By size and times first, and by its bytes where these leave a doubt.
 *
 * Plain functions: what was found is given to them.
 */
import type { ContentDrifted } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { TreeEntry } from "../model/tree.js"
import { drifted, type Found, sentences } from "./found.js"
import { isExecutable } from "./scanned.js"
import type { EntryState } from "./states.js"

/**
 * How files are compared with what was registered: by their size and times, and by their bytes
 * where these leave a doubt; by their bytes in any case; or not at all before they are read.
 */
export type Check = "stat" | "hash" | "none"

/** What of an entry is not what it was. */
export type Change = "missing" | "kind" | "content" | "mode"

const changes: Readonly<Record<Change, string>> = {
  missing: "is gone since it was registered",
  kind: "is something else than was registered",
  content: sentences.content,
  mode: "is executable by now, or not any more",
}

/** The error of an entry that has changed. */
export const changedEntry = (path: string, change: Change): ContentDrifted =>
  drifted(path, changes[change])

/** An entry of a tree with what was seen of it; of an empty directory there may be nothing. */
export interface LinkedEntry extends TreeEntry {
  readonly state: EntryState | undefined
}

/** What lies there now, and where it points if it is a symlink. */
export interface Lying {
  readonly found: Found
  readonly target?: Uint8Array
}

const hasSameTimes = (found: Found, state: EntryState | undefined): boolean =>
  state !== undefined &&
  state.recent !== true &&
  state.mtime === found.mtime &&
  state.ctime === found.ctime

/** What has changed of a file whose bytes are the same. */
export const modeChange = (found: Found, { executable }: LinkedEntry): Change | undefined =>
  isExecutable(found) === (executable === true) ? undefined : "mode"

/** What of an entry has changed; undefined when nothing has; "unread" where its bytes must say. */
export const judge = (
  { found, target = new Uint8Array(0) }: Lying,
  entry: LinkedEntry,
  check: "stat" | "hash",
): Change | "unread" | undefined => {
  if (found.kind !== entry.kind) return "kind"
  if (found.kind === "directory") return undefined
  if (found.size !== entry.size) return "content"
  if (found.kind === "symlink") return digestOf(target) === entry.digest ? undefined : "content"
  const isTrusted = check === "stat" && hasSameTimes(found, entry.state)
  return isTrusted ? modeChange(found, entry) : "unread"
}
