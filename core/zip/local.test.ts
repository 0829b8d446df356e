/**
 * Entries where they lie: they say what the directory says, and fill the archive without a gap.
 */
import { crc32, deflateRawSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { contentsOf, type Forged, field, forge, little, refusalOf } from "./forged.contract.js"

const problem = (...entries: ReadonlyArray<Forged>): string => refusalOf(forge(entries)).message

describe("a local header", () => {
  it.each<[string, Forged["local"]]>([
    ["name", { name: "../a" }],
    ["name", { name: "" }],
    ["set of flags", { flags: 0 }],
    ["set of flags", { flags: 0x0801 }],
    ["method", { method: 0 }],
    ["CRC", { crc32: 0 }],
    ["size", { size: 0 }],
    ["size", { size: 2 ** 31 }],
    ["size", { compressedSize: 2 }],
  ])("with another %s than the directory is refused: %o", (what, local = {}) => {
    expect(problem({ name: "a", content: "content", local })).toBe(
      `entry "a" has one ${what} in the directory and another where it lies`,
    )
  })

  it("may have its sizes in a ZIP64 field, and other extra fields", () => {
    const extra = Buffer.concat([
      field(0x5455, Buffer.alloc(5)),
      field(1, little([8, 7], [8, deflateRawSync("content").length])),
    ])
    const local = { size: 0xffffffff, compressedSize: 0xffffffff, extra }
    expect(contentsOf(forge([{ name: "a", content: "content", local }])).get("a")).toBe("content")
    const lying = { ...local, extra: field(1, little([8, 8], [8, 9])) }
    expect(problem({ name: "a", content: "content", local: lying })).toContain("one size")
  })

  it("with a second name of another kind is refused", () => {
    const extra = field(0x7075, Buffer.concat([Buffer.alloc(5), Buffer.from("../a")]))
    expect(problem({ name: "a", local: { extra } })).toContain("another name beside it")
  })

  it("is where the directory says, or the archive is refused", () => {
    const archive = forge([{ name: "a" }])
    archive.writeUInt32LE(0x04034b51, 0)
    expect(refusalOf(archive).message).toBe('entry "a" is not where the directory says')
    expect(problem({ name: "a", offset: 3 })).toContain("in front of its first entry")
    expect(problem({ name: "a" }, { name: "b", offset: 2 ** 31 })).toContain("belong to nothing")
    expect(problem({ name: "a", local: { extra: Buffer.alloc(0) }, only: "central" })).toContain(
      "is not where",
    )
  })
})

describe("the stretch of an entry", () => {
  it("overlaps no other: bombs are made of that", () => {
    const one = forge([{ name: "a", content: "x".repeat(1_000) }])
    const length = one.indexOf("PK\u0001\u0002")
    // Both are the same bytes.
    expect(problem({ name: "a", content: "x" }, { name: "b", content: "x", offset: 0 })).toMatch(
      /overlaps|belong to nothing/,
    )
    // The second lies in the content of the first.
    const inner: Forged = { name: "b", content: "x" }
    const whole = forge([inner])
    const quoted = whole.subarray(0, whole.indexOf("PK\u0001\u0002"))
    const outer: Forged = { name: "a", content: quoted, method: 0 }
    const at = forge([outer]).indexOf(quoted)
    expect(problem(outer, { ...inner, offset: at, only: "central" })).toContain("overlaps")
    expect(length).toBeGreaterThan(0)
  })

  it("does not reach into the directory", () => {
    const longer = { name: "a", content: "x", method: 0, size: 40, compressedSize: 40 }
    expect(problem(longer)).toContain("overlaps what comes next")
    expect(problem({ ...longer, size: 1_000_000, compressedSize: 1_000_000 })).toContain("overlaps")
  })

  it("has nothing behind it that the directory does not know", () => {
    const hidden: Forged = { name: "hidden", content: "seen from the front", only: "local" }
    expect(problem({ name: "a" }, hidden, { name: "b" })).toContain("belong to nothing")
    expect(problem(hidden, { name: "a" })).toContain("in front of its first entry")
    expect(problem({ name: "a", behind: Buffer.alloc(1) })).toContain("followed by 1 bytes")
  })
})

describe("a data descriptor", () => {
  const content = "content"
  const packed = deflateRawSync(content)
  const mark: readonly [4, number] = [4, 0x08074b50]
  const crc: readonly [4, number] = [4, crc32(Buffer.from(content))]
  const described = (behind: Buffer, local: Forged["local"] = {}): Forged => ({
    name: "a",
    content,
    flags: 0x0808,
    behind,
    local: { crc32: 0, size: 0, compressedSize: 0, ...local },
  })
  const [small, wide] = [
    [
      [4, packed.length],
      [4, content.length],
    ],
    [
      [8, packed.length],
      [8, content.length],
    ],
  ] as const

  it.each([
    ["of 32 bits", little(crc, ...small)],
    ["of 32 bits with its mark", little(mark, crc, ...small)],
    ["of 64 bits", little(crc, ...wide)],
    ["of 64 bits with its mark", little(mark, crc, ...wide)],
  ])("%s is read", (_, behind) => {
    const entries = [described(behind), { name: "b", content: "next" }]
    expect(contentsOf(forge(entries))).toEqual(
      new Map([
        ["a", content],
        ["b", "next"],
      ]),
    )
    const known = described(behind, { crc32: crc[1], size: 7, compressedSize: packed.length })
    expect(contentsOf(forge([known])).get("a")).toBe(content)
  })

  it("that says something else is refused", () => {
    const says = "data descriptor that says something else"
    expect(problem(described(little([4, 5], ...small)))).toContain(says)
    expect(problem(described(little(mark, crc, [4, 1], [4, 7])))).toContain(says)
    expect(problem(described(little([4, 5], crc, ...small)))).toContain(says)
    expect(problem(described(little(crc, [8, packed.length], [8, 2 ** 40])))).toContain(says)
  })

  it("that is missing, or of another length, is refused", () => {
    for (const length of [0, 1, 11, 13, 28])
      expect(problem(described(Buffer.alloc(length)))).toContain(`followed by ${length} bytes`)
    const unflagged = { ...described(little(mark, crc, ...small)), flags: 0x0800, local: {} }
    expect(problem(unflagged)).toContain("followed by 16 bytes")
  })

  it("does not excuse a local header that lies", () => {
    const behind = little(mark, crc, ...small)
    expect(problem(described(behind, { size: 1 }))).toContain("one size")
    expect(problem(described(behind, { crc32: 1 }))).toContain("one CRC")
  })

  it("is found behind content that looks like one, and like an archive", () => {
    const inner = forge([{ name: "x", content: "y" }])
    const tricky = Buffer.concat([little(mark, crc, ...small), inner])
    const entry: Forged = {
      name: "a",
      content: tricky,
      method: 0,
      flags: 0x0808,
      behind: little(mark, [4, crc32(tricky)], [4, tricky.length], [4, tricky.length]),
      local: { crc32: 0, size: 0, compressedSize: 0 },
    }
    expect([...contentsOf(forge([entry])).keys()]).toEqual(["a"])
  })
})
