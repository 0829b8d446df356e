/**
 * The file `reached` beside the rows: how far the log had come, overwritten in place after every
 * append. So a log that lost its tail is noticed, although rows are stored only from time to time.
 *
 * Position as u64, then the CRC-32 of these eight bytes (u32), big-endian. It is not synced: after
 * a power loss it may lag or be broken, and then says nothing. Knows no rows.
 */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"

const positionBytes = 8
const fileBytes = 12
const fileMode = 0o600

export class Reached {
  readonly #file: number
  readonly #bytes = Buffer.alloc(fileBytes)
  #position = 0

  /** At least `known`. Throws what the file system throws. */
  constructor(directory: string, known = 0) {
    this.#file = openSync(
      join(directory, "reached"),
      // Not what a symlink there leads to: it is written over.
      constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW,
      fileMode,
    )
    const bytes = Buffer.alloc(fileBytes)
    const read = readSync(this.#file, bytes, 0, fileBytes, 0)
    const body = bytes.subarray(0, positionBytes)
    if (read === fileBytes && crc32(body) === bytes.readUInt32BE(positionBytes))
      this.#position = bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4)
    if (known > this.#position) this.note(known)
  }

  get position(): number {
    return this.#position
  }

  note(position: number): void {
    this.#position = position
    this.#bytes.writeUInt32BE(Math.floor(position / 2 ** 32), 0)
    this.#bytes.writeUInt32BE(position % 2 ** 32, 4)
    this.#bytes.writeUInt32BE(crc32(this.#bytes.subarray(0, positionBytes)), positionBytes)
    try {
      writeSync(this.#file, this.#bytes, 0, fileBytes, 0)
    } catch {
      // What it would have witnessed then goes unwitnessed: no reason to fail what is durable.
    }
  }

  close(): void {
    closeSync(this.#file)
  }
}

/** How far the log had come by a directory that nobody has open; 0 where that is not known. */
export const reachedIn = (directory: string): number => {
  try {
    const reached = new Reached(directory)
    reached.close()
    return reached.position
  } catch {
    return 0
  }
}
