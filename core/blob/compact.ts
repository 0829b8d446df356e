/**
 * Giving bytes back: drops the frames of removed blobs by rewriting the packs that hold them.
 *
 * Everything else of such a pack is copied byte by byte, damage included. The copy is complete and
 * durable before the index follows, and the index before the old pack goes; whatever happens in
 * between, every surviving frame lies in a pack with its right name. Needs room for one pack.
 */
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises"
import { setImmediate as nextTurn } from "node:timers/promises"
import { fileMode, syncDirectory } from "../disk/files.js"
import { BlobCorrupted } from "../errors.js"
import type { Digest } from "../model/digest.js"
import type { RoleRow } from "./index-level.js"
import type { BlobRow, Place, Row } from "./index-row.js"
import { frameHeaderBytes, packHeader, packHeaderBytes } from "./pack.js"
import { packPath, readAt, unfinishedPath, writeAt } from "./pack-files.js"
import { damagedRow, loadRecipe, type PackStore, recipeInRow } from "./pack-store.js"
import { nameOf } from "./pack-writer.js"
import { chunksOf } from "./recipe.js"

const copyBytes = 1_048_576
const chunkPageCount = 1_000
// Packs whose rows are held at once: each further batch goes through the index again.
const planCount = 16
const turnCount = 1_000

/** A stretch of a pack to leave out. */
interface Gap {
  readonly start: number
  readonly end: number
}

const gapOf = ({ offset, storedSize }: Place): Gap => ({
  start: offset,
  end: offset + frameHeaderBytes + storedSize,
})

/** Calls `see` with the name of each chunk of a blob. Reads the recipe of long blobs only. */
const eachChunk = async (store: PackStore, row: BlobRow, see: (name: string) => void) => {
  const recipe = recipeInRow(row) ?? (await loadRecipe(store, row))
  for (let from = 0; from < recipe.count; from += chunkPageCount)
    for (const { digest } of chunksOf(recipe, from, Math.min(from + chunkPageCount, recipe.count)))
      see(nameOf({ kind: "chunk", digest }))
}

/** The frames of removed blobs, among them chunks that other blobs may use. */
const namesOf = async (store: PackStore, rows: ReadonlyArray<BlobRow>) => {
  const names = new Set<string>()
  for (const row of rows) {
    names.add(nameOf(row))
    try {
      await eachChunk(store, row, (name) => names.add(name))
    } catch (cause) {
      // Nobody can say which chunks a damaged recipe named, so they stay; the blob goes.
      if (!(cause instanceof BlobCorrupted)) throw cause
    }
  }
  return names
}

/** Marks what only the removed blobs use as going; from then on puts do not rely on it. */
const markGoing = async (store: PackStore, rows: ReadonlyArray<BlobRow>): Promise<void> => {
  const { index, going, leases } = store
  for (const name of await namesOf(store, rows)) if (!leases.has(name)) going.add(name)
  for await (const page of index.blobs())
    for (const row of page) {
      if (typeof row === "string") throw damagedRow(row)
      if (!going.has(nameOf(row))) await eachChunk(store, row, (name) => going.delete(name))
    }
}

/** What becomes of one pack. */
interface Plan {
  readonly pack: number
  readonly size: number
  /** By offset. */
  readonly gaps: ReadonlyArray<Gap>
  /** Bytes that stay, without the header. */
  readonly left: number
}

/** The emptiest first: on a full disk each one makes room for the next. */
const makePlans = async (directory: string, goers: ReadonlyArray<RoleRow>) => {
  const gapsOf = new Map<number, Array<Gap>>()
  for (const { row } of goers) {
    const gaps = gapsOf.get(row.pack) ?? []
    gapsOf.set(row.pack, gaps)
    gaps.push(gapOf(row))
  }
  const plans: Array<Plan> = []
  for (const [pack, gaps] of gapsOf) {
    const { size } = await stat(packPath(directory, pack))
    const gone = gaps.reduce((sum, { start, end }) => sum + end - start, 0)
    gaps.sort((a, b) => a.start - b.start)
    plans.push({ pack, size, gaps, left: size - packHeaderBytes - gone })
  }
  return plans.sort((a, b) => a.left - b.left)
}

const copyStretch = async (from: FileHandle, to: FileHandle, stretch: Gap, target: number) => {
  for (let at = stretch.start; at < stretch.end; ) {
    const bytes = await readAt(from, at, Math.min(copyBytes, stretch.end - at))
    if (bytes.length === 0) throw new Error("a pack became shorter while it was copied")
    await writeAt(to, target + at - stretch.start, [bytes])
    at += bytes.length
  }
}

