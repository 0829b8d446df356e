/**
 * Registered folders: a tree in memory as its directories, and back.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import type { LinkedEntry } from "./judge.js"
import { eachDirectory, type RegisteredDirectory, registeredTree } from "./registered.js"

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

const shapeOf = async (directory: RegisteredDirectory<never>): Promise<unknown> => {
  const contents = await Effect.runPromise(directory.read)
  const inner = await Promise.all(contents.directories.map((one) => shapeOf(one)))
  return [directory.path, contents.entries.map(({ path }) => path), ...inner]
}

describe("a folder in memory", () => {
  it("is read directory by directory, and an empty one is an entry", async () => {
    expect(await shapeOf(registeredTree(entries))).toEqual([
      "",
      ["a"],
      ["b", ["b/e"], ["b/c", ["b/c/d", "b/c/none"]]],
      ["f", ["f/g"]],
    ])
    expect(await shapeOf(registeredTree([]))).toEqual(["", []])
  })

  it("gives all its entries, however many directories are read at a time", async () => {
    for (const countMax of [1, 2, 100]) {
      const found: Array<LinkedEntry> = []
      const take = (some: ReadonlyArray<LinkedEntry>) => void found.push(...some)
      await Effect.runPromise(eachDirectory(registeredTree(entries), countMax, take))
      expect(found.sort((a, b) => (a.path < b.path ? -1 : 1))).toEqual(entries)
    }
  })
})
