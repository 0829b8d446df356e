/**
 * Foreign archives as members and contents: what other programs wrote comes back, and no content is
 * other than claimed.
 */
import { constants, deflateRawSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { zipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { zipEntryHeldBytesMax, zipInflateBytes } from "../limits.js"
import { relativePath } from "../model/path.js"
import { Contents, layOut, write } from "./archive.contract.js"
import { defaultCaps } from "./caps.js"
import { bytesOf, contentsOf, type Forged, forge, refusalOf, unpackAll } from "./forged.contract.js"
import { heldContent, isHeld, linkTarget, readZip, streamedContent } from "./import.js"

const problem = (...entries: ReadonlyArray<Forged>): string => refusalOf(forge(entries)).message
const noise = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => (at * at * 31) >>> 7))

describe("an archive", () => {
  it("of fflate comes back, stored and deflated", () => {
    const texts = { "a.txt": "a", "d/b.txt": "b".repeat(5_000), "ünï/€": "", "10": "ten", "2": "" }
    const files = Object.entries(texts).map(([path, text]) => [path, Buffer.from(text)] as const)
    for (const level of [0, 6] as const)
      expect(contentsOf(zipSync(Object.fromEntries(files), { level }))).toEqual(
        new Map(files.map(([path, bytes]) => [path, bytes.toString()])),
      )
  })

  it("of ours comes back, with kinds, modes and links", () => {
    const contents = new Contents()
    const layout = layOut([
      {
        modified: 0,
        entries: [
          contents.file("a", "text ".repeat(1_000)),
          contents.file("run", "#!", { executable: true }),
          contents.stored("noise", noise(300_000)),
          { kind: "directory", path: relativePath("empty") },
          { kind: "symlink", path: relativePath("l"), target: "../ü" },
        ],
      },
    ])
    const archive = write(layout, (content) => contents.read(content))
    const found = Effect.runSync(unpackAll(archive))
    expect(found.map(({ path, kind, executable }) => [path, kind, executable])).toEqual([
      ["a", "file", false],
      ["empty", "directory", false],
      ["l", "symlink", false],
      ["noise", "file", false],
      ["run", "file", true],
    ])
    expect(found[2]?.content.toString()).toBe("../ü")
    expect(found[3]?.content.equals(noise(300_000))).toBe(true)
  })

  it("of 70,000 entries comes back, which takes ZIP64", () => {
    const contents = new Contents()
    const one = contents.stored("any", "x")
    const path = (index: number) => relativePath(`folder ${index % 7}/ünï ${index}`)
    const entries = Array.from({ length: 70_000 }, (_, index) => ({ ...one, path: path(index) }))
    const archive = write(layOut([{ modified: 0, entries }]), (it) => contents.read(it))
    const members = Effect.runSync(readZip(bytesOf(archive), defaultCaps))
    const names = new Set(members.map((member) => member.path))
    expect(names.size).toBe(70_000)
    expect(entries.every((entry) => names.has(entry.path))).toBe(true)
    const few = { ...defaultCaps, entryCountMax: 69_999 }
    expect(Effect.runSync(Effect.flip(readZip(bytesOf(archive), few)))).toMatchObject({
      limit: "zipEntryCountMax",
      actual: 70_000,
    })
  })

  it("with sizes and offsets beyond 4 GiB is read, where that is allowed", () => {
    const GiB = 2 ** 30
    const contents = new Contents()
    const huge = { ...contents.stored("a", "x"), size: 5 * GiB }
    const layout = layOut([{ modified: 0, entries: [huge, contents.stored("b", "behind")] }])
    const zeros = Buffer.alloc(65_536)
    const bytes = {
      size: layout.size,
      read: (start: number, length: number) =>
        Effect.sync(() =>
          write(
            layout,
            (it) => (it.length < 10 ? contents.read(it) : zeros.subarray(0, it.length)),
            start,
            start + length,
          ),
        ),
    }
    expect(Effect.runSync(Effect.flip(readZip(bytes, defaultCaps)))).toMatchObject({
      limit: "zipBytesMax",
      actual: 5 * GiB,
    })
    const members = Effect.runSync(readZip(bytes, { ...defaultCaps, bytesMax: 6 * GiB }))
    expect(members.map(({ size }) => size)).toEqual([5 * GiB, 6])
    const [, behind] = members
    if (behind === undefined) throw new Error("there is no member")
    expect(behind.start).toBeGreaterThan(5 * GiB)
    expect(Effect.runSync(heldContent(bytes, behind)).toString()).toBe("behind")
  })

  it("in an archive is a file like any other", () => {
    const inner = forge([{ name: "../evil", content: "x" }])
    const found = Effect.runSync(unpackAll(forge([{ name: "inner.zip", content: inner }])))
    expect(found.map(({ path, content }) => [path, content.equals(inner)])).toEqual([
      ["inner.zip", true],
    ])
  })
})

