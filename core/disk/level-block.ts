/**
 * Blocks of LevelDB's tables (doc/table_format.md of its sources): where one lies, whether it is as
 * it was written, and the entries in it.
 *
 * Behind each block are its form and a CRC-32C over both. Knows not what entries mean.
 */
import { crc32c, unmask } from "./crc32c.js"
import { Cursor, Damage } from "./damage.js"
import { unsnap } from "./snappy.js"

/** Form and checksum, behind each block. */
export const trailerBytes = 5
const snappy = 1

export interface Block {
  readonly offset: number
  /** Without its trailer. */
  readonly size: number
}

export interface BlockEntry {
  readonly key: Buffer
  readonly value: Buffer
}

export const readBlock = (cursor: Cursor): Block => ({
  offset: cursor.varint(),
  size: cursor.varint(),
})

export const endOf = ({ offset, size }: Block): number => offset + size + trailerBytes

/** Holds a block and its trailer, which lie at `offset`, against the checksum. Throws `Damage`. */
export const verifyBlock = (bytes: Buffer, offset: number, file: string): void => {
  const end = bytes.length - 4
  if (end < 1 || crc32c(bytes, 0, end) !== unmask(bytes.readUInt32LE(end)))
    throw new Damage(file, `is damaged at ${offset}`)
}

/** What a whole block holds. */
export const contentsOf = (bytes: Buffer, file: string): Buffer => {
  const body = bytes.subarray(0, -trailerBytes)
  return bytes[body.length] === snappy ? unsnap(body, file) : body
}

/** Its entries: keys with what they share with the one before. Throws `Damage`. */
export const entriesOf = (contents: Buffer, file: string): ReadonlyArray<BlockEntry> => {
  const restarts = contents.length < 4 ? 0 : contents.readUInt32LE(contents.length - 4)
  const end = contents.length - 4 - 4 * restarts
  if (end < 0) throw new Damage(file, "has a block that is too short")
  const cursor = new Cursor(contents.subarray(0, end), file)
  const entries: Array<BlockEntry> = []
  let key: Buffer = Buffer.alloc(0)
  while (!cursor.ended) {
    const [shared, rest, size] = [cursor.varint(), cursor.varint(), cursor.varint()]
    if (shared > key.length) throw new Damage(file, "has a key that begins with no other")
    const own = cursor.take(rest)
    key = shared === 0 ? own : Buffer.concat([key.subarray(0, shared), own])
    entries.push({ key, value: cursor.take(size) })
  }
  return entries
}
