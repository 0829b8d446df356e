/**
 * The manifests of a folder, of content and of states, read from the root down, with some of them
 * changed or exchanged as if their digests were right: what a ledger can hold that somebody made to
 * hurt. What comes of it is one tree, no larger than its version says, or damage by name; and where
 * it is checked out, nothing lies beside it.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import { afterAll, describe, expect, it } from "vitest"
import { checkOut } from "../directory/checkout.js"
import { entriesOf } from "../directory/folders.contract.js"
import { type EntryState, encodeStates } from "../directory/states.js"
import { BlobCorrupted, FileFailure } from "../errors.js"
import { type Digest, digestOf } from "../model/digest.js"
import { relativePath } from "../model/path.js"
import {
  checkedTree,
  emptyManifestDigest,
  makeTree,
  manifestBytes,
  parseManifest,
  summarizeTree,
  type Tree,
  type TreeEntry,
} from "../model/tree.js"
import { apply, type Change, changeKindMax, runs, seed } from "./fuzz.contract.js"
import { watchReads } from "./hang.contract.js"
import { keptFolder } from "./linked-tree.js"
import { type Manifests, readStatesBelow, treeOf } from "./manifests.js"

const reads = watchReads()
const home = mkdtempSync(join(tmpdir(), "daybook-folder-fuzz-"))
afterAll(reads.end)
afterAll(() => rmSync(home, { recursive: true, force: true }))

const file = (path: string, more: Partial<TreeEntry> = {}): TreeEntry => ({
  path: relativePath(path),
  kind: "file",
  size: path.length,
  digest: digestOf(Buffer.from(path)),
  ...more,
})

const tree = makeTree([
  ...["a", "d/__proto__", "d/e/f/g", "d/e/é", "run.sh", "z/a", "z/b"].map((path) => file(path)),
  file("d/out", { kind: "symlink", target: "../../.." }),
  file("d/void", { kind: "directory", size: 0, digest: emptyManifestDigest }),
])

const state = (name: string, states?: Digest): EntryState => {
  const seen = { name, mode: 0o644, mtime: 5n, ctime: 6n }
  return states === undefined ? seen : { ...seen, states }
}

const { digest, size, manifests } = summarizeTree(tree)
const blobs = new Map(manifests.map((bytes) => [digestOf(bytes), bytes]))

/** Keeps the states of what a manifest lists, those below it first. */
const keepStates = (of: Digest): Digest => {
  const states = [...parseManifest(blobs.get(of) ?? new Uint8Array(0), "")].map((entry) =>
    state(entry.path, blobs.has(entry.digest) ? keepStates(entry.digest) : undefined),
  )
  const bytes = encodeStates(states)
  blobs.set(digestOf(bytes), bytes)
  return digestOf(bytes)
}

const content = { digest, size, count: tree.length, states: keepStates(digest) }
const names = [...blobs.keys()]

type Stored = ReadonlyMap<Digest, Uint8Array>

const missing = (of: Digest) => new BlobCorrupted({ message: "it is not there", digest: of })

/** What is stored, as it is read; its digests are believed. */
const readerOf = (stored: Stored): Manifests<BlobCorrupted> => ({
  readWhole: (digests) =>
    Effect.forEach(digests, (of) => {
      const bytes = stored.get(of)
      return bytes === undefined ? Effect.fail(missing(of)) : Effect.succeed(bytes)
    }),
})

/** What comes of reading; undefined where it is said to be damaged. */
const answer = <A>(name: string, read: Effect.Effect<A, BlobCorrupted>): A | undefined => {
  const end = reads.begin(`${name}, FUZZ_SEED=${seed}`)
  try {
    return Effect.runSync(
      Effect.catch(read, (error) => {
        expect(error).toBeInstanceOf(BlobCorrupted)
        return Effect.succeed(undefined)
      }),
    )
  } finally {
    end()
  }
}

interface Reading {
  readonly digest: Digest
  readonly size: number
  readonly count: number
  readonly states: Digest
}

const isSound = (found: Tree | undefined, { count }: Reading): void => {
  if (found === undefined) return
  expect(found.length).toBeLessThanOrEqual(count)
  expect(checkedTree(found).map(({ path }) => path)).toEqual(found.map(({ path }) => path))
}

const linkedTree = (reader: ReturnType<typeof readerOf>, of: Reading) =>
  Effect.flatMap(keptFolder(reader, of), entriesOf)

/** Everything that reads manifests, of this much. */
const readAll = (stored: Stored, of: Reading = content): Tree | undefined => {
  const before = process.memoryUsage()
  const reader = readerOf(stored)
  const found = answer("a tree", treeOf(reader, { content: of }))
  isSound(found, of)
  isSound(answer("a tree with states", linkedTree(reader, of)), of)
  const below = answer("states", readStatesBelow(reader, of, found ?? tree))
  const paths = new Set((found ?? tree).flatMap(({ path }) => [path, ...foldersOf(path)]))
  for (const path of below?.keys() ?? []) expect(paths).toContain(path)
  const after = process.memoryUsage()
  const grown = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
  expect(grown).toBeLessThan(64 * 2 ** 20)
  return found
}