const copyKept = async ({ size, gaps }: Plan, from: FileHandle, to: FileHandle) => {
  // A pack of its own: the header is not copied.
  await writeAt(to, 0, [packHeader()])
  let start = packHeaderBytes
  let target = packHeaderBytes
  for (const gap of [...gaps, { start: size, end: size }]) {
    await copyStretch(from, to, { start, end: gap.start }, target)
    target += gap.start - start
    start = gap.end
  }
}

/** Rewrites a pack without its gaps, under a name that is no pack's until all is durable. */
const writeSuccessor = async (directory: string, plan: Plan, pack: number): Promise<void> => {
  const path = unfinishedPath(directory, pack)
  const from = await open(packPath(directory, plan.pack), "r")
  try {
    const to = await open(path, "wx", fileMode)
    try {
      await copyKept(plan, from, to)
      // Also where puts are not synced: the only other copy goes next.
      await to.sync()
    } finally {
      await to.close()
    }
    await rename(path, packPath(directory, pack))
    await syncDirectory(directory)
  } catch (cause) {
    await unlink(path).catch(() => undefined)
    throw cause
  } finally {
    await from.close()
  }
}

/** Where the frames of a pack lie once its gaps are closed. */
const placesIn = (pack: number, { gaps }: Plan, rows: ReadonlyArray<Row>) => {
  const places = new Map<Row, Place>()
  const sorted = [...rows].sort((a, b) => a.offset - b.offset)
  let closed = 0
  let next = 0
  for (const row of sorted) {
    for (let gap = gaps[next]; gap !== undefined && gap.end <= row.offset; gap = gaps[next]) {
      closed += gap.end - gap.start
      next += 1
    }
    if (gaps[next]?.start !== row.offset)
      places.set(row, { pack, offset: row.offset - closed, storedSize: row.storedSize })
  }
  return places
}

const rewritePack = async (
  store: PackStore,
  directory: string,
  plan: Plan,
  rows: ReadonlyArray<RoleRow>,
  whole: boolean,
) => {
  const { index, reader, writer } = store
  const successor = plan.left > 0 ? writer.nextPack() : undefined
  if (successor !== undefined) await writeSuccessor(directory, plan, successor)
  const places = placesIn(
    successor ?? 0,
    plan,
    rows.map(({ row }) => row),
  )
  const end = packHeaderBytes + plan.left
  const mark = successor === undefined ? [] : [{ pack: successor, end, whole, ahead: false }]
  await writer.exclusively(() =>
    index.rewrite({ pack: plan.pack, rows, placeOf: (row) => places.get(row), marks: mark }),
  )
  await reader.drop(plan.pack)
  await unlink(packPath(directory, plan.pack))
  await syncDirectory(directory)
}

const rewritePacks = async (store: PackStore, directory: string, plans: ReadonlyArray<Plan>) => {
  const marks = await store.index.marks()
  for (let from = 0; from < plans.length; from += planCount) {
    const some = new Map(plans.slice(from, from + planCount).map((plan) => [plan.pack, plan]))
    const rows = await store.index.select(({ pack }) => some.has(pack))
    for (const [pack, plan] of some) {
      const own = rows.filter(({ row }) => row.pack === pack)
      await rewritePack(store, directory, plan, own, marks.get(pack)?.whole ?? false)
    }
  }
}

/** The rows of those blobs that are there. Looking is synchronous, so others get their turns. */
const findRows = async ({ index }: PackStore, digests: ReadonlyArray<Digest>) => {
  const rows: Array<BlobRow> = []
  for (const [at, digest] of [...new Set(digests)].entries()) {
    if (at % turnCount === turnCount - 1) await nextTurn()
    const row = index.blob(digest)
    if (row !== undefined && row !== "damaged") rows.push(row)
  }
  return rows
}

/**
 * Removes blobs and the chunks that no other blob uses. One call at a time. Rejects with the port's
 * errors or the disk's: then some of the blobs may be gone, and the call can be repeated.
 */
export const removeBlobs = async (
  store: PackStore,
  directory: string,
  digests: ReadonlyArray<Digest>,
): Promise<void> => {
  const { index, writer, going, damaged } = store
  if ((await findRows(store, digests)).length === 0) return
  try {
    // Puts go on in a later pack; what they store again from now on is not removed.
    const before = await writer.roll()
    const rows = await findRows(store, digests)
    await markGoing(
      store,
      rows.filter(({ pack }) => pack < before),
    )
    const goers = await index.select((row) => row.pack < before && going.has(nameOf(row)))
    await rewritePacks(store, directory, await makePlans(directory, goers))
    for (const name of going) damaged.delete(name)
  } finally {
    going.clear()
  }
}
