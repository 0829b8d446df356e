/**
 * LevelDB's record files (doc/log_format.md of its sources): the MANIFEST and the write-ahead logs.
 *
 * A file may end in the middle of a record, as a killed writer leaves it; then nothing after that
 * point is read, here as in LevelDB. But where LevelDB would skip a broken part and go on behind
 * it, records would be missing among others: that is damage. Knows not what records hold.
 */
import { crc32c, unmask } from "./crc32c.js"
import { Damage } from "./damage.js"

const blockBytes = 32_768
const headerBytes = 7

const full = 1
const first = 2
const middle = 3
const last = 4

export interface JournalRecord {
  readonly body: Buffer
  /** Where the record ends in its file. */
  readonly end: number
}

export interface Journal {
  readonly records: ReadonlyArray<JournalRecord>
  /** Whether the last record was never finished, or is broken. */
  readonly torn: boolean
}

interface Fragment {
  readonly type: number
  readonly body: Buffer
  readonly end: number
}

/** Undefined when there is no whole fragment at `at`. */
const fragmentAt = (bytes: Buffer, at: number, blockEnd: number): Fragment | undefined => {
  if (at + headerBytes > bytes.length) return undefined
  const end = at + headerBytes + bytes.readUInt16LE(at + 4)
  const type = bytes[at + 6] ?? 0
  if (end > Math.min(blockEnd, bytes.length) || type < full || type > last) return undefined
  if (crc32c(bytes, at + 6, end) !== unmask(bytes.readUInt32LE(at))) return undefined
  return { type, body: bytes.subarray(at + headerBytes, end), end }
}

const isZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0)

/** The records of a file. Throws `Damage` where some are broken and others follow. */
export const readJournal = (bytes: Buffer, file: string): Journal => {
  const records: Array<JournalRecord> = []
  let begun: Array<Buffer> = []
  let at = 0
  while (at < bytes.length) {
    const blockEnd = at - (at % blockBytes) + blockBytes
    if (blockEnd - at < headerBytes) {
      at = blockEnd
      continue
    }
    const fragment = fragmentAt(bytes, at, blockEnd)
    const opens = fragment?.type === full || fragment?.type === first
    if (fragment === undefined || opens !== (begun.length === 0)) {
      // LevelDB drops the rest of the block, and reads on in the next one if there is anything.
      if (!isZero(bytes.subarray(blockEnd))) throw new Damage(file, `is damaged at ${at}`)
      return { records, torn: true }
    }
    begun.push(fragment.body)
    at = fragment.end
    if (fragment.type === middle || fragment.type === first) continue
    records.push({ body: Buffer.concat(begun), end: at })
    begun = []
  }
  return { records, torn: begun.length > 0 }
}

/** Where the next fragment is behind one that is broken, at the latest at the next block. */
const resumeAt = (bytes: Buffer, at: number, blockEnd: number): number => {
  if (at + headerBytes > bytes.length) return blockEnd
  const end = at + headerBytes + bytes.readUInt16LE(at + 4)
  return fragmentAt(bytes, end, blockEnd) === undefined ? blockEnd : end
}

/** The records that are whole, around whatever is broken. */
export function* salvageJournal(bytes: Buffer): Iterable<Buffer> {
  let begun: Array<Buffer> | undefined
  for (let at = 0; at < bytes.length; ) {
    const blockEnd = at - (at % blockBytes) + blockBytes
    const fragment = fragmentAt(bytes, at, blockEnd)
    if (fragment === undefined) {
      // A header does not fit into the last bytes of a block: they are no break.
      if (blockEnd - at >= headerBytes) begun = undefined
      at = resumeAt(bytes, at, blockEnd)
      continue
    }
    at = fragment.end
    if (fragment.type === full || fragment.type === first) begun = []
    begun?.push(fragment.body)
    if (begun === undefined || fragment.type === first || fragment.type === middle) continue
    yield Buffer.concat(begun)
    begun = undefined
  }
}
