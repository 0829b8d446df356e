/**
 * The catalog of an archive: what headers say of entries, their order, and what is sent of them.
 */
import { crc32 } from "node:zlib"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import { catalogOf, type Filled } from "./archive.contract.js"
import { Catalog } from "./catalog.js"
import type { ZipEntry, ZipFile } from "./entry.js"
import { type Header, makeStamp, methodDeflate, methodStored, modes } from "./header.js"

const digest = digestOf(Buffer.from("content"))
const storedDigest = digestOf(Buffer.from("stored"))

const file = (path: string, fields: Partial<ZipFile> = {}): ZipFile => ({
  kind: "file",
  path: relativePath(path),
  digest,
  size: 7,
  crc32: 1,
  source: { method: "stored" },
  ...fields,
})
const directory = (path: string): ZipEntry => ({ kind: "directory", path: relativePath(path) })
const symlink = (path: string, target: string): ZipEntry => ({
  kind: "symlink",
  path: relativePath(path),
  target,
})

const tree = (entries: ReadonlyArray<ZipEntry>, prefix?: string): Filled => ({
  modified: 0,
  entries,
  ...(prefix === undefined ? {} : { prefix: relativePath(prefix) }),
})
/** Of each place in the archive. */
const each = <A>(catalog: Catalog, read: (place: number) => A): ReadonlyArray<A> =>
  Array.from({ length: catalog.count }, (_, place) => read(place))

const headers = (...trees: ReadonlyArray<Filled>): ReadonlyArray<Header> => {
  const catalog = catalogOf(trees)
  return each(catalog, (place) => catalog.header(place))
}

const names = (...trees: ReadonlyArray<Filled>): ReadonlyArray<string> =>
  headers(...trees).map(({ name }) => name.toString())

describe("the headers of entries", () => {
  it("give a stored file its size, a deflated one the two bytes that end its stream", () => {
    const [stored, deflated] = headers(
      tree([
        file("a", { size: 9 }),
        file("b", { size: 9, source: { method: "deflate", deflatedSize: 5, storedDigest } }),
      ]),
    )
    expect(stored).toMatchObject({ method: methodStored, size: 9, compressedSize: 9, crc32: 1 })
    expect(deflated).toMatchObject({ method: methodDeflate, size: 9, compressedSize: 7, crc32: 1 })
  })

  it("tell the four modes apart", () => {
    const entries = [
      file("a"),
      file("b", { executable: true }),
      directory("c"),
      symlink("d", "../a"),
      file("e", { executable: false }),
    ]
    const found = headers(tree(entries)).map(({ mode }) => mode)
    const { file: plain, executable, directory: folder, symlink: link } = modes
    expect(found).toEqual([plain, executable, folder, link, plain])
  })

  it("carry a link's target as stored content", () => {
    const target = Buffer.from("../über")
    const catalog = catalogOf([tree([file("a"), symlink("l", "../über")])])
    const size = target.length
    const link = { size, compressedSize: size, crc32: crc32(target), method: methodStored }
    expect(catalog.header(1)).toMatchObject(link)
    expect(each(catalog, (place) => catalog.target(place))).toEqual(["", "../über"])
  })

  it("count names in bytes, and end those of directories in a slash", () => {
    const found = headers(tree([directory("ä"), file("€")]))
    expect(found.map(({ name }) => [name.toString(), name.length])).toEqual([
      ["ä/", 3],
      ["€", 3],
    ])
  })

  it("have the time of their tree", () => {
    const [a, b] = headers(
      { ...tree([file("a")]), modified: 1_000 },
      { ...tree([file("b")]), modified: 5_000 },
    )
    expect([a?.stamp, b?.stamp]).toEqual([makeStamp(1_000), makeStamp(5_000)])
  })
})

