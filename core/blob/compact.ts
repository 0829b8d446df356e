/**
 * Giving bytes back: drops the frames of removed blobs by rewriting the packs that hold them.
 *
 * Everything else of such a pack is copied byte by byte, damage included; where damage is known,
 * the pack is kept as evidence. The copy is complete and durable before the index follows, and the
 * index before the old pack goes; whatever happens in between, every surviving frame lies in a pack
 * with its right name. Needs room for one pack.
 */
import { type FileHandle, open, rename, stat, unlink } from "node:fs/promises"
import { setImmediate as nextTurn } from "node:timers/promises"
import { fileMode, syncDirectory } from "../disk/files.js"
import { hasCode } from "../model/cause.js"
import type { Digest } from "../model/digest.js"
import type { Removal } from "./blob-store.js"
import { type Finding, stretchOf } from "./damage.js"
import { markGoing } from "./going.js"
import type { Move } from "./index-moves.js"
import type { BlobRow, Mark, Place, Row } from "./index-row.js"
import { headerCheck, packHeader, packHeaderBytes } from "./pack.js"
import { packPath, readAt, unfinishedPath, writeAt } from "./pack-files.js"
import type { PackStore } from "./pack-store.js"
import { nameOf } from "./pack-writer.js"

const copyBytes = 1_048_576
// Packs whose rows are held at once: each further batch goes through the index again.
const planCount = 16
const turnCount = 1_000

/** A stretch of a pack to leave out. */
type Gap = { readonly start: number; readonly end: number }

/** What a pack of `size` bytes has of a frame. */
const gapOf = (place: Place, size: number): Gap => {
  const { from, to } = stretchOf(place)
  return { start: Math.min(from, size), end: Math.min(to, size) }
}

type Places = ReadonlyMap<Row, Place>

/** What becomes of one pack. */
interface Plan {
  readonly pack: number
  /** 0 where the pack is lost: then the index alone forgets. */
  readonly size: number
  /** By offset. */
  readonly gaps: ReadonlyArray<Gap>
  /** Bytes that stay, without the header. */
  readonly left: number
}

const sizeOf = async (path: string): Promise<number> => {
  try {
    return (await stat(path)).size
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return 0
    throw cause
  }
}

