/**
 * A reserve: a file that does nothing but take room, so that there is some to be had when the disk
 * is full, for work that must be able to run then.
 *
 * Does not know what that work is.
 */
import { unlink, writeFile } from "node:fs/promises"
import { isThere, writtenOver } from "./files.js"

export class Reserve {
  readonly #path: string
  readonly #bytes: number

  constructor(path: string, bytes: number) {
    this.#path = path
    this.#bytes = bytes
  }

  /** Gives the room up; false where there is none to be given. */
  giveUp(): Promise<boolean> {
    return unlink(this.#path).then(
      () => true,
      () => false,
    )
  }

  /** Takes room again. A disk that is still too full for it keeps nothing of it. */
  async keep(): Promise<void> {
    if (await isThere(this.#path).catch(() => true)) return
    try {
      await writeFile(this.#path, Buffer.alloc(this.#bytes), writtenOver)
    } catch {
      await this.giveUp()
    }
  }
}
