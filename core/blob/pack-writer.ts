/**
 * The one writer of packs: an append queue with a group commit.
 *
 * Entries are written in the order in which they came. While one fsync runs, further entries wait
 * and share the next one; index rows are written after the fsync that covers their frames, where
 * puts are synced. So a recipe that is durable has its chunks durable before it. Plain promises:
 * nothing here is interrupted half-way. Does not know what a blob is.
 */
import { setImmediate as nextTurn } from "node:timers/promises"
import { syncDirectory } from "../disk/files.js"
import { writeCause } from "../disk/room.js"
import type { BlobFailure } from "../errors.js"
import { type Claim, type Handed, nameOf, type Unplaced } from "./claim.js"
import { frameHeaderBytes, framePieces } from "./frame.js"
import type { BlobIndex } from "./index-level.js"
import type { Mark, Row } from "./index-row.js"
import { packHeaderBytes } from "./pack.js"
import { type LastPack, openTail, type PackTail } from "./pack-tail.js"
import { blobFailure, stopped } from "./rules.js"

export interface PackWriter {
  /** Grows whenever rows came into the index: as long as it has not, none did. */
  readonly storedCount: number
  /** The claim on a digest that is on its way into the index. */
  readonly claimOn: (row: Pick<Unplaced, "kind" | "digest">) => Claim | undefined
  /**
   * Hands frames in. Resolves when they are written; with `durable`, when they and all before them
   * are in the index, and durable where puts are synced. Resolves to a failure when that, or one of
   * `needs`, has failed: frames whose need failed are not written.
   */
  readonly append: (
    frames: ReadonlyArray<Handed>,
    needs: ReadonlyArray<Claim>,
    durable: boolean,
  ) => Promise<BlobFailure | undefined>
  /** Ends the pack. Puts from then on lie in packs of this number and above. */
  readonly roll: () => Promise<number>
  /** Makes everything durable that was acknowledged, also where puts do not wait for that. */
  readonly flush: () => Promise<void>
  /** Runs when nothing else writes packs or index. */
  readonly exclusively: <A>(task: () => Promise<A>) => Promise<A>
  /** Takes a number for a pack that somebody else writes. */
  readonly nextPack: () => number
  /** Goes on with a pack that somebody else has written; false where one is begun already. */
  readonly adopt: (last: LastPack) => Promise<boolean>
  /** Ends what was handed in, and refuses what comes later. */
  readonly close: () => Promise<void>
}

export interface PackWriterOptions {
  readonly directory: string
  readonly index: BlobIndex
  readonly durable: boolean
  readonly packBytesMax: number
  /** The pack to go on with, if the last one is whole. */
  readonly last: LastPack | undefined
  readonly nextPack: number
}

interface Entry {
  readonly frames: ReadonlyArray<Handed>
  readonly needs: ReadonlyArray<Claim>
  readonly durable: boolean
  readonly task?: () => Promise<void>
  readonly settle: (failure: BlobFailure | undefined) => void
}

const markOf = ({ pack, header }: PackTail, end: number, ahead: boolean): Mark => ({
  pack,
  header,
  end,
  whole: true,
  ahead,
})

const failureOf = ({ frames, needs }: Entry): BlobFailure | undefined => {
  for (const { state } of needs) if (typeof state !== "string") return state
  for (const { claim } of frames) if (typeof claim.state !== "string") return claim.state
  return undefined
}

// Frames written but not in the index: a kilobyte of memory each, old for V8 when they wait long.
const placedCountMax = 1_024

class Writer implements PackWriter {
  readonly #options: PackWriterOptions
  readonly #claims = new Map<string, Claim>()
  #queue: Array<Entry> = []
  #running: Promise<void> | undefined
  #closed = false
  #tail: PackTail | undefined
  /** Frames in the tail that are not in the index yet. */
  #placed: Array<{ readonly claim: Claim; readonly row: Row }> = []
  #last: PackWriterOptions["last"]
  #next: number
  #storedCount = 0
  /** Why a pack could not be made durable: nothing that was in it can be promised any more. */
  #unsettled: unknown

  constructor(options: PackWriterOptions) {
    this.#options = options
    this.#last = options.last
    this.#next = options.nextPack
  }

  claimOn(row: Pick<Unplaced, "kind" | "digest">): Claim | undefined {
    return this.#claims.get(nameOf(row))
  }

  get storedCount(): number {
    return this.#storedCount
  }

  nextPack(): number {
    this.#next += 1
    return this.#next - 1
  }

  adopt(last: LastPack): Promise<boolean> {
    return this.exclusively(() => {
      const isFree = this.#tail === undefined && this.#last === undefined
      if (isFree) this.#last = last
      return Promise.resolve(isFree)
    })
  }

