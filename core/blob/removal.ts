/**
 * Removing blobs: what goes is chosen, the index forgets it, and the packs that hold much of it are
 * compacted, those first that are emptied with the least to be moved.
 *
 * A blob is there as a whole or gone, whenever the program ends: its recipe goes from the index
 * before the first of its chunks does. On a disk that is full, room is made that was kept for it.
 */
import { stat } from "node:fs/promises"
import { roomIn, writing } from "../disk/room.js"
import {
  packGarbageShareMin,
  removalRoomBytesMin,
  removalRowCountMax,
  removalSliceBytesMax,
  removalSliceBytesMin,
  removalSliceCountMax,
} from "../limits.js"
import { hasCode, storageReason } from "../model/cause.js"
import type { Digest } from "../model/digest.js"
import type { Removal } from "./blob-store.js"
import { nameOf } from "./claim.js"
import { compact, type Plan } from "./compact.js"
import { frameHeaderBytes } from "./frame.js"
import { type Choice, choose, findRows, inTurns, markChunks, type Usage } from "./going.js"
import type { Move } from "./index-moves.js"
import type { BlobRow, Row } from "./index-row.js"
import type { Note } from "./leases.js"
import { packHeaderBytes } from "./pack.js"
import { packPath } from "./pack-files.js"
import { PackFrames } from "./pack-frames.js"
import type { PackStore } from "./pack-store.js"
import { Successors } from "./successor.js"

export interface RemovalOptions {
  /** What anybody has relied on, since an earlier moment than the call. */
  readonly note?: Note
  /** Whether packs are compacted that hardly anything of goes. */
  readonly thorough?: boolean
  readonly signal?: AbortSignal
  /** Makes room on a disk that is full; false where there is none to be made. */
  readonly makeRoom?: () => Promise<boolean>
}

/** A pack that is to be compacted, before its frames are known. */
interface Planned extends Omit<Plan, "frames"> {
  readonly usage: Usage
  /** Whether cutting it off gives nothing back until it is gone, if at all. */
  readonly isShared: boolean
}

const unused = (): Usage => ({ count: 0, stays: 0, goes: 0, unused: [] })

const statOf = async (path: string) => {
  try {
    const { size, nlink } = await stat(path)
    return { size, nlink }
  } catch (cause) {
    if (hasCode(cause, "ENOENT")) return { size: 0, nlink: 0 }
    throw cause
  }
}

const isMuch = (garbage: number, size: number) => garbage * packGarbageShareMin >= size
const isAny = (garbage: number) => garbage > 0

/** The packs of which enough goes. Of one that is lost, the index forgets what goes. */
const plansOf = async (
  { packs: directory, index, damage }: PackStore,
  { packs, isSound }: Choice,
  before: number,
  isThorough: boolean,
): Promise<ReadonlyArray<Planned>> => {
  const isWorth = isThorough || !isSound ? isAny : isMuch
  const plans: Array<Planned> = []
  for (const mark of (await index.marks()).values()) {
    const usage = packs.get(mark.pack) ?? unused()
    if (mark.pack >= before) continue
    const { size, nlink } = await statOf(packPath(directory, mark.pack))
    const garbage = isSound ? size - packHeaderBytes - usage.stays : usage.goes
    const isShared = nlink > 1 || damage.isIn(mark.pack)
    const isLost = size === 0 && usage.goes > 0
    // What has another name gives nothing back, unless that name goes.
    const isWanted = isWorth(garbage, size) && (!isShared || isWorth === isAny)
    if (isLost || isWanted)
      plans.push({ mark, size, restStays: !isSound, isWorth, usage, isShared })
  }
  return plans.sort(
    (a, b) => Number(a.isShared) - Number(b.isShared) || a.usage.stays - b.usage.stays,
  )
}

/** As many plans at once as their frames have room in memory. */
function* groupsOf(plans: ReadonlyArray<Planned>): Generator<ReadonlyArray<Planned>, void> {
  let [group, count]: [Array<Planned>, number] = [[], 0]
  for (const plan of plans) {
    if (group.length > 0 && count + plan.usage.count > removalRowCountMax) {
      yield group
      ;[group, count] = [[], 0]
    }
    group.push(plan)
    count += plan.usage.count
  }
  if (group.length > 0) yield group
}

type Placed = Pick<Row, "kind" | "digest" | "pack" | "offset" | "storedSize">

class Removing {
  readonly #store: PackStore
  readonly #digests: ReadonlyArray<Digest>
  readonly #relied: ReadonlySet<string>
  readonly #options: RemovalOptions
  #bytes = 0

  constructor(
    store: PackStore,
    digests: ReadonlyArray<Digest>,
    relied: ReadonlySet<string>,
    options: RemovalOptions,
  ) {
    this.#store = store
    this.#digests = digests
    this.#relied = relied
    this.#options = options
  }

