/**
 * Downloads: the archive of a version as a file of the caller's, there as a whole or not at all.
 */
import { randomUUID } from "node:crypto"
import { type FileHandle, link, open, rename, stat, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import {
  type Failure,
  type FileFailure,
  InvalidInput,
  type Refusal,
  TargetExists,
} from "../errors.js"
import { hasCode } from "../model/cause.js"
import { fileFailure } from "../model/file-failure.js"
import type { ArchiveOf } from "./archive.js"
import type { Bytes } from "./content.js"

export interface Progress {
  /** Bytes written, and bytes that there will be. */
  readonly done: number
  readonly total: number
}

export interface DownloadOptions {
  /** Replace the file that is there. Default: refuse. */
  readonly overwrite?: boolean
  readonly onProgress?: (progress: Progress) => void
}

export interface Downloaded {
  readonly path: string
  /** Bytes. */
  readonly size: number
}

const failure = (path: string) => (cause: unknown) =>
  fileFailure("download", `${path} cannot be written: look at its folder and the disk`, cause)

const attempt = <A>(path: string, act: () => Promise<A>): Effect.Effect<A, FileFailure> =>
  Effect.tryPromise({ try: act, catch: failure(path) })

/** Checked before anything is read: the name, then whether the file is there. */
export const checkTarget = Effect.fnUntraced(function* (
  path: unknown,
  overwrite: boolean,
): Effect.fn.Return<string, Refusal> {
  if (typeof path !== "string" || !/^[^\0]*\.zip$/i.test(path)) {
    const given = typeof path === "string" ? JSON.stringify(path.slice(0, 300)) : typeof path
    return yield* new InvalidInput({
      message: `the name of the file must be text that ends in .zip, without nulls: not ${given}`,
      path: "path",
    })
  }
  const there = yield* Effect.promise(() => stat(path).catch(() => undefined))
  return there !== undefined && !overwrite ? yield* targetExists(path) : path
})

const targetExists = (path: string): TargetExists =>
  new TargetExists({ message: `${path} is there already: say { overwrite: true }`, path })

const lacksLinks = (cause: unknown): boolean =>
  ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].some((code) => hasCode(cause, code))

/** Gives the finished file a name that nobody has: EEXIST when somebody does. */
const nameNew = async (beside: string, path: string): Promise<void> => {
  try {
    await link(beside, path)
  } catch (cause) {
    if (!lacksLinks(cause)) throw cause
    // FAT, exFAT and some network disks: the name is taken first, so that nobody else can.
    await (await open(path, "wx")).close()
    await rename(beside, path).catch(async (failed: unknown) => {
      await unlink(path)
      throw failed
    })
  }
}

/** Gives the finished file its name; without `overwrite` a file that came meanwhile stays. */
const settle = (
  beside: string,
  path: string,
  overwrite: boolean,
): Effect.Effect<void, FileFailure | TargetExists> =>
  Effect.tryPromise({
    try: () => (overwrite ? rename(beside, path) : nameNew(beside, path)),
    catch: (cause) => (hasCode(cause, "EEXIST") ? targetExists(path) : failure(path)(cause)),
  })

const writeAll = (
  handle: FileHandle,
  path: string,
  archive: ArchiveOf<Bytes>,
  onProgress: DownloadOptions["onProgress"],
): Effect.Effect<void, Refusal | Failure> => {
  let done = 0
  return Stream.runForEach(archive.stream(), (bytes) =>
    Effect.map(
      attempt(path, () => handle.writeFile(bytes)),
      () => {
        done += bytes.length
        onProgress?.({ done, total: archive.size })
      },
    ),
  )
}

/** Writes an archive beside its target and renames it, so a failure leaves the old file or none. */
export const download = Effect.fnUntraced(function* (
  archive: ArchiveOf<Bytes>,
  path: string,
  { overwrite = false, onProgress }: DownloadOptions,
): Effect.fn.Return<Downloaded, Refusal | Failure> {
  // Not made of the name asked for, which may be as long as a name can be.
  const beside = join(dirname(path), `.daybook-${randomUUID()}`)
  const written = Effect.acquireUseRelease(
    attempt(path, () => open(beside, "wx")),
    (handle) =>
      Effect.andThen(
        writeAll(handle, path, archive, onProgress),
        attempt(path, () => handle.sync()),
      ),
    (handle) => Effect.promise(() => handle.close()),
  )
  yield* Effect.ensuring(
    Effect.andThen(written, settle(beside, path, overwrite)),
    Effect.promise(() => unlink(beside).catch(() => undefined)),
  )
  return { path, size: archive.size }
})
