/**
 * What a power loss would leave of a directory: every byte that was written but not synced may be
 * gone, or zeros in its place. Learned from a trace of the program that wrote there.
 *
 * Names are taken to be kept in the order in which they were given, as journaling file systems do.
 * Knows nothing of ledgers.
 */
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"

/** Arguments for strace: what this module has to see. */
export const watching: ReadonlyArray<string> = [
  ...["-s", "0", "-e"],
  "trace=write,pwrite64,writev,pwritev,fsync,fdatasync,ftruncate,openat,?rename,renameat,renameat2",
]

/** Bytes of every file below a directory, by path. */
export const sizesIn = (root: string): ReadonlyMap<string, number> =>
  new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        return [relative(root, path), statSync(path).size] as const
      }),
  )

interface Extent {
  written: number
  synced: number
}

/** The calls of a trace, each on one line and in the order in which they ended. */
const callsIn = (trace: string): ReadonlyArray<string> => {
  const begun = new Map<string, string>()
  const calls: Array<string> = []
  for (const line of trace.split("\n")) {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? []
    if (rest.endsWith("<unfinished ...>")) begun.set(thread, rest.slice(0, -16).trimEnd())
    else if (rest.startsWith("<..."))
      calls.push((begun.get(thread) ?? "") + rest.replace(/^<\.\.\. \w+ resumed>/, ""))
    else calls.push(rest)
  }
  return calls
}

/** How much of each file was synced, as far as it was written to. `before`: its size at first. */
export const syncedIn = (
  trace: string,
  root: string,
  before: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> => {
  const files = new Map<string, Extent>(
    [...before].map(([path, size]) => [path, { written: size, synced: size }]),
  )
  const fileOf = (path: string): Extent => {
    const known = files.get(path) ?? { written: 0, synced: 0 }
    files.set(path, known)
    return known
  }
  for (const call of callsIn(trace)) {
    const [, name = "", args = "", answer = ""] = /^(\w+)\((.*)\) += (-?\d+)/.exec(call) ?? []
    const paths = [...args.matchAll(/["<](\/[^">]*)/g)].map(([, path = ""]) => path)
    const [path = "", other = ""] = paths.filter((each) => each.startsWith(`${root}/`))
    if (path === "" || Number(answer) < 0) continue
    const file = relative(root, path)
    const end = Number(/, (\d+)$/.exec(args)?.[1] ?? 0)
    if (name === "write" || name === "writev") fileOf(file).written += Number(answer)
    else if (name === "pwrite64" || name === "pwritev")
      fileOf(file).written = Math.max(fileOf(file).written, end + Number(answer))
    else if (name === "fsync" || name === "fdatasync") fileOf(file).synced = fileOf(file).written
    else if (name === "ftruncate") fileOf(file).written = end
    else if (name.startsWith("rename")) {
      files.set(relative(root, other), fileOf(file))
      files.delete(file)
    } else if (/O_TRUNC|O_EXCL/.test(args)) files.set(file, { written: 0, synced: 0 })
  }
  return new Map([...files].map(([path, { written, synced }]) => [path, Math.min(synced, written)]))
}

/** What becomes of bytes that were not synced. */
export type Loss = "cut" | "zeros"

/** Does to a directory what a power loss would; answers with the files that lost something. */
export const losePower = (
  root: string,
  synced: ReadonlyMap<string, number>,
  loss: Loss,
): ReadonlyArray<string> => {
  const lost: Array<string> = []
  for (const [path, size] of sizesIn(root)) {
    const kept = synced.get(path)
    if (kept === undefined || kept >= size) continue
    lost.push(path)
    const file = join(root, path)
    if (loss === "cut") truncateSync(file, kept)
    else writeFileSync(file, readFileSync(file).fill(0, kept))
  }
  return lost
}
