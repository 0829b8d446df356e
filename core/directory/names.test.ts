/**
 * Names as bytes: what can be a path of an entry, and how what cannot is shown.
 */
import { describe, expect, it } from "vitest"
import { entryPath, refusedName } from "./names.js"

const latin = Buffer.from([0x63, 0x61, 0x66, 0xe9])

describe("a name", () => {
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
