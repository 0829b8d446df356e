/**
 * The end records: found where they are, and refused where two readers could find two of them.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { findDirectory, readU64 } from "./end.js"
import { bytesOf, contentsOf, type Forged, forge, little, refusalOf } from "./forged.contract.js"

const entries: ReadonlyArray<Forged> = [{ name: "a", content: "aaa" }, { name: "b" }]
const found = new Map([
  ["a", "aaa"],
  ["b", ""],
])

const problem = (archive: Uint8Array): string => refusalOf(archive).message

describe("the directory", () => {
  it("is found, with a comment of any length behind it", () => {
    for (const length of [0, 1, 65_535])
      expect(contentsOf(forge(entries, { comment: Buffer.alloc(length, "c") }))).toEqual(found)
  })

  it("of an empty archive is empty", () => {
    expect(Effect.runSync(findDirectory(bytesOf(forge([]))))).toEqual({
      count: 0,
      start: 0,
      length: 0,
    })
  })

  it("is found by ZIP64 records, whether a number needs them or not", () => {
    const full = { count: 0xffff, length: 0xffffffff, start: 0xffffffff }
    expect(contentsOf(forge(entries, { wide: {} }))).toEqual(found)
    expect(contentsOf(forge(entries, { ...full, wide: {} }))).toEqual(found)
    expect(contentsOf(forge(entries, { ...full, disk: 0xffff, wide: { disks: 0 } }))).toEqual(found)
  })

  it("is refused where two end records could be meant", () => {
    const inner = forge([{ name: "evil" }])
    const end = inner.subarray(inner.length - 22)
    // One that is believed from the front, one from the back.
    expect(problem(forge(entries, { comment: end }))).toContain("two end records")
    const unfinished = Buffer.from(end)
    unfinished.writeUInt16LE(7, 20)
    expect(problem(forge(entries, { comment: unfinished }))).toContain("behind its end record")
    expect(problem(forge(entries, { comment: Buffer.from("PK\u0005\u0006") }))).toContain(
      "behind its end record",
    )
  })

  it("is refused where the records of ZIP64 say something else", () => {
    for (const wide of [{ count: 1 }, { start: 5 }, { length: 5 }])
      expect(problem(forge(entries, { wide }))).toContain("say different things")
    expect(problem(forge(entries, { wide: { at: 3 } }))).toContain("ZIP64 locator")
    expect(problem(forge(entries, { wide: { rest: 60 } }))).toContain("unknown form")
    const full = { start: 0xffffffff, length: 0xffffffff }
    expect(problem(forge(entries, full))).toContain("not where its end record says")
    const wide = { start: 2 ** 60, length: 2 ** 60 }
    expect(problem(forge(entries, { ...full, wide }))).toContain("not where")
  })

  it("is refused in one part of several", () => {
    expect(problem(forge(entries, { disk: 1 }))).toContain("one part of several")
    expect(problem(forge(entries, { disk: 0xffff }))).toContain("one part of several")
    expect(problem(forge(entries, { wide: { disks: 2 } }))).toContain("one part of several")
  })
})

describe("bytes that belong to nothing", () => {
  const more = Buffer.from("more")

  it("are refused behind the archive", () => {
    expect(problem(forge(entries, { back: more }))).toContain("behind its end record")
    expect(problem(forge(entries, { back: Buffer.alloc(70_000) }))).toContain("no end record")
  })

  it("are refused in front of it, whether offsets count them or not", () => {
    const front = { front: more }
    expect(problem(forge(entries, front))).toContain("in front of its first entry")
    expect(problem(forge(entries, { ...front, shifted: false }))).toContain("in front")
    const wide = { ...front, shifted: false, wide: {} }
    expect(problem(forge(entries, wide))).toContain("in front")
  })

  it("are refused in the middle of it", () => {
    expect(problem(forge(entries, { gap: more }))).toContain("between its parts")
    expect(problem(forge(entries, { between: more }))).toContain("belong to nothing")
    expect(problem(forge([], { between: more }))).toContain("in front of its first entry")
  })
})

describe("an archive that is cut short", () => {
  it("is refused wherever it is cut", () => {
    const archive = forge(entries, { comment: Buffer.from("comment"), wide: {} })
    for (let end = 0; end < archive.length; end += 1) {
      const error = refusalOf(archive.subarray(0, end))
      expect(error._tag).toBe("InvalidInput")
    }
  })
})

describe("a number of 64 bits", () => {
  it("is exact up to 2^53, and never small beyond", () => {
    expect(readU64(little([8, 2 ** 53 - 1]), 0)).toBe(2 ** 53 - 1)
    expect(readU64(Buffer.alloc(8, 0xff), 0)).toBe(2 ** 64)
  })
})
