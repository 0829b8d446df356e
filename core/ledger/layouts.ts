/**
 * Archives that were laid out lately: whoever sends one in ranges, or again, need not have it laid
 * out each time. The last ones are kept, few entries of them in all.
 *
 * Of content of the store alone: it cannot change, and goes only with a sweep, which forgets them.
 */
import { layoutEntryCountMax } from "../limits.js"
import type { Tree } from "../model/tree.js"
import type { ZipLayout } from "../zip/layout.js"

/** An archive as it is laid out, and what of each of its versions is in it. */
export interface LaidOut {
  readonly layout: ZipLayout
  readonly trees: ReadonlyArray<Tree>
}

const countOf = ({ trees }: LaidOut): number => trees.reduce((sum, tree) => sum + tree.length, 0)

export class Layouts {
  readonly #kept = new Map<string, LaidOut>()
  #count = 0

  get(key: string): LaidOut | undefined {
    const found = this.#kept.get(key)
    if (found === undefined) return undefined
    // Taken out and put back: the first of the map is then the one that was used longest ago.
    this.#kept.delete(key)
    this.#kept.set(key, found)
    return found
  }

  keep(key: string, laidOut: LaidOut): void {
    this.forget(key)
    const count = countOf(laidOut)
    if (count > layoutEntryCountMax) return
    this.#kept.set(key, laidOut)
    this.#count += count
    for (const oldest of this.#kept.keys()) {
      if (this.#count <= layoutEntryCountMax) return
      this.forget(oldest)
    }
  }

  forget(key: string): void {
    const found = this.#kept.get(key)
    if (found === undefined) return
    this.#kept.delete(key)
    this.#count -= countOf(found)
  }

  clear(): void {
    this.#kept.clear()
    this.#count = 0
  }
}
