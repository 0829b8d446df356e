/**
 * A table from digests to small numbers, for marking millions of them: 12 bytes an entry.
 *
 * An entry is the first 64 bits of a digest. Of ten million digests, two have the same in one of
 * 300,000 cases; then the table takes one for the other. For answers that can bear that.
 */
import type { Digest } from "./digest.js"

const wordsPerEntry = 3
const capacityMin = 64

const word = (digest: Digest, at: number): number => Number.parseInt(digest.slice(at, at + 8), 16)

/** Values are whole numbers from 1 to 2^32 - 1. */
export class DigestTable {
  #count = 0
  #capacity = capacityMin
  /** Two words of the digest, one of the value; a value of 0 marks an empty place. */
  #words = new Uint32Array(capacityMin * wordsPerEntry)

  get size(): number {
    return this.#count
  }

  get(digest: Digest): number | undefined {
    const value = this.#words[this.#find(word(digest, 0), word(digest, 8)) + 2] ?? 0
    return value === 0 ? undefined : value
  }

  has(digest: Digest): boolean {
    return this.get(digest) !== undefined
  }

  set(digest: Digest, value: number): void {
    const [high, low] = [word(digest, 0), word(digest, 8)]
    let at = this.#find(high, low)
    if (this.#words[at + 2] === 0) {
      // Half full at most: beyond that, the walks to a free place become long.
      if ((this.#count + 1) * 2 > this.#capacity) {
        this.#grow()
        at = this.#find(high, low)
      }
      this.#count += 1
    }
    this.#put(at, high, low, value)
  }

  /** Whether it was not there before. */
  add(digest: Digest): boolean {
    if (this.has(digest)) return false
    this.set(digest, 1)
    return true
  }

  /** Where the entry is, or would be: linear probing. Digests are as good as random. */
  #find(high: number, low: number): number {
    const words = this.#words
    for (let place = low % this.#capacity; ; place = (place + 1) % this.#capacity) {
      const at = place * wordsPerEntry
      if (words[at + 2] === 0 || (words[at] === high && words[at + 1] === low)) return at
    }
  }

  #put(at: number, high: number, low: number, value: number): void {
    this.#words[at] = high
    this.#words[at + 1] = low
    this.#words[at + 2] = value
  }

  #grow(): void {
    const before = this.#words
    this.#capacity *= 2
    this.#words = new Uint32Array(this.#capacity * wordsPerEntry)
    for (let at = 0; at < before.length; at += wordsPerEntry) {
      const [high = 0, low = 0, value = 0] = before.subarray(at, at + wordsPerEntry)
      if (value !== 0) this.#put(this.#find(high, low), high, low, value)
    }
  }
}
