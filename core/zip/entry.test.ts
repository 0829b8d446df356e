import { crc32 } from "node:zlib"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import { placeTrees, type ZipEntry, type ZipFile, type ZipTree } from "./entry.js"
import { makeStamp, methodDeflate, methodStored, modes } from "./header.js"

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

const tree = (entries: ReadonlyArray<ZipEntry>, prefix?: string): ZipTree => ({
  modified: 0,
  entries,
  ...(prefix === undefined ? {} : { prefix: relativePath(prefix) }),
})
const names = (...trees: ReadonlyArray<ZipTree>): ReadonlyArray<string> =>
  placeTrees(trees).map(({ name }) => name)

describe("the headers of entries", () => {
  it("give a stored file its size, a deflated one the two bytes that end its stream", () => {
    const [stored, deflated] = placeTrees([
      tree([
        file("a", { size: 9 }),
        file("b", { size: 9, source: { method: "deflate", deflatedSize: 5, storedDigest } }),
      ]),
    ])
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
    const found = placeTrees([tree(entries)]).map(({ mode }) => mode)
    const { file: plain, executable, directory: folder, symlink: link } = modes
    expect(found).toEqual([plain, executable, folder, link, plain])
  })

  it("carry a link's target as stored content", () => {
    const target = Buffer.from("../über")
    const [link] = placeTrees([tree([symlink("l", "../über")])])
    const size = target.length
    expect(link).toMatchObject({ size, compressedSize: size, crc32: crc32(target) })
    expect(link).toMatchObject({ method: methodStored, name: "l" })
  })

  it("count names in bytes, and end those of directories in a slash", () => {
    const placed = placeTrees([tree([directory("ä"), file("€")])])
    expect(placed.map(({ name, nameLength }) => [name, nameLength])).toEqual([
      ["ä/", 3],
      ["€", 3],
    ])
  })

  it("have the time of the tree unless they bring their own", () => {
    const entries = [file("a"), file("b", { modified: 5_000 })]
    const [a, b] = placeTrees([{ modified: 1_000, entries }])
    expect(a?.stamp).toEqual(makeStamp(1_000))
    expect(b?.stamp).toEqual(makeStamp(5_000))
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

describe("an empty tree", () => {
  it("is its folder when it has a prefix, and nothing without one", () => {
    expect(names(tree([], "model/2"))).toEqual(["model/2/"])
    expect(names(tree([]))).toEqual([])
  })
})

describe("clashes", () => {
  it.each<[string, ReadonlyArray<ZipTree>]>([
    ["two files", [tree([file("a"), file("a")])]],
    ["two directories", [tree([directory("a"), directory("a")])]],
    ["a file and a directory", [tree([file("a"), file("a.b"), directory("a")])]],
    ["a file and what is below it", [tree([file("a"), file("a-b"), file("a/b/c")])]],
    ["a link and what is below it", [tree([symlink("a", "b"), file("a/b")])]],
    ["trees of one prefix", [tree([file("b")], "a"), tree([file("b")], "a")]],
    ["a file at the prefix of another tree", [tree([file("a")]), tree([file("b")], "a")]],
    ["a file below a nested one", [tree([file("a"), file("a-"), file("a-/x"), file("b")])]],
  ])("of %s are a defect", (_, trees) => {
    expect(() => placeTrees(trees)).toThrow("the archive would hold")
  })

  it("are not seen where names only begin alike", () => {
    const entries = [directory("a"), file("a/b"), file("a/bc"), file("a/b.c/d"), file("ab/c")]
    expect(names(tree(entries))).toEqual(["a/", "a/b", "a/b.c/d", "a/bc", "ab/c"])
  })
})
