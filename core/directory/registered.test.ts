/**
 * Registered folders: a tree in memory as its directories, and back.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { registeredCountMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import type { LinkedEntry } from "./judge.js"
import {
  eachRegistered,
  handingOut,
  isDirectory,
  type RegisteredFolder,
  registeredTree,
} from "./registered.js"

const digest = digestOf(new Uint8Array(0))
const entry = (path: string, kind: LinkedEntry["kind"] = "file"): LinkedEntry => ({
  path: path as RelativePath,
  kind,
  size: 0,
  digest,
  state: undefined,
})

const entries = [
  entry("a"),
  entry("b/c/d"),
  entry("b/c/none", "directory"),
  entry("b/e"),
  entry("f/g", "symlink"),
]

/** Each directory behind its path. */
const shapeOf = async (
  folder: RegisteredFolder<never>,
  directory = folder.root,
): Promise<unknown> => {
  const [contents] = await Effect.runPromise(folder.read([directory]))
  const next = contents?.next ?? Effect.succeed([])
  const all = await Effect.runPromise(next)
  expect(await Effect.runPromise(next)).toEqual([])
  const shown = all.map((one) => (isDirectory(one) ? shapeOf(folder, one) : one.path))
  return [directory.path, await Promise.all(shown)]
}

describe("a folder in memory", () => {
  it("is read directory by directory, and an empty one is an entry", async () => {
    expect(await shapeOf(registeredTree(entries))).toEqual([
      "",
      ["a", ["b", [["b/c", ["b/c/d", "b/c/none"]], "b/e"]], ["f", ["f/g"]]],
    ])
    expect(await shapeOf(registeredTree([]))).toEqual(["", []])
  })

  it("is in the order of names, its directories among its entries", async () => {
    const paths = ["b/x", "b-c", "b.d/y", "a", "\u{1f600}", "\uffee/z"]
    expect(await shapeOf(registeredTree(paths.map((path) => entry(path))))).toEqual([
      "",
      ["a", ["b", ["b/x"]], "b-c", ["b.d", ["b.d/y"]], ["\uffee", ["\uffee/z"]], "\u{1f600}"],
    ])
  })

  it("is given in portions, and again each time it is read", async () => {
    const paths = Array.from({ length: 1_000 }, (_, at) => `f${String(at).padStart(4, "0")}`)
    const { root, read } = registeredTree(paths.map((path) => entry(path)).reverse())
    for (const { next } of await Effect.runPromise(read([root, root]))) {
      const found: Array<string> = []
      for (;;) {
        const some = await Effect.runPromise(next)
        if (some.length === 0) break
        expect(some.length).toBeLessThanOrEqual(registeredCountMax)
        found.push(...some.map(({ path }) => path))
      }
      expect(found).toEqual(paths)
    }
  })

  it("gives all its entries, however many directories are read at a time", async () => {
    for (const countMax of [1, 2, 100]) {
      const found: Array<LinkedEntry> = []
      const take = (one: LinkedEntry) => void found.push(one)
      await Effect.runPromise(eachRegistered(registeredTree(entries), countMax, take))
      expect(found.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(entries)
    }
  })

  it("hands out its entries to another while it is read", async () => {
    const [seen, found]: [Array<LinkedEntry>, Array<LinkedEntry>] = [[], []]
    const told = handingOut(registeredTree(entries), (one) => void seen.push(one))
    expect(seen).toEqual([])
    await Effect.runPromise(eachRegistered(told, 1, (one) => void found.push(one)))
    expect(found).toHaveLength(entries.length)
    expect(seen).toEqual(expect.arrayContaining(found))
    expect(seen).toHaveLength(found.length)
  })
})
