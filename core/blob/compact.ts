/**
 * Giving the bytes of a pack back, slice by slice from its end: what stays of a slice is moved
 * byte by byte to another pack, the index follows, the pack is cut off where the slice began. So it
 * takes room for one slice, and each step frees what it cut.
 *
 * What is moved is durable before the index names it, and the index before anything is cut:
 * whatever happens in between, every frame that stays lies in a pack with its right name.
 */
import { type FileHandle, open, unlink } from "node:fs/promises"
import { syncDirectory } from "../disk/files.js"
import { lacksRoom, type Room, writeCause } from "../disk/room.js"
import {
  removalRoomBytesMin,
  removalSliceBytesMax,
  removalSliceCountMax,
  tightSliceBytesMax,
  tightSliceCountMax,
} from "../limits.js"
import { storageReason } from "../model/cause.js"
import type { Digest } from "../model/digest.js"
import { type Finding, stretchOf } from "./damage.js"
import { frameHeaderBytes } from "./frame.js"
import type { Move } from "./index-moves.js"
import type { Mark, Spot } from "./index-row.js"
import { headerCheck, packHeaderBytes } from "./pack.js"
import { packPath, readAt } from "./pack-files.js"
import type { PackFrames } from "./pack-frames.js"
import {
  areEntangled,
  type Ends,
  garbageIn,
  nextSlice,
  type Slice,
  type SliceBounds,
} from "./pack-slices.js"
import type { PackStore } from "./pack-store.js"
import type { Appended, Successors } from "./successor.js"

/** What is to become of one pack. */
export interface Plan {
  readonly mark: Mark
  /** Of the file. */
  readonly size: number
  /** Those that are in the index, and end where the file does or before. */
  readonly frames: PackFrames
  /** Whether bytes stay that are in no row. */
  readonly restStays: boolean
  /** How many bytes it must at least give back to be worth the moving of what lies behind them. */
  readonly isWorth: (garbage: number, size: number) => boolean
}

export interface CompactionOptions {
  readonly store: PackStore
  readonly successors: Successors
  /** Asked between two steps. */
  readonly signal?: AbortSignal | undefined
  /** How much there is on the disk. */
  readonly room?: Room | undefined
}

/** A frame of a slice, and where it lies from now on. */
interface SliceMove extends Move {
  readonly from: Spot
}

/** What becomes of the frames of a slice, in their order. */
const movesOf = (
  { frames, mark: { pack } }: Plan,
  { first, kept }: Slice,
  last: number,
  to: Appended | undefined,
): ReadonlyArray<SliceMove> => {
  const moves: Array<SliceMove> = []
  let [at, base] = [0, to?.offset ?? 0]
  for (let index = first; index < last; index += 1) {
    const { kind, digest, from: offset } = frames.at(index)
    const from = { pack, offset }
    if (to === undefined || frames.goes(index)) {
      moves.push({ kind, digest, from, to: undefined })
      continue
    }
    for (let extent = kept[at]; extent !== undefined && extent.to <= offset; extent = kept[at]) {
      base += extent.to - extent.from
      at += 1
    }
    const start = kept[at]?.from ?? offset
    moves.push({ kind, digest, from, to: { pack: to.pack, offset: base + offset - start } })
  }
  return moves
}

/** One pack while it is emptied. */
class Emptying {
  readonly #options: CompactionOptions
  readonly #plan: Plan
  readonly #handle: FileHandle
  /** Content whose damage has gone on with it. */
  readonly #followed = new Set<Digest>()
  /** Of the file, by now. */
  #size: number
  /** Given back so far; negative while more was moved than was cut off. */
  bytes = 0

  constructor(options: CompactionOptions, plan: Plan, handle: FileHandle) {
    this.#options = options
    this.#plan = plan
    this.#handle = handle
    this.#size = plan.size
  }

