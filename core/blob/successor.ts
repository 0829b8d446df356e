/**
 * The pack that takes what stays of others: bytes are appended to it, made durable, and only then
 * named in the index. One takes of many packs, until it is full.
 *
 * Its number is above those of all packs that anything is cut off from, so these are never appended
 * to again, not after another opening either: what lies beyond their ends by now, copies of them
 * may still have. Plain promises, used by one removal. Does not know what it moves.
 */
import type { FileHandle } from "node:fs/promises"
import type { Mark } from "./index-row.js"
import { packHeaderBytes } from "./pack.js"
import { readAt } from "./pack-files.js"
import type { Extent } from "./pack-frames.js"
import type { PackStore } from "./pack-store.js"
import { openTail, type PackTail } from "./pack-tail.js"

const copyBytes = 1_048_576

type Parts = Pick<PackStore, "packs" | "packBytesMax" | "writer" | "damage">

/** What was appended, and is not named yet. */
export interface Appended {
  /** Of the pack that it was appended to. */
  readonly pack: number
  /** Where the first byte lies. */
  readonly offset: number
  readonly mark: Mark
}

export class Successors {
  /** Of the headers of those that are there. */
  headerBytes = 0
  readonly #parts: Parts
  #tail: PackTail | undefined
  /** Whether something but whole frames may lie in it: then nothing else is appended to it. */
  #isMixed = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Begins a pack, if none is begun. What is mixed gets one of its own. */
  async begin(isMixed: boolean): Promise<void> {
    if (isMixed || this.#isMixed) await this.end()
    this.#isMixed = isMixed
    await this.#begun()
  }

  async #begun(): Promise<PackTail> {
    const { packs: directory, writer } = this.#parts
    if (this.#tail !== undefined) return this.#tail
    const pack = writer.nextPack()
    const tail = await openTail({ directory, durable: true, pack, last: undefined })
    this.headerBytes += packHeaderBytes
    this.#tail = tail
    return tail
  }

  /** Appends bytes of a pack, durably. They can be taken back until they are kept. */
  async append(from: FileHandle, extents: ReadonlyArray<Extent>): Promise<Appended> {
    const bytes = extents.reduce((sum, extent) => sum + extent.to - extent.from, 0)
    if (!this.#takes(bytes)) await this.end()
    const tail = await this.#begun()
    const { pack, header, end: offset } = tail
    for (const extent of extents) await copyExtent(from, extent, tail)
    await tail.write()
    await tail.sync()
    const mark = { pack, header, end: tail.end, whole: !this.#isMixed, ahead: false }
    return { pack, offset, mark }
  }

  /** Whether so many bytes fit into the pack. Of one that is found damaged, evidence is kept. */
  #takes(bytes: number): boolean {
    const { packBytesMax, damage } = this.#parts
    const { pack = 0, end = packHeaderBytes } = this.#tail ?? {}
    if (!this.#isMixed && damage.isIn(pack)) return false
    return end === packHeaderBytes || end + bytes <= packBytesMax
  }

  /** What was appended stays: it is named. */
  keep(): void {
    this.#tail?.keep()
  }

  /** Takes back what is not kept, and appends nothing more to that pack. */
  async takeBack(): Promise<void> {
    const tail = this.#tail
    this.#tail = undefined
    if (tail?.kept === packHeaderBytes) this.headerBytes -= packHeaderBytes
    await tail?.discard()
  }

  /** Appends nothing more to the pack, and takes nothing back: it may be named after all. */
  async leave(): Promise<void> {
    const tail = this.#tail
    this.#tail = undefined
    await tail?.close()
  }

  /** Ends the pack; one that is empty goes. */
  async end(): Promise<void> {
    const tail = this.#tail
    if (tail === undefined || tail.kept === packHeaderBytes) return await this.takeBack()
    await this.leave()
  }

  /** Puts go on in the last pack, unless they have begun one meanwhile, or it is not fit for it. */
  async handOver(): Promise<void> {
    const tail = this.#tail
    if (tail === undefined) return
    const { packBytesMax, damage, writer } = this.#parts
    const { pack, header, kept: size } = tail
    const isFit = !this.#isMixed && !damage.isIn(pack) && size < packBytesMax
    const isTaken = isFit && (await writer.adopt({ pack, header, size }))
    if (!isTaken) return await this.end()
    await this.leave()
  }
}

const copyExtent = async (from: FileHandle, { from: start, to }: Extent, tail: PackTail) => {
  for (let at = start; at < to; ) {
    const bytes = await readAt(from, at, Math.min(copyBytes, to - at))
    if (bytes.length === 0) throw new Error("a pack became shorter while it was copied")
    at += bytes.length
    if (tail.add([bytes])) await tail.write()
  }
}
