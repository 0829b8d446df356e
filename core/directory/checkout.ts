/**
 * Checking out: a tree becomes files on the disk, there as a whole or not at all.
 *
 * It is made beside its target and renamed. Nothing that was there before is written through, and
 * symlinks come last, so no file of the tree can be written through one either. Does not know where
 * the bytes come from.
 */
import { randomUUID } from "node:crypto"
import { chmod, mkdir, open, readdir, rename, rm, symlink, utimes } from "node:fs/promises"
import { basename, dirname, join, resolve } from "node:path"
import * as Effect from "effect/Effect"
import { type FileFailure, InvalidInput, TargetExists } from "../errors.js"
import { checkoutFileCountMax } from "../limits.js"
import { hasCode } from "../model/cause.js"
import { fileFailure } from "../model/file-failure.js"
import type { Tree, TreeEntry } from "../model/tree.js"
import type { EntryState } from "./states.js"

/** The bytes of a file of the tree, given to `write` part by part. */
export type SendFile<E> = (
  entry: TreeEntry,
  write: (bytes: Uint8Array) => Effect.Effect<void, FileFailure>,
) => Effect.Effect<void, E>

const writeFailure = (path: string, cause: unknown): FileFailure =>
  fileFailure("checkout", `${path} cannot be written: look at its folder and the disk`, cause)

const writing = <A>(path: string, act: () => Promise<A>): Effect.Effect<A, FileFailure> =>
  Effect.tryPromise({ try: act, catch: (cause) => writeFailure(path, cause) })

const targetExists = (path: string): TargetExists =>
  new TargetExists({ message: `${path} is there already, and not empty: name another`, path })

/** Where a tree may be written to: nothing is there, or an empty directory. */
export const checkDirectory = Effect.fnUntraced(function* (
  path: unknown,
): Effect.fn.Return<string, InvalidInput | TargetExists | FileFailure> {
  if (typeof path !== "string" || path === "" || path.includes("\0"))
    return yield* new InvalidInput({ message: "directory is not a path", path: "directory" })
  const whole = resolve(path)
  if (basename(whole) === "") return yield* targetExists(whole)
  const names = yield* Effect.tryPromise({
    try: () => readdir(whole),
    catch: (cause) => cause,
  }).pipe(
    Effect.catch((cause) => {
      if (hasCode(cause, "ENOENT")) return Effect.succeed([])
      return Effect.fail(
        hasCode(cause, "ENOTDIR") ? targetExists(whole) : writeFailure(whole, cause),
      )
    }),
  )
  return names.length > 0 ? yield* targetExists(whole) : whole
})

const seconds = (nanoseconds: bigint): number => Number(nanoseconds / 1_000n) / 1e6

const writeFile = <E>(
  path: string,
  entry: TreeEntry,
  send: SendFile<E>,
): Effect.Effect<void, E | FileFailure> =>
  Effect.acquireUseRelease(
    writing(path, () => open(path, "wx", entry.executable === true ? 0o777 : 0o666)),
    (handle) => send(entry, (bytes) => writing(path, () => handle.writeFile(bytes))),
    (handle) => Effect.promise(() => handle.close()),
  )

/** Every directory that a tree needs, those above before those below. */
export const directoriesOf = (tree: Tree): ReadonlyArray<string> => {
  const paths = new Set<string>()
  for (const { path, kind } of tree) {
    for (let cut = path.indexOf("/"); cut >= 0; cut = path.indexOf("/", cut + 1))
      paths.add(path.slice(0, cut))
    if (kind === "directory") paths.add(path)
  }
  return [...paths].sort((a, b) => a.length - b.length)
}

const writeTree = Effect.fnUntraced(function* <E>(
  beside: string,
  tree: Tree,
  states: ReadonlyMap<string, EntryState>,
  send: SendFile<E>,
): Effect.fn.Return<void, E | FileFailure> {
  const directories = directoriesOf(tree)
  for (const path of directories)
    yield* writing(join(beside, path), () => mkdir(join(beside, path)))
  const setTime = (path: string) => {
    const state = states.get(path)
    if (state === undefined) return Effect.void
    const time = seconds(state.mtime)
    return writing(join(beside, path), () => utimes(join(beside, path), time, time))
  }
  const one = (entry: TreeEntry) =>
    Effect.andThen(writeFile(join(beside, entry.path), entry, send), setTime(entry.path))
  const files = tree.filter(({ kind }) => kind === "file")
  yield* Effect.forEach(files, one, { concurrency: checkoutFileCountMax, discard: true })
  for (const { path, kind, target = "" } of tree)
    if (kind === "symlink")
      yield* writing(join(beside, path), () => symlink(target, join(beside, path)))
  // The last ones first: what is written into a directory changes its time.
  for (const path of [...directories].reverse()) yield* setTime(path)
})

/**
 * Writes a tree to a directory that `checkDirectory` gave. Fails with what `send` fails with, or
 * with `FileFailure`; then nothing is there.
 */
export const checkOut = <E>(
  directory: string,
  tree: Tree,
  states: ReadonlyMap<string, EntryState>,
  send: SendFile<E>,
): Effect.Effect<void, E | FileFailure> => {
  const beside = join(dirname(directory), `.daybook-${randomUUID()}`)
  return Effect.acquireUseRelease(
    writing(directory, () => mkdir(beside, { mode: 0o700 })),
    () =>
      Effect.andThen(
        writeTree(beside, tree, states, send),
        writing(directory, async () => {
          await chmod(beside, 0o777 & ~process.umask())
          await rename(beside, directory)
        }),
      ),
    () => Effect.promise(() => rm(beside, { recursive: true, force: true })),
  )
}
