/**
 * Side by side: what a directory had and what lies there, in the order of the bytes of names, as a
 * plain look-up by name would tell it.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { FileFailure } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { RelativePath } from "../model/path.js"
import { compareUtf8 } from "../model/tree.js"
import { textOf } from "../model/utf8.js"
import { Beside, type Seeing } from "./beside.js"
import type { Found, FoundKind } from "./found.js"
import type { LinkedEntry } from "./judge.js"
import { type ListedEntry, Listing, packListing } from "./listing.js"
import type { Registered } from "./registered.js"

const digest = digestOf(new Uint8Array(0))
const found = (kind: FoundKind = "file"): Found => ({
  ...{ kind, device: 1n, inode: 2n, size: 0, mode: 0o644, mtime: 5n, ctime: 6n },
})

const file = (path: string, kind: LinkedEntry["kind"] = "file"): LinkedEntry => {
  const name = path.slice(path.lastIndexOf("/") + 1)
  const state = { name, mode: 0o644, mtime: 5n, ctime: 6n }
  return { path: path as RelativePath, kind, size: 0, digest, state }
}

const folderOf = (path: string): Registered => ({ path })

type Lying = string | readonly [name: string | Uint8Array, what: Partial<ListedEntry> | FoundKind]

const listingOf = (lying: ReadonlyArray<Lying>): Listing => {
  const all = lying.map((one) => {
    const [name, what] = typeof one === "string" ? [one, "file" as const] : one
    const more = typeof what === "string" ? { found: found(what) } : { found: found(), ...what }
    return [Buffer.from(name as Uint8Array).toString("latin1"), more] as const
  })
  const byName = new Map(all)
  const sorted = [...byName.keys()].sort()
  const look = (name: string) => byName.get(name) ?? { found: found() }
  return new Listing(packListing({ device: 1n, inode: 1n }, sorted, look))
}

/** What is seen of a directory `d`, and whether all of it was registered. */
const seen = (
  was: ReadonlyArray<Registered>,
  lying: ReadonlyArray<Lying> | undefined,
  more: Partial<Seeing> = {},
): ReadonlyArray<string> => {
  const lines: Array<string> = []
  const see: Seeing["see"] = (path, change) => lines.push(`${path} ${change ?? "same"}`)
  const listing = lying === undefined ? undefined : listingOf(lying)
  const beside = new Beside({ check: "stat", isWhole: true, see, ...more }, "d", listing)
  for (const one of was) {
    const unread = beside.meet(one)
    if (unread !== undefined) lines.push(`${unread.entry.path} unread as ${unread.name}`)
  }
  beside.finish()
  return lines
}

