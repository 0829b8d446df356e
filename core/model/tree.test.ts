/**
 * Trees: one digest however they travel, an order that is that of bytes, a format that is frozen,
 * and a parser that names damage.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Digest, digestOf } from "./digest.js"
import { pack, unpack } from "./msgpack.js"
import { isRelativePath, type RelativePath, relativePath } from "./path.js"
import {
  checkedTree,
  compareUtf8,
  decodeTree,
  emptyManifestDigest,
  encodeTree,
  makeTree,
  manifestBytes,
  parseManifest,
  summarizeTree,
  type Tree,
  type TreeEntry,
} from "./tree.js"

const file = (path: string, content = path): TreeEntry => ({
  path: relativePath(path),
  kind: "file",
  size: Buffer.byteLength(content),
  digest: digestOf(Buffer.from(content)),
})
const executable = (path: string, content = path): TreeEntry => ({
  ...file(path, content),
  executable: true,
})
const symlink = (path: string, target: string): TreeEntry => ({
  ...file(path, target),
  kind: "symlink",
  target,
})
const emptyDirectory = (path: string): TreeEntry => ({
  path: relativePath(path),
  kind: "directory",
  size: 0,
  digest: emptyManifestDigest,
})

type Leaf = (path: string) => TreeEntry
type Folder = { readonly [name: string]: Leaf | Folder }

const leaf: fc.Arbitrary<Leaf> = fc.oneof(
  fc.nat({ max: 5 }).map(
    (n): Leaf =>
      (path) =>
        file(path, "x".repeat(n)),
  ),
  fc.constant<Leaf>((path) => executable(path)),
  fc.constant<Leaf>((path) => symlink(path, "../elsewhere")),
)
const name = fc.constantFrom(
  ...["a", "b", "a.txt", "a-b", "A", "2", "10", "__proto__x", "constructor", "toString"],
  ...["é", "~", "\uffee", "\u{1f600}", "\u{10fffe}", "\ue000"],
)
const { folder } = fc.letrec<{ readonly folder: Folder; readonly member: Leaf | Folder }>(
  (tie) => ({
    member: fc.oneof({ depthSize: "small" }, leaf, tie("folder")),
    folder: fc.dictionary(name, tie("member"), { maxKeys: 5, noNullPrototype: true }),
  }),
)

const entriesOf = (tree: Folder, below = ""): ReadonlyArray<TreeEntry> =>
  Object.entries(tree).flatMap(([at, member]) => {
    if (typeof member === "function") return [member(below + at)]
    const inside = entriesOf(member, `${below}${at}/`)
    return inside.length === 0 ? [emptyDirectory(below + at)] : inside
  })

const tree: fc.Arbitrary<Tree> = folder.map((root) => makeTree(entriesOf(root)))

/** The tree again, from the manifests alone, beginning at the root's digest. */
const rebuild = (digest: Digest, manifests: ReadonlyArray<Uint8Array>): Tree => {
  const stored = new Map(manifests.map((manifest) => [digestOf(manifest), manifest]))
  const walk = (at: Digest, below: string): ReadonlyArray<TreeEntry> =>
    [...parseManifest(stored.get(at) ?? Buffer.from("missing"), below)].flatMap((entry) =>
      entry.kind !== "directory" || entry.digest === emptyManifestDigest
        ? [entry]
        : walk(entry.digest, `${entry.path}/`),
    )
  return makeTree(walk(digest, ""))
}

const mixed = makeTree([
  file("README.md", "# readme\n"),
  executable("bin/run.sh", "#!/bin/sh\n"),
  symlink("bin/latest", "run.sh"),
  emptyDirectory("cache/empty"),
  file("data/__proto__", "1"),
  file("data/constructor", "2"),
  file("data/toString", "3"),
  file("data/2", "4"),
  file("data/10", "5"),
  file("data/\uffee", "6"),
  file("data/\u{1f600}", "7"),
  file("empty", ""),
])

