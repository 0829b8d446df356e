/**
 * Bytes as text: only what is UTF-8, and shown so that nobody is misled.
 */
import { describe, expect, it } from "vitest"
import { shownBytes, textOf } from "./utf8.js"

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
})
