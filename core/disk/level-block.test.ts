/**
 * Blocks of tables, by their checksum and by what they claim of their entries.
 */
import { describe, expect, it } from "vitest"
import { crc32c } from "./crc32c.js"
import { Damage } from "./damage.js"
import { contentsOf, endOf, entriesOf, verifyBlock } from "./level-block.js"

const mask = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0

const withTrailer = (body: Buffer): Buffer => {
  const bytes = Buffer.concat([body, Buffer.alloc(5)])
  bytes.writeUInt32LE(mask(crc32c(bytes, 0, body.length + 1)), body.length + 1)
  return bytes
}

// "ab" = 1, "ac" = 2 by what it shares; one restart at 0.
const body = Buffer.from("00020161623101010163320000000001000000", "hex")

describe("a block", () => {
  it("is whole with its checksum, and with no bit of it turned", () => {
    const bytes = withTrailer(body)
    verifyBlock(bytes, 0, "x")
    expect(endOf({ offset: 10, size: body.length })).toBe(10 + bytes.length)
    expect(contentsOf(bytes, "x")).toEqual(body)
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const turned = Buffer.from(bytes)
      turned[bit >> 3] = (turned[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => verifyBlock(turned, 7, "x")).toThrow(new Damage("x", "is damaged at 7"))
    }
    expect(() => verifyBlock(Buffer.alloc(4), 7, "x")).toThrow(Damage)
  })

  it("has entries that share the beginnings of their keys", () => {
    const entries = entriesOf(body, "x").map(({ key, value }) => `${key}=${value}`)
    expect(entries).toEqual(["ab=1", "ac=2"])
  })

  it.each([
    ["too short", "00"],
    ["with more restarts than bytes", "ffffffff"],
    ["whose key begins with no other", `050101${"61"}${"31"}0000000001000000`],
    ["whose value is not there", `000109${"61"}${"31"}0000000001000000`],
  ])("%s is damage", (_, hex) => {
    expect(() => entriesOf(Buffer.from(hex, "hex"), "x")).toThrow(Damage)
  })
})
