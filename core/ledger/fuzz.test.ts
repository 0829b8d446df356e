/**
 * Every format of the ledger, read from bytes that a ledger made and something changed: bits
 * flipped, pieces cut, copied and inserted, sizes driven to extremes; and from bytes made to hurt.
 *
 * What is sealed by a checksum is refused or unchanged. What is not is refused, or whole by its own
 * rules. Nothing is thrown but what the reader says it throws, no memory follows a claim, and every
 * read ends.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { frameHeaderBytes, readFrameHeader } from "../blob/frame.js"
import * as IndexRow from "../blob/index-row.js"
import { packHeaderBytes, readAhead, readPackFormat, scanPack } from "../blob/pack.js"
import { chunksOf, readRecipe } from "../blob/recipe.js"
import { type EntryState, encodeStates, parseStates } from "../directory/states.js"
import { InvalidInput, RecordCorrupted, ViewFailure, WrongLedger } from "../errors.js"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { digestOf } from "../model/digest.js"
import { NotPlain, type Plain, pack, unpack, unpackAll } from "../model/msgpack.js"
import { pathProblem } from "../model/path.js"
import {
  compareUtf8,
  decodeTree,
  encodeTree,
  manifestBytes,
  parseManifest,
  summarizeTree,
  type TreeEntry,
} from "../model/tree.js"
import { decodeCursor, encodeCursor, queryDigest } from "../query/page.js"
import { decodeRecords } from "../query/records.js"
import { decodeGone, decodeNow, decodeWas } from "../view/row.js"
import {
  apply,
  type Change,
  changeKindMax,
  checkRead,
  type Format,
  hostile,
  runs,
  type Sample,
  seed,
} from "./fuzz.contract.js"
import { watchReads } from "./hang.contract.js"
import { decodeIdentity } from "./identity.js"
import { type Made, makeLedger } from "./samples.contract.js"
import { decodeTip } from "./tip.js"

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8")
const never = (): boolean => false
const classOf = (thrown: unknown): unknown => (thrown as Error | undefined)?.constructor
/** What msgpackr throws of bytes that it cannot read. */
const foreign: ReadonlyArray<unknown> = [Error, RangeError, TypeError]
const byMsgpack = (thrown: unknown): boolean => foreign.includes(classOf(thrown))
/** An error of the model's own; or that which these bytes have where they are only unpacked. */
const byModel =
  (unpacks: (bytes: Uint8Array) => unknown) =>
  (thrown: unknown, bytes: Uint8Array): boolean => {
    if (classOf(thrown) === Error) return true
    try {
      unpacks(bytes)
      return false
    } catch (own) {
      return byMsgpack(own) && classOf(own) === classOf(thrown)
    }
  }
type Listed = Omit<TreeEntry, "path">
const codec = makeCodec(catalog)
const digest = queryDigest("things", { name: "a" })