describe("a directory beside what it had", () => {
  it("has something extra before, between and behind it", () => {
    expect(seen([file("d/b"), file("d/d")], ["a", "b", "c", "c2", "d", "e", "f"])).toEqual([
      ...["d/a extra", "d/b same", "d/c extra", "d/c2 extra", "d/d same", "d/e extra", "d/f extra"],
    ])
    expect(seen([file("d/b")], ["a", "b", "c"], { isWhole: false })).toEqual(["d/b same"])
    expect(seen([], ["a", "b"])).toEqual(["d/a extra", "d/b extra"])
  })

  it("misses what is not there, wherever it was, and all where there is nothing", () => {
    const was = ["a", "b", "c", "d"].map((name) => file(`d/${name}`))
    expect(seen(was, ["b"])).toEqual(["d/a missing", "d/b same", "d/c missing", "d/d missing"])
    const all = was.map(({ path }) => `${path} missing`)
    expect([seen(was, []), seen(was, undefined)]).toEqual([all, all])
  })

  it("may have names that are no UTF-8, which nothing was", () => {
    const names = [Buffer.of(0x61, 0xff), Buffer.of(0xc3), Buffer.of(0xff)]
    const lying: ReadonlyArray<Lying> = [...names.map((name) => [name, "file"] as const), "a", "é"]
    expect(seen([file("d/a"), file("d/é"), file("d/\uffee")], lying)).toEqual([
      "d/a same",
      "d/a\\xFF extra",
      "d/\\xC3 extra",
      "d/é same",
      "d/\uffee missing",
      "d/\\xFF extra",
    ])
  })

  it("keeps the order of bytes beyond what 16 bits hold", () => {
    const names = ["\ud7ff", "\ue000", "\uffee", "\u{1f600}", "\u{10ffff}"]
    const was = names.map((name) => file(`d/${name}`))
    expect(seen(was, names)).toEqual(was.map(({ path }) => `${path} same`))
    expect(seen(was.slice(2, 4), names).map((line) => line.split(" ")[1])).toEqual([
      ...["extra", "extra", "same", "same", "extra"],
    ])
  })

  it("tells a file that became a folder, and a folder that became a file or went", () => {
    const was = [file("d/a"), folderOf("d/b"), folderOf("d/c"), folderOf("d/e"), file("d/f")]
    const lying: ReadonlyArray<Lying> = [["a", "directory"], "b", ["c", "directory"], "f"]
    // What was in a folder is missing by itself.
    expect(seen(was, lying)).toEqual(["d/a kind", "d/b extra", "d/f same"])
    expect(seen([file("d/a", "directory")], [["a", "directory"]])).toEqual(["d/a same"])
    expect(seen([file("d/a", "directory")], ["a"])).toEqual(["d/a kind"])
  })

  it("gives back what only bytes can tell", () => {
    const later = { found: { ...found(), mtime: 7n } }
    expect(seen([file("d/a"), file("d/b")], ["a", ["b", later]])).toEqual([
      "d/a same",
      "d/b unread as b",
    ])
    expect(seen([file("d/a")], ["a"], { check: "hash" })).toEqual(["d/a unread as a"])
  })

  it("does not have what went while it was looked at, and fails for what cannot be", () => {
    const went = { problem: { sentence: "changed" } } as const
    const lying: ReadonlyArray<Lying> = [["a", went], ["b", went], "c", ["e", went]]
    const was = [folderOf("d/a"), file("d/b"), file("d/c")]
    expect(seen(was, lying)).toEqual(["d/b missing", "d/c same"])
    const error = { name: "Error", message: "no", code: "EACCES" }
    const failing = { problem: error } as unknown as Partial<ListedEntry>
    for (const at of ["0", "bb", "z"])
      expect(() => seen([file("d/b")], ["b", [at, failing]])).toThrow(FileFailure)
  })

  it("is what looking up each name tells, whatever the names are", () => {
    const bytes = fc.constantFrom(0x2d, 0x61, 0x7f, 0xc3, 0xa9, 0xee, 0x80, 0xf0, 0x9f, 0x98)
    const odd = fc.array(bytes, { minLength: 1, maxLength: 4 }).map((all) => Buffer.from(all))
    const unit = fc.constantFrom("a", "-", "é", "\ue000", "\uffee", "\u{1f600}")
    const name = fc.string({ unit, minLength: 1, maxLength: 2 })
    const names = fc.uniqueArray(name, { maxLength: 12 })
    const others = fc.uniqueArray(odd, { maxLength: 6, selector: (all) => all.toString("hex") })
    const property = fc.property(names, names, others, (was, lying, more) => {
      const strange = more.filter((all) => textOf(all) === undefined)
      const told = seen(
        was.toSorted(compareUtf8).map((one) => file(`d/${one}`)),
        [...lying, ...strange.map((all) => [all, "file"] as const)],
      )
      const known = was.map((one) => `d/${one} ${lying.includes(one) ? "same" : "missing"}`)
      const extra = lying.filter((one) => !was.includes(one)).map((one) => `d/${one} extra`)
      const expected = [...known, ...extra].sort()
      expect(told.filter((line) => !line.includes("\\x")).sort()).toEqual(expected)
      expect(told.length).toBe(expected.length + strange.length)
    })
    return fc.assert(property, { numRuns: 500 })
  })
})
