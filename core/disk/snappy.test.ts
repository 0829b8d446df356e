/**
 * Decompression against streams that were written by hand after the format's description; what
 * LevelDB itself compresses is read in the tests of tables.
 */
import { describe, expect, it } from "vitest"
import { Damage } from "./damage.js"
import { unsnap } from "./snappy.js"

const bytes = (...parts: ReadonlyArray<number | string>) =>
  Buffer.concat(parts.map((part) => Buffer.from(typeof part === "number" ? [part] : part)))

const literal = (text: string) => [(text.length - 1) << 2, text] as const

describe("Snappy", () => {
  it("gives literals of every length", () => {
    expect(unsnap(bytes(0), "x")).toEqual(Buffer.alloc(0))
    for (const length of [1, 60, 61, 256, 257, 70_000]) {
      const text = "abcdefghij".repeat(7_000).slice(0, length)
      const size = Buffer.alloc(3)
      size.writeUIntLE(length - 1, 0, 3)
      const tag = length <= 60 ? [(length - 1) << 2] : [62 << 2, ...size]
      const claim = [(length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14]
      expect(unsnap(bytes(...claim, ...tag, text), "x").toString()).toBe(text)
    }
  })

  it("gives copies of all three kinds, and of what a copy has just written", () => {
    const short = bytes(9, ...literal("abcd"), 1 | (1 << 2), 4)
    expect(unsnap(short, "x").toString()).toBe("abcdabcda")
    expect(unsnap(bytes(7, ...literal("ab"), 2 | (4 << 2), 2, 0), "x").toString()).toBe("abababa")
    expect(unsnap(bytes(4, ...literal("ab"), 3 | (1 << 2), 2, 0, 0, 0), "x").toString()).toBe(
      "abab",
    )
  })

  it("refuses every stream that is cut short, and claims that it does not keep", () => {
    const whole = bytes(9, ...literal("abcd"), 1 | (1 << 2), 4)
    for (let length = 0; length < whole.length; length += 1)
      expect(() => unsnap(whole.subarray(0, length), "x"), `of ${length} bytes`).toThrow(Damage)
    const bad: ReadonlyArray<readonly [string, Buffer]> = [
      ["copies from before the beginning", bytes(8, ...literal("abcd"), 1, 5)],
      ["copies from here", bytes(8, ...literal("abcd"), 1, 0)],
      ["gives more than it claims", bytes(3, ...literal("abcd"))],
      ["copies more than it claims", bytes(6, ...literal("abcd"), 1, 4)],
      ["claims what it cannot have", bytes(0xff, 0xff, 0xff, 0xff, 0x7f, ...literal("abcd"))],
    ]
    for (const [name, stream] of bad) expect(() => unsnap(stream, "x"), name).toThrow(Damage)
  })
})