const foldersOf = (path: string): ReadonlyArray<string> =>
  path.split("/").map((_, at, all) => all.slice(0, at).join("/"))

/** Writes it, in a folder in which nothing else appears. */
const write = async (found: Tree): Promise<void> => {
  const place = mkdtempSync(join(home, "out-"))
  mkdirSync(join(place, "in"))
  const out = join(place, "in", "out")
  const done = await Effect.runPromise(
    Effect.match(
      checkOut(out, found, new Map(), () => Effect.void),
      {
        onSuccess: () => ["out"],
        onFailure: (error) => {
          expect(error).toBeInstanceOf(FileFailure)
          return []
        },
      },
    ),
  )
  expect([readdirSync(place), readdirSync(join(place, "in"))]).toEqual([["in"], done])
  rmSync(place, { recursive: true })
}

const change: fc.Arbitrary<Change> = fc.tuple(
  fc.nat({ max: changeKindMax }),
  fc.nat(),
  fc.nat(),
  fc.nat(),
)
const one = fc.nat({ max: names.length - 1 })

describe(`manifests that were changed (FUZZ_RUNS=${runs} FUZZ_SEED=${seed})`, () => {
  it("are read as they were made", () => {
    expect(readAll(blobs)).toEqual(tree)
    expect(names.length).toBe(manifests.length * 2)
    const seen = answer("states", readStatesBelow(readerOf(blobs), content, tree))
    expect(seen?.size).toBe(tree.length + 4)
    const linked = answer("a tree with states", linkedTree(readerOf(blobs), content))
    expect(linked?.map(({ state: _, ...entry }) => entry)).toEqual(tree)
  })

  it("are damage by name, or one tree that stays in its folder", { timeout: 3_600_000 }, () => {
    const changes = fc.array(change, { maxLength: 3 })
    // Each of them is changed, or read in the place of another one, which can make a circle.
    const property = fc.asyncProperty(one, one, changes, async (at, other, all) => {
      const [name, bytes] = [names[at], blobs.get(names[at] ?? ("a" as Digest))]
      const second = blobs.get(names[other] ?? ("a" as Digest))
      if (name === undefined || bytes === undefined || second === undefined)
        throw new Error("there is no such sample")
      const begin = all.length === 0 ? second : bytes
      const changed = all.reduce((made, next) => apply(made, second, next), begin)
      const found = readAll(new Map([...blobs, [name, changed]]))
      if (found !== undefined && !isDeepStrictEqual(found, tree)) await write(found)
    })
    return fc.assert(property, { numRuns: runs, seed })
  })
})

/** Directories in directories, each listing the one below it so many times. */
const fan = (depth: number, width: number): { stored: Stored; root: Reading } => {
  const stored = new Map<Digest, Uint8Array>()
  let below = file("leaf") as Omit<TreeEntry, "path">
  let states: Digest | undefined
  const labels = Array.from({ length: width }, (_, at) => `n${at}`)
  for (let level = 0; level < depth; level += 1) {
    const bytes = manifestBytes(labels.map((label) => [label, below]))
    const seen = encodeStates(labels.map((label) => state(label, states)))
    stored.set(digestOf(bytes), bytes).set(digestOf(seen), seen)
    below = { kind: "directory", size: 1, digest: digestOf(bytes) }
    states = digestOf(seen)
  }
  const root = { digest: below.digest, size: 1, count: 1_000, states: states ?? below.digest }
  return { stored, root }
}

describe("manifests that were made to hurt", () => {
  it.each([
    [63, 2],
    [20, 9],
    [2, 1_000],
  ])("%i deep, each listed %i times, are no larger than their version", (depth, width) => {
    const { stored, root } = fan(depth, width)
    expect(readAll(stored, root)).toBeUndefined()
  })

  it("deeper than any path are damage", () => {
    const { stored, root } = fan(3_000, 1)
    expect(readAll(stored, root)).toBeUndefined()
    expect(readAll(fan(64, 1).stored, fan(64, 1).root)).toHaveLength(1)
  })

  it("that list themselves are damage", () => {
    const [self, seen] = [digestOf(Uint8Array.of(1)), digestOf(Uint8Array.of(2))]
    const inside = { kind: "directory", size: 1, digest: self } as const
    const stored = new Map([
      [
        self,
        manifestBytes([
          ["a", inside],
          ["b", inside],
        ]),
      ],
      [seen, encodeStates([state("a", seen), state("b", seen)])],
    ])
    const root = { digest: self, size: 1, count: 5_000, states: seen }
    expect(readAll(stored, root)).toBeUndefined()
  })

  it("are read as far as their version counts, and named with what is wrong", () => {
    const { stored, root } = fan(4, 3)
    const exact = { ...root, count: 3 ** 4 }
    expect(readAll(stored, exact)).toHaveLength(3 ** 4)
    for (const read of [
      treeOf(readerOf(stored), { content: { ...root, count: 3 ** 4 - 1 } }),
      linkedTree(readerOf(stored), { ...root, count: 3 ** 4 - 1 }),
    ])
      expect(Effect.runSync(Effect.flip(read)).message).toContain("more entries than its version")
  })
})
