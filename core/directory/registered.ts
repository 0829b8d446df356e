/**
 * A folder as it was registered: its directories are read when their turns come, some in one go,
 * and given in portions, so that of a large one little is in memory.
 *
 * Does not know where it is kept.
 */
import * as Effect from "effect/Effect"
import { registeredCountMax } from "../limits.js"
import { splitPath } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import type { LinkedEntry } from "./judge.js"

/** A directory with something in it. */
export interface RegisteredDirectory {
  /** Below the folder; empty for the folder itself. */
  readonly path: string
  /** What an entry has. */
  readonly kind?: never
}

/** A file, a symlink or an empty directory; or a directory with something in it. */
export type Registered = LinkedEntry | RegisteredDirectory

/** What was in a directory, given once from the first to the last. */
export interface RegisteredContents<E> {
  /** The next ones in the order of their names; none at the end. */
  readonly next: Effect.Effect<ReadonlyArray<Registered>, E>
}

export interface RegisteredFolder<E> {
  /** The folder itself. */
  readonly root: RegisteredDirectory
  /** What was in some directories of it, in their order. */
  readonly read: (
    directories: ReadonlyArray<RegisteredDirectory>,
  ) => Effect.Effect<ReadonlyArray<RegisteredContents<E>>, E>
}

/** Whether it has something in it, which is read by itself. */
export const isDirectory = (one: Registered): one is RegisteredDirectory => one.kind === undefined

const inPortions = (all: ReadonlyArray<Registered>): RegisteredContents<never> => {
  let at = 0
  const next = Effect.sync(() => {
    const some = all.slice(at, at + registeredCountMax)
    at += some.length
    return some
  })
  return { next }
}

/** A folder of which all entries are in memory, in any order. */
export const registeredTree = (entries: ReadonlyArray<LinkedEntry>): RegisteredFolder<never> => {
  const all = new Map<string, Array<Registered>>()
  const contentsAt = (path: string): Array<Registered> => {
    const there = all.get(path)
    if (there !== undefined) return there
    const contents: Array<Registered> = []
    all.set(path, contents)
    if (path !== "") contentsAt(splitPath(path).below).push({ path })
    return contents
  }
  for (const entry of entries) contentsAt(splitPath(entry.path).below).push(entry)
  const sorted = ({ path }: RegisteredDirectory) =>
    contentsAt(path).sort((a, b) => compareUtf8(a.path, b.path))
  return {
    root: { path: "" },
    read: (directories) =>
      Effect.sync(() => directories.map((directory) => inPortions(sorted(directory)))),
  }
}

/** Hands out every entry of a folder, in no order; so many directories are read in one go. */
export const eachRegistered = Effect.fnUntraced(function* <E>(
  { root, read }: RegisteredFolder<E>,
  countMax: number,
  take: (entry: LinkedEntry) => void,
): Effect.fn.Return<void, E> {
  const waiting = [root]
  while (waiting.length > 0)
    for (const { next } of yield* read(waiting.splice(-countMax)))
      for (let some = yield* next; some.length > 0; some = yield* next)
        for (const one of some)
          if (isDirectory(one)) waiting.push(one)
          else take(one)
})

/** The same folder, which hands out its entries when it is read. */
export const handingOut = <E>(
  { root, read }: RegisteredFolder<E>,
  take: (entry: LinkedEntry) => void,
): RegisteredFolder<E> => {
  const told = ({ next }: RegisteredContents<E>): RegisteredContents<E> => ({
    next: Effect.map(next, (some) => {
      for (const one of some) if (!isDirectory(one)) take(one)
      return some
    }),
  })
  return {
    root,
    read: (directories) => Effect.map(read(directories), (all) => all.map(told)),
  }
}
