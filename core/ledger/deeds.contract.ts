/**
 * What a piece of work does to the disk through Node, in order: for suites that ask what a power
 * loss at any moment would leave.
 *
 * Sees names, writes and syncs, not what they hold, and nothing that LevelDB does by itself.
 */
import promises, { type FileHandle } from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { relative, sep } from "node:path"
import { fileHandles } from "../blob/packs.contract.js"

/** `name` is a new name: a directory, a file, or the second name of a rename or a link. */
export interface Deed {
  readonly does: "name" | "write" | "sync"
  /** Relative to the directory that was watched, with slashes; `.` is the directory itself. */
  readonly path: string
}

/** Functions that give something a name, and which of their arguments it is. */
const naming = { mkdir: 0, writeFile: 0, rename: 1, link: 1 } as const

type Loose = Record<string, (...args: ReadonlyArray<unknown>) => unknown>

/** Puts a function in the place of another until it is told to put it back. */
const replace = (
  target: object,
  name: string,
  by: (original: (...args: ReadonlyArray<unknown>) => unknown) => Loose[string],
): (() => void) => {
  const functions = target as Loose
  const original = functions[name]
  if (original === undefined) throw new Error(`there is no ${name} to watch`)
  functions[name] = by(original)
  return () => {
    functions[name] = original
  }
}

/** Runs the work, and answers with what it did below the directory. */
export const deedsIn = async (
  directory: string,
  work: () => Promise<unknown>,
): Promise<ReadonlyArray<Deed>> => {
  const deeds: Array<Deed> = []
  const paths = new WeakMap<object, string>()
  const note = (does: Deed["does"], path: string | undefined): void => {
    if (path === undefined) return
    const own = relative(directory, path)
    if (own === ".." || own.startsWith(`..${sep}`)) return
    deeds.push({ does, path: own.split(sep).join("/") || "." })
  }
  /** Notes a call on an open file when it is done: a sync that failed is none. */
  const noting = (does: Deed["does"]) => (original: Loose[string]) =>
    async function (this: FileHandle, ...args: ReadonlyArray<unknown>): Promise<unknown> {
      const answer = await original.apply(this, [...args])
      note(does, paths.get(this))
      return answer
    }
  const handles = await fileHandles(directory)
  const restore = [
    ...Object.entries(naming).map(([name, index]) =>
      replace(promises, name, (original) => async (...args) => {
        const answer = await original(...args)
        note("name", String(args[index]))
        return answer
      }),
    ),
    replace(promises, "open", (original) => async (path, flags, ...mode) => {
      const handle = (await original(path, flags, ...mode)) as FileHandle
      paths.set(handle, String(path))
      if (String(flags).startsWith("w")) note("name", String(path))
      return handle
    }),
    ...["sync", "datasync"].map((name) => replace(handles, name, noting("sync"))),
    ...["writeFile", "write", "writev"].map((name) => replace(handles, name, noting("write"))),
  ]
  syncBuiltinESMExports()
  try {
    await work()
  } finally {
    for (const one of restore) one()
    syncBuiltinESMExports()
  }
  return deeds
}

/** The deeds as lines, with every name that is a random id as `*`. */
export const told = (deeds: ReadonlyArray<Deed>): ReadonlyArray<string> =>
  deeds.map(
    ({ does, path }) => `${does} ${path.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4,12}){4}/g, "*")}`,
  )
