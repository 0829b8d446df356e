/**
 * What a foreign archive may hold at most: bytes, entries, and how many times its own length.
 *
 * Here its claims are held against the caps; that what comes is no more than was claimed is seen
 * while it comes. So nothing is read of an archive that says itself that it is too large.
 */
import { LimitExceeded } from "../errors.js"
import { zipBytesMax, zipEntryCountMax, zipRatioFreeBytes, zipRatioMax } from "../limits.js"
import { entryAt } from "./refused.js"

export interface ZipCaps {
  /** Bytes of all files and link targets together. */
  readonly bytesMax: number
  /** Entries, directories among them. */
  readonly entryCountMax: number
  /** How many times as long as the archive its content may be, or a file as its packed form. */
  readonly ratioMax: number
}

export const defaultCaps: ZipCaps = {
  bytesMax: zipBytesMax,
  entryCountMax: zipEntryCountMax,
  ratioMax: zipRatioMax,
}

const limits: Readonly<Record<keyof ZipCaps, string>> = {
  bytesMax: "zipBytesMax",
  entryCountMax: "zipEntryCountMax",
  ratioMax: "zipRatioMax",
}

const check = (caps: ZipCaps, cap: keyof ZipCaps, actual: number, what: string): void => {
  const allowed = caps[cap]
  if (actual <= allowed) return
  const message = `${what}, and ${allowed} are allowed: raise limits.${cap} if you trust it`
  throw new LimitExceeded({ message, limit: limits[cap], allowed, actual })
}

/** Throws where the directory claims more entries than are allowed. */
export const checkEntryCount = (caps: ZipCaps, count: number): void =>
  check(caps, "entryCountMax", count, `the archive has ${count} entries`)

const ratioOf = (size: number, packed: number): number =>
  size <= zipRatioFreeBytes ? 0 : size / Math.max(1, packed)

const times = (ratio: number): string => `${Math.floor(ratio * 10) / 10} times`

interface Sized {
  readonly name: string
  readonly size: number
  readonly compressedSize: number
}

/** Sums up what entries claim, and throws at the first that is too much. */
export class Claimed {
  readonly #caps: ZipCaps
  readonly #archiveBytes: number
  /** Bytes so far. */
  total = 0

  constructor(caps: ZipCaps, archiveBytes: number) {
    this.#caps = caps
    this.#archiveBytes = archiveBytes
  }

  add({ name, size, compressedSize }: Sized): void {
    this.total += size
    const { total } = this
    check(this.#caps, "bytesMax", total, `the archive has ${total} bytes up to ${entryAt(name)}`)
    const own = ratioOf(size, compressedSize)
    check(this.#caps, "ratioMax", own, `${entryAt(name)} is ${times(own)} as long as its form here`)
    const whole = ratioOf(total, this.#archiveBytes)
    const up = `up to ${entryAt(name)} the archive holds ${times(whole)} its own length`
    check(this.#caps, "ratioMax", whole, up)
  }
}
