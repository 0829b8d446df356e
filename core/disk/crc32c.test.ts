/**
 * The checksum against the vectors of RFC 3720 (appendix B.4), and masking against its definition.
 */
import { describe, expect, it } from "vitest"
import { crc32c, crc32cOn, unmask } from "./crc32c.js"

const ascending = Buffer.from(Array.from({ length: 32 }, (_, at) => at))

describe("CRC-32C", () => {
  it("gives what the standard gives", () => {
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa)
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8ab43)
    expect(crc32c(ascending)).toBe(0x46dd794e)
    expect(crc32c(Buffer.from(ascending).reverse())).toBe(0x113fdb5c)
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283)
    expect(crc32c(Buffer.alloc(0))).toBe(0)
  })

  it("takes any part of any view, whatever its alignment", () => {
    const held = Buffer.concat([Buffer.from("xyz"), ascending, Buffer.from("12345")])
    expect(crc32c(held, 3, 35)).toBe(0x46dd794e)
    expect(crc32c(held.subarray(3), 0, 32)).toBe(0x46dd794e)
    expect(crc32c(new Uint8Array(held).subarray(3, 35))).toBe(0x46dd794e)
  })

  it("is carried on from part to part", () => {
    const first = crc32cOn(0, ascending, 0, 7)
    expect(crc32cOn(first, ascending, 7, 32)).toBe(0x46dd794e)
  })

  it("is unmasked by shifting back and rotating back", () => {
    for (const crc of [0, 1, 0x8a9136aa, 0xffffffff]) {
      // util/crc32c.h: rotated right by 15 bits, plus a constant.
      const rotated = ((crc >>> 15) | (crc << 17)) >>> 0
      expect(unmask((rotated + 0xa282ead8) % 2 ** 32)).toBe(crc)
    }
  })
})