let real: Made
const reads = watchReads()
afterAll(reads.end)
const home = mkdtempSync(join(tmpdir(), "daybook-fuzz-"))
beforeAll(async () => {
  real = await makeLedger(join(home, "ledger"))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

const recipes = (): ReadonlyArray<Uint8Array> =>
  real.frames
    .filter((frame) => readFrameHeader(frame)?.kind === "recipe")
    .map((frame) => frame.subarray(frameHeaderBytes))

const trees = () =>
  real.records.flatMap((body) => {
    const { type, data } = codec.decode(body)
    if (type !== "version-saved") return []
    const { entries } = (data as { readonly content: { readonly entries?: never } }).content
    return entries === undefined ? [] : [entries]
  })

const entry = (content: string, more: Partial<Listed> = {}): Listed => ({
  kind: "file",
  size: content.length,
  digest: digestOf(Buffer.from(content)),
  ...more,
})

/** A directory with every kind of entry, and names that objects have by themselves. */
const listed: ReadonlyArray<readonly [string, Listed]> = [
  ["__proto__", entry("a")],
  ["été", entry("b")],
  ["link", entry("../away", { kind: "symlink", target: "../away" })],
  ["run.sh", entry("c", { executable: true })],
  ["void", entry("", { kind: "directory" })],
]

const stated = (name: string, more: Partial<EntryState> = {}): EntryState => {
  const time = 1_700_000_000_000_000_000n
  return { name, mode: 0o644, mtime: time, ctime: time, ...more }
}

const seen: ReadonlyArray<EntryState> = [
  stated("__proto__", { crc32: 7, recent: true }),
  stated("d", { states: digestOf(Uint8Array.of(1)) }),
  stated("large", { crc32: 0xffffffff, pieces: new Uint8Array(96) }),
  stated("é"),
]

const indexRows = (): ReadonlyArray<Sample> =>
  real.frames.map((frame, pack) => {
    const header = readFrameHeader(frame)
    if (header === undefined) throw new Error("a frame without a header")
    const place = { pack, offset: pack * 1_000, storedSize: header.storedSize }
    const recipe = readRecipe(frame.subarray(frameHeaderBytes))
    const row: IndexRow.Row =
      recipe === undefined
        ? { kind: "chunk", digest: header.digest, storedDigest: header.storedDigest, ...place }
        : { ...IndexRow.rowOfRecipe(recipe), ...place }
    const key = IndexRow.rowKey(row.kind, row.digest)
    return {
      bytes: IndexRow.encodeRow(row),
      read: (bytes) => IndexRow.decodeRow(key, Buffer.from(bytes)),
    }
  })

const rowReaders = { n: decodeNow, g: decodeGone, w: decodeWas } as const

const viewRows = (): ReadonlyArray<Sample> =>
  real.rows.flatMap(([key, bytes]) => {
    const decode = rowReaders[key[0] as keyof typeof rowReaders]
    return decode === undefined ? [] : [{ bytes, read: (row) => decode(key, row) }]
  })

const readRecord =
  (position: number) =>
  (body: Uint8Array): unknown =>
    Effect.runSync(decodeRecords(codec, [{ position, body }]))[0]

const wholeTree = (entries: ReturnType<typeof decodeTree>): void => {
  for (const { path, size, digest: of, kind } of entries) {
    expect(pathProblem(path)).toBeUndefined()
    expect(Number.isSafeInteger(size) && size >= 0).toBe(true)
    expect(of).toMatch(/^[0-9a-f]{64}$/)
    expect(["file", "directory", "symlink"]).toContain(kind)
  }
}

const cursors = (): ReadonlyArray<string> =>
  real.rows.slice(0, 50).map(([key], position) =>
    encodeCursor(digest, {
      position,
      place: { value: position % 2 === 0 ? key : position / 3, key },
    }),
  )

const formats: ReadonlyArray<Format> = [
  {
    name: "MessagePack",
    samples: () => real.records.map((bytes) => ({ bytes, read: unpack })),
    refuses: byMsgpack,
    // What can be packed at all comes back as it is.
    whole: (value: Plain) => {
      let again: Uint8Array
      try {
        again = pack(value)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(NotPlain)
        return
      }
      expect(Buffer.compare(pack(unpack(again)), again)).toBe(0)
    },
  },
  {
    name: "records",
    samples: () => real.records.map((bytes, index) => ({ bytes, read: readRecord(index + 1) })),
    refuses: (thrown) => thrown instanceof RecordCorrupted,
    whole: (event: ReturnType<typeof codec.decode>) => {
      const { id, type, revision, time, subjects } = event
      const types = [id, type, revision, time].map((value) => typeof value)
      expect(types).toEqual(["string", "string", "number", "number"])
      for (const { previous } of subjects) expect(typeof previous).toBe("number")
    },
  },
  {
    name: "rows of views",
    samples: viewRows,
    refuses: (thrown) => thrown instanceof ViewFailure,
  },
  { name: "rows of the blob index", samples: indexRows, refuses: never },
  {
    name: "marks of the blob index",
    samples: () =>
      [0, 1, 7].map((pack) => {
        const key = IndexRow.markKey(pack)
        const flags = { whole: pack === 1, ahead: pack === 7 }
        const mark = { pack, header: pack, end: pack * 2 ** 40, ...flags }
        return {
          bytes: IndexRow.encodeMark(mark),
          read: (bytes) => IndexRow.decodeMark(key, Buffer.from(bytes)),
        }
      }),
    refuses: never,
  },
  {
    name: "headers of packs",
    samples: () => [{ bytes: real.pack.subarray(0, 200), read: readPackFormat }],
    refuses: never,
  },
  {
    name: "headers of frames",
    samples: () => real.frames.map((bytes) => ({ bytes, read: readFrameHeader })),
    refuses: never,
  },
  {
    name: "recipes",
    samples: () => recipes().map((bytes) => ({ bytes, read: readRecipe })),
    refuses: never,
    whole: (recipe: NonNullable<ReturnType<typeof readRecipe>>) => {
      const chunks = chunksOf(recipe, 0, recipe.count)
      expect(chunks.reduce((sum, { size }) => sum + size, 0)).toBe(recipe.stat.size)
      for (const { size, storedSize } of chunks) expect(storedSize).toBeLessThanOrEqual(size)
    },
  },
  {
    name: "manifests",
    samples: () =>
      trees().flatMap((tree) =>
        summarizeTree(tree).manifests.map((bytes) => ({
          bytes,
          read: (manifest) => [...parseManifest(manifest, "in/")],
        })),
      ),
    refuses: byModel((bytes) => [...unpackAll(bytes)]),
    whole: wholeTree,
  },
  {
    name: "manifests of folders",
    samples: () =>
      [listed, listed.slice(2)].map((entries) => ({
        bytes: manifestBytes(entries),
        read: (manifest) => [...parseManifest(manifest, "in/")],
      })),
    refuses: byModel((bytes) => [...unpackAll(bytes)]),
    whole: (entries: ReadonlyArray<TreeEntry>) => {
      wholeTree(entries)
      const names = entries.map((one) => [one.path.slice("in/".length), one] as const)
      expect([...parseManifest(manifestBytes(names), "in/")]).toEqual(entries)
    },
  },
  {
    name: "states of folders",
    samples: () =>
      [seen, seen.slice(1)].map((states) => ({
        bytes: encodeStates(states),
        read: (bytes) => [...parseStates(bytes)],
      })),
    refuses: byModel((bytes) => [...unpackAll(bytes)]),
    whole: (states: ReadonlyArray<EntryState>) => {
      const names = states.map(({ name }) => name)
      expect(names).toEqual([...new Set(names)].sort(compareUtf8))
      const again = encodeStates(states)
      expect(Buffer.compare(encodeStates([...parseStates(again)]), again)).toBe(0)
    },
  },
  {
    name: "trees inside events",
    samples: () =>
      trees().map((tree) => ({
        bytes: pack(encodeTree(tree)),
        read: (bytes) => decodeTree(unpack(bytes)),
      })),
    refuses: byModel(unpack),
    whole: wholeTree,
  },
  {
    name: "ledger.json",
    samples: () => [
      {
        bytes: real.identity,
        read: (bytes) => {
          const identity = decodeIdentity(text(bytes), "here")
          return identity instanceof WrongLedger ? undefined : identity
        },
      },
    ],
    refuses: never,
    whole: ({ format, id, hash, chunking }: never) => {
      expect({ format, hash }).toEqual({ format: 1, hash: "sha256" })
      expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
      const { min, average, max } = chunking as { min: number; average: number; max: number }
      expect(min <= average && average <= max && min > 0).toBe(true)
    },
  },
  {
    name: "tip",
    samples: () => [{ bytes: real.tip, read: (bytes) => decodeTip(text(bytes)) }],
    refuses: never,
  },
  {
    name: "cursors",
    samples: () =>
      cursors().map((cursor) => ({
        bytes: Buffer.from(cursor, "base64url"),
        read: (bytes) => decodeCursor(digest, Buffer.from(bytes).toString("base64url")),
      })),
    refuses: (thrown) => thrown instanceof InvalidInput,
    whole: (cursor: ReturnType<typeof decodeCursor>, bytes) =>
      expect(encodeCursor(digest, cursor)).toBe(Buffer.from(bytes).toString("base64url")),
  },
  {
    name: "the text of cursors",
    samples: () =>
      cursors().map((cursor) => ({
        bytes: Buffer.from(cursor),
        read: (bytes) => decodeCursor(digest, text(bytes)),
      })),
    refuses: (thrown) => thrown instanceof InvalidInput,
    whole: (cursor: ReturnType<typeof decodeCursor>, bytes) =>
      expect(encodeCursor(digest, cursor)).toBe(text(bytes)),
  },
]

const change: fc.Arbitrary<Change> = fc.tuple(
  fc.nat({ max: changeKindMax }),
  fc.nat(),
  fc.nat(),
  fc.nat(),
)

/** The format, the sample and the changes; kept, since they once were read as something else. */
const found: ReadonlyArray<readonly [string, number, ReadonlyArray<Change>]> = [
  // Bytes that are no UTF-8 were read as the mark that stands for them.
  [
    "cursors",
    0,
    [
      [6, 1_514_510_135, 0, 0],
      [0, 139_833_320, 0, 0],
    ],
  ],
  // Letters that base64 does not have were skipped.
  [
    "the text of cursors",
    3,
    [
      [0, 221_466_555, 0, 0],
      [0, 998_291_982, 0, 0],
    ],
  ],
]

describe(`what is read (FUZZ_RUNS=${runs} FUZZ_SEED=${seed})`, () => {
  describe.each(formats)("as $name", (format) => {
    it("is read as it was made", () => {
      const samples = format.samples()
      expect(samples.length).toBeGreaterThan(0)
      for (const { bytes, read } of samples) expect(read(bytes)).toBeDefined()
    })

    it("is refused or sound when it was changed", { timeout: 3_600_000 }, () => {
      const samples = format.samples()
      const one = fc.nat({ max: samples.length - 1 })
      const changes = fc.array(change, { minLength: 1, maxLength: 4 })
      const property = fc.property(one, one, changes, (index, other, all) => {
        const sample = samples[index]
        if (sample === undefined) throw new Error("there is no such sample")
        const second = samples[other]?.bytes ?? sample.bytes
        checkRead(
          reads,
          format,
          sample,
          all.reduce((bytes, made) => apply(bytes, second, made), sample.bytes),
          second,
        )
      })
      const known = found.filter(([name]) => name === format.name)
      const examples = known.map(([, index, all]): [number, number, Array<Change>] => [
        index,
        index,
        [...all],
      ])
      return fc.assert(property, { numRuns: runs, seed, examples })
    })

    it("is refused or sound when it is made to hurt", () => {
      const [sample] = format.samples()
      if (sample === undefined) throw new Error("there is no sample")
      for (const [, bytes] of hostile) checkRead(reads, format, sample, bytes)
      expect({}).not.toHaveProperty("polluted")
    })
  })
})

describe(`a pack of which one bit is flipped (FUZZ_RUNS=${runs} FUZZ_SEED=${seed})`, () => {
  it("gives every frame but the one that it is in", { timeout: 3_600_000 }, async () => {
    let start = packHeaderBytes
    const spans = real.frames.map(({ length }) => {
      const span = { from: start, to: start + length }
      start = span.to
      return span
    })
    const flipped = fc.tuple(fc.integer({ min: packHeaderBytes, max: start - 1 }), fc.nat(7))
    const property = fc.asyncProperty(flipped, async ([at, bit]) => {
      const bytes = Uint8Array.from(real.pack)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
      let asked = 0
      const read = (from: number, length: number): Promise<Uint8Array> => {
        asked += Math.min(length, bytes.length - from)
        return Promise.resolve(bytes.subarray(from, from + length))
      }
      const found: Array<number> = []
      const end = reads.begin(`a pack, FUZZ_SEED=${seed}`)
      try {
        for await (const one of scanPack(readAhead(read), packHeaderBytes, bytes.length))
          if (one.type === "frame") found.push(one.offset)
      } finally {
        end()
      }
      const untouched = spans.filter(({ from, to }) => at < from || at >= to)
      expect(found).toEqual(untouched.map(({ from }) => from))
      expect(asked).toBeLessThan(bytes.length * 4)
    })
    await fc.assert(property, { numRuns: Math.ceil(runs / 10), seed })
  })
})
