import fc from "fast-check"
import { unzipSync } from "fflate"
import { afterEach, describe, expect, it, vi } from "vitest"
import { digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import {
  type Archive,
  Contents,
  extract,
  type Filled,
  layOut,
  readArchive,
  write,
} from "./archive.contract.js"
import type { ZipEntry, ZipFile } from "./entry.js"
import type { ZipContent, ZipLayout } from "./layout.js"

const time = Date.UTC(2024, 1, 29, 12, 34, 56)
const u32Max = 0xffffffff

const directory = (path: string): ZipEntry => ({ kind: "directory", path: relativePath(path) })
const symlink = (path: string, target: string): ZipEntry => ({
  kind: "symlink",
  path: relativePath(path),
  target,
})
const layoutOf = (entries: ReadonlyArray<ZipEntry>, tree: Partial<Filled> = {}): ZipLayout =>
  layOut([{ modified: time, entries, ...tree }])

/** An archive whose contents are only claimed: it can be far larger than any memory. */
const claimed = (layout: ZipLayout): Archive => ({
  size: layout.size,
  bytes: (start, end) => write(layout, ({ length }) => new Uint8Array(length), start, end),
})

const text = (name: string): string => `this is ${name}\n`.repeat(50)

describe("an archive", () => {
  afterEach(() => void vi.unstubAllEnvs())

  it("of nothing is 22 bytes", () => {
    const layout = layOut([])
    expect(layout.size).toBe(22)
    expect(write(layout, () => new Uint8Array(0)).toString("hex")).toBe(`504b0506${"0".repeat(36)}`)
    expect(readArchive(claimed(layout))).toEqual([])
  })

  it("has all its bytes as the specification draws them", () => {
    const contents = new Contents()
    const layout = layoutOf([contents.stored("b", "hello"), symlink("c", "b"), directory("d")])
    const bytes = write(layout, (content) => contents.read(content))
    const local = "504b0304 1400 0008 0000 5c645d58"
    const central = "504b0102 3f03 1400 0008 0000 5c645d58"
    const stamp = "5554 0500 01 f079e065"
    const centrals = [
      "86a61036 05000000 05000000 0100 0900 000000000000 0000a481 00000000 62",
      "f9efbe71 01000000 01000000 0100 0900 000000000000 0000ffa1 2d000000 63",
      "00000000 00000000 00000000 0200 0900 000000000000 1000ed41 56000000 642f",
    ].map((fields) => `${central} ${fields} ${stamp}`.replaceAll(" ", ""))
    const expected = `
      ${local} 86a61036 05000000 05000000 0100 0900 62 ${stamp} 68656c6c6f
      ${local} f9efbe71 01000000 01000000 0100 0900 63 ${stamp} 62
      ${local} 00000000 00000000 00000000 0200 0900 642f ${stamp}
      ${centrals.join("")}
      504b0506 0000 0000 0300 0300 a9000000 7f000000 0000`
    expect(bytes.toString("hex")).toBe(expected.replaceAll(/\s/g, ""))
    // Whoever changes the bytes of local headers or end records changes the word at the beginning:
    // a reader that resumes after an upgrade must not join the halves of two archives.
    const digests = [digestOf(Buffer.from("hello")), digestOf(Buffer.from("b")), ""]
    const hashed = centrals.flatMap((header, index) => [
      Buffer.from(header, "hex"),
      Buffer.from(digests[index] ?? ""),
    ])
    expect(layout.etag).toBe(`"${digestOf(Buffer.from("zip 1"), ...hashed)}"`)
  })

  it("gives back names, contents, kinds and modes", () => {
    const contents = new Contents()
    const names = [
      "2",
      "10",
      "__proto__",
      "constructor",
      "toString",
      "dir/ünï/日本.txt",
      "\u{1f600}",
    ]
    const entries = [
      ...names.map((name) => contents.file(name, text(name))),
      contents.file("empty", ""),
      contents.stored("empty-stored", ""),
      contents.file("run.sh", text("run"), { executable: true }),
      directory("hollow/folder"),
      symlink("link", "dir/ünï"),
    ]
    const found = extract(write(layoutOf(entries), (content) => contents.read(content)))
    const byName = new Map(found.map((member) => [member.name, member]))
    for (const name of names) expect(byName.get(name)?.content.toString()).toBe(text(name))
    for (const name of ["empty", "empty-stored"]) expect(byName.get(name)?.size).toBe(0)
    expect(byName.get("link")?.content.toString()).toBe("dir/ünï")
    const modes = found.map(({ name, mode }) => [name, mode.toString(8)])
    expect(modes.filter(([, mode]) => mode !== "100644")).toEqual([
      ["hollow/folder/", "40755"],
      ["link", "120777"],
      ["run.sh", "100755"],
    ])
    expect(found.every(({ unix }) => unix === time / 1000)).toBe(true)
    expect(found.length).toBe(entries.length)
  })

  it("is read by fflate", () => {
    const contents = new Contents()
    const names = ["2", "10", "constructor", "dir/ünï/日本.txt", "a"]
    const noise = Uint8Array.from({ length: 70_000 }, (_, index) => (index * index * 31) >>> 7)
    const entries = [
      ...names.map((name) => contents.file(name, text(name))),
      contents.stored("stored", noise),
      contents.file("deflated", noise),
      directory("hollow"),
    ]
    const files = unzipSync(write(layoutOf(entries), (content) => contents.read(content)))
    const found = new Map(Object.entries(files))
    expect([...found.keys()].sort()).toEqual(["deflated", "hollow/", "stored", ...names].sort())
    for (const name of names) expect(Buffer.from(found.get(name) ?? []).toString()).toBe(text(name))
    expect(Buffer.from(noise).equals(found.get("stored") ?? noise.subarray(1))).toBe(true)
    expect(Buffer.from(noise).equals(found.get("deflated") ?? noise.subarray(1))).toBe(true)
  })

  it("is the same in every time zone", () => {
    const contents = new Contents()
    const entries = [contents.file("a", text("a")), contents.file("b", "b")]
    const offsets = new Set<number>()
    const archives = new Set<string>()
    for (const zone of ["UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Kiritimati"]) {
      vi.stubEnv("TZ", zone)
      offsets.add(new Date(time).getTimezoneOffset())
      const layout = layoutOf(entries)
      archives.add(layout.etag + write(layout, (it) => contents.read(it)).toString("hex"))
    }
    expect(offsets.size).toBe(4)
    expect(archives.size).toBe(1)
  })

  it("is the same for every order of its entries", () => {
    const contents = new Contents()
    const entries = ["a", "b/c", "ä", "\u{10000}", "\uffee"].map((it) =>
      contents.file(it, text(it)),
    )
    const forth = layoutOf(entries)
    const back = layoutOf(entries.toReversed())
    expect(back.etag).toBe(forth.etag)
    const bytes = write(forth, (content) => contents.read(content))
    expect(write(back, (content) => contents.read(content)).equals(bytes)).toBe(true)
  })
})

describe("large archives", () => {
  const GiB = 2 ** 30
  const digest = digestOf(Buffer.from("claimed"))

  const claim = (path: string, size: number, deflatedSize?: number): ZipFile => ({
    kind: "file",
    path: relativePath(path),
    digest,
    size,
    crc32: 0x12345678,
    source:
      deflatedSize === undefined
        ? { method: "stored" }
        : { method: "deflate", deflatedSize, storedDigest: digest },
  })

  it("have ZIP64 fields exactly where sizes and offsets need them", () => {
    const entries = [
      claim("a", 5 * GiB),
      claim("b", 6 * GiB, 1_000),
      claim("c", 7 * GiB, 4 * GiB + 10),
      claim("d", 10, 8),
      claim("e", u32Max),
      claim("f", u32Max - 1),
      claim("g", u32Max - 1, u32Max - 3),
      claim("h", u32Max - 1, u32Max - 2),
    ]
    const layout = layoutOf(entries)
    expect(layout.size).toBeGreaterThan(20 * GiB)
    const found = readArchive(claimed(layout))
    expect(found.map(({ size }) => size)).toEqual(entries.map(({ size }) => size))
    expect(found.map(({ compressedSize }) => compressedSize)).toEqual([
      ...[5 * GiB, 1_002, 4 * GiB + 12, 10, u32Max, u32Max - 1, u32Max - 1, u32Max],
    ])
  })

  it.each([
    [u32Max - 1, 98 - 76, "feffffff"],
    [u32Max, 98, "ffffffff"],
  ])("go over to ZIP64 at an offset of %d", (offset, tail, field) => {
    // Both the second entry and the directory of the other archive begin at the offset.
    const entry = layoutOf([claim("a", offset - 40), claim("b", 1)])
    expect(readArchive(claimed(entry))[1]?.offset).toBe(offset)
    const directory = layoutOf([claim("a", offset - 40)])
    expect(readArchive(claimed(directory)).length).toBe(1)
    const end = claimed(directory).bytes(directory.size - 22, directory.size)
    expect(end.toString("hex", 16, 20)).toBe(field)
    expect(directory.size - offset).toBe(46 + 1 + 9 + tail)
  })

  it.each([
    [0xfffe, 22, "feff"],
    [0xffff, 98, "ffff"],
  ])("go over to ZIP64 at a count of %d", (count, tail, field) => {
    const entries = Array.from({ length: count }, (_, index) => claim(`${index}`, 0))
    const layout = layoutOf(entries)
    const end = claimed(layout).bytes(layout.size - 22, layout.size)
    expect(end.toString("hex", 10, 12)).toBe(field)
    expect(end.readUInt32LE(12) + end.readUInt32LE(16)).toBe(layout.size - tail)
  })

  it("hold 70,000 entries, each of them where the directory says", () => {
    const contents = new Contents()
    const one = contents.stored("any", "x")
    const entries = Array.from({ length: 70_000 }, (_, index) => ({
      ...one,
      path: relativePath(`folder ${index % 7}/ünï ${index}`),
    }))
    const bytes = write(layoutOf(entries), (content) => contents.read(content))
    const found = extract(bytes)
    const names = new Set(found.map(({ name }) => name))
    expect(entries.every(({ path }) => names.delete(path))).toBe(true)
    expect(names.size).toBe(0)
    expect(found.every(({ content }) => content.toString() === "x")).toBe(true)
    expect(bytes.toString("hex", bytes.length - 98, bytes.length - 94)).toBe("504b0606")
  })
})

describe("the entity tag", () => {
  const contents = new Contents()
  const plain = contents.file("a", text("a"))
  const other = digestOf(Buffer.from("other"))
  const source = { method: "deflate", deflatedSize: 60, storedDigest: other } as const
  const stored = { ...plain, source: { method: "stored" } } as const

  it("is a quoted digest, the same for the same input", () => {
    expect(layoutOf([plain]).etag).toMatch(/^"[0-9a-f]{64}"$/)
    expect(layoutOf([{ ...plain }]).etag).toBe(layoutOf([plain]).etag)
  })

  it("changes with everything that changes a byte", () => {
    const layouts = [
      layoutOf([]),
      layoutOf([plain]),
      layoutOf([plain], { modified: time + 2_000 }),
      layoutOf([plain], { prefix: relativePath("folder") }),
      layoutOf([plain, directory("b")]),
      layoutOf([{ ...plain, path: relativePath("b") }]),
      layoutOf([{ ...plain, executable: true }]),
      layoutOf([{ ...plain, crc32: 1 }]),
      layoutOf([{ ...plain, size: plain.size + 1 }]),
      layoutOf([{ ...plain, source }]),
      layoutOf([{ ...plain, source: { ...source, storedDigest: plain.digest } }]),
      layoutOf([{ ...plain, source: { ...source, deflatedSize: 61 } }]),
      layoutOf([stored]),
      layoutOf([{ ...stored, digest: other }]),
      layoutOf([symlink("a", "b")]),
      layoutOf([symlink("a", "c")]),
    ]
    expect(new Set(layouts.map(({ etag }) => etag)).size).toBe(layouts.length)
  })
})

describe("segments", () => {
  const contents = new Contents()
  const read = (content: ZipContent): Uint8Array => contents.read(content)
  const noise = Uint8Array.from({ length: 150_000 }, (_, index) => (index * index * 31) >>> 7)
  const small = layoutOf([
    contents.file("a", "aaaa"),
    contents.stored("b", "bb"),
    symlink("c", "a"),
  ])

  it("give every range of a small archive as a slice of the whole", () => {
    const bytes = write(small, read)
    for (let start = 0; start < bytes.length; start += 1)
      for (let end = start + 1; end <= bytes.length; end += 1)
        if (!write(small, read, start, end).equals(bytes.subarray(start, end)))
          expect.fail(`${start} to ${end} differs`)
    expect(bytes.length).toBe(small.size)
  })

  it("give ranges of a large archive as slices of the whole", () => {
    const large = layoutOf([
      ...Array.from({ length: 300 }, (_, index) => contents.file(`${index}`, text(`${index}`))),
      contents.stored("noise/whole", noise),
      contents.stored("noise/edge", noise.subarray(0, 65_536)),
      contents.stored("noise/over", noise.subarray(0, 65_537)),
    ])
    const bytes = write(large, read)
    extract(bytes)
    const offset = fc.integer({ min: 0, max: bytes.length })
    fc.assert(
      fc.property(offset, offset, (a, b) => {
        const [start, end] = [Math.min(a, b), Math.max(a, b)]
        expect(write(large, read, start, end).equals(bytes.subarray(start, end))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  it("join small neighbours and leave a large content alone", () => {
    const entries = [
      ...Array.from({ length: 300 }, (_, index) => contents.file(`a${index}`, text(`${index}`))),
      contents.stored("b", noise),
    ]
    const layout = layoutOf(entries)
    const kinds: Array<string> = []
    for (let at = 0; at < layout.size; ) {
      const segment = layout.segment(at, layout.size, 65_536)
      if (segment.kind === "joined") expect(segment.bytes.length).toBeLessThanOrEqual(65_536)
      else expect(segment.content).toMatchObject({ sent: "content", length: noise.length })
      if (segment.kind === "content") expect(segment.content.range).toBeUndefined()
      kinds.push(segment.kind)
      at = segment.end
    }
    expect(kinds).toEqual(["joined", "content", "joined"])
  })

  it("ask for just the part of a content that a range holds", () => {
    const layout = layoutOf([contents.stored("b", noise)])
    const body = 30 + 1 + 9
    const within = layout.segment(body + 10, body + 70_000, 65_536)
    expect(within).toMatchObject({ kind: "content", end: body + 70_000 })
    expect(within.kind === "content" && within.content.range).toEqual({ start: 10, end: 70_000 })
    const few = layout.segment(body - 5, body + 3, 65_536)
    expect(few.kind === "joined" && few.gaps.map(({ range }) => range)).toEqual([
      { start: 0, end: 3 },
    ])
    expect(few.kind === "joined" && few.bytes.length).toBe(8)
  })
})