describe("the order of entries", () => {
  it("is that of the bytes of names, not of code units or numbers", () => {
    const paths = ["é", "z", "\u{10000}", "\uffee", "10", "2", "__proto__", "constructor", "Z"]
    expect(names(tree(paths.map((path) => file(path))))).toEqual([
      ...["10", "2", "Z", "__proto__", "constructor", "z", "é", "\uffee", "\u{10000}"],
    ])
  })

  it("is the same for every order of the input", () => {
    const paths = ["a", "a.b", "a-/c", "b/c", "b/d", "ä", "\u{1f600}"]
    fc.assert(
      fc.property(fc.shuffledSubarray(paths, { minLength: paths.length }), (shuffled) => {
        const found = names(tree(shuffled.map((path) => file(path))))
        expect(found).toEqual(["a", "a-/c", "a.b", "b/c", "b/d", "ä", "\u{1f600}"])
      }),
      { numRuns: 30 },
    )
  })

  it("holds across trees", () => {
    const found = names(tree([file("z")], "model/1"), tree([file("b")]), tree([file("a")], "a/9"))
    expect(found).toEqual(["a/9/a", "b", "model/1/z"])
  })
})

describe("what is sent", () => {
  it("is found by its tree and the path there, in the form of its source", () => {
    const source = { method: "deflate", deflatedSize: 5, storedDigest } as const
    const catalog = catalogOf([
      tree([file("z/b", { source }), symlink("z/a", "b")], "ü/9"),
      tree([file("a"), directory("d")]),
    ])
    expect(each(catalog, (place) => catalog.source(place))).toEqual([
      { tree: 1, path: "a", digest, size: 7, sent: "content" },
      undefined,
      undefined,
      { tree: 0, path: "z/b", digest, size: 7, sent: "deflated" },
    ])
    expect(each(catalog, (place) => catalog.contentDigest(place))).toEqual([
      digest,
      "",
      digestOf(Buffer.from("b")),
      storedDigest,
    ])
  })

  it("is all there of many entries, whatever was expected", () => {
    const paths = Array.from({ length: 9_000 }, (_, at) => `d${"long".repeat(at % 40)}/${at}`)
    for (const expected of [0, 10, 4_096, 9_000]) {
      const catalog = new Catalog(expected)
      catalog.begin({ modified: 0 })
      for (const [at, path] of paths.entries()) catalog.add(file(path, { size: at, crc32: at }))
      catalog.finish()
      const found = each(
        catalog,
        (place) => [catalog.source(place), catalog.header(place)] as const,
      )
      for (const [source, header] of found) {
        expect(paths[header.size]).toBe(source?.path)
        expect(header.crc32).toBe(header.size)
      }
      expect(new Set(found.map(([source]) => source?.path)).size).toBe(paths.length)
    }
  })
})

describe("an empty tree", () => {
  it("is its folder when it has a prefix, and nothing without one", () => {
    expect(names(tree([], "model/2"))).toEqual(["model/2/"])
    expect(names(tree([]))).toEqual([])
  })
})

describe("clashes", () => {
  it.each<[string, ReadonlyArray<Filled>]>([
    ["two files", [tree([file("a"), file("a")])]],
    ["two directories", [tree([directory("a"), directory("a")])]],
    ["a file and a directory", [tree([file("a"), file("a.b"), directory("a")])]],
    ["a file and what is below it", [tree([file("a"), file("a-b"), file("a/b/c")])]],
    ["a link and what is below it", [tree([symlink("a", "b"), file("a/b")])]],
    ["trees of one prefix", [tree([file("b")], "a"), tree([file("b")], "a")]],
    ["a file at the prefix of another tree", [tree([file("a")]), tree([file("b")], "a")]],
    ["a file below a nested one", [tree([file("a"), file("a-"), file("a-/x"), file("b")])]],
  ])("of %s are a defect", (_, trees) => {
    expect(() => catalogOf(trees)).toThrow("the archive would hold")
  })

  it("are not seen where names only begin alike", () => {
    const entries = [directory("a"), file("a/b"), file("a/bc"), file("a/b.c/d"), file("ab/c")]
    expect(names(tree(entries))).toEqual(["a/", "a/b", "a/b.c/d", "a/bc", "ab/c"])
  })
})