  append(frames: ReadonlyArray<Handed>, needs: ReadonlyArray<Claim>, durable: boolean) {
    if (this.#closed) return Promise.resolve(stopped("put"))
    for (const { claim } of frames) this.#claims.set(nameOf(claim.row), claim)
    return new Promise<BlobFailure | undefined>((settle) =>
      this.#enter({ frames, needs, durable, settle }),
    )
  }

  exclusively<A>(run: () => Promise<A>): Promise<A> {
    if (this.#closed) return Promise.reject(stopped("remove"))
    return new Promise((resolve, reject) => {
      const task = () => run().then(resolve, reject)
      this.#enter({ frames: [], needs: [], durable: true, task, settle: () => undefined })
    })
  }

  roll(): Promise<number> {
    return this.exclusively(async () => {
      await this.#seal()
      this.#last = undefined
      return this.#next
    })
  }

  flush(): Promise<void> {
    return this.exclusively(async () => {
      const tail = this.#tail
      if (this.#unsettled === undefined && tail !== undefined) await this.#settle(tail)
      if (this.#unsettled !== undefined) throw this.#unsettled
    })
  }

  close(): Promise<void> {
    const sealed = this.exclusively(() => this.#seal())
    this.#closed = true
    return sealed
  }

  #enter(entry: Entry): void {
    this.#queue.push(entry)
    this.#running ??= this.#drain()
  }

  async #drain(): Promise<void> {
    // Puts that are ready in this turn of the event loop join the first commit.
    await nextTurn()
    while (this.#queue.length > 0) {
      const batch = this.#queue
      this.#queue = []
      await this.#take(batch)
    }
    this.#running = undefined
  }

  async #take(batch: ReadonlyArray<Entry>): Promise<void> {
    for (const entry of batch) {
      // It can only come to fail while something is waited for.
      let failure = failureOf(entry)
      for (const handed of entry.frames) {
        const length = frameHeaderBytes + handed.frame.stored.length
        if (this.#tail === undefined || !this.#hasRoom(length))
          failure = (await this.#makeRoom(length)) ?? failureOf(entry)
        if (!this.#place(handed, failure)) continue
        await this.#write()
        failure = failureOf(entry)
      }
      // A content that goes on and on would have them grow: it is durable in parts.
      if (this.#placed.length >= placedCountMax) await this.#commit()
      if (entry.task === undefined) continue
      await this.#commit()
      await entry.task()
    }
    if (batch.some(({ durable }) => durable)) await this.#commit()
    else await this.#write()
    for (const entry of batch) entry.settle(failureOf(entry))
  }

  /** Adds a frame to the pack, unless it has failed already; true when it is time to write. */
  #place({ claim, frame }: Handed, failure: BlobFailure | undefined): boolean {
    const tail = this.#tail
    if (failure !== undefined) this.#end(claim, failure)
    if (failure !== undefined || tail === undefined) return false
    this.#placed.push({ claim, row: { ...claim.row, pack: tail.pack, offset: tail.end } })
    return tail.add(framePieces(frame))
  }

  /** Whether so many bytes fit into the pack. One frame does always. */
  #hasRoom(bytes: number): boolean {
    const end = this.#tail?.end ?? packHeaderBytes
    return end + bytes <= this.#options.packBytesMax || end === packHeaderBytes
  }

  /** Why there is no pack that takes the next frame; undefined when there is one. */
  async #makeRoom(bytes: number): Promise<BlobFailure | undefined> {
    try {
      if (!this.#hasRoom(bytes)) await this.#seal()
      this.#tail ??= await this.#begin()
      return undefined
    } catch (cause) {
      return blobFailure("put", cause)
    }
  }

  #begin(): Promise<PackTail> {
    const { directory, durable } = this.#options
    const last = this.#last
    this.#last = undefined
    const pack = last?.pack ?? this.nextPack()
    return openTail({ directory, durable, pack, last })
  }

  async #write(): Promise<void> {
    const tail = this.#tail
    await tail?.write().catch((cause: unknown) => this.#abandon(tail, cause))
  }

  async #commit(): Promise<void> {
    await this.#write()
    const tail = this.#tail
    if (tail === undefined || this.#placed.length === 0) return
    const { index, durable } = this.#options
    try {
      if (durable) await tail.sync()
      const rows = this.#placed.map(({ row }) => row)
      await index.add(rows, [markOf(tail, tail.end, !durable)], true)
      this.#storedCount += 1
      tail.keep()
      for (const { claim } of this.#placed) this.#end(claim, "stored")
      this.#placed = []
    } catch (cause) {
      await this.#abandon(tail, cause)
    }
  }

  /** What was not committed is given up with the pack: who knows what a failed write has left. */
  async #abandon(tail: PackTail, cause: unknown): Promise<void> {
    const failure = blobFailure("put", await writeCause(this.#options.directory, cause))
    for (const { claim } of this.#placed) this.#end(claim, failure)
    this.#placed = []
    this.#tail = undefined
    await tail.discard()
  }

  #end(claim: Claim, state: Claim["state"]): void {
    claim.state = state
    this.#claims.delete(nameOf(claim.row))
  }

  async #seal(): Promise<void> {
    await this.#commit()
    const tail = this.#tail
    if (tail === undefined) return
    this.#tail = undefined
    await this.#settle(tail)
    await tail.close()
  }

  /** One fsync for all that was acknowledged without: the mark then covers what is on the disk. */
  async #settle(tail: PackTail): Promise<void> {
    const { directory, durable, index } = this.#options
    if (durable || tail.kept === packHeaderBytes) return
    try {
      if (!(await tail.sync())) return
      await syncDirectory(directory)
      await index.add([], [markOf(tail, tail.kept, false)])
    } catch (cause) {
      // The mark still says that rows may be ahead, so the next opening looks at their frames.
      this.#unsettled = cause
    }
  }
}

/** Opens nothing yet: a pack is begun with the first frame. */
export const openPackWriter = (options: PackWriterOptions): PackWriter => new Writer(options)