/** The emptiest first: on a full disk each one makes room for the next. */
const makePlans = async (directory: string, goers: ReadonlyArray<Row>) => {
  const rowsOf = new Map<number, Array<Row>>()
  for (const row of goers) {
    const rows = rowsOf.get(row.pack) ?? []
    rowsOf.set(row.pack, rows)
    rows.push(row)
  }
  const plans: Array<Plan> = []
  for (const [pack, rows] of rowsOf) {
    const size = await sizeOf(packPath(directory, pack))
    const gaps = rows.map((row) => gapOf(row, size)).sort((a, b) => a.start - b.start)
    const gone = gaps.reduce((sum, { start, end }) => sum + end - start, 0)
    plans.push({ pack, size, gaps, left: Math.max(0, size - packHeaderBytes - gone) })
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

const copyKept = async (
  { size, gaps }: Plan,
  header: Uint8Array,
  from: FileHandle,
  to: FileHandle,
) => {
  // A pack of its own: the header is not copied.
  await writeAt(to, 0, [header])
  let start = packHeaderBytes
  let target = packHeaderBytes
  for (const gap of [...gaps, { start: size, end: size }]) {
    await copyStretch(from, to, { start, end: gap.start }, target)
    target += gap.start - start
    start = gap.end
  }
}

/**
 * Rewrites a pack without its gaps, under a name that is no pack's until all is durable; answers
 * with the check of its header.
 */
const writeSuccessor = async (directory: string, plan: Plan, pack: number): Promise<number> => {
  const header = packHeader()
  const path = unfinishedPath(directory, pack)
  const from = await open(packPath(directory, plan.pack), "r")
  try {
    const to = await open(path, "wx", fileMode)
    try {
      await copyKept(plan, header, from, to)
      // Also where puts are not synced: the only other copy goes next.
      await to.sync()
    } finally {
      await to.close()
    }
    await rename(path, packPath(directory, pack))
    await syncDirectory(directory)
    return headerCheck(header)
  } catch (cause) {
    await unlink(path).catch(() => undefined)
    throw cause
  } finally {
    await from.close()
  }
}

/** Where the frames of a pack lie once its gaps are closed. */
const placesIn = (
  pack: number,
  { gaps }: Plan,
  rows: ReadonlyArray<Row>,
  isGoing: (row: Row) => boolean,
) => {
  const places = new Map<Row, Place>()
  const sorted = [...rows].sort((a, b) => a.offset - b.offset)
  let closed = 0
  let next = 0
  for (const row of sorted) {
    for (let gap = gaps[next]; gap !== undefined && gap.end <= row.offset; gap = gaps[next]) {
      closed += gap.end - gap.start
      next += 1
    }
    if (!isGoing(row))
      places.set(row, { pack, offset: row.offset - closed, storedSize: row.storedSize })
  }
  return places
}

/** Damage that frames lie in goes with them to the new pack; the old one is evidence of all. */
const followDamage = async (
  { damage, record }: PackStore,
  pack: number,
  places: ReadonlyMap<Row, Place>,
) => {
  if (!damage.isIn(pack)) return
  const moved = [...places].flatMap(
    ([row, place]): ReadonlyArray<Finding> =>
      damage.covers(row) ? [{ ...stretchOf(place), state: "damaged", digests: [row.digest] }] : [],
  )
  damage.change((finding) => (finding.pack === pack ? [] : [finding]))
  for (const finding of moved) {
    damage.add(finding)
    record.follow(finding.pack)
  }
  // On a disk that is full the removal goes on: it makes room.
  await record.save().catch(() => undefined)
}

const rewritePack = async (
  store: PackStore,
  directory: string,
  plan: Plan,
  rows: ReadonlyArray<Row>,
  mark: Mark | undefined,
): Promise<number> => {
  const { index, reader, writer, damage, record, going } = store
  const { pack, size, left } = plan
  const isGoing = (row: Row) => going.has(nameOf(row))
  const rewrite = (some: ReadonlyArray<Row>, marks: ReadonlyArray<Mark>, places: Places) => {
    const moveOf = (row: Row): Move => ({ ...row, from: row, to: places.get(row) })
    const moves = some.map(moveOf)
    return writer.exclusively(() => index.rewrite({ moves, marks, gone: [pack] }))
  }
  if (size === 0) {
    await rewrite(rows.filter(isGoing), mark === undefined ? [] : [mark], new Map())
    return 0
  }
  if (damage.isIn(pack)) await record.keep(pack)
  const successor = left > 0 ? writer.nextPack() : undefined
  const header = successor === undefined ? 0 : await writeSuccessor(directory, plan, successor)
  const places: Places =
    successor === undefined ? new Map() : placesIn(successor, plan, rows, isGoing)
  const end = packHeaderBytes + left
  const whole = mark?.whole === true && !damage.isIn(pack)
  const marks =
    successor === undefined ? [] : [{ pack: successor, header, end, whole, ahead: false }]
  await rewrite(rows, marks, places)
  await followDamage(store, pack, places)
  await reader.drop(pack)
  const path = packPath(directory, pack)
  // What has another name, as evidence has, takes its room on.
  const given = (await stat(path)).nlink === 1 ? size : 0
  await unlink(path)
  await syncDirectory(directory)
  return successor === undefined ? given : given - end
}

const rowsWhere = async ({ index }: PackStore, isWanted: (row: Row) => boolean) => {
  const rows: Array<Row> = []
  await index.each((row) => typeof row !== "string" && isWanted(row) && rows.push(row))
  return rows
}

const rewritePacks = async (store: PackStore, directory: string, plans: ReadonlyArray<Plan>) => {
  let bytes = 0
  const marks = await store.index.marks()
  for (let from = 0; from < plans.length; from += planCount) {
    const some = new Map(plans.slice(from, from + planCount).map((plan) => [plan.pack, plan]))
    const rows = await rowsWhere(store, (row) => some.has(row.pack))
    for (const [pack, plan] of some) {
      const own = rows.filter((row) => row.pack === pack)
      bytes += await rewritePack(store, directory, plan, own, marks.get(pack))
    }
  }
  return bytes
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

/** Looked at when all is done: what is there, or may come, was kept or put meanwhile. */
const answerOf = async (
  { index }: PackStore,
  digests: ReadonlyArray<Digest>,
  names: ReadonlySet<string>,
  { found, bytes }: { readonly found: ReadonlyArray<BlobRow>; readonly bytes: number },
): Promise<Removal> => {
  const kept = new Set<Digest>()
  for (const [at, digest] of [...new Set(digests)].entries()) {
    if (at % turnCount === turnCount - 1) await nextTurn()
    const isThere = index.blob(digest) !== undefined
    if (isThere || names.has(nameOf({ kind: "recipe", digest }))) kept.add(digest)
  }
  const removed = found.filter(({ digest }) => !kept.has(digest)).length
  return { removed, bytes: Math.max(0, bytes), kept: [...kept] }
}

/**
 * Removes blobs and the chunks that no other blob uses. One call at a time. Rejects with the port's
 * errors or the disk's: then some of the blobs may be gone, and the call can be repeated.
 */
export const removeBlobs = async (
  store: PackStore,
  directory: string,
  digests: ReadonlyArray<Digest>,
  names: ReadonlySet<string>,
): Promise<Removal> => {
  const { writer, going } = store
  let bytes = 0
  let found: ReadonlyArray<BlobRow> = []
  try {
    found = await findRows(store, digests)
    if (found.length === 0) return await answerOf(store, digests, names, { found, bytes })
    // Puts go on in a later pack; what they store again from now on is not removed.
    const before = await writer.roll()
    const rows = await findRows(store, digests)
    await markGoing(
      store,
      rows.filter(({ pack }) => pack < before),
      names,
    )
    const goers = await rowsWhere(store, (row) => row.pack < before && going.has(nameOf(row)))
    bytes = await rewritePacks(store, directory, await makePlans(directory, goers))
    return await answerOf(store, digests, names, { found, bytes })
  } finally {
    going.clear()
  }
}
