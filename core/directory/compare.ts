/**
 * Comparing a folder with what was registered of it, directory by directory: every entry is judged,
 * and what lies there beside them is extra. A folder that is new counts as one, with all in it.
 */
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { ContentDrifted } from "../errors.js"
import { comparedCountMax, fileReadBytes } from "../limits.js"
import { shownBytes, textOf } from "../model/utf8.js"
import { attemptOn, failureAt, listAll, readAll, type ScanFailure } from "./asked.js"
import { digestFile } from "./file.js"
import type { Found } from "./found.js"
import { type Change, judge, type LinkedEntry, modeChange } from "./judge.js"
import { type ListedEntry, Listing } from "./listing.js"
import { splitPath } from "./near.js"
import type { RegisteredContents, RegisteredDirectory } from "./registered.js"
import { type OpenDirectory, openBelow } from "./safe-path.js"

/** What is found of a path; undefined where nothing has changed. */
export type See = (path: string, change: Change | "extra" | undefined) => void

export interface Comparing {
  readonly root: OpenDirectory
  readonly check: "stat" | "hash"
  /** Whether all that was there was registered; else nothing is extra. */
  readonly isWhole: boolean
  /** The one name in the folder that is looked at, where a single file was registered. */
  readonly only?: string
  readonly see: See
}

/** A directory as it was: what it had, by name. */
interface Folder {
  readonly path: string
  readonly known: Map<string, LinkedEntry | "folder">
}

const nameOf = (path: string): string => splitPath(path).name

const folderOf = <E>(path: string, { entries, directories }: RegisteredContents<E>): Folder => {
  const known = new Map<string, LinkedEntry | "folder">()
  for (const entry of entries) known.set(nameOf(entry.path), entry)
  for (const directory of directories) known.set(nameOf(directory.path), "folder")
  return { path, known }
}

/** Where nothing was: what is there is extra. */
const emptyAt = (path: string): RegisteredDirectory<never> => ({
  path,
  read: Effect.succeed({ entries: [], directories: [] }),
})

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

/** Compares directories; answers with those in them. They are listed while they are read. */
const compareSome = Effect.fnUntraced(function* <E>(
  comparing: Comparing,
  directories: ReadonlyArray<RegisteredDirectory<E>>,
): Effect.fn.Return<ReadonlyArray<RegisteredDirectory<E>>, E | ScanFailure> {
  const { root, only } = comparing
  const read = Effect.forEach(directories, ({ read: one }) => one, { concurrency: "unbounded" })
  const wanted = only === undefined ? {} : { only }
  const listing = listAll(
    root,
    directories.map(({ path }) => ({ path, ...wanted })),
  )
  const [all, listings] = yield* Effect.all([read, listing], { concurrency: 2 })
  const inner: Array<RegisteredDirectory<E>> = []
  for (const [at, { path }] of directories.entries()) {
    const contents = all[at]
    if (contents === undefined) continue
    yield* compareFolder(comparing, folderOf(path, contents), listings[at])
    inner.push(...contents.directories)
    for (const entry of contents.entries)
      if (entry.kind === "directory") inner.push(emptyAt(entry.path))
  }
  return inner
})

const sideBySideCount = 4

/** Sees every entry of a registered folder, and what is extra; in no order. */
export const compare = Effect.fnUntraced(function* <E>(
  comparing: Comparing,
  registered: RegisteredDirectory<E>,
): Effect.fn.Return<void, E | ScanFailure> {
  let level: ReadonlyArray<RegisteredDirectory<E>> = [registered]
  while (level.length > 0) {
    const portions: Array<ReadonlyArray<RegisteredDirectory<E>>> = []
    for (let from = 0; from < level.length; from += comparedCountMax)
      portions.push(level.slice(from, from + comparedCountMax))
    const inner = yield* Effect.forEach(portions, (some) => compareSome(comparing, some), {
      concurrency: sideBySideCount,
    })
    level = inner.flat()
  }
})