  async run(): Promise<void> {
    const { frames, mark, restStays, isWorth } = this.#plan
    const canBeCut = !areEntangled(frames)
    // What lies behind the mark was never acknowledged, or has been moved already.
    let end: Ends = { last: frames.count, offset: Math.min(this.#size, mark.end) }
    let garbage = garbageIn(frames, end.offset, restStays)
    for (;;) {
      if (canBeCut) await this.#cut(end.offset)
      this.#options.signal?.throwIfAborted()
      const isSmall = end.offset - packHeaderBytes <= removalSliceBytesMax
      // A small rest is moved too: that leaves one pack less. One that could not be cut has to be.
      if (!isSmall && this.#size === end.offset && !isWorth(garbage, end.offset)) return
      const slice = nextSlice(frames, end, await this.#bounds())
      await this.#take(slice, end)
      if (slice.start === packHeaderBytes) return await this.#remove()
      garbage -= end.offset - slice.start - slice.bytes
      end = { last: slice.first, offset: slice.start }
    }
  }

  /** Asked for each slice: a disk that was full has room by and by. */
  async #bounds(): Promise<SliceBounds> {
    const { restStays } = this.#plan
    const { store, room } = this.#options
    const isTight = await lacksRoom(store.packs, removalRoomBytesMin, room)
    return isTight
      ? { bytesMax: tightSliceBytesMax, countMax: tightSliceCountMax, restStays }
      : { bytesMax: removalSliceBytesMax, countMax: removalSliceCountMax, restStays }
  }

  /** Moves what stays of a slice, durably, and has the index follow. */
  async #take(slice: Slice, end: Ends): Promise<void> {
    const { store, successors } = this.#options
    const { mark } = this.#plan
    const { pack } = mark
    const isGone = slice.start === packHeaderBytes
    let to: Appended | undefined
    let isTold = false
    try {
      if (slice.bytes > 0) to = await successors.append(this.#handle, slice.kept)
      const moves = movesOf(this.#plan, slice, end.last, to)
      if (to !== undefined && store.damage.isIn(pack)) await this.#follow(moves, slice)
      const marks = isGone ? [] : [{ ...mark, end: slice.start, whole: false }]
      if (to !== undefined) marks.push(to.mark)
      const gone = isGone ? [pack] : []
      isTold = true
      await store.writer.exclusively(() => store.index.rewrite({ moves, marks, gone }))
    } catch (cause) {
      // Who knows what an index keeps of a write that a disk has failed: what it may name stays. A
      // disk that was full has taken nothing of it.
      const reason = storageReason(await writeCause(store.packs, cause))
      if (isTold && reason !== "full") await successors.leave()
      else await successors.takeBack()
      if (to !== undefined && !isTold) this.#unfollow(to)
      throw cause
    }
    successors.keep()
    this.bytes -= slice.bytes
  }

  /**
   * Damage that frames lie in goes with them, on record before the index names them there: nobody
   * relies on them in between.
   */
  async #follow(moves: ReadonlyArray<SliceMove>, { first }: Slice): Promise<void> {
    const { damage, record } = this.#options.store
    const { frames } = this.#plan
    for (const [at, { from, to, digest }] of moves.entries()) {
      const storedSize = frames.to(first + at) - from.offset - frameHeaderBytes
      const known = damage.at({ ...from, storedSize })
      if (to === undefined || known.length === 0) continue
      const lost = known.flatMap(({ digests }) => digests)
      const digests = lost.length === 0 ? [digest] : [...new Set(lost)]
      damage.add({ ...stretchOf({ ...to, storedSize }), state: "damaged", digests })
      for (const one of digests) this.#followed.add(one)
      record.follow(to.pack)
    }
    await record.save()
  }

  #unfollow({ pack, offset }: Appended): void {
    const { damage } = this.#options.store
    damage.change((finding) => (finding.pack === pack && finding.from >= offset ? [] : [finding]))
  }

  /** Cuts off what lies behind an offset, unless somebody has the file under another name. */
  async #cut(offset: number): Promise<void> {
    const { damage } = this.#options.store
    if (this.#size <= offset) return
    const { nlink } = await this.#handle.stat()
    // Evidence is such a name, or will be.
    if (nlink > 1 || damage.isIn(this.#plan.mark.pack)) return
    await this.#handle.truncate(offset)
    await this.#handle.sync()
    this.bytes += this.#size - offset
    this.#size = offset
  }

  /** Removes the file: nothing of it is in the index any more. */
  async #remove(): Promise<void> {
    const { packs, reader, damage, record } = this.#options.store
    const { pack } = this.#plan.mark
    if (damage.isIn(pack)) {
      damage.change((finding) => this.#left(finding))
      await record.save()
    }
    await reader.drop(pack)
    // What has another name takes its room on.
    const { nlink } = await this.#handle.stat()
    await unlink(packPath(packs, pack))
    await syncDirectory(packs)
    if (nlink === 1) this.bytes += this.#size
  }

  /** What stays on record of this pack: bytes that it had lost, content that lay in no frame. */
  #left(finding: Finding): ReadonlyArray<Finding> {
    if (finding.pack !== this.#plan.mark.pack || finding.state !== "damaged") return [finding]
    const digests = finding.digests.filter((digest) => !this.#followed.has(digest))
    return digests.length === 0 ? [] : [{ ...finding, digests }]
  }
}

/** Carries a plan out. `given` is told the bytes that were given back, also before a failure. */
export const compact = async (
  options: CompactionOptions,
  plan: Plan,
  given: (bytes: number) => void,
): Promise<void> => {
  const { store, successors } = options
  const { mark, restStays } = plan
  const { pack } = mark
  const handle = await open(packPath(store.packs, pack), "r+")
  try {
    const header = headerCheck(await readAt(handle, 0, packHeaderBytes))
    // Another pack has come in its place since it was indexed: the next opening says so.
    if (header !== mark.header) return
    const isDamaged = store.damage.isIn(pack)
    if (isDamaged) await store.record.keep(pack)
    await successors.begin(restStays || isDamaged)
    const emptying = new Emptying(options, plan, handle)
    try {
      await emptying.run()
    } finally {
      given(emptying.bytes)
    }
  } finally {
    await handle.close()
  }
}
