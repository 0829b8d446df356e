/**
 * Databases that LevelDB itself made, for the suites of this room, with what is in them, and ways
 * to damage their files. States no law of its own.
 */
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Level } from "level"
import { afterAll, beforeAll } from "vitest"

export type SampleDatabase = Level<string, string>

export interface Sample {
  readonly directory: string
  /** Every key that was ever written. */
  readonly keys: ReadonlyArray<string>
  /** What is left, sorted. */
  readonly rows: ReadonlyMap<string, string>
}

export interface SampleOptions {
  /** Each ends with its rows in a table of level 0. More than three, and LevelDB compacts them. */
  readonly sessions: number
  readonly keyCount: number
  readonly compression: boolean
}

/** Numbers that look random and are the same in every run. */
export const random = (seed: number): ((below: number) => number) => {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

export const openDatabase = async (
  directory: string,
  options: { readonly compression?: boolean } = {},
): Promise<SampleDatabase> => {
  const database = new Level<string, string>(directory, options)
  await database.open()
  return database
}

/** Rewrites every table of level 0, and below it what overlaps. */
export const compact = async (database: SampleDatabase): Promise<void> => {
  // The types of `level` are those of all platforms, which have no compaction in common.
  const compactRange: unknown = Reflect.get(database, "compactRange")
  if (typeof compactRange !== "function") throw new Error("there is no compaction here")
  await compactRange.call(database, "a", "z", { keyEncoding: "utf8" })
}

const makeSample = async (directory: string, options: SampleOptions): Promise<Sample> => {
  const { sessions, keyCount, compression } = options
  const below = random(7)
  const keys = Array.from({ length: keyCount }, (_, at) => `n${at.toString(36).padStart(5, "0")}`)
  const rows = new Map<string, string>()
  for (let session = 0; session < sessions; session += 1) {
    const database = await openDatabase(directory, { compression })
    const some = session === 0 ? keys : keys.filter(() => below(6) === 0)
    await database.batch(
      some.map((key) => {
        const value = `in ${session} ${"-".repeat(below(60))} ${below(1e9)}`
        if (session > 0 && below(3) === 0) {
          rows.delete(key)
          return { type: "del", key }
        }
        rows.set(key, value)
        return { type: "put", key, value }
      }),
    )
    await database.close()
  }
  // Opening turns what lies in the log into a table.
  await (await openDatabase(directory, { compression })).close()
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
  return { directory, keys, rows: new Map(sorted) }
}

/** A sample for the tests of a file, and fresh copies of its directory. */
export const useSample = (options: SampleOptions) => {
  let root = ""
  let sample: Sample | undefined
  let copies = 0
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "daybook-level-"))
    sample = await makeSample(join(root, "sample"), options)
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  return {
    get: (): Sample => {
      if (sample === undefined) throw new Error("the sample is not made yet")
      return sample
    },
    copy: (): string => {
      copies += 1
      const directory = join(root, `copy-${copies}`)
      cpSync(join(root, "sample"), directory, { recursive: true })
      return directory
    },
  }
}

/** Paths of a directory's files by how their names end or begin, the largest first. */
export const filesOf = (directory: string, pattern: RegExp): ReadonlyArray<string> =>
  readdirSync(directory)
    .filter((name) => pattern.test(name))
    .map((name) => join(directory, name))
    .sort((a, b) => statSync(b).size - statSync(a).size)

export const tablesOf = (directory: string): ReadonlyArray<string> => filesOf(directory, /\.ldb$/)

/** Turns one bit of a file; again, and it is as before. */
export const flip = (path: string, at: number, bit: number): void => {
  const descriptor = openSync(path, "r+")
  const byte = readFileSync(path)[at] ?? 0
  writeSync(descriptor, Buffer.of(byte ^ (1 << bit)), 0, 1, at)
  closeSync(descriptor)
}

/** Says that the process before ended well, as `LevelGuard` says it. */
export const signWell = (directory: string): void => {
  const current = readFileSync(join(directory, "CURRENT"), "utf8").trim()
  writeFileSync(join(directory, "checked"), `${current} all\n`)
}

const varintAt = (bytes: Buffer, at: number): readonly [value: number, next: number] => {
  let value = 0
  for (let next = at, scale = 1; ; next += 1, scale *= 128) {
    const byte = bytes[next] ?? 0
    value += (byte & 127) * scale
    if (byte < 128) return [value, next + 1]
  }
}

/** Where the parts of an uncompressed table end: blocks with their trailers, in order. */
export const partsOf = (table: Buffer): ReadonlyArray<number> => {
  const footer = table.length - 48
  const [metaOffset, a] = varintAt(table, footer)
  const [metaSize, b] = varintAt(table, a)
  const [offset, c] = varintAt(table, b)
  const [size] = varintAt(table, c)
  const restarts = table.readUInt32LE(offset + size - 4)
  const ends: Array<number> = []
  for (let at = offset; at < offset + size - 4 - 4 * restarts; ) {
    // Indexes share nothing between keys: a restart at each.
    const [, first] = varintAt(table, at)
    const [keyBytes, second] = varintAt(table, first)
    const [valueBytes, key] = varintAt(table, second)
    const [start, third] = varintAt(table, key + keyBytes)
    const [length] = varintAt(table, third)
    ends.push(start + length + 5)
    at = key + keyBytes + valueBytes
  }
  return [...ends, metaOffset, metaOffset + metaSize + 5, offset + size + 5, table.length]
}
