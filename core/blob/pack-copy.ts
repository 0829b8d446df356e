/**
 * Copying packs to another directory: verbatim, and of what is there already only what is new.
 *
 * Packs only grow, so the end of a copy says how far it came; the id in its header says of which
 * pack it is one. Safe beside a writer: an unfinished frame at the end is a torn tail in the copy,
 * which the next copying completes. Knows nothing of what lies in packs.
 */
import { type FileHandle, open, unlink } from "node:fs/promises"
import * as Effect from "effect/Effect"
import { fileMode, syncDirectory } from "../disk/files.js"
import type { BlobFailure } from "../errors.js"
import { hasCode } from "../model/cause.js"
import { packHeaderBytes } from "./pack.js"
import { listPacks, type PackFile, packPath, readAt, writeAt } from "./pack-files.js"
import { blobFailure } from "./rules.js"

const copyBytes = 1_048_576

const openCopy = async (path: string): Promise<FileHandle> => {
  try {
    return await open(path, "r+")
  } catch (cause) {
    if (!hasCode(cause, "ENOENT")) throw cause
    return await open(path, "wx+", fileMode)
  }
}

/** How much of a pack its copy has: nothing of one that is the copy of another pack. */
const copiedBytes = async (from: FileHandle, to: FileHandle, size: number): Promise<number> => {
  const copied = Math.min(size, (await to.stat()).size)
  const [own, other] = [
    await readAt(from, 0, packHeaderBytes),
    await readAt(to, 0, packHeaderBytes),
  ]
  return Buffer.compare(own, other) === 0 ? copied : 0
}

/** Brings one copy up to date; answers with the bytes that were copied. */
const copyPack = async (
  from: string,
  to: string,
  { pack, size }: PackFile,
  signal: AbortSignal,
): Promise<number> => {
  const source = await open(packPath(from, pack), "r")
  const target = await openCopy(packPath(to, pack))
  try {
    const begun = await copiedBytes(source, target, size)
    let at = begun
    while (at < size) {
      signal.throwIfAborted()
      const bytes = await readAt(source, at, Math.min(copyBytes, size - at))
      // Its writer has cut off what was never acknowledged.
      if (bytes.length === 0) break
      await writeAt(target, at, [bytes])
      at += bytes.length
    }
    await target.truncate(at)
    if (at !== begun) await target.sync()
    return at - begun
  } finally {
    await source.close()
    await target.close()
  }
}

const copyAll = async (from: string, to: string, signal: AbortSignal): Promise<number> => {
  const packs = await listPacks(from)
  let bytes = 0
  for (const pack of packs) bytes += await copyPack(from, to, pack, signal)
  await syncDirectory(to)
  const kept = new Set(packs.map(({ pack }) => pack))
  // Last, since what they held lies in others by now.
  for (const { pack } of await listPacks(to)) if (!kept.has(pack)) await unlink(packPath(to, pack))
  return bytes
}

/**
 * Makes `to` hold the packs of `from`, durably; answers with the bytes that were copied. When it is
 * interrupted it stops, and is done when it is over: what was copied counts for the next time.
 */
export const copyPacks = (from: string, to: string): Effect.Effect<number, BlobFailure> =>
  Effect.suspend(() => {
    const aborting = new AbortController()
    const copying = copyAll(from, to, aborting.signal)
    return Effect.onInterrupt(
      Effect.tryPromise({ try: () => copying, catch: (cause) => blobFailure("copy", cause) }),
      () =>
        Effect.promise(async () => {
          aborting.abort()
          await copying.catch(() => undefined)
        }),
    )
  })
