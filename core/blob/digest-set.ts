/**
 * A set of many digests in little memory: some 16 bytes each, where a set of their text takes ten
 * times as much.
 *
 * It keeps 52 bits of a digest. So it may say of one that was never added that it was: of a million
 * digests, asked of a set of ten million, that happens to one in five hundred sets. What was added
 * it always knows.
 */
import type { Digest } from "../model/digest.js"

const sizeMin = 1_024
// A double holds 53 bits; zero is an empty place.
const characterCount = 13

const keyOf = (digest: Digest): number => Number.parseInt(digest.slice(0, characterCount), 16) + 1

export class DigestSet {
  #places = new Float64Array(sizeMin)
  #count = 0

  add(digest: Digest): void {
    if (2 * this.#count >= this.#places.length) this.#grow()
    if (this.#put(keyOf(digest))) this.#count += 1
  }

  has(digest: Digest): boolean {
    const key = keyOf(digest)
    return this.#places[this.#placeOf(key)] === key
  }

  /** The place that has the key, or the empty one where it belongs. */
  #placeOf(key: number): number {
    const places = this.#places
    const mask = places.length - 1
    // The lower bits, since those above are the same once a set is large.
    let at = key & mask
    for (let found = places[at]; found !== 0 && found !== key; found = places[at])
      at = (at + 1) & mask
    return at
  }

  #put(key: number): boolean {
    const at = this.#placeOf(key)
    if (this.#places[at] === key) return false
    this.#places[at] = key
    return true
  }

  #grow(): void {
    const before = this.#places
    this.#places = new Float64Array(2 * before.length)
    for (const key of before) if (key !== 0) this.#put(key)
  }
}
