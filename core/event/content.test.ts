/**
 * Content in records: digests are 32 bytes there, and a tree has the form of its manifest entries.
 */
import { describe, expect, it } from "vitest"
import { digestOf, fromDigest } from "../model/digest.js"
import { pack, unpack } from "../model/msgpack.js"
import { relativePath } from "../model/path.js"
import { makeTree, type TreeEntry } from "../model/tree.js"
import { decodeContent, encodeContent } from "./content.js"

const digest = digestOf(Uint8Array.of(1))
const file = (path: string, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path: relativePath(path),
  kind: "file",
  size: 3,
  digest,
  ...more,
})

const entries = makeTree([
  file("run.sh", { executable: true }),
  file("été/😀"),
  file("link", { kind: "symlink", target: "run.sh" }),
  file("void", { kind: "directory", size: 0 }),
])

const whole = { content: { digest, size: 9, count: 4, entries }, metadata: { a: 1 }, inputs: [] }
const bare = { content: { digest, size: 9, count: 4 }, metadata: {} }

describe("content in a record", () => {
  it("has bytes for digests and names for paths, and leaves the rest alone", () => {
    expect(encodeContent(whole)).toEqual({
      metadata: { a: 1 },
      inputs: [],
      content: {
        digest: fromDigest(digest),
        size: 9,
        count: 4,
        entries: [
          { name: "link", kind: 2, size: 3, sha256: fromDigest(digest), target: "run.sh" },
          { name: "run.sh", kind: 0, size: 3, sha256: fromDigest(digest), exec: true },
          { name: "void", kind: 1, size: 0, sha256: fromDigest(digest) },
          { name: "été/😀", kind: 0, size: 3, sha256: fromDigest(digest) },
        ],
      },
    })
  })

  it.each([
    ["with its tree", whole],
    ["whose tree is a manifest of its own", bare],
  ])("comes back %s", (_, data) => {
    expect(decodeContent(unpack(pack(encodeContent(data))))).toEqual(data)
  })

  it.each([
    ["no content", {}],
    ["a digest as text", { content: { digest, size: 0, count: 0 } }],
    ["a digest of 31 bytes", { content: { digest: new Uint8Array(31), size: 0, count: 0 } }],
    ["entries that are none", { content: { digest: fromDigest(digest), entries: [1] } }],
    [
      "an entry that climbs out",
      {
        content: {
          digest: fromDigest(digest),
          entries: [{ name: "../x", kind: 0, size: 0, sha256: fromDigest(digest) }],
        },
      },
    ],
  ])("with %s is refused", (_, data) => {
    expect(() => decodeContent(unpack(pack(data)))).toThrow()
  })
})
