/**
 * The end of the pack that is being written: bytes are gathered, written, synced, and only then
 * kept; what was never kept can be cut off again.
 *
 * Plain promises, used by one writer. Knows nothing about digests, nor the index.
 */
import { type FileHandle, open, unlink } from "node:fs/promises"
import { fileMode, syncDirectory } from "../disk/files.js"
import { headerCheck, packHeader, packHeaderBytes } from "./pack.js"
import { packPath, writeAt } from "./pack-files.js"

// Held back at most, so that few writes carry many frames.
const gatherBytesMax = 4_194_304
// Joined before they are written: handing many small pieces over costs more than copying them.
const joinBytesMax = 262_144
const pieceBytesMax = 16_384

/** A pack that can be appended to. */
export interface LastPack {
  readonly pack: number
  readonly size: number
  /** The CRC-32 in its header. */
  readonly header: number
}

export interface PackTailOptions {
  readonly directory: string
  readonly pack: number
  /** A pack that is there already and ends with a whole frame; without it, one is made. */
  readonly last: LastPack | undefined
  readonly durable: boolean
}

export class PackTail {
  readonly pack: number
  /** The CRC-32 in the header of the pack. */
  readonly header: number
  readonly #path: string
  readonly #handle: FileHandle
  #end: number
  #kept: number
  #written: number
  #synced: number
  #gathered: Array<Uint8Array> = []

  constructor(
    { directory, pack }: PackTailOptions,
    handle: FileHandle,
    { size: end, header }: Pick<LastPack, "size" | "header">,
  ) {
    this.pack = pack
    this.header = header
    this.#path = packPath(directory, pack)
    this.#handle = handle
    this.#end = end
    this.#kept = end
    this.#written = end
    this.#synced = end
  }

  /** Where the next frame will lie. */
  get end(): number {
    return this.#end
  }

  /** Where the bytes end that are kept. */
  get kept(): number {
    return this.#kept
  }

  /** Takes bytes for `end`; true when it is time to `write`. */
  add(pieces: ReadonlyArray<Uint8Array>): boolean {
    for (const piece of pieces) {
      this.#gathered.push(piece)
      this.#end += piece.length
    }
    return this.#end - this.#written >= gatherBytesMax
  }

  async write(): Promise<void> {
    const gathered = this.#gathered
    if (gathered.length === 0) return
    this.#gathered = []
    const bytes = this.#end - this.#written
    const isJoined = bytes <= Math.max(joinBytesMax, pieceBytesMax * gathered.length)
    const pieces = isJoined ? [Buffer.concat(gathered)] : gathered
    await writeAt(this.#handle, this.#written, pieces)
    this.#written = this.#end
  }

  /** All that was written survives a power loss. False when it did so before. */
  async sync(): Promise<boolean> {
    const written = this.#written
    if (written === this.#synced) return false
    await this.#handle.datasync()
    this.#synced = written
    return true
  }

  /** All that was written stays, whatever happens to what comes. */
  keep(): void {
    this.#kept = this.#written
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** Cuts off what was not kept, as far as the disk still lets us; an empty pack is removed. */
  async discard(): Promise<void> {
    const isEmpty = this.#kept === packHeaderBytes
    if (!isEmpty) await this.#handle.truncate(this.#kept).catch(() => undefined)
    await this.#handle.close().catch(() => undefined)
    if (isEmpty) await unlink(this.#path).catch(() => undefined)
  }
}

/** Goes on with a pack, or makes one. Rejects with the error of the disk. */
export const openTail = async (options: PackTailOptions): Promise<PackTail> => {
  const { directory, pack, last, durable } = options
  const path = packPath(directory, pack)
  const handle = await open(path, last === undefined ? "wx" : "r+", fileMode)
  if (last !== undefined) return new PackTail(options, handle, last)
  const header = packHeader()
  const begun = { size: packHeaderBytes, header: headerCheck(header) }
  const tail = new PackTail(options, handle, begun)
  try {
    await writeAt(handle, 0, [header])
    if (durable) await syncDirectory(directory)
    return tail
  } catch (cause) {
    await tail.discard()
    throw cause
  }
}
