/**
 * What a directory may claim: one tree of paths, in a form that can be read, within the caps. Among
 * it the shapes by which archives leave the folder that they are unpacked to.
 */
import { describe, expect, it } from "vitest"
import { LimitExceeded } from "../errors.js"
import { contentsOf, type Forged, field, forge, little, refusalOf } from "./forged.contract.js"
import { entryAt } from "./refused.js"

const link = (name: string, content: string): Forged => ({ name, content, mode: 0o120777 })
const problem = (...entries: ReadonlyArray<Forged>): string => refusalOf(forge(entries)).message

describe("zip slip", () => {
  it.each(["../evil", "a/../../evil", "/etc/evil", "C:\\evil", "..\\evil", "\\\\host\\evil"])(
    "by name is refused: %s",
    (name) => {
      expect(refusalOf(forge([{ name: "good" }, { name }]))).toMatchObject({
        _tag: "InvalidInput",
        path: entryAt(name),
      })
    },
  )

  it("by a symlink entry is refused", () => {
    expect(problem(link("out", "/etc"), { name: "out/evil" })).toBe(
      'entry "out/evil" lies below the symlink "out"',
    )
    expect(problem(link("out", ".."), { name: "out/deep/evil" })).toContain("below the symlink")
    expect(problem(link("out", ".."), { name: "out/" })).toContain("not the only one")
    expect(problem(link("out", ".."), { name: "out/d/" })).toContain("below the symlink")
  })

  it("by a chain of symlinks is refused", () => {
    const chain = [link("a", "."), link("a/b", ".."), { name: "a/b/evil" }]
    expect(problem(...chain)).toContain('below the symlink "a"')
    const apart = [link("a", "b/.."), link("b", ".."), { name: "a/evil" }]
    expect(problem(...apart)).toContain('below the symlink "a"')
  })

  it("by one name twice, the link first and the file second, is refused", () => {
    expect(problem(link("a", "/etc/passwd"), { name: "a", content: "evil" })).toBe(
      'entry "a" is not the only one of its name',
    )
    expect(problem({ name: "a" }, link("a", "x"))).toContain("not the only one")
    // Equal once they are in one normal form.
    expect(problem(link("\u00e9", "/etc"), { name: "e\u0301" })).toContain("not the only one")
  })

  it("whatever the order of the entries is refused", () => {
    expect(problem({ name: "out/evil" }, link("out", "/etc"))).toContain("below the symlink")
    expect(problem({ name: "a/b" }, { name: "a-b" }, { name: "a" })).toContain('below the file "a"')
    expect(problem({ name: "a/b/" }, { name: "a" })).toContain('below the file "a"')
    expect(problem({ name: "d/" }, { name: "d/" })).toContain("not the only one")
  })
})

describe("names", () => {
  it("that objects have by themselves come back", () => {
    const names = ["__proto__", "constructor", "toString", "2", "10", "__proto__2/x", "valueOf"]
    const entries = names.map((name) => ({ name, content: `in ${name}` }))
    const expected = new Map(names.map((name) => [name, `in ${name}`]))
    expect(contentsOf(forge(entries))).toEqual(expected)
    expect({}).not.toHaveProperty("polluted")
  })

  it("that only begin alike do not clash", () => {
    const names = ["a", "a-", "a.b", "ab", "A", "d/", "d/a", "d-/a"]
    expect(contentsOf(forge(names.map((name) => ({ name })))).size).toBe(names.length)
  })

  it("are UTF-8 where a field of Info-ZIP says so", () => {
    const name = "ünï"
    const extra = field(0x7075, Buffer.concat([Buffer.alloc(5), Buffer.from(name)]))
    const marked = { name, flags: 0, extra }
    expect([...contentsOf(forge([marked])).keys()]).toEqual([name])
    expect(problem({ name, flags: 0 })).toContain("neither ASCII nor marked")
  })
})

