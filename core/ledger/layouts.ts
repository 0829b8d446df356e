/**
 * Archives that were laid out lately: whoever sends one in ranges, or again, need not have it laid
 * out each time. The last ones are kept, few entries of them in all.
 *
 * Of content of the store alone: it cannot change, and goes only with a sweep, which forgets them.
 */
import { layoutEntryCountMax } from "../limits.js"
import type { ZipLayout } from "../zip/layout.js"

export class Layouts {
  readonly #kept = new Map<string, ZipLayout>()
  #count = 0

  get(key: string): ZipLayout | undefined {
    const found = this.#kept.get(key)
    if (found === undefined) return undefined
    // Taken out and put back: the first of the map is then the one that was used longest ago.
    this.#kept.delete(key)
    this.#kept.set(key, found)
    return found
  }

  keep(key: string, layout: ZipLayout): void {
    this.forget(key)
    if (layout.count > layoutEntryCountMax) return
    this.#kept.set(key, layout)
    this.#count += layout.count
    for (const oldest of this.#kept.keys()) {
      if (this.#count <= layoutEntryCountMax) return
      this.forget(oldest)
    }
  }

  forget(key: string): void {
    const found = this.#kept.get(key)
    if (found === undefined) return
    this.#kept.delete(key)
    this.#count -= found.count
  }

  clear(): void {
    this.#kept.clear()
    this.#count = 0
  }
}
