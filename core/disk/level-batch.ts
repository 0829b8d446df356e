/**
 * What LevelDB writes of each write: a batch of puts and deletions, one record of its write-ahead
 * log (db/write_batch.cc of its sources). Knows not what keys and values mean.
 */
import { Cursor, Damage } from "./damage.js"

// Sequence number and count, before the writes of a batch.
const headerBytes = 12

/** The kinds of an entry, here and in tables. */
export const deletion = 0
export const put = 1

export interface LevelWrite {
  readonly key: Buffer
  /** Undefined where the key was deleted. */
  readonly value: Buffer | undefined
}

/** The writes of a batch, in order. Throws `Damage` where it is none. */
export const writesIn = (batch: Buffer, file: string): ReadonlyArray<LevelWrite> => {
  const cursor = new Cursor(batch, file, headerBytes)
  const writes: Array<LevelWrite> = []
  while (!cursor.ended) {
    const kind = cursor.byte()
    if (kind !== put && kind !== deletion) throw new Damage(file, `has a write of kind ${kind}`)
    const key = cursor.counted()
    writes.push({ key, value: kind === put ? cursor.counted() : undefined })
  }
  return writes
}