describe("a form that cannot be read", () => {
  it.each<[string, Partial<Forged>, string]>([
    ["a cipher", { flags: 0x0801 }, "is encrypted"],
    ["a strong cipher", { flags: 0x0841 }, "is encrypted"],
    ["a ciphered directory", { flags: 0x2800 }, "is encrypted"],
    ["a patch", { flags: 0x0820 }, "is a patch"],
    ["a flag of no known meaning", { flags: 0x8800 }, "unknown meaning (0x8800)"],
    ["bzip2", { method: 12 }, "method 12"],
    ["LZMA", { method: 14 }, "method 14"],
    ["AES", { method: 99 }, "method 99"],
    ["another disk", { disk: 1 }, "another part"],
    ["another disk, said to be in a field", { disk: 0xffff }, "another part"],
    ["a pipe", { mode: 0o010644 }, "device, a pipe or a socket"],
    ["a device", { mode: 0o060644 }, "device, a pipe or a socket"],
  ])("is refused: %s", (_, fields, text) => {
    expect(problem({ name: "a", content: "x", ...fields })).toContain(text)
  })

  it("may have hints for deflate in its flags", () => {
    expect(contentsOf(forge([{ name: "a", content: "x", flags: 0x0806 }])).get("a")).toBe("x")
  })
})

describe("what is no file", () => {
  it("has the size that it can have", () => {
    const target = "t".repeat(1_024)
    expect(contentsOf(forge([link("l", target)])).get("l")).toBe(target)
    expect(problem(link("l", `${target}t`))).toContain("1 to 1024 are allowed")
    expect(problem(link("l", ""))).toContain("1 to 1024 are allowed")
    expect(problem({ name: "d/", content: "x" })).toContain("directory with content")
    expect(problem({ name: "d/", crc32: 5 })).toContain("directory with content")
    expect(problem({ name: "l", content: "x", mode: 0o120777, compressedSize: 2 ** 31 })).toContain(
      "takes 2147483648 bytes of the archive",
    )
    expect(problem({ name: "a", content: "xyz", method: 0, size: 2 })).toContain("another size")
  })
})

describe("a directory that claims", () => {
  const two: ReadonlyArray<Forged> = [{ name: "a" }, { name: "b" }]

  it("fewer or more entries than it has is refused", () => {
    const message = (count: number) => refusalOf(forge(two, { count })).message
    expect(message(1)).toContain("another length")
    expect(message(3)).toContain("counts more entries")
    expect(message(60_000)).toContain("counts more entries")
  })

  it("more than is allowed is refused before anything else is read", () => {
    const wide = { count: 2 ** 50 }
    const error = refusalOf(forge(two, { count: 0xffff, wide }))
    expect(error).toBeInstanceOf(LimitExceeded)
    expect(error).toMatchObject({ limit: "zipEntryCountMax", actual: 2 ** 50 })
    const extra = field(1, little([8, 2 ** 50], [8, 2 ** 50]))
    const huge = { name: "huge", size: 0xffffffff, compressedSize: 0xffffffff, extra }
    expect(refusalOf(forge([huge]))).toMatchObject({ limit: "zipBytesMax", actual: 2 ** 50 })
    const dense = { name: "dense", size: 2 ** 30, packed: Buffer.alloc(1_000) }
    expect(refusalOf(forge([dense]))).toMatchObject({ limit: "zipRatioMax", allowed: 200 })
  })

  it("a record of another kind is refused", () => {
    const archive = forge(two)
    archive.writeUInt32LE(0x02014b51, archive.indexOf("PK\u0001\u0002"))
    expect(refusalOf(archive).message).toContain("is damaged")
  })

  it("comments and extra fields of any length is read", () => {
    const long = Buffer.alloc(65_000, 7)
    const entries = [{ name: "a", content: "x", comment: long, extra: field(0x9999, long) }]
    expect(contentsOf(forge(entries)).get("a")).toBe("x")
  })
})
