/**
 * Listing directories on a thread: whole, in order, never through a symlink, and one that cannot be
 * listed does not keep the others from it.
 */
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { answer, type Listed } from "./list-work.js"
import { Listing } from "./listing.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()

const listed = async (...directories: ReadonlyArray<Listed>) => {
  const before = await openFileCount()
  const root = await openDirectory(directory())
  const { value } = answer({ root: root.place, directories })
  await root.release()
  expect(await openFileCount()).toBe(before)
  return value.map((packed) => {
    if ("problem" in packed) return packed.problem
    const listing = new Listing(packed)
    return Array.from({ length: listing.count }, (_, at) => {
      const { name, found, target } = listing.entry(at)
      return [Buffer.from(name).toString(), found.kind, ...(target ? [target.toString()] : [])]
    })
  })
}

describe("directories that are listed", () => {
  it("have their entries in the order of bytes, and symlinks say where they point", async () => {
    write(directory(), { b: "", "a-b": "", "a/c": "", "\u{1f600}": "", "\uffff": "" })
    symlinkSync("nowhere", join(directory(), "link"))
    const [top, inner] = await listed({ path: "" }, { path: "a" })
    expect(top).toEqual([
      ["a", "directory"],
      ["a-b", "file"],
      ["b", "file"],
      ["link", "symlink", Buffer.from("nowhere").toString()],
      ["\uffff", "file"],
      ["\u{1f600}", "file"],
    ])
    expect(inner).toEqual([["c", "file"]])
  })

  it("are not reached through a symlink, and must be those that were found", async () => {
    write(directory(), { "real/inner/a": "" })
    symlinkSync("real", join(directory(), "way"))
    const [through, other, good] = await listed(
      { path: "way/inner" },
      { path: "real", device: 1n, inode: 1n },
      { path: "real/inner" },
    )
    expect([through, other]).toEqual([{ sentence: "other" }, { sentence: "directory" }])
    expect(good).toEqual([["a", "file"]])
  })

  it("have one entry where that alone is wanted", async () => {
    write(directory(), { a: "", b: "" })
    expect(await listed({ path: "", only: "b" })).toEqual([[["b", "file"]]])
  })

  it("may be large, and deep", async () => {
    mkdirSync(join(directory(), "d/".repeat(200)), { recursive: true })
    for (let number = 0; number < 3_000; number += 1)
      writeFileSync(join(directory(), `f${number}`), "")
    const [top, deep] = await listed({ path: "" }, { path: "d/".repeat(200).slice(0, -1) })
    expect([top && "length" in top && top.length, deep]).toEqual([3_001, []])
  })
})
