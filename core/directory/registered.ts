/**
 * A folder as it was registered: directory by directory, each read when its turn comes, so that of
 * a large one little is in memory.
 *
 * Does not know where it is kept.
 */
import * as Effect from "effect/Effect"
import type { LinkedEntry } from "./judge.js"
import { splitPath } from "./near.js"

/** What was in a directory. */
export interface RegisteredContents<E> {
  /** Files, symlinks and empty directories. */
  readonly entries: ReadonlyArray<LinkedEntry>
  /** Directories with something in them. */
  readonly directories: ReadonlyArray<RegisteredDirectory<E>>
}

export interface RegisteredDirectory<E> {
  /** Below the folder; empty for the folder itself. */
  readonly path: string
  readonly read: Effect.Effect<RegisteredContents<E>, E>
}

interface Contents {
  readonly entries: Array<LinkedEntry>
  readonly directories: Array<RegisteredDirectory<never>>
}

/** A folder of which all entries are in memory. */
export const registeredTree = (entries: ReadonlyArray<LinkedEntry>): RegisteredDirectory<never> => {
  const all = new Map<string, Contents>()
  const directoryAt = (path: string): RegisteredDirectory<never> => ({
    path,
    read: Effect.sync(() => contentsAt(path)),
  })
  const contentsAt = (path: string): Contents => {
    const there = all.get(path)
    if (there !== undefined) return there
    const contents: Contents = { entries: [], directories: [] }
    all.set(path, contents)
    if (path !== "") contentsAt(splitPath(path).below).directories.push(directoryAt(path))
    return contents
  }
  for (const entry of entries) contentsAt(splitPath(entry.path).below).entries.push(entry)
  return directoryAt("")
}

/** Hands out every entry of a folder, those of a directory together; in no order. */
export const eachDirectory = Effect.fnUntraced(function* <E>(
  root: RegisteredDirectory<E>,
  sideBySide: number,
  take: (entries: ReadonlyArray<LinkedEntry>) => void,
): Effect.fn.Return<void, E> {
  let waiting = [root]
  while (waiting.length > 0) {
    const some = waiting.slice(-sideBySide)
    waiting = waiting.slice(0, -sideBySide)
    const read = ({ read: one }: RegisteredDirectory<E>) => one
    for (const { entries, directories } of yield* Effect.forEach(some, read, {
      concurrency: sideBySide,
    })) {
      take(entries)
      waiting.push(...directories)
    }
  }
})
