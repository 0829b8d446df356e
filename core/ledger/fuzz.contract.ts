/**
 * Bytes that something changed, and what must come of reading them: what each reader says that it
 * throws, or a value that is sound; within bounds of time and memory.
 *
 * For every suite that changes bytes of a ledger. Knows no format.
 */
import { isDeepStrictEqual } from "node:util"
import { expect } from "vitest"
import type { Reads } from "./hang.contract.js"

export const runs = Number(process.env.FUZZ_RUNS ?? 1_000)
export const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Bytes as a ledger made them, and what reads them. */
export interface Sample {
  readonly bytes: Uint8Array
  /** Throws, or answers undefined, where it refuses. */
  readonly read: (bytes: Uint8Array) => unknown
}

export interface Format {
  readonly name: string
  readonly samples: () => ReadonlyArray<Sample>
  /** Whether this is how its reader refuses these bytes. */
  readonly refuses: (thrown: unknown, bytes: Uint8Array) => boolean
  /** What must hold of bytes that differ and are read all the same; none of a sealed format are. */
  readonly whole?: (value: never, bytes: Uint8Array) => void
}

/** The kinds of changes are numbers up to this one. */
export const changeKindMax = 6

/** One change, by numbers, so that it can be made smaller. */
export type Change = readonly [kind: number, at: number, length: number, which: number]

/** Beginnings of what claims to be long, of extensions, of nothing. */
const tokens = [
  ...["ddffffffff", "df80000000", "dbffffffff", "c6ffffffff", "c8ffff70", "c1", "d47240"],
  ...["d662fffffff0", "d66900000001", "d67000000001", "d478"],
]

export const apply = (
  bytes: Uint8Array,
  other: Uint8Array,
  [kind, a, b, c]: Change,
): Uint8Array => {
  const at = a % (bytes.length + 1)
  const to = Math.min(bytes.length, at + (b % 40))
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  const token = Buffer.from(tokens[c % tokens.length] ?? "", "hex")
  if (kind === 0) {
    const flipped = Uint8Array.from(bytes)
    if (at < bytes.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << (b % 8))
    return flipped
  }
  if (kind === 1) return before
  if (kind === 2) return Buffer.concat([before, bytes.subarray(to)])
  if (kind === 3) return Buffer.concat([bytes.subarray(0, to), after])
  if (kind === 4) return Buffer.concat([before, other.subarray(c % (other.length + 1))])
  if (kind === 5) return Buffer.concat([before, token, after])
  return Buffer.concat([before, token, bytes.subarray(Math.min(bytes.length, at + token.length))])
}

const repeated = (times: number, ...bytes: ReadonlyArray<number>): Buffer =>
  Buffer.concat(Array.from({ length: times }, () => Buffer.from(bytes)))

const named = (key: string, ...value: ReadonlyArray<number>): Buffer =>
  Buffer.concat([Buffer.of(0xa0 | key.length), Buffer.from(key), Buffer.from(value)])

/** MessagePack, and some JSON, made to hurt. */
export const hostile: ReadonlyArray<readonly [string, Uint8Array]> = [
  ["nothing", Buffer.of()],
  ["lists, 20,000 deep", Buffer.concat([repeated(20_000, 0x91), Buffer.of(0xc0)])],
  ["maps, 20,000 deep", Buffer.concat([repeated(20_000, 0x81, 0xa1, 0x61), Buffer.of(0xc0)])],
  ["a list that claims 2^25 members", Buffer.from("dd01ffffff", "hex")],
  ["a list that claims 2^31 members", Buffer.from("dd80000000", "hex")],
  ["lists in lists that claim 2^25 members", repeated(500, 0xdd, 0x01, 0xff, 0xff, 0xff)],
  ["lists in lists that claim 2^16 members", repeated(500, 0xdc, 0xff, 0xff)],
  ["a map that claims 2^32 members", Buffer.from("dfffffffff", "hex")],
  ["a text that claims 2^32 bytes", Buffer.from("dbffffffff61", "hex")],
  ["bytes that claim 2^30", Buffer.from("c640000000", "hex")],
  ["an extension that claims 2^32 bytes", Buffer.from("c9ffffffff70", "hex")],
  ["an extension of type 0x70", Buffer.from("c7047000000000", "hex")],
  [
    "every extension of one byte",
    Buffer.concat([
      Buffer.from("dc0100", "hex"),
      ...Array.from({ length: 256 }, (_, type) => Buffer.of(0xd4, type, 0x40)),
    ]),
  ],
  ["an extension that sends its reader back, for ever", Buffer.from("a0a0d662fffffffcc0", "hex")],
  ["an extension that makes a cycle", Buffer.from("d6690000000193d67000000001c0c0", "hex")],
  ["an extension that is a regular expression", Buffer.from("d4780092a12aa161", "hex")],
  ["a record of names", Buffer.concat([Buffer.from("d4724091", "hex"), named("a", 1)])],
  ["one key twice", Buffer.concat([Buffer.of(0x82), named("a", 1), named("a", 2)])],
  ["__proto__", Buffer.concat([Buffer.of(0x81), named("__proto__", 0x81), named("polluted", 1)])],
  ["constructor", Buffer.concat([Buffer.of(0x81), named("constructor", 0x81), named("name", 1)])],
  ["half of a surrogate pair", Buffer.from("a3eda080", "hex")],
  ["a code that is not used", Buffer.of(0xc1)],
  ["JSON, 20,000 deep", Buffer.from(`${"[".repeat(20_000)}${"]".repeat(20_000)}`)],
  ["JSON of a format that is no number", Buffer.from('{"format":1e999}')],
  ["JSON of a prototype", Buffer.from('{"__proto__":{"format":1,"polluted":1}}')],
]

/** The value, or undefined where the reader refused as it should. No memory follows a claim. */
const readBy = (
  reads: Reads,
  { name, refuses }: Format,
  { read }: Sample,
  bytes: Uint8Array,
): unknown => {
  const before = process.memoryUsage()
  const end = reads.begin(`${name}, FUZZ_SEED=${seed}`)
  try {
    return read(bytes)
  } catch (thrown) {
    if (!refuses(thrown, bytes)) throw thrown
    return undefined
  } finally {
    end()
    const after = process.memoryUsage()
    const grown = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
    expect(grown).toBeLessThan(32 * 2 ** 20)
  }
}

/** `other` may have been put in its place as a whole. */
export const checkRead = (
  reads: Reads,
  format: Format,
  sample: Sample,
  bytes: Uint8Array,
  other: Uint8Array = sample.bytes,
): void => {
  const value = readBy(reads, format, sample, bytes)
  if (value === undefined || isDeepStrictEqual(value, sample.read(sample.bytes))) return
  if (isDeepStrictEqual(value, readBy(reads, format, sample, other))) return
  if (format.whole === undefined) expect(value).toBeUndefined()
  else format.whole(value as never, bytes)
}
