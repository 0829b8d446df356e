/**
 * Comparing a folder with what was registered of it, directory by directory: every entry is judged,
 * and what lies there beside them is extra. A folder that is new counts as one, with all in it.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { ContentDrifted } from "../errors.js"
import { fileReadBytes, listedCountMax, listingCountMax } from "../limits.js"
import { shownBytes, textOf } from "../model/utf8.js"
import { attemptOn, failureAt, listAll, readAll, type ScanFailure } from "./asked.js"
import { digestFile } from "./file.js"
import type { Found } from "./found.js"
import { type Change, judge, type LinkedEntry, modeChange } from "./judge.js"
import { type ListedEntry, Listing } from "./listing.js"
import { splitPath } from "./near.js"
import { type OpenDirectory, openBelow } from "./safe-path.js"

/** What is found of a path; undefined where nothing has changed. */
export type See = (path: string, change: Change | "extra" | undefined) => void

export interface Comparing {
  readonly root: OpenDirectory
  readonly check: "stat" | "hash"
  /** Whether the entries are all that was there; else nothing is extra. */
  readonly isWhole: boolean
  readonly see: See
}

/** A directory as it was: what it had, by name. */
interface Folder {
  readonly path: string
  readonly known: Map<string, LinkedEntry | "folder">
}

const foldersOf = (entries: ReadonlyArray<LinkedEntry>): ReadonlyArray<Folder> => {
  const folders = new Map<string, Folder>()
  const folderAt = (path: string): Folder => {
    const there = folders.get(path)
    if (there !== undefined) return there
    const folder: Folder = { path, known: new Map() }
    if (path !== "") {
      const { below, name } = splitPath(path)
      const { known } = folderAt(below)
      if (!known.has(name)) known.set(name, "folder")
    }
    folders.set(path, folder)
    return folder
  }
  folderAt("")
  for (const entry of entries) {
    const { below, name } = splitPath(entry.path)
    folderAt(below).known.set(name, entry)
    if (entry.kind === "directory") folderAt(entry.path)
  }
  return [...folders.values()]
}

/** Some folders at a time: few enough to be listed in one go. */
const portions = (folders: ReadonlyArray<Folder>): ReadonlyArray<ReadonlyArray<Folder>> => {
  const all: Array<Array<Folder>> = []
  let count = 0
  for (const folder of folders) {
    const last = all.at(-1)
    const fits = last !== undefined && last.length < listingCountMax
    if (fits && count + folder.known.size <= listedCountMax) last.push(folder)
    else {
      all.push([folder])
      count = 0
    }
    count += folder.known.size
  }
  return all
}

interface Unread {
  readonly name: string
  readonly found: Found
  readonly entry: LinkedEntry
}

const isSameLarge = (
  { root }: Comparing,
  { entry: { path, digest } }: Unread,
): Effect.Effect<boolean, ScanFailure> =>
  attemptOn(join(root.shown, path), async () => {
    const { below, name } = splitPath(path)
    const directory = await openBelow(root, below === "" ? [] : below.split("/"))
    const file = await directory.file(name).finally(() => directory.release())
    try {
      return (await digestFile(file, path)).digest === digest
    } finally {
      await file.handle.close()
    }
  })

const isSame = Effect.fnUntraced(function* (
  comparing: Comparing,
  unread: Unread,
): Effect.fn.Return<boolean, ScanFailure> {
  const { name, found, entry } = unread
  if (found.size > fileReadBytes) return yield* isSameLarge(comparing, unread)
  const below = { path: splitPath(entry.path).below }
  const files = [{ name, found }]
  const [taken] = yield* readAll({ root: comparing.root, below, files })
  return taken?.digest === entry.digest
})

/** By its bytes. What goes or changes while it is read is gone, or is not what it was. */
const compareBytes = (comparing: Comparing, unread: Unread): Effect.Effect<void, ScanFailure> =>
  isSame(comparing, unread).pipe(
    Effect.map((same): Change | undefined =>
      same ? modeChange(unread.found, unread.entry) : "content",
    ),
    Effect.catch((failure) =>
      failure instanceof ContentDrifted ? Effect.succeed("missing" as const) : Effect.fail(failure),
    ),
    Effect.map((change) => comparing.see(unread.entry.path, change)),
  )

const compareEntry = (
  { check, isWhole, see }: Comparing,
  { path, known }: Folder,
  lying: ListedEntry,
): Unread | undefined => {
  const name = textOf(lying.name)
  const shown = join(path, name ?? shownBytes(lying.name))
  const was = name === undefined ? undefined : known.get(name)
  if (was === "folder" && lying.found.kind === "directory") return undefined
  if (name === undefined || was === undefined || was === "folder") {
    if (isWhole) see(shown, "extra")
    return undefined
  }
  known.delete(name)
  const change = judge(lying, was, check)
  if (change === "unread") return { name, found: lying.found, entry: was }
  see(was.path, change)
  return undefined
}

/** What is left of what is known is missing. */
const compareFolder = Effect.fnUntraced(function* (
  comparing: Comparing,
  folder: Folder,
  listing: Listing | ScanFailure | undefined,
): Effect.fn.Return<void, ScanFailure> {
  const unread: Array<Unread> = []
  if (listing instanceof Listing)
    for (let at = 0; at < listing.count; at += 1) {
      const lying = listing.entry(at)
      const { problem } = lying
      if (problem !== undefined && !("sentence" in problem))
        return yield* failureAt(join(folder.path, shownBytes(lying.name)), problem)
      // What went while it was looked at is not there.
      const one = problem === undefined ? compareEntry(comparing, folder, lying) : undefined
      if (one !== undefined) unread.push(one)
    }
  else if (listing !== undefined && !(listing instanceof ContentDrifted)) return yield* listing
  for (const was of folder.known.values()) if (was !== "folder") comparing.see(was.path, "missing")
  yield* Effect.forEach(unread, (one) => compareBytes(comparing, one), { concurrency: 4 })
})

/** Sees every entry, and what is extra; in no order. */
export const compare = (
  comparing: Comparing,
  entries: ReadonlyArray<LinkedEntry>,
): Effect.Effect<void, ScanFailure> => {
  const { root, isWhole } = comparing
  const [single, another] = entries
  const portion = Effect.fnUntraced(function* (folders: ReadonlyArray<Folder>) {
    // Beside a single file nothing is looked at.
    const isOne = !isWhole && single !== undefined && another === undefined
    const only = isOne ? { only: splitPath(single.path).name } : {}
    const listings = yield* listAll(
      root,
      folders.map(({ path }) => ({ path, ...only })),
    )
    for (const [at, folder] of folders.entries())
      yield* compareFolder(comparing, folder, listings[at])
  })
  return Effect.forEach(portions(foldersOf(entries)), portion, { concurrency: 4, discard: true })
}
