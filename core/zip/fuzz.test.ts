/**
 * Archives that something changed: bits flipped, pieces cut, copied, exchanged and put in, numbers
 * driven to extremes. Each is refused by name, or gives the contents that its entries had; and no
 * memory follows a claim.
 */
import { crc32, deflateRawSync } from "node:zlib"
import * as Effect from "effect/Effect"
import fc from "fast-check"
import { zipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { isRefusal } from "../errors.js"
import { pathProblem, relativePath } from "../model/path.js"
import { Contents, layOut, write } from "./archive.contract.js"
import { forge, little, unpackAll } from "./forged.contract.js"

const runs = Number(process.env.FUZZ_RUNS ?? 1_000)
const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))

const text = "the quick brown fox ".repeat(40)
const noise = Buffer.from(Uint8Array.from({ length: 2_000 }, (_, at) => (at * at * 31) >>> 7))

const ours = (): Buffer => {
  const contents = new Contents()
  const entries = [
    contents.file("a/text", text),
    contents.file("a/run", "#!/bin/sh", { executable: true }),
    contents.stored("noise", noise),
    { kind: "directory" as const, path: relativePath("empty") },
    { kind: "symlink" as const, path: relativePath("l"), target: "a/text" },
  ]
  return write(layOut([{ modified: 0, entries }]), (content) => contents.read(content))
}

const packed = deflateRawSync(text)
const descriptor = little(
  ...([
    [4, 0x08074b50],
    [4, crc32(Buffer.from(text))],
    [4, packed.length],
    [4, text.length],
  ] as const),
)
const open = { crc32: 0, size: 0, compressedSize: 0 }

const archives: ReadonlyArray<Buffer> = [
  ours(),
  Buffer.from(zipSync({ "a/text": Buffer.from(text), noise: [noise, { level: 0 }] })),
  forge(
    [
      { name: "streamed", content: text, packed, flags: 0x0808, behind: descriptor, local: open },
      { name: "d/", mode: 0o40755 },
      { name: "inner.zip", content: forge([{ name: "x", content: "y" }]), method: 0 },
    ],
    { wide: {}, count: 0xffff, start: 0xffffffff, comment: Buffer.from("a comment") },
  ),
  forge([]),
]

type Unpacked = ReadonlyMap<string, string>

const unpacked = (archive: Uint8Array): Unpacked =>
  new Map(
    Effect.runSync(unpackAll(archive)).map(({ path, content }) => [path, content.toString("hex")]),
  )

const wholes = archives.map(unpacked)

/** One change, by numbers, so that it can be made smaller. */
type Change = readonly [kind: number, at: number, length: number, which: number]
const change: fc.Arbitrary<Change> = fc.tuple(fc.nat({ max: 8 }), fc.nat(), fc.nat(), fc.nat())

/** Marks of records, lengths without end, methods and flags of others. */
const tokens = [
  "504b0304",
  "504b0102",
  "504b0506",
  "504b0606",
  "504b0607",
  "504b0708",
  "ffffffff",
  "ffffffffffffffff",
  "ffff",
  "0000",
  "00000000",
  "2e2e2f",
  "01001800",
  "75700a00",
].map((hex) => Buffer.from(hex, "hex"))

// Directory and end records are a small part of an archive, and most of what there is to get wrong.
const placeIn = (bytes: Uint8Array, at: number, which: number): number =>
  which % 2 === 0
    ? at % (bytes.length + 1)
    : Math.max(0, bytes.length - (at % Math.min(400, bytes.length + 1)))

const apply = (bytes: Uint8Array, other: Uint8Array, [kind, a, b, c]: Change): Uint8Array => {
  const at = placeIn(bytes, a, c)
  const to = Math.min(bytes.length, at + (b % 80))
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
  const token = tokens[c % tokens.length] ?? Buffer.alloc(0)
  const written = bytes.subarray(Math.min(bytes.length, at + token.length))
  if (kind === 0) {
    const flipped = Uint8Array.from(bytes)
    if (at < bytes.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << (b % 8))
    return flipped
  }
  if (kind === 1) return before
  if (kind === 2) return after
  if (kind === 3) return Buffer.concat([before, bytes.subarray(to)])
  if (kind === 4) return Buffer.concat([bytes.subarray(0, to), after])
  if (kind === 5) return Buffer.concat([before, other.subarray(placeIn(other, b, c))])
  if (kind === 6) return Buffer.concat([before, token, after])
  if (kind === 7) return Buffer.concat([before, token, written])
  return Buffer.concat([before, other.subarray(0, b % 200), after])
}

/** What comes of it, or undefined where it is refused. No memory follows a claim. */
const tried = (archive: Uint8Array): Unpacked | undefined => {
  const before = process.memoryUsage()
  try {
    return unpacked(archive)
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown
    expect(thrown.message).not.toMatch(/[\u0000-\u001f]/)
    return undefined
  } finally {
    const after = process.memoryUsage()
    const grown = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
    expect(grown).toBeLessThan(64 * 2 ** 20)
  }
}

/** A path may lose or win letters, and an entry its mode; contents are as they were. */
const check = (archive: Uint8Array, known: ReadonlySet<string>): void => {
  for (const [path, content] of tried(archive) ?? []) {
    expect(pathProblem(path)).toBeUndefined()
    expect(known).toContain(content)
  }
}

describe(`archives (FUZZ_RUNS=${runs} FUZZ_SEED=${seed})`, () => {
  const contents = new Set(wholes.flatMap((whole) => [...whole.values()]))
  // What the archive in one of them holds, which can become the whole by a cut.
  contents.add(Buffer.from("y").toString("hex"))

  it("are read as they were made", () => {
    expect(wholes.map(({ size }) => size)).toEqual([5, 2, 3, 0])
  })

  it("of which one bit is flipped are refused or the same", { timeout: 3_600_000 }, () => {
    const property = fc.property(fc.nat(), fc.nat(), (index, at) => {
      const archive = archives[index % archives.length]
      if (archive === undefined) throw new Error("there is no such sample")
      const flipped = Uint8Array.from(archive)
      const bit = at % (archive.length * 8)
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7))
      check(flipped, contents)
    })
    fc.assert(property, { numRuns: runs, seed })
  })

  it("of which a part is missing are refused", { timeout: 600_000 }, () => {
    for (const [index, archive] of archives.entries())
      for (let end = 0; end < archive.length; end += 1) {
        const found = tried(archive.subarray(0, end))
        // The comment may be cut to an archive that is another one's end: never to a part of it.
        if (found !== undefined) expect(found).toEqual(wholes[index])
      }
  })

  it("that are changed anyhow are refused or hold what they held", { timeout: 3_600_000 }, () => {
    const one = fc.nat({ max: archives.length - 1 })
    const changes = fc.array(change, { minLength: 1, maxLength: 4 })
    const property = fc.property(one, one, changes, (index, other, all) => {
      const [sample, second] = [archives[index], archives[other]]
      if (sample === undefined || second === undefined) throw new Error("there is no such sample")
      const changed = all.reduce<Uint8Array>((bytes, made) => apply(bytes, second, made), sample)
      check(changed, contents)
    })
    fc.assert(property, { numRuns: runs, seed })
  })
})
