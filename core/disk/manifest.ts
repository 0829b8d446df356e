/**
 * The manifest of a LevelDB directory: which tables are in use, and which numbers were given out.
 *
 * A log of edits (doc/log_format.md; db/version_edit.cc of LevelDB 1.20), little-endian. Checksums
 * are left to LevelDB, which verifies those of a manifest when it opens it. Opens no file.
 */

export interface Manifest {
  /** Bytes of the tables in use, by their numbers. */
  readonly tables: ReadonlyMap<number, number>
  /** No file with this number or a higher one is in use. */
  readonly nextNumber: number
}

const blockBytes = 32_768
const headerBytes = 7
const kinds = { full: 1, first: 2, middle: 3, last: 4 }

/** The records of a log, put together of their parts, up to where a write never ended. */
function* recordsIn(log: Buffer): Generator<Buffer, void> {
  let parts: Array<Buffer> = []
  for (let at = 0; at + headerBytes <= log.length; ) {
    const left = blockBytes - (at % blockBytes)
    if (left < headerBytes) {
      at += left
      continue
    }
    const length = log.readUInt16LE(at + 4)
    const kind = log[at + 6]
    const end = at + headerBytes + length
    if (kind === 0 || length + headerBytes > left || end > log.length) return
    if (kind === kinds.full || kind === kinds.first) parts = []
    parts.push(log.subarray(at + headerBytes, end))
    if (kind === kinds.full || kind === kinds.last) yield Buffer.concat(parts)
    at = end
  }
}

class Edit {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** A varint of at most 64 bits; file numbers and sizes stay below 2^53. */
  number(): number {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = this.#bytes[this.#at]
      if (byte === undefined || scale > 2 ** 63) throw new Error("the manifest has a broken number")
      this.#at += 1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
  }

  skipText(): void {
    const length = this.number()
    this.#at += length
  }
}

class Reading implements Manifest {
  readonly tables = new Map<number, number>()
  nextNumber = 0

  #newTable(edit: Edit): void {
    edit.number() // Its level.
    const [number, size] = [edit.number(), edit.number()]
    edit.skipText()
    edit.skipText()
    this.tables.set(number, size)
  }

  /** By their tags in version_edit.cc. */
  readonly #fields: Readonly<Record<number, (edit: Edit) => void>> = {
    1: (edit) => edit.skipText(),
    2: (edit) => void edit.number(),
    3: (edit) => {
      this.nextNumber = edit.number()
    },
    4: (edit) => void edit.number(),
    5: (edit) => {
      edit.number()
      edit.skipText()
    },
    6: (edit) => {
      edit.number()
      this.tables.delete(edit.number())
    },
    7: (edit) => this.#newTable(edit),
    9: (edit) => void edit.number(),
  }

  apply(record: Buffer): void {
    const edit = new Edit(record)
    while (!edit.isAtEnd) {
      const field = this.#fields[edit.number()]
      if (field === undefined) throw new Error("the manifest has a field that is not known")
      field(edit)
    }
  }
}

/** Reads a manifest; undefined when it cannot be read, or says nothing. */
export const readManifest = (bytes: Buffer): Manifest | undefined => {
  const reading = new Reading()
  try {
    for (const record of recordsIn(bytes)) reading.apply(record)
  } catch {
    return undefined
  }
  return reading.nextNumber === 0 ? undefined : reading
}
