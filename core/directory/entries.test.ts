/**
 * Entries on their way in: page by page, refused where they cannot be kept, and in groups that are
 * not too large.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { scanGroupBytesMax, scanPageCount } from "../limits.js"
import { entriesOf, groupsOf } from "./entries.js"
import { type ListedEntry, Listing, packListing } from "./listing.js"

const device = { device: 1n, inode: 2n }
const entry = (name: string | Uint8Array, more: Partial<ListedEntry> = {}, size = 3) => ({
  name: Buffer.from(name),
  found: { kind: "file", ...device, size, mode: 0o644, mtime: 4n, ctime: 5n } as const,
  ...more,
})

const listing = (...entries: ReadonlyArray<ListedEntry>) => new Listing(packed(entries))

const paths = (of: Listing, directory: string, from = 0) =>
  Effect.runPromise(entriesOf("/root", of, directory, from)).then((all) =>
    all.map(({ path, text }) => [path, text]),
  )

/** As they are listed: looked at in their order. */
const packed = (entries: ReadonlyArray<ListedEntry>) => {
  const rest = entries.values()
  const names = entries.map(({ name }) => Buffer.from(name).toString("latin1"))
  return packListing({ device: 1n, inode: 2n }, names, () => rest.next().value as ListedEntry)
}

describe("a page of entries", () => {
  it("has their paths below the root, and their names", async () => {
    expect(await paths(listing(entry("a"), entry("b")), "")).toEqual([
      ["a", "a"],
      ["b", "b"],
    ])
    expect(await paths(listing(entry("a")), "d/e")).toEqual([["d/e/a", "a"]])
  })

  it("is bounded, and the next one goes on", async () => {
    const all = Array.from({ length: scanPageCount + 2 }, (_, at) => entry(`${10_000 + at}`))
    const of = listing(...all)
    expect(await paths(of, "")).toHaveLength(scanPageCount)
    expect(await paths(of, "", scanPageCount)).toHaveLength(2)
  })

  it("fails for what cannot be kept, and names it", async () => {
    const pipe = { found: { ...entry("pipe").found, kind: "special" as const } }
    await expect(paths(listing(entry("pipe", pipe)), "d")).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: "d/pipe",
    })
    await expect(paths(listing(entry(Uint8Array.of(0xff))), "")).rejects.toMatchObject({
      _tag: "InvalidInput",
      message: expect.stringContaining("\\xFF is not UTF-8"),
    })
    const gone = listing(entry("gone", { problem: { sentence: "gone" } }))
    await expect(paths(gone, "d")).rejects.toMatchObject({
      _tag: "ContentDrifted",
      path: "/root/d/gone",
    })
  })
})

describe("groups of files", () => {
  it("are in order, and hold so many bytes at most unless one file is larger", async () => {
    const sizes = [1, scanGroupBytesMax - 1, 1, scanGroupBytesMax + 5, 0, 2]
    const of = listing(...sizes.map((size, at) => entry(`${at}`, {}, size)))
    const groups = groupsOf(await Effect.runPromise(entriesOf("/root", of, "", 0)))
    expect(groups.map(({ files }) => files.map(({ found }) => found.size))).toEqual([
      [1, scanGroupBytesMax - 1],
      [1],
      [scanGroupBytesMax + 5],
      [0, 2],
    ])
    expect(groups.map(({ bytes }) => bytes)).toEqual([
      scanGroupBytesMax,
      1,
      scanGroupBytesMax + 5,
      2,
    ])
  })
})
