/**
 * Removing blobs: what goes is chosen, the index forgets it, and the packs that hold much of it are
 * compacted.
 *
 * A blob is there as a whole or gone, whenever the program ends: its recipe goes from the index
 * before the first of its chunks does. On a disk that is full, room is made that was kept for it.
 */
import { lacksRoom, type Room, writing } from "../disk/room.js"
import {
  forgottenRowBytes,
  removalRoomBytesMin,
  removalSliceCountMax,
  tightRemovalCountMax,
} from "../limits.js"
import { storageReason } from "../model/cause.js"
import type { Digest } from "../model/digest.js"
import type { Removal } from "./blob-store.js"
import { nameOf } from "./claim.js"
import { compact } from "./compact.js"
import { frameHeaderBytes } from "./frame.js"
import {
  type Choice,
  type Choosing,
  choose,
  findRows,
  inTurns,
  markBlobs,
  markChunks,
} from "./going.js"
import type { Move } from "./index-moves.js"
import type { BlobRow, Row } from "./index-row.js"
import type { Note } from "./leases.js"
import { listPacks } from "./pack-files.js"
import { PackFrames } from "./pack-frames.js"
import { groupsOf, type Planned, plansOf } from "./pack-plans.js"
import type { PackStore } from "./pack-store.js"
import { Successors } from "./successor.js"

export interface RemovalOptions {
  /** What anybody has relied on, since an earlier moment than the call. */
  readonly note?: Note
  /** Whether packs are compacted that hardly anything of goes. */
  readonly thorough?: boolean
  /** Whether chunks may wait for a later removal. */
  readonly more?: boolean
  readonly signal?: AbortSignal
  /** How much there is on the disk. */
  readonly room?: Room
  /** Makes room on a disk that is full; false where there is none to be made. */
  readonly makeRoom?: () => Promise<boolean>
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
    const found = await findRows(this.#store, this.#digests)
    let rest = this.#digests
    if (await this.#isTight(rest.length)) await this.#options.makeRoom?.()
    do {
      const isTight = await this.#isTight(rest.length)
      // What goes makes room for the rest to go, however little it is of a pack.
      const some = isTight ? rest.slice(0, tightRemovalCountMax) : rest
      await this.#patiently(some, isTight)
      rest = rest.slice(some.length)
    } while (rest.length > 0)
    return await this.#answer(found)
  }

  #isTight(count: number): Promise<boolean> {
    const bytes = removalRoomBytesMin + forgottenRowBytes * count
    return lacksRoom(this.#store.packs, bytes, this.#options.room)
  }

  async #patiently(digests: ReadonlyArray<Digest>, isTight: boolean): Promise<void> {
    const { packs } = this.#store
    const pass = () => writing(packs, () => this.#pass(digests, isTight))
    try {
      await pass()
    } catch (cause) {
      if (storageReason(cause) !== "full" || !(await this.#options.makeRoom?.())) throw cause
      await pass()
    }
  }

  async #pass(digests: ReadonlyArray<Digest>, isTight: boolean): Promise<void> {
    const store = this.#store
    const { damage, going, writer } = store
    const { more = false, thorough = false } = this.#options
    try {
      const there = await findRows(store, digests)
      if (there.length === 0 && (more || !damage.isEmpty)) return
      // Puts go on in a later pack; what they store again from now on is not removed.
      const before = await writer.roll()
      const rows = await findRows(store, digests)
      const choosing = { rows, before, relied: this.#relied }
      // Where damage is known, chunks go with their blobs or not at all.
      if (more && !isTight && damage.isEmpty) return await this.#forgetBlobs(choosing)
      const choice = await choose(store, choosing)
      const plans = await plansOf(store, choice, before, thorough || isTight)
      for (const { usage } of plans) await markChunks(store, usage.unused, this.#relied)
      await this.#forget(choice.blobs)
      await this.#compactAll(plans, choice)
      if (plans.length === 0) await this.#goOn(before)
    } finally {
      going.clear()
    }
  }

  /** Puts go on in the pack that was ended for this, unless they have begun one meanwhile. */
  async #goOn(before: number): Promise<void> {
    const { index, damage, writer, packs, packBytesMax } = this.#store
    const file = (await listPacks(packs)).at(-1)
    const mark = file && (await index.marks()).get(file.pack)
    if (mark === undefined || mark.pack >= before || !mark.whole || mark.ahead) return
    const { pack, header, end: size } = mark
    const isFit = file?.size === size && size < packBytesMax && !damage.isIn(pack)
    if (isFit) await writer.adopt({ pack, header, size })
  }

  /** Blobs alone: the chunks that nothing uses then go with what is removed next. */
  async #forgetBlobs({ rows, before, relied }: Choosing): Promise<void> {
    const goers: Array<Move> = []
    for await (const row of markBlobs(this.#store, { rows, before, relied }))
      goers.push({ kind: "recipe", digest: row.digest, from: { below: before }, to: undefined })
    await this.#rewrite(goers)
  }

  /** Takes rows from the index, durably: what they name is nobody's any more. */
  async #forget(rows: ReadonlyArray<Placed>): Promise<void> {
    await this.#rewrite(rows.map((row): Move => ({ ...row, from: row, to: undefined })))
  }

  async #rewrite(all: ReadonlyArray<Move>): Promise<void> {
    const { writer, index } = this.#store
    for await (const moves of inTurns(all, removalSliceCountMax)) {
      this.#options.signal?.throwIfAborted()
      if (moves.length > 0)
        await writer.exclusively(() => index.rewrite({ moves, marks: [], gone: [] }))
    }
  }

  async #compactAll(plans: ReadonlyArray<Planned>, { blobs, isSound }: Choice): Promise<void> {
    const store = this.#store
    const { signal, room } = this.#options
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
          await compact({ store, successors, signal, room }, { ...plan, frames: own }, given)
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
