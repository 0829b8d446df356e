/**
 * The keys that a build of views has written, in memory that does not grow: a Bloom filter (Bloom
 * 1970; its places out of two hashes, Kirsch and Mitzenmacher 2006). It may take a key for written
 * that was not, and then its row is looked for in vain; never the reverse.
 *
 * Nearly every row that a build puts is new. To hear that from LevelDB costs as much as any read.
 */
import { writtenKeysBytes } from "../limits.js"

const hashCount = 4
const bitMask = writtenKeysBytes * 8 - 1

/** FNV-1a over code units. */
const hashOf = (key: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index += 1)
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return hash
}

/** Odd, so that the places of a key differ; spread once more, since neighbours have like hashes. */
const strideOf = (hash: number): number => {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return (mixed ^ (mixed >>> 12)) | 1
}

export class WrittenKeys {
  /** Made with the first key: most openings build no view. */
  #bits: Uint8Array | undefined

  add(key: string): void {
    this.#bits ??= new Uint8Array(writtenKeysBytes)
    const hash = hashOf(key)
    const stride = strideOf(hash)
    for (let count = 0, at = hash; count < hashCount; count += 1, at += stride) {
      const bit = at & bitMask
      this.#bits[bit >> 3] = (this.#bits[bit >> 3] ?? 0) | (1 << (bit & 7))
    }
  }

  /** False only for a key that was never added. */
  mayHave(key: string): boolean {
    if (this.#bits === undefined) return false
    const hash = hashOf(key)
    const stride = strideOf(hash)
    for (let count = 0, at = hash; count < hashCount; count += 1, at += stride) {
      const bit = at & bitMask
      if (((this.#bits[bit >> 3] ?? 0) & (1 << (bit & 7))) === 0) return false
    }
    return true
  }
}