  async run(): Promise<Removal> {
    const { packs } = this.#store
    const found = await findRows(this.#store, this.#digests)
    if ((await roomIn(packs)) < removalRoomBytesMin) await this.#options.makeRoom?.()
    let sliceBytesMax = removalSliceBytesMax
    let mayMakeRoom = true
    for (;;)
      try {
        await writing(packs, () => this.#pass(sliceBytesMax))
        return await this.#answer(found)
      } catch (cause) {
        if (storageReason(cause) !== "full") throw cause
        const isRoomMade = mayMakeRoom && (await this.#options.makeRoom?.())
        mayMakeRoom = false
        if (isRoomMade) continue
        if (sliceBytesMax === removalSliceBytesMin) throw cause
        sliceBytesMax = removalSliceBytesMin
      }
  }

  async #pass(sliceBytesMax: number): Promise<void> {
    const store = this.#store
    const { damage, going, writer } = store
    const { thorough = false } = this.#options
    try {
      const there = await findRows(store, this.#digests)
      if (there.length === 0 && !damage.isEmpty) return
      // Puts go on in a later pack; what they store again from now on is not removed.
      const before = await (there.length > 0 || thorough ? writer.roll() : writer.pack())
      const rows = await findRows(store, this.#digests)
      const choice = await choose(store, { rows, before, relied: this.#relied })
      const plans = await plansOf(store, choice, before, thorough)
      for (const { usage } of plans) await markChunks(store, usage.unused, this.#relied)
      await this.#forget(choice.blobs)
      await this.#compactAll(plans, choice, sliceBytesMax)
    } finally {
      going.clear()
    }
  }

  /** Takes rows from the index, durably: what they name is nobody's any more. */
  async #forget(rows: ReadonlyArray<Placed>): Promise<void> {
    const { writer, index } = this.#store
    for await (const page of inTurns(rows, removalSliceCountMax)) {
      this.#options.signal?.throwIfAborted()
      const moves = page.map((row): Move => ({ ...row, from: row, to: undefined }))
      const forgetting = { moves, marks: [], gone: [] }
      if (moves.length > 0) await writer.exclusively(() => index.rewrite(forgetting))
    }
  }

  async #compactAll(
    plans: ReadonlyArray<Planned>,
    { blobs, isSound }: Choice,
    sliceBytesMax: number,
  ): Promise<void> {
    const store = this.#store
    const { signal } = this.#options
    const successors = new Successors(store)
    const given = (bytes: number) => {
      this.#bytes += bytes
    }
    try {
      for (const group of groupsOf(plans)) {
        const frames = new Map(group.map(({ mark }) => [mark.pack, new PackFrames()]))
        await this.#fill(group, frames, isSound ? [] : blobs)
        for (const { usage, isShared, ...plan } of group) {
          const own = frames.get(plan.mark.pack)
          if (own === undefined || plan.size === 0) continue
          own.sort()
          await compact(
            { store, successors, sliceBytesMax, signal },
            { ...plan, frames: own },
            given,
          )
          frames.delete(plan.mark.pack)
        }
      }
    } finally {
      await successors.handOver().catch(() => successors.end())
      this.#bytes -= successors.headerBytes
    }
  }

  /** Finds the frames of packs. Those that are not there are forgotten, if they were to go. */
  async #fill(
    group: ReadonlyArray<Planned>,
    frames: ReadonlyMap<number, PackFrames>,
    blobs: ReadonlyArray<Placed>,
  ): Promise<void> {
    const { index, going } = this.#store
    const sizes = new Map(group.map(({ mark, size }) => [mark.pack, size]))
    const lost: Array<Placed> = []
    const put = (row: Placed, goes: boolean) => {
      const size = sizes.get(row.pack) ?? 0
      const isThere = row.offset + frameHeaderBytes + row.storedSize <= size
      if (isThere) frames.get(row.pack)?.add(row, goes)
      else if (goes && sizes.has(row.pack)) lost.push(row)
    }
    await index.each((row) => {
      if (typeof row !== "string") put(row, going.has(nameOf(row)))
    })
    // Of these the rows are gone already.
    for (const blob of blobs) put(blob, true)
    await this.#forget(lost)
  }

  /** Looked at when all is done: what is there, or may come, was kept or put meanwhile. */
  async #answer(found: ReadonlyArray<BlobRow>): Promise<Removal> {
    const kept = new Set<Digest>()
    for await (const page of inTurns(new Set(this.#digests)))
      for (const digest of page) {
        const isThere = this.#store.index.blob(digest) !== undefined
        if (isThere || this.#relied.has(nameOf({ kind: "recipe", digest }))) kept.add(digest)
      }
    const removed = found.filter(({ digest }) => !kept.has(digest)).length
    return { removed, bytes: Math.max(0, this.#bytes), kept: [...kept] }
  }
}

/**
 * Removes blobs, and the chunks that no blob uses. One call at a time. Rejects with the port's
 * errors or the disk's: then some of the blobs may be gone, and the call can be repeated.
 */
export const removeBlobs = async (
  store: PackStore,
  digests: ReadonlyArray<Digest>,
  options: RemovalOptions = {},
): Promise<Removal> => {
  const { note } = options
  // One that is given goes on: other removals may follow.
  const own = note === undefined ? store.leases.note() : undefined
  const relied = (note ?? own)?.names ?? new Set()
  try {
    return await new Removing(store, digests, relied, options).run()
  } finally {
    own?.end()
  }
}
