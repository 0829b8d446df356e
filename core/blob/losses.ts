/**
 * What packs have lost since they were indexed, and which known damage is there no longer: the
 * packs held against the marks of their index, and against what is on record.
 *
 * Looks at sizes and damaged stretches, never at whole packs. Changes no file.
 */
import { open } from "node:fs/promises"
import type { Digest } from "../model/digest.js"
import { type Finding, type PackDamage, type Stretch, stretchOf } from "./damage.js"
import type { BlobIndex } from "./index-level.js"
import type { Mark } from "./index-row.js"
import {
  packFormat,
  packHeaderBytes,
  type ReadPack,
  readAhead,
  readPackFormat,
  scanPack,
} from "./pack.js"
import { type PackFile, packPath, readAt } from "./pack-files.js"
import { chunksOf } from "./recipe.js"

export interface Losses {
  readonly findings: ReadonlyArray<Finding>
  /** Whether the index names frames that were never promised. */
  readonly isStale: boolean
}

const reading = async <A>(path: string, run: (read: ReadPack) => Promise<A>): Promise<A> => {
  const handle = await open(path, "r")
  try {
    return await run((offset, length) => readAt(handle, offset, length))
  } finally {
    await handle.close()
  }
}

/** The blobs that lose something with a stretch. Goes through the whole index. */
const blobsIn = async (index: BlobIndex, { pack, from }: Stretch) => {
  const chunks = new Set<Digest>()
  const digests = new Set<Digest>()
  await index.each((row) => {
    if (typeof row === "string") return
    const isIn = row.pack === pack && stretchOf(row).to > from
    // Chunks come first.
    if (row.kind === "chunk") {
      if (isIn) chunks.add(row.digest)
    } else {
      const { entries, stat, count, digest } = row
      const own = entries === undefined ? [] : chunksOf({ stat, count, entries }, 0, count)
      if (isIn || own.some((chunk) => chunks.has(chunk.digest))) digests.add(digest)
    }
  })
  return [...digests]
}

const lossOf = (size: number | undefined, { pack, end }: Mark): Stretch | undefined => {
  if (size === undefined) return { pack, from: 0, to: end }
  return size < end ? { pack, from: size, to: end } : undefined
}

/** What was indexed, and is there no more. Of what is known already nothing is said. */
export const findLosses = async (
  index: BlobIndex,
  packs: ReadonlyArray<PackFile>,
  marks: Iterable<Mark>,
  damage: PackDamage,
): Promise<Losses> => {
  const sizes = new Map(packs.map(({ pack, size }) => [pack, size]))
  const findings: Array<Finding> = []
  let isStale = false
  for (const mark of marks) {
    const loss = lossOf(sizes.get(mark.pack), mark)
    if (loss === undefined || damage.knows({ ...loss, state: "missing" })) continue
    // What no fsync covered may be lost with the power: it was not promised.
    if (mark.ahead) isStale = true
    else findings.push({ ...loss, state: "missing", digests: await blobsIn(index, loss) })
  }
  return { findings, isStale }
}

/** What was indexed of packs in whose place others lie. */
export const findReplaced = async (
  index: BlobIndex,
  marks: Iterable<Mark>,
): Promise<ReadonlyArray<Finding>> => {
  const findings: Array<Finding> = []
  for (const { pack, end } of marks) {
    const loss = { pack, from: 0, to: end }
    findings.push({ ...loss, state: "replaced", digests: await blobsIn(index, loss) })
  }
  return findings
}

const isWhole = async (read: ReadPack, { from, to }: Stretch): Promise<boolean> => {
  let start = from
  if (from === 0) {
    if (readPackFormat(await read(0, packHeaderBytes)) !== packFormat) return false
    start = packHeaderBytes
  }
  for await (const scanned of scanPack(readAhead(read), start, to)) {
    if (scanned.type === "damage") return false
    if (scanned.type === "end") return scanned.tail === "whole"
  }
  return false
}

/**
 * Forgets damage that is there no longer, since somebody has put the right bytes back; answers with
 * the packs that have to be looked at again.
 */
export const forgetHealed = async (
  directory: string,
  packs: ReadonlyArray<PackFile>,
  damage: PackDamage,
): Promise<ReadonlySet<number>> => {
  const sizes = new Map(packs.map(({ pack, size }) => [pack, size]))
  const healed = new Set<Finding>()
  for (const finding of damage.findings) {
    const { pack, to, state } = finding
    if (state === "replaced" || (sizes.get(pack) ?? 0) < to) continue
    const isHealed =
      state === "missing" ||
      (await reading(packPath(directory, pack), (read) => isWhole(read, finding)))
    if (isHealed) healed.add(finding)
  }
  damage.change((finding) => (healed.has(finding) ? [] : [finding]))
  return new Set([...healed].map(({ pack }) => pack))
}
