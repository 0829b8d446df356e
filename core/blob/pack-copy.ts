/**
 * Copying packs to another directory: verbatim, and of what is there already only what is new.
 *
 * Packs grow at their ends, and removals move what stays from packs to others: so all is looked at
 * again when one became shorter meanwhile, and what the copy has too much goes last, when all else
 * is there. An unfinished frame at the end is a torn tail in the copy, which the next copying
 * completes. What the original has lost is not taken from the copy.
 */
import { type FileHandle, open, rm, unlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import { keepFile } from "../disk/evidence.js"
import { fileMode, isThere, syncDirectory } from "../disk/files.js"
import type { BlobFailure } from "../errors.js"
import { hasCode } from "../model/cause.js"
import { PackDamage } from "./damage.js"
import { readDamage, writeDamage } from "./damage-file.js"
import type { Mark } from "./index-row.js"
import { packHeaderBytes } from "./pack.js"
import { listPacks, type PackFile, packPath, readAt, writeAt } from "./pack-files.js"
import { blobFailure } from "./rules.js"

const copyBytes = 1_048_576
// Of the end of a copy, held against the original: its writer may have taken bytes back since.
const comparedBytes = 65_536

export interface PackCopyOptions {
  /** Of the original, and of the copy: `blob/packs/`. */
  readonly from: string
  readonly to: string
  /** Where a pack goes whose name in the copy is needed for another one. */
  readonly quarantine: string
  /** What the index of the original says of its packs; undefined where it cannot be asked. */
  readonly marks: () => Promise<ReadonlyMap<number, Mark> | undefined>
}

export interface PackCopied {
  /** That were copied. */
  readonly bytes: number
  /** Lets go of what was removed from the original: to be done when nothing needs it any more. */
  readonly settle: Effect.Effect<void, BlobFailure>
}

/** The index of the copy may name what is there no longer: it is made anew when it is opened. */
const distrustIndex = async (to: string): Promise<void> => {
  const index = join(dirname(to), "index")
  await rm(join(index, "whole"), { force: true })
  // Before anything is taken from the packs.
  if (await isThere(index)) await syncDirectory(index)
}

const openIfThere = async (path: string, flags: "r" | "r+"): Promise<FileHandle | undefined> => {
  try {
    return await open(path, flags)
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return undefined
    throw cause
  }
}

const sameAt = async (a: FileHandle, b: FileHandle, from: number, to: number) => {
  const length = Math.max(0, to - from)
  return Buffer.compare(await readAt(a, from, length), await readAt(b, from, length)) === 0
}

/** Whether it is a copy of the pack as far as both go, or hardly begun. */
const isCopyOf = async (from: FileHandle, to: FileHandle, size: number): Promise<boolean> => {
  const { size: had } = await to.stat()
  if (had < packHeaderBytes) return true
  const end = Math.min(size, had)
  const begin = Math.max(packHeaderBytes, end - comparedBytes)
  return (await sameAt(from, to, 0, packHeaderBytes)) && (await sameAt(from, to, begin, end))
}

/** The copy of a pack, to be gone on with. What lies there of another pack is kept elsewhere. */
const openCopy = async (source: FileHandle, size: number, path: string, quarantine: string) => {
  const there = await openIfThere(path, "r+")
  if (there === undefined) return await open(path, "wx+", fileMode)
  let isCopy = false
  try {
    isCopy = await isCopyOf(source, there, size)
  } finally {
    if (!isCopy) await there.close()
  }
  if (isCopy) return there
  await keepFile(path, quarantine)
  await distrustIndex(dirname(path))
  await unlink(path)
  return await open(path, "wx+", fileMode)
}

/** Copies what is new; answers with how many bytes that was. */
const copyNew = async (
  source: FileHandle,
  target: FileHandle,
  size: number,
  signal: AbortSignal,
): Promise<number> => {
  const { size: had } = await target.stat()
  const begun = had < packHeaderBytes ? 0 : Math.min(size, had)
  let at = begun
  while (at < size) {
    signal.throwIfAborted()
    const bytes = await readAt(source, at, Math.min(copyBytes, size - at))
    // Its writer has cut off what was never acknowledged, or a removal what it has moved.
    if (bytes.length === 0) break
    await writeAt(target, at, [bytes])
    at += bytes.length
  }
  // Also where nothing is new: whoever copied it may have been killed before.
  await target.sync().catch(async (cause: unknown) => {
    // A second sync would succeed, and tell nothing of bytes that the first one lost.
    if (at !== begun) await target.truncate(begun)
    throw cause
  })
  return at - begun
}

/** Brings one copy up to date. */
const copyPack = async (
  { from, to, quarantine }: PackCopyOptions,
  { pack, size }: PackFile,
  signal: AbortSignal,
): Promise<number> => {
  const source = await openIfThere(packPath(from, pack), "r")
  if (source === undefined) return 0
  try {
    const target = await openCopy(source, size, packPath(to, pack), quarantine)
    try {
      return await copyNew(source, target, size, signal)
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

type Sizes = ReadonlyMap<number, number>

const sizesIn = async (directory: string): Promise<Sizes> =>
  new Map((await listPacks(directory)).map(({ pack, size }) => [pack, size]))

/**
 * Copies all packs, again while one of them becomes shorter: a removal may have moved what was not
 * copied yet to one that was. Answers with the packs of the original by then.
 */
const copyEach = async (options: PackCopyOptions, signal: AbortSignal) => {
  for (let bytes = 0; ; ) {
    const files = await listPacks(options.from)
    for (const file of files) bytes += await copyPack(options, file, signal)
    await syncDirectory(options.to)
    const sizes = await sizesIn(options.from)
    const isStill = files.every(({ pack, size }) => (sizes.get(pack) ?? 0) >= size)
    if (isStill) return { bytes, sizes }
  }
}

/** What the copy has too much: packs that it needs less of than it has, and how much that is. */
const surplusOf = async (
  { to, marks }: PackCopyOptions,
  sizes: Sizes,
  record: PackDamage,
): Promise<Sizes> => {
  const surplus = new Map<number, number>()
  const known = await marks()
  if (known === undefined || !record.isComplete) return surplus
  for (const { pack, size: had } of await listPacks(to)) {
    const [size, mark] = [sizes.get(pack), known.get(pack)]
    // What is indexed and not there is lost, and may be there in the copy alone.
    const isRemoved = size === undefined ? mark === undefined : mark && mark.end <= size
    if (isRemoved && had > (size ?? 0) && !record.isIn(pack)) surplus.set(pack, size ?? 0)
  }
  return surplus
}

const letGo = async (to: string, surplus: Sizes): Promise<void> => {
  if (surplus.size === 0) return
  await distrustIndex(to)
  for (const [pack, size] of surplus) {
    const path = packPath(to, pack)
    if (size === 0) {
      await unlink(path)
      continue
    }
    const handle = await open(path, "r+")
    try {
      await handle.truncate(size)
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  await syncDirectory(to)
  // Damage of a pack that is not needed any more.
  const own = new PackDamage(await readDamage(dirname(to)))
  const before = own.findings
  own.change((finding) => (surplus.get(finding.pack) === 0 ? [] : [finding]))
  if (own.findings !== before) await writeDamage(dirname(to), own.findings)
}

const copyAll = async (options: PackCopyOptions, signal: AbortSignal): Promise<PackCopied> => {
  const { from, to } = options
  const record = new PackDamage(await readDamage(dirname(from)))
  const { bytes, sizes } = await copyEach(options, signal)
  const surplus = await surplusOf(options, sizes, record)
  await copyRecord(record, dirname(to))
  const settle = Effect.tryPromise({
    try: () => letGo(to, surplus),
    catch: (cause) => blobFailure("copy", cause),
  })
  return { bytes, settle: Effect.uninterruptible(settle) }
}

/**
 * Makes `to` hold what the packs of `from` hold, durably. When it is interrupted it stops, and is
 * done when it is over: what was copied counts for the next time.
 */
export const copyPacks = (options: PackCopyOptions): Effect.Effect<PackCopied, BlobFailure> =>
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
