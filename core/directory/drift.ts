/**
 * Drift: a folder as it is now beside what was registered of it.
 *
 * Entries are judged as for reading; then every folder that was there is listed once more for what
 * was not. A folder that is new counts as one, with all that is in it.
 */
import { ContentDrifted } from "../errors.js"
import { findingCountMax, judgeCountMax } from "../limits.js"
import { compareUtf8 } from "../model/tree.js"
import { shownBytes, textOf } from "../model/utf8.js"
import { type Change, judge, type LinkedEntry } from "./judge.js"
import type { NearDirectories } from "./near.js"
import type { OpenDirectory } from "./safe-path.js"

/** An entry that is not what it was, or was not there. */
export interface DriftedEntry {
  readonly path: string
  readonly change: Change | "extra"
}

/** What has become of a folder. */
export interface Drifted {
  /** Entries that are what they were. */
  readonly same: number
  /** Entries by what has changed of them. */
  readonly counts: Readonly<Record<DriftedEntry["change"], number>>
  /** Those that have changed, the first ones in the order of their paths. */
  readonly entries: ReadonlyArray<DriftedEntry>
}

class Drifting {
  readonly #counts = { missing: 0, kind: 0, content: 0, mode: 0, extra: 0 }
  readonly #entries: Array<DriftedEntry> = []
  #same = 0

  see(path: string, change: DriftedEntry["change"] | undefined): void {
    if (change === undefined) {
      this.#same += 1
      return
    }
    this.#counts[change] += 1
    if (this.#entries.length < findingCountMax) this.#entries.push({ path, change })
  }

  finish(): Drifted {
    const entries = this.#entries.sort((a, b) => compareUtf8(a.path, b.path))
    return { same: this.#same, counts: this.#counts, entries }
  }
}

/** What a path was: an entry, which is judged; or a folder, for what lay in it. */
type Known = ReadonlyMap<string, "folder" | "entry" | "empty folder">

const knownPaths = (entries: ReadonlyArray<LinkedEntry>): Known => {
  const known = new Map<string, "folder" | "entry" | "empty folder">()
  for (const { path, kind } of entries) {
    known.set(path, kind === "directory" ? "empty folder" : "entry")
    for (let cut = path.lastIndexOf("/"); cut > 0; cut = path.lastIndexOf("/", cut - 1)) {
      const folder = path.slice(0, cut)
      if (known.has(folder)) break
      known.set(folder, "folder")
    }
  }
  return known
}

/** Looks for what is in a folder, and in those below that were there, and was not registered. */
const findExtra = async (
  directory: OpenDirectory,
  below: string,
  known: Known,
  see: (path: string) => void,
): Promise<void> => {
  const inner: Array<string> = []
  for await (const { name: bytes, kind } of directory.entries()) {
    const name = textOf(bytes)
    const path = below + (name ?? shownBytes(bytes))
    const was = name === undefined ? undefined : known.get(path)
    const wasFolder = was === "folder" || was === "empty folder"
    if (name !== undefined && wasFolder && kind === "directory") inner.push(name)
    else if (was === undefined || was === "folder") see(path)
  }
  for (const name of inner) {
    const opened = await directory.directory(name)
    try {
      await findExtra(opened, `${below}${name}/`, known, see)
    } finally {
      await opened.release()
    }
  }
}

/** Compares entries with what lies there now; `isWhole`: they were all that was there. */
export const findDrift = async (
  root: OpenDirectory,
  near: NearDirectories,
  entries: ReadonlyArray<LinkedEntry>,
  check: "stat" | "hash",
  isWhole: boolean,
): Promise<Drifted> => {
  const drifting = new Drifting()
  for (let from = 0; from < entries.length; from += judgeCountMax) {
    const some = entries.slice(from, from + judgeCountMax)
    const changes = await Promise.all(some.map((entry) => changeOf(near, entry, check)))
    for (const [at, entry] of some.entries()) drifting.see(entry.path, changes[at])
  }
  if (isWhole) await findExtra(root, "", knownPaths(entries), (path) => drifting.see(path, "extra"))
  return drifting.finish()
}

/** What lies in a folder that is gone, or is none any more, is missing. */
const changeOf = (
  near: NearDirectories,
  entry: LinkedEntry,
  check: "stat" | "hash",
): Promise<Change | undefined> =>
  near
    .use(entry.path, (directory, name) => judge(directory, name, entry, check))
    .catch((cause: unknown) => {
      if (cause instanceof ContentDrifted) return "missing"
      throw cause
    })
