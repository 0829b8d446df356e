/**
 * Foreign names: every shape that could leave a folder, or be read as something else, is refused;
 * everything else comes back as it is.
 */
import { describe, expect, it } from "vitest"
import { foreignKind, foreignName, foreignPath } from "./foreign-name.js"

const mode = (bits: number): number => bits * 65_536

describe("the bytes of a name", () => {
  it("are ASCII, or UTF-8 where that is said", () => {
    expect(foreignName(Buffer.from("a/b c.txt"), false)).toBe("a/b c.txt")
    expect(foreignName(Buffer.from("ünï/€/😀"), true)).toBe("ünï/€/😀")
    expect(foreignName(Buffer.from("\ufeffa"), true)).toBe("\ufeffa")
  })

  it("of another code page are refused, and shown", () => {
    const cp437 = Buffer.from("816265722e747874", "hex")
    expect(() => foreignName(cp437, false)).toThrow(/entry "\\x81ber.txt" .* neither ASCII nor/)
    expect(() => foreignName(Buffer.from("é"), false)).toThrow("neither ASCII nor")
    expect(() => foreignName(cp437, true)).toThrow("marked as UTF-8, which it is not")
    // A slash in two bytes, and a surrogate.
    for (const bad of ["c0af", "eda080"])
      expect(() => foreignName(Buffer.from(bad, "hex"), true)).toThrow("which it is not")
  })
})

describe("a path", () => {
  it.each([
    ["names of objects", "__proto__", "constructor", "toString", "hasOwnProperty", "2", "10"],
    ["odd, but nothing more", "a b", "-rf", "...", "..a", "a..", ".a", "~", "~root", "%2e%2e"],
    ["like a device, and none", "console", "com", "com10", "nullable.txt", "a/auxiliary", "lpt.1"],
    ["deep", Array.from({ length: 64 }, () => "d").join("/")],
    ["long", `${"n".repeat(255)}/${"n".repeat(255)}`],
  ])("may be %s", (_, ...paths) => {
    for (const path of paths) expect(foreignPath(path)).toBe(path)
  })

  it("loses the slash of a directory, and comes in normalization form C", () => {
    expect(foreignPath("d/e/")).toBe("d/e")
    expect(foreignPath("e\u0301")).toBe("\u00e9")
  })

  it.each([
    ["climbs", "..", "../a", "a/../b", "a/..", "a/../../b", "d/../"],
    ["stays", ".", "./a", "a/./b", "a/."],
    ["is absolute", "/a", "/", "//server/share", "/../a"],
    ["begins with a drive", "C:/a", "c:a", "C:"],
    ["has a back-slash", "a\\b", "..\\a", "\\\\server\\share", "a\\"],
    ["has a null or another control character", "a\0", "a\0.txt", "a\nb", "\u007f"],
    ["has an empty component", "", "a//b", "a//"],
    ["is too long", "n".repeat(256), `${"n/".repeat(600)}n`],
    ["is too deep", "d/".repeat(65)],
  ])("that %s is refused", (_, ...names) => {
    for (const name of names) expect(() => foreignPath(name)).toThrow(/^entry /)
  })

  it.each(["con", "NUL", "a/aux.c", "Prn/x", "com1", "LPT9.txt", "nul .txt", "nul:", "CONIN$"])(
    "of a device is refused: %s",
    (name) => {
      expect(() => foreignPath(name)).toThrow("name of a device")
    },
  )
})

describe("the kind of an entry", () => {
  it("follows from its mode, and without one from its name", () => {
    expect(foreignKind("a", 0)).toEqual({ kind: "file", executable: false })
    expect(foreignKind("a", mode(0o755))).toEqual({ kind: "file", executable: true })
    expect(foreignKind("a", mode(0o100755))).toEqual({ kind: "file", executable: true })
    expect(foreignKind("a", mode(0o100655))).toEqual({ kind: "file", executable: false })
    expect(foreignKind("d/", 0x10)).toEqual({ kind: "directory", executable: false })
    expect(foreignKind("d/", mode(0o40755))).toEqual({ kind: "directory", executable: false })
    expect(foreignKind("l", mode(0o120777))).toEqual({ kind: "symlink", executable: false })
  })

  it.each([
    ["pipe", 0o010644],
    ["character device", 0o020644],
    ["block device", 0o060644],
    ["socket", 0o140644],
    ["thing of an unknown type", 0o150644],
  ])("is never a %s", (_, bits) => {
    expect(() => foreignKind("a", mode(bits))).toThrow("is a device, a pipe or a socket")
  })

  it("must be the same by mode and name", () => {
    for (const [name, bits] of [
      ["a", 0o40755],
      ["a/", 0o100644],
      ["a/", 0o120777],
    ] as const)
      expect(() => foreignKind(name, mode(bits))).toThrow("by its mode")
  })
})
