/**
 * What comes of a scan, and how entries become the lines of their directory. Plain functions: reads
 * nothing.
 */
import { treeInlineCountMax } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { manifestBytes, type Tree, type TreeEntry } from "../model/tree.js"
import type { TakenFile } from "./file.js"
import type { Found } from "./found.js"
import { type EntryState, encodeStates } from "./states.js"

/** A directory with all that is in it. */
export interface Scanned {
  readonly digest: Digest
  /** Of its states; undefined where nothing is in it. */
  readonly states: Digest | undefined
  /** Bytes of all files and link targets. */
  readonly size: number
  /** Files, symlinks and empty directories. */
  readonly count: number
  /** Directories in it, at any depth. */
  readonly directories: number
  /** All of these, where there are few; in the order of the walk. */
  readonly entries: Tree | undefined
  /** Manifests that were not given to the sink, since there are few entries in all. */
  readonly held: ReadonlyArray<Uint8Array>
}

/** One entry as its directory lists it. */
export interface Entered extends Pick<Scanned, "count" | "directories" | "entries" | "held"> {
  readonly entry: Omit<TreeEntry, "path">
  readonly state: EntryState
}

const ownerMayExecute = 0o100

export const isExecutable = ({ mode }: Pick<Found, "mode">): boolean =>
  (mode & ownerMayExecute) !== 0

// Some file systems keep times to the second, and some to two (FAT).
const recentNanoseconds = 2_000_000_000n
const nanosecondsOf = (milliseconds: number): bigint => BigInt(milliseconds) * 1_000_000n

export const stateOf = (name: string, { mode, mtime, ctime }: Found, now: number): EntryState => {
  const isRecent = mtime + recentNanoseconds > nanosecondsOf(now)
  return { name, mode, mtime, ctime, ...(isRecent ? { recent: true as const } : {}) }
}

const nameOf = (path: RelativePath): string => path.slice(path.lastIndexOf("/") + 1)

// One for all.
const noneHeld: ReadonlyArray<Uint8Array> = []

/** A file as its directory lists it, and one of how many at least. `now`: when it was read. */
export const enteredFile = (
  { path, found }: { readonly path: RelativePath; readonly found: Found },
  { digest, ...rest }: TakenFile,
  now: number,
  countMin: number,
): Entered => {
  const executable = isExecutable(found) ? { executable: true as const } : {}
  const entry = { digest, kind: "file" as const, size: found.size, ...executable }
  const state = { ...stateOf(nameOf(path), found, now), ...rest }
  const entries = countMin > treeInlineCountMax ? undefined : [{ ...entry, path }]
  return { entry, state, count: 1, directories: 0, entries, held: noneHeld }
}

/** A symlink as its directory lists it: what it points to is its content. */
export const enteredLink = (
  path: RelativePath,
  found: Found,
  bytes: Uint8Array,
  target: string,
): Entered => {
  const entry = { digest: digestOf(bytes), kind: "symlink" as const, size: bytes.length, target }
  const state = stateOf(nameOf(path), found, Date.now())
  return { entry, state, count: 1, directories: 0, entries: [{ ...entry, path }], held: [] }
}

/** Some entries of a directory in their order, as bytes. */
export interface Page extends Pick<Scanned, "size" | "count" | "directories" | "entries" | "held"> {
  readonly manifest: Uint8Array
  readonly states: Uint8Array
}

export const toPage = (all: ReadonlyArray<Entered>): Page => {
  const count = all.reduce((sum, one) => sum + one.count, 0)
  const isFew = count <= treeInlineCountMax
  return {
    manifest: manifestBytes(all.map(({ state, entry }) => [state.name, entry])),
    states: encodeStates(all.map(({ state }) => state)),
    size: all.reduce((sum, { entry }) => sum + entry.size, 0),
    count,
    directories: all.reduce((sum, one) => sum + one.directories, 0),
    entries: isFew ? all.flatMap(({ entries }) => entries ?? []) : undefined,
    held: all.flatMap(({ held }) => held),
  }
}

/** A directory as its parent lists it: one without anything in it is an entry of the tree. */
export const entered = (
  name: string,
  path: RelativePath,
  found: Found,
  { digest, states, size, count, directories, entries, held }: Scanned,
): Entered => {
  const entry = { digest, kind: "directory" as const, size }
  const below = states === undefined ? {} : { states }
  const state = { ...stateOf(name, found, Date.now()), ...below }
  if (states === undefined)
    return { entry, state, count: 1, directories: 1, entries: [{ ...entry, path }], held: [] }
  return { entry, state, count, directories: directories + 1, entries, held }
}
