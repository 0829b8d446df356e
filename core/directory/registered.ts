/**
 * A folder as it was registered: directory by directory, each read when its turn comes and given in
 * portions, so that of a large one little is in memory.
 *
 * Does not know where it is kept.
 */
import * as Effect from "effect/Effect"
import { registeredCountMax } from "../limits.js"
import { splitPath } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import type { LinkedEntry } from "./judge.js"

/** A directory with something in it. */
export interface RegisteredDirectory<E> {
  /** Below the folder; empty for the folder itself. */
  readonly path: string
  readonly read: Effect.Effect<RegisteredContents<E>, E>
}

/** A file, a symlink or an empty directory; or a directory with something in it. */
export type Registered<E> = LinkedEntry | RegisteredDirectory<E>

/** What was in a directory, given once from the first to the last. */
export interface RegisteredContents<E> {
  /** The next ones in the order of their names; none at the end. */
  readonly next: Effect.Effect<ReadonlyArray<Registered<E>>, E>
}

/** Whether it has something in it, which is read by itself. */
export const isDirectory = <E>(one: Registered<E>): one is RegisteredDirectory<E> => "read" in one

const inPortions = <E>(all: ReadonlyArray<Registered<E>>): RegisteredContents<E> => {
  let at = 0
  const next = Effect.sync(() => {
    const some = all.slice(at, at + registeredCountMax)
    at += some.length
    return some
  })
  return { next }
}

/** A folder of which all entries are in memory, in any order. */
export const registeredTree = (entries: ReadonlyArray<LinkedEntry>): RegisteredDirectory<never> => {
  const all = new Map<string, Array<Registered<never>>>()
  const directoryAt = (path: string): RegisteredDirectory<never> => ({
    path,
    read: Effect.sync(() =>
      inPortions(contentsAt(path).sort((a, b) => compareUtf8(a.path, b.path))),
    ),
  })
  const contentsAt = (path: string): Array<Registered<never>> => {
    const there = all.get(path)
    if (there !== undefined) return there
    const contents: Array<Registered<never>> = []
    all.set(path, contents)
    if (path !== "") contentsAt(splitPath(path).below).push(directoryAt(path))
    return contents
  }
  for (const entry of entries) contentsAt(splitPath(entry.path).below).push(entry)
  return directoryAt("")
}

/** Hands out every entry of a folder, in no order. */
export const eachRegistered = Effect.fnUntraced(function* <E>(
  root: RegisteredDirectory<E>,
  countMax: number,
  take: (entry: LinkedEntry) => void,
): Effect.fn.Return<void, E> {
  const waiting = [root]
  const takeOne = Effect.fnUntraced(function* (
    directory: RegisteredDirectory<E>,
  ): Effect.fn.Return<void, E> {
    const { next } = yield* directory.read
    for (let some = yield* next; some.length > 0; some = yield* next)
      for (const one of some)
        if (isDirectory(one)) waiting.push(one)
        else take(one)
  })
  while (waiting.length > 0)
    yield* Effect.forEach(waiting.splice(-countMax), takeOne, {
      concurrency: countMax,
      discard: true,
    })
})

/** The same folder, which hands out its entries when it is read. */
export const handingOut = <E>(
  { path, read }: RegisteredDirectory<E>,
  take: (entry: LinkedEntry) => void,
): RegisteredDirectory<E> => {
  const taken = (one: Registered<E>): Registered<E> => {
    if (isDirectory(one)) return handingOut(one, take)
    take(one)
    return one
  }
  const portion = (some: ReadonlyArray<Registered<E>>) => some.map(taken)
  return { path, read: Effect.map(read, ({ next }) => ({ next: Effect.map(next, portion) })) }
}
