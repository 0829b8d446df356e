/**
 * Archives as others read them: 70,000 entries of every kind, sizes and offsets beyond 4 GiB, a
 * sparse file that was saved. Names, kinds, modes, sizes and bytes are those that went in, whoever
 * of `unzip`, `7z`, `bsdtar` and Python's `zipfile` reads them; and any ranges are those of the
 * whole.
 *
 * `SPARSE_BYTES` is the size of that file, and as many of them as `WHOLE_READERS` says read to its
 * end what is beyond 4 GiB; `RANGE_RUNS` divisions into ranges are drawn by `RANGE_SEED`.
 */
import {
  closeSync,
  createReadStream,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as fc from "fast-check"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { BlobStore, type ByteRange } from "../blob/blob-store.js"
import * as MemoryBlobs from "../blob/memory.js"
import { type CoreRecorded, catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { Recorder } from "../event/recorder.contract.js"
import { digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import { emptyManifestDigest, makeTree, summarizeTree, type TreeEntry } from "../model/tree.js"
import { layOut } from "../zip/archive.contract.js"
import { type ContentOpener, zipStream } from "../zip/stream.js"
import { MemoryPlace } from "./places.contract.js"
import { openLedger } from "./promise.js"
import {
  digestPrinted,
  type Listed,
  readersObstacle,
  runCommand,
  zipReaders,
} from "./zip-readers.contract.js"

const sparseBytes = Number(process.env.SPARSE_BYTES ?? 64 * 2 ** 20)
const wholeReaderCount = Number(process.env.WHOLE_READERS ?? 1)
const rangeRuns = Number(process.env.RANGE_RUNS ?? 3)
const rangeSeed = Number(process.env.RANGE_SEED ?? Math.floor(Math.random() * 2 ** 31))
const why = readersObstacle()
const without = why === undefined ? "" : ` (skipped: ${why})`
// Half a minute is what `unzip` takes for four gibibytes where nothing else runs.
const patience = { timeout: 60_000 + sparseBytes / 4_000 }

const home = mkdtempSync(join(tmpdir(), "daybook-readers-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** What goes into a tree. */
interface Planted {
  readonly path: string
  readonly kind: TreeEntry["kind"]
  /** Of a file its content, of a link its target. */
  readonly text: string
  readonly executable?: true
}

const entryOf = ({ path, kind, text, executable }: Planted): TreeEntry => {
  const bytes = Buffer.from(text)
  const entry = { path: relativePath(path), kind, size: bytes.length }
  if (kind === "directory") return { ...entry, digest: emptyManifestDigest }
  const digest = digestOf(bytes)
  if (kind === "symlink") return { ...entry, digest, target: text }
  return executable === undefined ? { ...entry, digest } : { ...entry, digest, executable }
}

/** A ledger whose one version has this tree. No value is saved as one yet: its log is written. */
const holding = async (planted: ReadonlyArray<Planted>): Promise<MemoryPlace> => {
  const tree = makeTree(planted.map(entryOf))
  const { digest, size, manifests } = summarizeTree(tree)
  const place = new MemoryPlace(Date.UTC(2024, 1, 29))
  const files = planted.filter(({ kind }) => kind === "file").map(({ text }) => text)
  const put = Effect.gen(function* () {
    const blobs = yield* BlobStore
    for (const text of new Set(files)) yield* blobs.put(Buffer.from(text))
    for (const manifest of manifests) yield* blobs.put(manifest)
  })
  await Effect.runPromise(Effect.provide(put, MemoryBlobs.layerWith({ store: place.blobs })))
  const recorder = new Recorder()
  // Stands for the event that the place has already.
  recorder.record({ type: "ledger-created", data: null, subjects: [] })
  recorder.save("tree")
  const saved = recorder.events.at(-1) as Extract<CoreRecorded, { type: "version-saved" }>
  const data = { ...saved.data, content: { digest, size, count: tree.length } }
  place.records.push(makeCodec(catalog).encode({ ...saved, data }))
  return place
}

/** Writes the archive of such a ledger. */
const archived = async (place: MemoryPlace, name: string): Promise<string> => {
  const path = join(home, name)
  await place.use((ledger) => ledger.download("tree", path))
  return path
}

/** What lies at a place of an archive, of which so much is sent. */
type Ranged = (start: number, end: number) => Promise<Uint8Array>

const collect = async <E>(bytes: Stream.Stream<Uint8Array, E>): Promise<Buffer> =>
  Buffer.concat(await Effect.runPromise(Stream.runCollect(bytes)))

/** A stretch that is put together from ranges, and single bytes of it, are what lies there. */
const expectRanges = async (
  { from, bytes }: { readonly from: number; readonly bytes: Buffer },
  ranged: Ranged,
): Promise<void> => {
  const draw = { numRuns: rangeRuns, seed: rangeSeed }
  const cuts = fc.array(fc.nat({ max: bytes.length }), { maxLength: 12 })
  const divided = fc.asyncProperty(cuts, async (inside) => {
    const bounds = [0, ...inside.toSorted((a, b) => a - b), bytes.length]
    const parts: Array<Uint8Array> = []
    for (const [at, end] of bounds.slice(1).entries())
      parts.push(await ranged(from + (bounds[at] ?? 0), from + end))
    expect(Buffer.concat(parts).equals(bytes)).toBe(true)
  })
  await fc.assert(divided, draw)
  const single = fc.asyncProperty(fc.nat({ max: bytes.length - 1 }), async (at) => {
    expect([...(await ranged(from + at, from + at + 1))]).toEqual([bytes[at]])
  })
  await fc.assert(single, { ...draw, numRuns: 40 * rangeRuns })
}

const listed = ({ path, kind, text, executable }: Planted): Listed => {
  if (kind === "directory") return { name: `${path}/`, mode: "drwxr-xr-x", size: 0 }
  const mode = executable === true ? "-rwxr-xr-x" : "-rw-r--r--"
  return {
    name: path,
    mode: kind === "symlink" ? "lrwxrwxrwx" : mode,
    size: Buffer.byteLength(text),
  }
}

/** In the order of archives: by the UTF-8 bytes of the names. */
const inOrder = (planted: ReadonlyArray<Planted>): ReadonlyArray<Planted> =>
  planted
    .map((one) => ({ one, name: Buffer.from(listed(one).name) }))
    .sort((a, b) => a.name.compare(b.name))
    .map(({ one }) => one)

const lines = (entries: ReadonlyArray<Listed>): ReadonlyArray<string> =>
  entries.map(({ name, mode, size }) => `${mode} ${size} ${name}`)

const manyCount = 70_000

/** Every kind of entry among many files, below folders some of which have names beyond ASCII. */
const many: ReadonlyArray<Planted> = Array.from({ length: manyCount }, (_, n) => {
  const folder = `folder ${n % 70}/${n % 3 === 0 ? "ünï/日本" : "plain"}`
  if (n % 97 === 0) return { path: `${folder}/link ${n}`, kind: "symlink", text: `../ünï ${n}` }
  if (n % 101 === 1) return { path: `empty/\u{1f600} ${n}`, kind: "directory", text: "" }
  const text = `content ${n % 4_999}\n`.repeat(n % 7)
  const file = { path: `${folder}/ünï ${n}.txt`, kind: "file", text } as const
  return n % 13 === 2 ? { ...file, executable: true } : file
})

const few: ReadonlyArray<Planted> = [
  { path: "a.txt", kind: "file", text: "a\n" },
  { path: "bin/run", kind: "file", text: "#!/bin/sh\n".repeat(99), executable: true },
  { path: "bin/link", kind: "symlink", text: "../ünï/日本 é.txt" },
  { path: "hollow/folder", kind: "directory", text: "" },
  { path: "ünï/日本 é.txt", kind: "file", text: "unicode\n" },
  { path: "ünï/nothing", kind: "file", text: "" },
]

/** What lies below a directory, as it would be planted. Only empty directories are told. */
const found = (directory: string): ReadonlyArray<Planted> =>
  inOrder(
    readdirSync(directory, { recursive: true, encoding: "utf8" }).flatMap(
      (name): ReadonlyArray<Planted> => {
        const at = join(directory, name)
        const stat = lstatSync(at)
        const path = name.normalize("NFC").replaceAll("\\", "/")
        if (stat.isSymbolicLink()) return [{ path, kind: "symlink", text: readlinkSync(at) }]
        if (stat.isDirectory())
          return readdirSync(at).length > 0 ? [] : [{ path, kind: "directory", text: "" }]
        const file = { path, kind: "file", text: readFileSync(at, "utf8") } as const
        return [(stat.mode & 0o111) === 0 ? file : { ...file, executable: true }]
      },
    ),
  )

/** As a reader leaves them that knows neither links nor modes. */
const asFiles = (planted: ReadonlyArray<Planted>): ReadonlyArray<Planted> =>
  planted.map(({ path, kind, text }) => ({
    path,
    kind: kind === "symlink" ? "file" : kind,
    text,
  }))

describe.skipIf(why !== undefined)(`the archive of a tree${without}`, () => {
  const expected = inOrder(many)
  let place = new MemoryPlace(0)
  let large = ""
  let small = ""
  beforeAll(async () => {
    place = await holding(many)
    large = await archived(place, "large.zip")
    small = await archived(await holding(few), "small.zip")
  })

  it.each(zipReaders)("is 70,000 names, kinds, modes, sizes for $name", ({ list }) => {
    const names = lines(list(large))
    const right = lines(expected.map(listed))
    expect(names).toHaveLength(manyCount)
    // Not as a whole: what differs would fill the terminal.
    expect(names.filter((name, at) => name !== right[at]).slice(0, 5)).toEqual([])
  })

  it.each(zipReaders)("is the bytes of 70,000 entries for $name", async (reader) => {
    const printed = expected.filter(({ kind }) => reader.printsLinks || kind !== "symlink")
    const bytes = Buffer.from(printed.map(({ text }) => text).join(""))
    expect(await digestPrinted(reader.print(large))).toBe(digestOf(bytes))
  })

  it(`is put together from any ranges (RANGE_SEED=${rangeSeed})`, patience, async () => {
    const bytes = readFileSync(large)
    await place.use((ledger) =>
      Effect.gen(function* () {
        const { size, stream } = yield* ledger.zip("tree")
        expect(size).toBe(bytes.length)
        const ranged: Ranged = (start, end) => collect(stream({ start, end }))
        const directory = bytes.indexOf("PK\u0001\u0002")
        const stretches = [
          [0, size],
          [directory - 5_000, directory + 5_000],
          [size - 5_000, size],
        ] as const
        for (const [from, to] of stretches)
          yield* Effect.promise(() =>
            expectRanges({ from, bytes: bytes.subarray(from, to) }, ranged),
          )
      }),
    )
  })

  it.each(zipReaders)("becomes that tree on the disk by $name", async (reader) => {
    const directory = join(home, `by ${reader.name}`)
    mkdirSync(directory)
    await runCommand(reader.extract(small, directory))
    expect(found(directory)).toEqual(inOrder(reader.extractsModes ? few : asFiles(few)))
  })

  it.each(zipReaders)(
    "is refused by $name when one bit of a content is another",
    async (reader) => {
      await runCommand(reader.test(small))
      const bytes = readFileSync(small)
      const at = bytes.indexOf("unicode")
      bytes[at] = (bytes[at] ?? 0) ^ 1
      const spoilt = join(home, `spoilt for ${reader.name}.zip`)
      writeFileSync(spoilt, bytes)
      await expect(runCommand(reader.test(spoilt))).rejects.toThrow("ended with")
    },
  )
})

/** Zeros, but for these texts at these offsets: more than four gibibytes of them. */
const vast = {
  size: 4_402_341_478,
  // As `zlib` of Python says.
  crc32: 0xe66650a5,
  texts: new Map([
    [0, "first"],
    [2 ** 32 - 4, "across 4 GiB"],
    [4_402_341_474, "last"],
  ]),
}

const pieceBytes = 2 ** 20
const zeros = new Uint8Array(pieceBytes)

/** The bytes of a sparse file up to `size`; the zeros are the same array each time. */
function* sparse(
  size: number,
  texts: ReadonlyMap<number, string>,
  from = 0,
): Generator<Uint8Array, void> {
  for (let start = from; start < size; start += pieceBytes) {
    const end = Math.min(start + pieceBytes, size)
    const within = [...texts].filter(([at, text]) => at < end && at + text.length > start)
    const piece = within.length === 0 ? zeros : new Uint8Array(pieceBytes)
    for (const [at, text] of within)
      for (const [index, byte] of Buffer.from(text).entries())
        if (at + index >= start && at + index < end) piece[at + index - start] = byte
    yield piece.subarray(0, end - start)
  }
}

/** An archive of a few bytes around a vast file. */
const laidOut = () => {
  const small = Buffer.from("small\n")
  const [digest, vastDigest] = [digestOf(small), digestOf(Buffer.from("stands for the vast one"))]
  const file = (name: string, size: number, crc: number, of: typeof digest) => ({
    ...{ kind: "file" as const, path: relativePath(name), digest: of, size, crc32: crc },
    source: { method: "stored" as const },
  })
  const few = (name: string) => file(name, small.length, crc32(small), digest)
  const entries = [few("before"), file("vast", vast.size, vast.crc32, vastDigest), few("z/behind")]
  const pieces = ({ start, end }: ByteRange) => sparse(end, vast.texts, start)
  const opener: ContentOpener<never> = {
    read: ({ range = { start: 0, end: vast.size } }) => Stream.fromIterable(pieces(range)),
    readInto: (parts) =>
      Effect.sync(() => {
        for (const { digest: of, into, range = { start: 0, end: small.length } } of parts)
          if (of === digest) into.set(small.subarray(range.start, range.end))
          else into.set(Buffer.concat([...pieces(range)]))
      }),
  }
  return { layout: layOut([{ modified: Date.UTC(2024, 1, 29), entries }]), opener }
}

/** Writes it; the zeros take no room on the disk. */
const vastArchive = async (path: string): Promise<void> => {
  const { layout, opener } = laidOut()
  const descriptor = openSync(path, "wx")
  try {
    let at = 0
    const write = (piece: Uint8Array) =>
      Effect.sync(() => {
        if (piece.buffer !== zeros.buffer) writeSync(descriptor, piece, 0, piece.length, at)
        at += piece.length
      })
    await Effect.runPromise(Stream.runForEach(zipStream(layout, opener), write))
    ftruncateSync(descriptor, at)
    expect(at).toBe(layout.size)
  } finally {
    closeSync(descriptor)
  }
}

// The quickest is the last.
const patient = zipReaders.slice(zipReaders.length - wholeReaderCount)

describe.skipIf(why !== undefined)(`an archive beyond 4 GiB${without}`, patience, () => {
  const archive = join(home, "vast.zip")
  beforeAll(() => vastArchive(archive))

  it.each(zipReaders)("is listed by $name, and read where it ends", async ({ list, print }) => {
    expect(lines(list(archive))).toEqual([
      "-rw-r--r-- 6 before",
      `-rw-r--r-- ${vast.size} vast`,
      "-rw-r--r-- 6 z/behind",
    ])
    expect(await digestPrinted(print(archive, "z/behind"))).toBe(digestOf(Buffer.from("small\n")))
  })

  it(`is put together from any ranges there (RANGE_SEED=${rangeSeed})`, async () => {
    const { layout, opener } = laidOut()
    const ranged: Ranged = (start, end) => collect(zipStream(layout, opener, { start, end }))
    const descriptor = openSync(archive, "r")
    onTestFinished(() => closeSync(descriptor))
    for (const from of [0, 2 ** 32 - 5_000, vast.size - 5_000, layout.size - 5_000]) {
      const bytes = Buffer.alloc(Math.min(10_000, layout.size - from))
      expect(readSync(descriptor, bytes, 0, bytes.length, from)).toBe(bytes.length)
      expect(bytes.some((byte) => byte !== 0)).toBe(true)
      await expectRanges({ from, bytes }, ranged)
    }
  })

  it.each(patient)("is whole for $name, which reads all of it", async ({ test }) => {
    expect(statSync(archive).size).toBeGreaterThan(2 ** 32)
    await expect(runCommand(test(archive))).resolves.toBeUndefined()
  })
})

describe.skipIf(why !== undefined)(`a sparse file that was saved${without}`, patience, () => {
  const archive = join(home, "saved.zip")
  const texts = new Map([
    [0, "first"],
    [Math.min(Math.floor(sparseBytes / 2), 2 ** 32 - 4), "across 4 GiB"],
    [sparseBytes - 4, "last"],
  ])
  beforeAll(async () => {
    const path = join(home, "sparse")
    const descriptor = openSync(path, "wx")
    ftruncateSync(descriptor, sparseBytes)
    for (const [at, text] of texts) writeSync(descriptor, text, at)
    closeSync(descriptor)
    const ledger = await openLedger(join(home, "ledger"))
    await ledger.save("sparse", createReadStream(path))
    await ledger.download("sparse", archive)
    await ledger.close()
  }, patience.timeout)

  it("takes next to no room, neither in the ledger nor in the archive", () => {
    const packs = join(home, "ledger/blob/packs")
    const sizes = readdirSync(packs).map((name) => statSync(join(packs, name)).size)
    expect(sizes.reduce((sum, size) => sum + size)).toBeLessThan(sparseBytes / 100)
    expect(statSync(archive).size).toBeLessThan(sparseBytes / 100)
  })

  it.each(zipReaders)("is the same bytes for $name", async ({ list, print }) => {
    expect(lines(list(archive))).toEqual([`-rw-r--r-- ${sparseBytes} data.bin`])
    expect(await digestPrinted(print(archive))).toBe(digestOf(...sparse(sparseBytes, texts)))
  })
})