describe("the digest of a tree", () => {
  // Written down once, and found again by a program that shares no code with this one: a change
  // here is a new format, and every ledger's digests with it.
  it.each<readonly [string, Tree, string]>([
    ["nothing", [], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    [
      "one value",
      [file("data.json", "[1,2,3]")],
      "190732ec7a4a8ab7cf9c796e569f195f65c2a6c82b87031fa292dc0a958fff15",
    ],
    [
      "folders, links and odd names",
      mixed,
      "15307b997455e691cee0747ebcb500776f945d27181f4bca456937dda4359dda",
    ],
  ])("of %s is frozen", (_, entries, digest) => {
    expect(summarizeTree(entries).digest).toBe(digest)
  })

  it("is the same inline, through manifests, and in any order of the entries", () =>
    fc.assert(
      fc.property(tree, (entries) => {
        const { digest, size, manifests } = summarizeTree(entries)
        expect(rebuild(digest, manifests)).toEqual(entries)
        expect(decodeTree(unpack(pack(encodeTree(entries))))).toEqual(entries)
        expect(summarizeTree(makeTree(entries.toReversed())).digest).toBe(digest)
        expect(size).toBe(entries.reduce((sum, entry) => sum + entry.size, 0))
        expect(digestOf(manifests.at(-1) ?? Buffer.alloc(0))).toBe(digest)
      }),
    ))

  it("survives names that objects treat in ways of their own", () => {
    const { digest, manifests } = summarizeTree(mixed)
    expect(rebuild(digest, manifests)).toEqual(mixed)
    expect(decodeTree(unpack(pack(encodeTree(mixed))))).toEqual(mixed)
  })

  it("takes no notice of times: a touched file is the same content", () => {
    const touched = mixed.map((entry) => ({ ...entry, mtime: Date.UTC(2024, 1, 29), inode: 7 }))
    expect(summarizeTree(touched).digest).toBe(summarizeTree(mixed).digest)
  })

  it("takes notice of everything else", () => {
    const [first, ...rest] = mixed
    if (first === undefined) throw new Error("the tree is empty")
    const changed: ReadonlyArray<TreeEntry> = [
      { ...first, path: relativePath("README.txt") },
      { ...first, size: first.size + 1 },
      { ...first, digest: digestOf() },
      { ...first, executable: true },
      { ...first, kind: "symlink" },
      { ...first, kind: "symlink", target: "x" },
    ]
    const digests = changed.map((entry) => summarizeTree(makeTree([entry, ...rest])).digest)
    expect(new Set([summarizeTree(mixed).digest, ...digests]).size).toBe(changed.length + 1)
  })

  it("tells an empty folder from none, and from an empty file", () => {
    const digests = [[], [emptyDirectory("a")], [file("a", "")], [emptyDirectory("a/b")]].map(
      (entries) => summarizeTree(entries).digest,
    )
    expect(new Set(digests).size).toBe(4)
    expect(digests[0]).toBe(emptyManifestDigest)
  })
})

describe("manifests", () => {
  it("are one a folder, deepest first, and list its entries by name", () => {
    const { manifests } = summarizeTree(mixed)
    const names = manifests.map((manifest) =>
      [...parseManifest(manifest, "")].map(({ path }) => path),
    )
    expect(names).toEqual([
      ["latest", "run.sh"],
      ["empty"],
      ["10", "2", "__proto__", "constructor", "toString", "\uffee", "\u{1f600}"],
      ["README.md", "bin", "cache", "data", "empty"],
    ])
  })

  it("give a folder the size of what lies below it", () => {
    const root = summarizeTree(mixed).manifests.at(-1) ?? Buffer.alloc(0)
    const sizes = [...parseManifest(root, "x/")].map(({ path, size }) => [path, size])
    expect(sizes).toEqual([
      ["x/README.md", 9],
      ["x/bin", 16],
      ["x/cache", 0],
      ["x/data", 7],
      ["x/empty", 0],
    ])
  })

  it("sort their names by the bytes of UTF-8", () =>
    fc.assert(
      fc.property(tree, (entries) => {
        for (const manifest of summarizeTree(entries).manifests) {
          const paths = [...parseManifest(manifest, "")].map((entry) => Buffer.from(entry.path))
          expect(paths).toEqual([...paths].sort(Buffer.compare))
        }
      }),
    ))
})

describe("the order of paths", () => {
  it("is that of their UTF-8 bytes", () => {
    const unit = fc.constantFrom("a", "/", "\u007f", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}")
    const text = fc.string({ unit: fc.oneof(unit, fc.constant("\u{10ffff}")), maxLength: 4 })
    return fc.assert(
      fc.property(text, text, (a, b) => {
        const expected = Buffer.compare(Buffer.from(a), Buffer.from(b))
        expect(Math.sign(compareUtf8(a, b))).toBe(expected)
      }),
      { numRuns: 1_000 },
    )
  })

  it("is that of a tree", () => {
    const paths = ["b", "a/b", "a-b", "a.b", "a0", "\u{1f600}", "\uffee", "A"]
    expect(makeTree(paths.map((path) => file(path))).map(({ path }) => path)).toEqual([
      ...["A", "a-b", "a.b", "a/b", "a0", "b", "\uffee", "\u{1f600}"],
    ])
  })
})

describe("a tree refuses", () => {
  it("two entries of one path", () => {
    expect(() => makeTree([file("a"), file("b"), file("a", "other")])).toThrow("a twice")
    expect(() => makeTree([emptyDirectory("a"), file("a")])).toThrow("a twice")
  })

  it("a path below a file, a link, or a folder said to be empty", () => {
    expect(() => makeTree([file("a"), file("a-b"), file("a/b")])).toThrow("below the file a")
    expect(() => makeTree([file("a/b/c/d"), symlink("a/b", "x")])).toThrow("below the symlink a/b")
    expect(() => makeTree([emptyDirectory("a"), file("a/b")])).toThrow("below the directory a")
    expect(makeTree([file("a"), file("ab/c"), file("a.b/c")])).toHaveLength(3)
  })
})

describe("a tree that came from elsewhere", () => {
  it("is put in order, and refused where it is no tree or leaves its folder", () => {
    expect(checkedTree([file("b"), file("a")])).toEqual([file("a"), file("b")])
    const bad = (path: string) => ({ ...file("a"), path: path as RelativePath })
    for (const path of ["../a", "/a", "a/../../b", "", "a\u0000"])
      expect(() => checkedTree([bad(path)]), path).toThrow("the path")
    expect(() => checkedTree([symlink("a", "/etc"), file("a/b")])).toThrow("below the symlink a")
    expect(() => checkedTree([file("a"), file("a")])).toThrow("a twice")
  })
})

describe("bytes that are no manifest", () => {
  const raw = (...entries: ReadonlyArray<Parameters<typeof pack>[0]>) =>
    Buffer.concat(entries.map(pack))
  const read = (bytes: Uint8Array, below: string) => [...parseManifest(bytes, below)]
  const plain = { name: "a", kind: 0, size: 1, sha256: Buffer.alloc(32) }

  it("are refused for what they hold", () => {
    expect(read(raw(plain), "")).toHaveLength(1)
    const broken: ReadonlyArray<Buffer> = [
      raw({ ...plain, kind: 3 }),
      raw({ ...plain, kind: "file" }),
      raw({ ...plain, size: -1 }),
      raw({ ...plain, size: 0.5 }),
      raw({ ...plain, size: 2 ** 53 }),
      raw({ ...plain, size: 5n }),
      raw({ ...plain, sha256: Buffer.alloc(31) }),
      raw({ ...plain, sha256: "00".repeat(32) }),
      raw({ ...plain, name: "a/b" }),
      raw({ ...plain, name: ".." }),
      raw({ ...plain, name: "" }),
      raw({ ...plain, name: "\\" }),
      raw({ ...plain, name: 7 }),
      raw({ ...plain, target: "b" }),
      raw({ ...plain, kind: 1, target: "b" }),
      raw({ ...plain, kind: 2 }),
      raw({ ...plain, kind: 2, target: "" }),
      raw({ ...plain, kind: 2, target: "a\u0000" }),
      raw({ ...plain, kind: 2, target: 7 }),
      raw({ kind: 0, size: 1, sha256: Buffer.alloc(32) }),
      raw(null),
      raw("a"),
      raw([plain]),
    ]
    for (const [index, bytes] of broken.entries())
      expect(() => read(bytes, ""), `case ${index}`).toThrow(/manifest|SHA-256/)
  })

  it("give the entries before the one that is damaged, where their form is right", () => {
    const named = (name: string) => ({ ...plain, name })
    const entries = parseManifest(raw(named("a"), named("b"), named("a"), named("c")), "")
    expect([entries.next().value?.path, entries.next().value?.path]).toEqual(["a", "b"])
    expect(() => entries.next()).toThrow("out of order")
    expect(entries.next().done).toBe(true)
    const cut = parseManifest(raw(named("a"), named("b")).subarray(0, -1), "")
    expect(() => cut.next()).toThrow("ends too early")
  })

  it("are refused when a name comes twice or out of order", () => {
    const other = { ...plain, name: "b" }
    expect(read(raw(plain, other), "")).toHaveLength(2)
    expect(() => read(raw(plain, plain), "")).toThrow("out of order")
    expect(() => read(raw(other, plain), "")).toThrow("out of order")
    const astral = { ...plain, name: "\u{1f600}" }
    expect(() => read(raw(astral, { ...plain, name: "\uffee" }), "")).toThrow("order")
  })

  it("are refused when names lead too deep or too long with what is above them", () => {
    const below = "d/".repeat(63)
    expect(read(raw(plain), below)).toHaveLength(1)
    expect(() => read(raw(plain), `${below}d/`)).toThrow("deeper than 64")
  })

  it("throw or give safe entries for every flipped bit, cut and splice", () => {
    const manifest = manifestBytes([
      ["a", file("a")],
      ["b", executable("b")],
      ["c", symlink("c", "a")],
      ["d", emptyDirectory("d")],
    ])
    const check = (bytes: Uint8Array) => {
      let entries: ReadonlyArray<TreeEntry>
      try {
        entries = read(bytes, "x/")
      } catch (cause) {
        return cause instanceof Error
      }
      return entries.every(({ path, size }) => isRelativePath(path) && Number.isSafeInteger(size))
    }
    const flips = Array.from({ length: manifest.length * 8 }, (_, bit) => {
      const bytes = Uint8Array.from(manifest)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      return bytes
    })
    const cuts = flips.map((_, index) => manifest.subarray(0, index % manifest.length))
    const splices = cuts.map((cut, index) => Buffer.concat([cut, manifest.subarray(index % 97)]))
    expect([...flips, ...cuts, ...splices].filter((bytes) => !check(bytes))).toEqual([])
    expect(flips.length).toBeGreaterThan(1_000)
  })

  it("are refused as inline trees too", () => {
    expect(() => decodeTree([{ ...plain, name: "../a" }])).toThrow("component ..")
    expect(() => decodeTree([{ ...plain, size: -1 }])).toThrow("known form")
    for (const entry of [{}, null, 5, []]) expect(() => decodeTree([entry])).toThrow("known form")
    for (const other of [null, 5, {}, new Uint8Array(0)])
      expect(() => decodeTree(other)).toThrow("not a list")
  })
})
