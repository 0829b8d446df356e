/**
 * Decompresses Snappy, the form of LevelDB's compressed blocks (format_description.txt of google/
 * snappy): a length, then literals and copies of what came before.
 *
 * Read are indexes, and what is salvaged, a block at a time. The stream is damaged where it does
 * not give exactly the length that it claims; that claim is bounded before anything is allocated.
 */
import { Cursor, Damage } from "./damage.js"

const bytesMax = 64 * 1024 * 1024
// An element of three bytes gives at most 64.
const growthMax = 64

const literalLength = (cursor: Cursor, tag: number): number => {
  const short = tag >>> 2
  if (short < 60) return short + 1
  return cursor.little(short - 59) + 1
}

const copyOf = (cursor: Cursor, tag: number): readonly [length: number, offset: number] => {
  if ((tag & 3) === 1) return [((tag >>> 2) & 7) + 4, ((tag >>> 5) << 8) | cursor.byte()]
  return [(tag >>> 2) + 1, cursor.little((tag & 3) === 2 ? 2 : 4)]
}

/** The bytes that were compressed. `file` is named in the `Damage` that bad input is. */
export const unsnap = (compressed: Buffer, file: string): Buffer => {
  const cursor = new Cursor(compressed, file)
  const size = cursor.varint()
  if (size > bytesMax || size > compressed.length * growthMax)
    throw new Damage(file, `claims a block of ${size} bytes`)
  const out = Buffer.alloc(size)
  let end = 0
  const room = (length: number) => {
    if (end + length > size) throw new Damage(file, `has a block of more than its ${size} bytes`)
  }
  while (!cursor.ended) {
    const tag = cursor.byte()
    if ((tag & 3) === 0) {
      const length = literalLength(cursor, tag)
      room(length)
      cursor.copy(length, out, end)
      end += length
    } else {
      const [length, offset] = copyOf(cursor, tag)
      room(length)
      if (offset === 0 || offset > end) throw new Damage(file, `copies from nowhere at ${end}`)
      // Byte by byte, for it may copy what it has just written.
      for (let at = 0; at < length; at += 1) out[end + at] = out[end + at - offset] ?? 0
      end += length
    }
  }
  if (end !== size) throw new Damage(file, `has a block of ${end} bytes in place of ${size}`)
  return out
}
