/**
 * SHA-256 against the vectors of FIPS 180-4, and the two forms in which a digest travels.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { digestOf, fromDigest, hasher, isDigest, sha256, toDigest, writeDigest } from "./digest.js"

const vectors: ReadonlyArray<readonly [string, string]> = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
]

describe("SHA-256", () => {
  it.each(vectors)("of %j is that of the standard", (text, digest) => {
    expect(digestOf(Buffer.from(text))).toBe(digest)
  })

  it("is the same for any division of the bytes", () =>
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { maxLength: 5 }), (parts) => {
        const running = hasher()
        for (const part of parts) running.update(part)
        const whole = digestOf(Buffer.concat(parts))
        expect(toDigest(running.bytes())).toBe(whole)
        expect(toDigest(sha256(...parts))).toBe(whole)
        expect(digestOf(...parts)).toBe(whole)
      }),
    ))
})

describe("digests", () => {
  it("are 32 bytes in records and 64 characters elsewhere", () =>
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const digest = toDigest(bytes)
        expect(isDigest(digest)).toBe(true)
        expect(Buffer.compare(fromDigest(digest), bytes)).toBe(0)
        const written = Buffer.alloc(34, 7)
        writeDigest(written, digest, 1)
        expect(written).toEqual(Buffer.concat([Buffer.of(7), bytes, Buffer.of(7)]))
      }),
    ))

  it("are read out of the middle of larger bytes", () => {
    const bytes = sha256(Buffer.from("abc"))
    const larger = Buffer.concat([Buffer.alloc(7, 1), bytes, Buffer.alloc(7, 1)])
    expect(toDigest(larger.subarray(7, 39))).toBe(toDigest(bytes))
  })

  it("are nothing else", () => {
    const digest = digestOf()
    for (const other of [
      digest.slice(1),
      `${digest}0`,
      digest.toUpperCase(),
      `${digest}\n`,
      5,
      null,
    ])
      expect(isDigest(other), String(other)).toBe(false)
    expect(() => toDigest(new Uint8Array(31))).toThrow("31")
    expect(() => toDigest(new Uint8Array(33))).toThrow("33")
  })
})
