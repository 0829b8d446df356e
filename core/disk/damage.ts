/**
 * Damage of a file that holds what can be made anew, and a cursor over bytes that may be damaged.
 *
 * Every length in such bytes is a claim: it is held against what is there before anything is read
 * or made for it. Knows no format; whoever uses it turns the error into one of its port.
 */

/** A file is not as it was written. `file` is its name, the message says where and how. */
export class Damage extends Error {
  override readonly name = "Damage"
  /** What LevelDB says of damage that it notices by itself. */
  readonly code: string = "LEVEL_CORRUPTION"
  readonly file: string

  constructor(file: string, what: string, options?: ErrorOptions) {
    super(`${file} ${what}`, options)
    this.file = file
  }
}

/** Bytes that the disk did not give: whether they are damaged nobody knows, and it may pass. */
export class Unread extends Damage {
  override readonly code: string = "EIO"

  constructor(file: string, cause: unknown) {
    super(file, "cannot be read", { cause })
  }
}

// A view of so few bytes costs more than copying them one by one.
const shortBytesMax = 24

/** Reads on from one part to the next. Throws `Damage` where the bytes end too early. */
export class Cursor {
  at: number
  readonly #bytes: Buffer
  readonly #file: string

  constructor(bytes: Buffer, file: string, at = 0) {
    this.#bytes = bytes
    this.#file = file
    this.at = at
  }

  get ended(): boolean {
    return this.at >= this.#bytes.length
  }

  byte(): number {
    const byte = this.#bytes[this.at]
    if (byte === undefined) throw new Damage(this.#file, `ends too early, at ${this.at}`)
    this.at += 1
    return byte
  }

  /** A number in groups of seven bits, the lowest first; larger ones than 2^53 are damage. */
  varint(): number {
    let value = 0
    for (let scale = 1; scale < 2 ** 53; scale *= 128) {
      const byte = this.byte()
      value += (byte & 127) * scale
      if (byte < 128 && Number.isSafeInteger(value)) return value
    }
    throw new Damage(this.#file, `has no number at ${this.at}`)
  }

  /** A number of so many bytes, six at most, the lowest first. */
  little(width: number): number {
    let value = 0
    for (let count = 0, scale = 1; count < width; count += 1, scale *= 256)
      value += this.byte() * scale
    return value
  }

  /** The next bytes, without a copy. */
  take(length: number): Buffer {
    const end = this.at + length
    if (end > this.#bytes.length) throw new Damage(this.#file, `ends too early, at ${this.at}`)
    const taken = this.#bytes.subarray(this.at, end)
    this.at = end
    return taken
  }

  /** Copies the next bytes to a place in others. */
  copy(length: number, to: Buffer, start: number): void {
    if (length > shortBytesMax) to.set(this.take(length), start)
    else for (let at = 0; at < length; at += 1) to[start + at] = this.byte()
  }

  /** Bytes behind their length. */
  counted(): Buffer {
    return this.take(this.varint())
  }
}
