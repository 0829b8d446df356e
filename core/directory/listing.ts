/**
 * Listings: what is in a directory, in the order of the bytes of the names, with what the system
 * says of every entry. Packed, since a directory may be large and a listing travels between
 * threads; each entry is read when it is asked for.
 *
 * Looks at nothing itself.
 */
import type { Found, FoundKind } from "./found.js"
import type { ByteName, Problem } from "./open-now.js"

/** An entry as it is found. */
export interface ListedEntry {
  readonly name: Uint8Array
  readonly found: Found
  /** Where a symlink points. */
  readonly target?: Uint8Array
  /** It changed, or went, while it was looked at. */
  readonly problem?: Problem
}

export interface PackedListing {
  /** The directory itself. */
  readonly found: Pick<Found, "device" | "inode">
  /** The names, one after the other. */
  readonly names: Uint8Array
  /** Where each of them ends. */
  readonly ends: Uint32Array
  /** What was found of each: `valueCount` numbers. */
  readonly values: BigInt64Array
  readonly targets: ReadonlyMap<number, Uint8Array>
  readonly problems: ReadonlyMap<number, Problem>
}

const valueCount = 6
const entryBytes = valueCount * BigInt64Array.BYTES_PER_ELEMENT + Uint32Array.BYTES_PER_ELEMENT
const kinds: ReadonlyArray<FoundKind> = ["file", "directory", "symlink", "special"]
// Above the bits of permissions.
const kindUnit = 0x1_0000

/** Packs entries of the names of a directory, in their order, one at a time. */
export const packListing = (
  found: PackedListing["found"],
  sorted: ReadonlyArray<ByteName>,
  look: (name: ByteName) => Omit<ListedEntry, "name">,
): PackedListing => {
  const length = sorted.reduce((sum, name) => sum + name.length, 0)
  const buffer = new ArrayBuffer(sorted.length * entryBytes + length)
  const values = new BigInt64Array(buffer, 0, sorted.length * valueCount)
  const ends = new Uint32Array(buffer, values.byteLength, sorted.length)
  const names = Buffer.from(buffer, values.byteLength + ends.byteLength)
  const targets = new Map<number, Uint8Array>()
  const problems = new Map<number, Problem>()
  let end = 0
  for (const [at, name] of sorted.entries()) {
    const { found: one, target, problem } = look(name)
    end += names.write(name, end, "latin1")
    ends[at] = end
    const kind = BigInt(kinds.indexOf(one.kind) * kindUnit + one.mode)
    const value = [one.device, one.inode, BigInt(one.size), kind, one.mtime, one.ctime]
    values.set(value, at * valueCount)
    if (target !== undefined) targets.set(at, target)
    if (problem !== undefined) problems.set(at, problem)
  }
  return { found, names, ends, values, targets, problems }
}

/** What a listing is handed over with: all of it lies there. */
export const bufferOf = ({ values }: PackedListing): ArrayBuffer => values.buffer as ArrayBuffer

/** A listing to read from. */
export class Listing {
  readonly found: PackedListing["found"]
  readonly #packed: PackedListing

  constructor(packed: PackedListing) {
    this.found = packed.found
    this.#packed = packed
  }

  get count(): number {
    return this.#packed.ends.length
  }

  name(at: number): Uint8Array {
    const { names, ends } = this.#packed
    return names.subarray(at === 0 ? 0 : ends[at - 1], ends[at])
  }

  entry(at: number): ListedEntry {
    const { targets, problems } = this.#packed
    const target = targets.get(at)
    const problem = problems.get(at)
    return {
      name: this.name(at),
      found: this.#found(at),
      ...(target === undefined ? {} : { target }),
      ...(problem === undefined ? {} : { problem }),
    }
  }

  #found(at: number): Found {
    const value = (index: number): bigint => this.#packed.values[at * valueCount + index] ?? 0n
    const said = Number(value(3))
    return {
      kind: kinds[Math.floor(said / kindUnit)] ?? "special",
      device: value(0),
      inode: value(1),
      size: Number(value(2)),
      mode: said % kindUnit,
      mtime: value(4),
      ctime: value(5),
    }
  }
}
