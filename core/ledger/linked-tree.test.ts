/**
 * Trees with states: both manifests line by line, and refused where they do not belong together.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { BlobStore } from "../blob/blob-store.js"
import * as MemoryBlobs from "../blob/memory.js"
import { entriesOf } from "../directory/folders.contract.js"
import { type EntryState, encodeStates } from "../directory/states.js"
import { BlobCorrupted } from "../errors.js"
import { registeredCountMax } from "../limits.js"
import type { Content } from "../model/artifact.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { makeTree, summarizeTree, type TreeEntry } from "../model/tree.js"
import { keptFolder } from "./linked-tree.js"

const file = (path: string): TreeEntry => ({
  path: path as RelativePath,
  kind: "file",
  size: path.length,
  digest: digestOf(Buffer.from(path)),
})

const none = { kind: "directory", size: 0, digest: digestOf(new Uint8Array(0)) } as const
const tree = makeTree([
  ...["a", "b-c", "b/c", "b/d/e", "b/d/f", "z"].map(file),
  { ...none, path: "b/none" as RelativePath },
])

const state = (name: string, states?: Digest): EntryState => ({
  name,
  mode: 0o644,
  mtime: 5n,
  ctime: 6n,
  ...(states === undefined ? {} : { states }),
})

/** Reads what these states of the three directories make of the tree. */
const read = (
  change: (root: Array<EntryState>) => ReadonlyArray<EntryState> = (root) => root,
  content: Partial<Content> = {},
) =>
  Effect.gen(function* () {
    const blobs = yield* BlobStore
    const put = (bytes: Uint8Array) => Effect.map(blobs.put<never>(bytes), ({ digest }) => digest)
    const { digest, size, manifests } = summarizeTree(tree)
    for (const manifest of manifests) yield* put(manifest)
    const d = yield* put(encodeStates([state("e"), state("f")]))
    const b = yield* put(encodeStates([state("c"), state("d", d), state("none")]))
    const root = [state("a"), state("b", b), state("b-c"), state("z")]
    const states = yield* put(encodeStates(change(root)))
    const of = { digest, size, count: tree.length, states, ...content }
    return yield* entriesOf(yield* keptFolder(blobs, of))
  }).pipe(Effect.provide(MemoryBlobs.layer), Effect.scoped, Effect.runPromise)

/** Reads one directory with so many files, and states which these make of them, in portions. */
const portions = (
  count: number,
  statesOf: (all: ReadonlyArray<EntryState>) => ReadonlyArray<EntryState>,
  content: Partial<Content> = {},
) =>
  Effect.gen(function* () {
    const blobs = yield* BlobStore
    const names = Array.from({ length: count }, (_, at) => `f${String(at).padStart(6, "0")}`)
    const { digest, size, manifests } = summarizeTree(names.map(file))
    for (const manifest of manifests) yield* blobs.put<never>(manifest)
    const states = (yield* blobs.put<never>(
      encodeStates(statesOf(names.map((name) => state(name)))),
    )).digest
    const folder = yield* keptFolder(blobs, { digest, size, count, states, ...content })
    const [contents] = yield* folder.read([folder.root])
    const next = contents?.next ?? Effect.die("the folder was not read")
    const found: Array<number> = []
    const all = Effect.gen(function* () {
      for (let some = yield* next; some.length > 0; some = yield* next) found.push(some.length)
    })
    return yield* Effect.match(all, {
      onSuccess: () => ({ found, error: undefined }),
      onFailure: (error) => ({ found, error }),
    })
  }).pipe(Effect.provide(MemoryBlobs.layer), Effect.scoped, Effect.runPromise)

const damaged = { _tag: "BlobCorrupted", message: expect.stringContaining("list other names") }

describe("a tree with its states", () => {
  it("is all its entries in order, each with what was seen of it", async () => {
    const found = await read()
    expect(found.map(({ state: _, ...entry }) => entry)).toEqual(tree)
    expect(found.map((entry) => entry.state?.name)).toEqual([
      "a",
      "b-c",
      "c",
      "e",
      "f",
      "none",
      "z",
    ])
  })

  it("may lie in its event", async () => {
    const entries = [file("a"), file("b/c")]
    const found = await read(undefined, { entries })
    expect(found).toEqual([
      { ...file("a"), state: state("a") },
      { ...file("b/c"), state: state("c") },
    ])
  })

  it("is refused where its manifests do not list the same", async () => {
    await expect(read((root) => root.slice(1))).rejects.toMatchObject(damaged)
    await expect(
      read((root) => root.map((one) => ({ ...one, name: `x${one.name}` }))),
    ).rejects.toMatchObject(damaged)
    await expect(read((root) => root.map(({ name }) => state(name)))).rejects.toMatchObject(damaged)
  })

  it("is given in portions, and is damage by name where it comes to it", async () => {
    const [some, tooEarly] = [registeredCountMax, { found: [registeredCountMax] }]
    const whole = await portions(2 * some + 5, (all) => all)
    expect(whole).toEqual({ found: [some, some, 5], error: undefined })
    const turned = await portions(2 * some, (all) => [
      ...all.slice(0, some + 3),
      ...all.slice(some + 3).reverse(),
    ])
    expect(turned).toMatchObject(tooEarly)
    expect(turned.error).toBeInstanceOf(BlobCorrupted)
    expect(turned.error?.message).toContain("out of order")
    const short = await portions(2 * some, (all) => all.slice(0, some))
    expect(short).toMatchObject({ ...tooEarly, error: damaged })
    const long = await portions(2 * some, (all) => all, { count: 2 * some - 1 })
    expect(long).toMatchObject(tooEarly)
    expect(long.error?.message).toContain("more entries than its version has")
  })
})
