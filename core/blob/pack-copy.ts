/**
 * Copying packs to another directory: verbatim, and of what is there already only what is new.
 *
 * Packs only grow, so the end of a copy says how far it came; the id in its header says of which
 * pack it is one. Safe beside a writer: an unfinished frame at the end is a torn tail in the copy,
 * which the next copying completes. What the original has lost is not taken from the copy. Knows
 * nothing of what lies in packs.
 */
import { type FileHandle, open, rm, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import { keepFile } from "../disk/evidence.js"
import { fileMode, syncDirectory } from "../disk/files.js"
import type { BlobFailure } from "../errors.js"
import { hasCode } from "../model/cause.js"
import { PackDamage } from "./damage.js"
import { readDamage, writeDamage } from "./damage-file.js"
import { packHeaderBytes } from "./pack.js"
import { listPacks, type PackFile, packPath, readAt, writeAt } from "./pack-files.js"
import { blobFailure } from "./rules.js"

const copyBytes = 1_048_576

export interface PackCopyOptions {
  /** Of the original, and of the copy: `blob/packs/`. */
  readonly from: string
  readonly to: string
  /** Where a pack goes whose name in the copy is needed for another one. */
  readonly quarantine: string
}

/** The index of the copy may name what is there no longer: it is made anew when it is opened. */
const distrustIndex = (to: string): Promise<void> =>
  rm(join(dirname(to), "index", "whole"), { force: true })

const openIfThere = async (path: string): Promise<FileHandle | undefined> => {
  try {
    return await open(path, "r+")
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return undefined
    throw cause
  }
}

/** Whether it is a copy of the pack, or hardly begun. */
const isCopyOf = async (from: FileHandle, to: FileHandle): Promise<boolean> => {
  const [own, other] = [
    await readAt(from, 0, packHeaderBytes),
    await readAt(to, 0, packHeaderBytes),
  ]
  return other.length < packHeaderBytes || Buffer.compare(own, other) === 0
}

/** The copy of a pack, to be gone on with. What lies there of another pack is kept elsewhere. */
const openCopy = async (source: FileHandle, path: string, quarantine: string) => {
  const there = await openIfThere(path)
  if (there === undefined) return await open(path, "wx+", fileMode)
  let isCopy = false
  try {
    isCopy = await isCopyOf(source, there)
  } finally {
    if (!isCopy) await there.close()
  }
  if (isCopy) return there
  await keepFile(path, quarantine)
  await distrustIndex(dirname(path))
  await unlink(path)
  return await open(path, "wx+", fileMode)
}

/** Brings one copy up to date; answers with the bytes that were copied. */
const copyPack = async (
  { from, to, quarantine }: PackCopyOptions,
  { pack, size }: PackFile,
  isDamaged: boolean,
  signal: AbortSignal,
): Promise<number> => {
  const source = await open(packPath(from, pack), "r")
  try {
    const target = await openCopy(source, packPath(to, pack), quarantine)
    try {
      const { size: had } = await target.stat()
      const begun = had < packHeaderBytes ? 0 : Math.min(size, had)
      let at = begun
      while (at < size) {
        signal.throwIfAborted()
        const bytes = await readAt(source, at, Math.min(copyBytes, size - at))
        // Its writer has cut off what was never acknowledged.
        if (bytes.length === 0) break
        await writeAt(target, at, [bytes])
        at += bytes.length
      }
      // A pack that has lost its end may have it here.
      if (had > at && !isDamaged) {
        await distrustIndex(to)
        await target.truncate(at)
      }
      // Also where nothing is new: whoever copied it may have been killed before.
      await target.sync().catch(async (cause: unknown) => {
        // A second sync would succeed, and tell nothing of bytes that the first one lost.
        if (at !== begun) await target.truncate(begun)
        throw cause
      })
      return at - begun
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

/** What is known of damage goes along: opening the copy finds out what of it holds there. */
const copyRecord = async (record: PackDamage, to: string): Promise<void> => {
  if (record.isEmpty) return
  const own = new PackDamage(await readDamage(to))
  for (const finding of record.findings) own.add(finding)
  await writeDamage(to, own.findings)
}

const copyAll = async (options: PackCopyOptions, signal: AbortSignal): Promise<number> => {
  const { from, to } = options
  const record = new PackDamage(await readDamage(dirname(from)))
  let bytes = 0
  for (const file of await listPacks(from))
    bytes += await copyPack(options, file, record.isIn(file.pack), signal)
  await syncDirectory(to)
  await copyRecord(record, dirname(to))
  return bytes
}

/**
 * Makes `to` hold the packs of `from`, durably; answers with the bytes that were copied. When it is
 * interrupted it stops, and is done when it is over: what was copied counts for the next time.
 */
export const copyPacks = (options: PackCopyOptions): Effect.Effect<number, BlobFailure> =>
  Effect.suspend(() => {
    const aborting = new AbortController()
    const copying = copyAll(options, aborting.signal)
    return Effect.onInterrupt(
      Effect.tryPromise({ try: () => copying, catch: (cause) => blobFailure("copy", cause) }),
      () =>
        Effect.promise(async () => {
          aborting.abort()
          await copying.catch(() => undefined)
        }),
    )
  })
