/**
 * Names as bytes: what can be a path of an entry, and how what cannot is shown.
 */
import { describe, expect, it } from "vitest"
import { entryPath, refusedName, shownBytes, textOf } from "./names.js"

const latin = Buffer.from([0x63, 0x61, 0x66, 0xe9])

describe("a name", () => {
  it("is text where it is UTF-8, a byte order mark included", () => {
    expect(textOf(Buffer.from("été"))).toBe("été")
    expect(textOf(Buffer.from([0xef, 0xbb, 0xbf, 0x61]))).toBe("\ufeffa")
    expect(textOf(latin)).toBeUndefined()
    // A surrogate by itself, and a slash in a form that is too long.
    expect(textOf(Buffer.from([0xed, 0xa0, 0x80]))).toBeUndefined()
    expect(textOf(Buffer.from([0xc0, 0xaf]))).toBeUndefined()
  })

  it("is shown as it is, or by its bytes where a reader could be misled", () => {
    expect(shownBytes(Buffer.from("a b.txt"))).toBe("a b.txt")
    expect(shownBytes(latin)).toBe("caf\\xE9")
    expect(shownBytes(Buffer.from("a\nb\\"))).toBe("a\\x0Ab\\x5C")
    expect(shownBytes(Buffer.from("right\u202eleft"))).toBe("right\\xE2\\x80\\xAEleft")
    expect(shownBytes(Buffer.alloc(10_000, "x")).length).toBe(400)
  })

  it("is a path below a directory, or refused with the reason and what to do", () => {
    expect(entryPath("", Buffer.from("__proto__"))).toBe("__proto__")
    expect(entryPath("d/", Buffer.from("10"))).toBe("d/10")
    const refusals = [
      [latin, "the name d/caf\\xE9 is not UTF-8: rename it"],
      [Buffer.from("e\u0301"), "is not in Unicode normalization form C"],
      [Buffer.from("a\u0007"), "the name d/a\\x07 contains a control character"],
      [Buffer.alloc(256, "n"), "has a component above 255 bytes"],
    ] as const
    for (const [name, says] of refusals) expect(() => entryPath("d/", name)).toThrow(says)
    expect(refusedName("x", "is odd")).toMatchObject({ _tag: "InvalidInput", path: "x" })
  })
})
