/**
 * Listings: what is packed is what is read, entry by entry.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { bufferOf, type ListedEntry, Listing, packListing } from "./listing.js"

const bigint = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })
const found = fc.record({
  kind: fc.constantFrom("file", "directory", "symlink", "special"),
  device: bigint,
  inode: bigint,
  size: fc.maxSafeNat(),
  mode: fc.nat(0o7777),
  mtime: bigint,
  ctime: bigint,
})
const entry: fc.Arbitrary<ListedEntry> = fc.record(
  {
    name: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    found: found as fc.Arbitrary<ListedEntry["found"]>,
    target: fc.uint8Array(),
    problem: fc.constant({ sentence: "changed" } as const),
  },
  { requiredKeys: ["name", "found"] },
)

/** As they are listed: looked at in their order. */
const packed = (entries: ReadonlyArray<ListedEntry>) => {
  const rest = entries.values()
  const names = entries.map(({ name }) => Buffer.from(name).toString("latin1"))
  return packListing({ device: 1n, inode: 2n }, names, () => rest.next().value as ListedEntry)
}

describe("a listing", () => {
  it("gives back every entry, in its place", () => {
    const holds = (entries: ReadonlyArray<ListedEntry>) => {
      const listing = new Listing(packed(entries))
      expect(listing.count).toBe(entries.length)
      for (const [at, one] of entries.entries()) {
        expect(Buffer.compare(listing.name(at), one.name)).toBe(0)
        expect({ ...listing.entry(at), name: one.name }).toEqual(one)
      }
    }
    return fc.assert(fc.property(fc.array(entry), holds))
  })

  it("travels with its buffer, which is its own", () => {
    const name = Buffer.from("a name in a pool")
    const one = {
      kind: "file",
      device: 1n,
      inode: 2n,
      size: 3,
      mode: 4,
      mtime: 5n,
      ctime: 6n,
    } as const
    const travelling = packed([{ name, found: one }])
    const travelled = structuredClone(travelling, { transfer: [bufferOf(travelling)] })
    expect(new Listing(travelled).entry(0)).toMatchObject({ found: one })
    expect([travelling.names.length, name.toString()]).toEqual([0, "a name in a pool"])
  })
})
