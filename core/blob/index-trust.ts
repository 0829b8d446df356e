/**
 * The sign that an index may be believed: a file beside its rows.
 *
 * LevelDB goes on after a write to its log that failed, and loses what comes after it when it
 * opens again. So the first failure takes the sign away, which works on a full disk too, and an
 * index without the sign is rebuilt. Knows nothing about rows.
 */
import { access, unlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { fileMode, syncDirectory } from "../disk/files.js"
import { hasCode } from "../model/cause.js"
import { stopped } from "./rules.js"

/** Stands for an index directory. Its file `whole` is the sign; the index must be there. */
export class IndexTrust {
  readonly #directory: string
  readonly #sign: string
  #lost = false

  constructor(directory: string) {
    this.#directory = directory
    this.#sign = join(directory, "whole")
  }

  holds(): Promise<boolean> {
    return access(this.#sign).then(
      () => true,
      () => false,
    )
  }

  /** For an index that is as good as its packs, or empty. */
  async give(): Promise<void> {
    await writeFile(this.#sign, "", { mode: fileMode })
  }

  /** A write, refused when an earlier one failed and even the sign could not be taken away. */
  async write(run: () => Promise<void>): Promise<void> {
    if (this.#lost) throw stopped("write to its index")
    try {
      await run()
    } catch (cause) {
      await this.#take()
      throw cause
    }
  }

  async #take(): Promise<void> {
    try {
      await unlink(this.#sign)
      await syncDirectory(this.#directory)
    } catch (cause) {
      // Taken away by an earlier failure: that is as good.
      this.#lost = !hasCode(cause, "ENOENT")
    }
  }
}
