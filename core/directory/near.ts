/**
 * Directories below a root that are needed one after the other, and mostly again: the last ones are
 * kept open.
 */
import { splitPath } from "../model/path.js"
import { type OpenDirectory, openBelow } from "./safe-path.js"

const keptCountMax = 32

export class NearDirectories {
  readonly #root: OpenDirectory
  readonly #kept = new Map<string, Promise<OpenDirectory>>()

  constructor(root: OpenDirectory) {
    this.#root = root
  }

  /** Uses the directory of a path, and closes nothing meanwhile. */
  async use<A>(
    path: string,
    act: (directory: OpenDirectory, name: string) => Promise<A>,
  ): Promise<A> {
    const { below, name } = splitPath(path)
    const directory = (await this.#open(below)).share()
    try {
      return await act(directory, name)
    } finally {
      await directory.release()
    }
  }

  /** Closes them all, the root too. */
  async close(): Promise<void> {
    for (const opening of this.#kept.values()) await drop(opening)
    await this.#root.release()
  }

  #open(below: string): Promise<OpenDirectory> {
    const kept = this.#kept.get(below)
    const opening = kept ?? openBelow(this.#root, below === "" ? [] : below.split("/"))
    this.#kept.delete(below)
    this.#kept.set(below, opening)
    // Its failure is that of whoever waits for it.
    opening.catch(() => this.#kept.delete(below))
    const [oldest] = this.#kept
    if (this.#kept.size > keptCountMax && oldest !== undefined) {
      this.#kept.delete(oldest[0])
      drop(oldest[1]).catch(() => undefined)
    }
    return opening
  }
}

const drop = async (opening: Promise<OpenDirectory>): Promise<void> => {
  const directory = await opening.catch(() => undefined)
  await directory?.release()
}