describe("a content", () => {
  it("is never longer than it claims: a bomb is stopped at its first piece", () => {
    const packed = deflateRawSync(Buffer.alloc(50_000_000))
    const bomb: Forged = { name: "bomb", packed, size: 1_000, crc32: 0 }
    expect(problem(bomb)).toBe('entry "bomb" gives more than the 1000 bytes that it claims')
    const bytes = bytesOf(forge([bomb]))
    const read: Array<number> = []
    const watched = {
      ...bytes,
      read: (start: number, length: number) => {
        read.push(start + length)
        return bytes.read(start, length)
      },
    }
    const [member] = Effect.runSync(readZip(bytes, defaultCaps))
    if (member === undefined) throw new Error("there is no member")
    const streamed = Stream.runDrain(streamedContent(watched, member))
    expect(Effect.runSync(Effect.flip(streamed))._tag).toBe("InvalidInput")
    expect(read).toHaveLength(1)
  })

  it("is never shorter than it claims", () => {
    const said = { name: "a", content: "abc" }
    expect(problem({ ...said, size: 4 })).toContain("fewer than the 4 bytes")
    expect(problem({ ...said, packed: deflateRawSync("") })).toContain("fewer than the 3 bytes")
  })

  it("has the CRC that it claims", () => {
    expect(problem({ name: "a", content: "abc", crc32: 1 })).toContain("its CRC is not that")
    expect(problem({ name: "a", content: "abc", method: 0, crc32: 1 })).toContain("its CRC")
    expect(problem({ name: "a", packed: deflateRawSync("abd"), content: "abc" })).toContain("CRC")
  })

  it("is all that lies there: nothing hides behind the end of its stream", () => {
    const content = "abc".repeat(1_000)
    const packed = deflateRawSync(content)
    for (const more of [1, 100, 300_000])
      expect(
        problem({ name: "a", content, packed: Buffer.concat([packed, Buffer.alloc(more)]) }),
      ).toBe(`entry "a" has ${more} bytes behind the end of its deflate stream`)
  })

  it("is a whole stream", () => {
    const content = noise(3 * zipInflateBytes)
    const packed = deflateRawSync(content)
    for (const cut of [0, 1, 2, packed.length - 1])
      expect(problem({ name: "a", content, packed: packed.subarray(0, cut) })).toMatch(
        /ends before its deflate stream|is damaged/,
      )
    const flushed = deflateRawSync(content, { finishFlush: constants.Z_SYNC_FLUSH })
    expect(problem({ name: "a", content, packed: flushed })).toContain("ends before its deflate")
    expect(problem({ name: "a", content, packed: Buffer.of(6, 6, 6) })).toContain("no deflate")
  })

  it("of a directory is empty, deflated or not", () => {
    expect(contentsOf(forge([{ name: "d/" }, { name: "e/", method: 0 }])).size).toBe(2)
    expect(problem({ name: "d/", packed: deflateRawSync("x") })).toContain("gives more than the 0")
  })

  it("is held when it is small, packed too, and streamed otherwise", () => {
    const sized = (length: number): Forged => ({
      name: `${length}`,
      content: noise(length),
      method: 0,
    })
    const archive = forge([sized(zipEntryHeldBytesMax), sized(zipEntryHeldBytesMax + 1)])
    const members = Effect.runSync(readZip(bytesOf(archive), defaultCaps))
    expect(members.map(isHeld)).toEqual([true, false])
    const [member] = members
    if (member === undefined) throw new Error("there is no member")
    const content = Effect.runSync(heldContent(bytesOf(archive), member))
    expect(content.equals(noise(zipEntryHeldBytesMax))).toBe(true)
    expect(isHeld({ ...member, size: 1 })).toBe(true)
    expect(isHeld({ ...member, compressedSize: zipEntryHeldBytesMax + 1 })).toBe(false)
  })
})

describe("the target of a link", () => {
  const [member] = Effect.runSync(readZip(bytesOf(forge([{ name: "l" }])), defaultCaps))
  const targetOf = (bytes: Uint8Array): string => {
    if (member === undefined) throw new Error("there is no member")
    return linkTarget(member, bytes)
  }

  it("is any text, wherever it leads", () => {
    for (const target of ["a", "../../etc/passwd", "/", "C:\\", "ü", "\ufeffa"])
      expect(targetOf(Buffer.from(target))).toBe(target)
  })

  it("is text", () => {
    expect(() => targetOf(Buffer.of(0xff))).toThrow("no UTF-8")
    expect(() => targetOf(Buffer.from("a\0b"))).toThrow("has a null")
  })
})
