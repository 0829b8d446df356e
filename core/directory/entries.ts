/**
 * Entries of a directory on their way into a scan: a page of its listing, each of which can be
 * kept, and files of it that are read in one go.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { scanGroupBytesMax, scanPageCount } from "../limits.js"
import type { RelativePath } from "../model/path.js"
import { failureAt, type ScanFailure } from "./asked.js"
import type { ListedEntry, Listing } from "./listing.js"
import { entryPath, refusedName } from "./names.js"

/** An entry that can be kept. */
export interface Entry extends Pick<ListedEntry, "found" | "target"> {
  readonly text: string
  readonly path: RelativePath
}

const entryOf = (shown: string, below: string, listed: ListedEntry): Entry => {
  const path = entryPath(below, listed.name)
  if (listed.problem !== undefined) throw failureAt(join(shown, path), listed.problem)
  if (listed.found.kind === "special")
    throw refusedName(path, "is neither a file, a directory nor a symlink")
  const { found, target } = listed
  const text = path.slice(below.length)
  return target === undefined ? { text, path, found } : { text, path, found, target }
}

/** A page of the listing of a directory below a root. Fails for an entry that cannot be kept. */
export const entriesOf = (
  shown: string,
  listing: Listing,
  directory: string,
  from: number,
): Effect.Effect<ReadonlyArray<Entry>, ScanFailure> => {
  const below = directory === "" ? "" : `${directory}/`
  const count = Math.min(scanPageCount, listing.count - from)
  return Effect.try({
    try: () =>
      Array.from({ length: count }, (_, at) => entryOf(shown, below, listing.entry(from + at))),
    catch: (cause) => cause as ScanFailure,
  })
}

/** Files that are read in one go, and how many bytes they are. */
export interface Group<F> {
  readonly files: Array<F>
  bytes: number
}

/** In their order; one that is larger than a group is one by itself. */
export const groupsOf = <F extends Pick<Entry, "found">>(
  files: ReadonlyArray<F>,
): ReadonlyArray<Group<F>> => {
  const groups: Array<Group<F>> = []
  for (const file of files) {
    const { size } = file.found
    let last = groups.at(-1)
    if (last === undefined || last.bytes + size > scanGroupBytesMax) {
      last = { files: [], bytes: 0 }
      groups.push(last)
    }
    last.files.push(file)
    last.bytes += size
  }
  return groups
}
