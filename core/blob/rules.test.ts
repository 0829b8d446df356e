/**
 * The words and bounds that all drivers share.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { BlobCorrupted, BlobFailure } from "../errors.js"
import { digestOf } from "../model/digest.js"
import { diskError } from "./packs.contract.js"
import { absent, blobFailure, clamp, corrupted, storageError } from "./rules.js"

const digest = digestOf(Buffer.from("a blob"))

describe("failures", () => {
  it("say the reason by the code of the cause, and keep it", () => {
    const reasons = { ENOSPC: "full", EROFS: "read-only", EACCES: "permission", EIO: "io" }
    for (const [code, reason] of Object.entries(reasons)) {
      const cause = diskError(code)
      const failure = blobFailure("put", cause)
      expect(failure).toMatchObject({ kind: "unavailable", operation: "put", reason, cause })
      expect(failure.outcome).toBe("none")
      expect(failure.message).toMatch(/^the blob store failed to put: .+/)
    }
    expect(blobFailure("put", diskError("ENOSPC")).message).toContain("make room")
    expect(blobFailure("remove", diskError("EIO"), "unknown").outcome).toBe("unknown")
  })

  it("of the port are not wrapped again", () => {
    const failure = blobFailure("put", diskError("EIO"))
    expect(blobFailure("read", failure)).toBe(failure)
    const damage = corrupted(digest, "is torn")
    expect(storageError("read")(damage)).toBe(damage)
    expect(storageError("read")(failure)).toBe(failure)
    expect(storageError("read", "unknown")("thrown")).toMatchObject({
      operation: "read",
      outcome: "unknown",
    })
  })

  it("name the blob and the next step", () => {
    expect(corrupted(digest, "is torn").message).toBe(
      `blob ${digest} is torn: restore it from a backup`,
    )
    expect(corrupted(digest, "is torn", "sew it")).toMatchObject({
      message: `blob ${digest} is torn: sew it`,
      digest,
    })
    expect(absent(digest)).toBeInstanceOf(BlobCorrupted)
    expect(blobFailure("put", 0)).toBeInstanceOf(BlobFailure)
  })
})

describe("a range", () => {
  it("lies within the bytes, whatever was asked", () => {
    expect(clamp(undefined, 10)).toEqual({ start: 0, end: 10 })
    expect(clamp({ start: -5, end: 5 }, 10)).toEqual({ start: 0, end: 5 })
    expect(clamp({ start: 8, end: Number.POSITIVE_INFINITY }, 10)).toEqual({ start: 8, end: 10 })
    expect(clamp({ start: 8, end: 3 }, 10)).toEqual({ start: 8, end: 8 })
    expect(clamp({ start: 12, end: 15 }, 10)).toEqual({ start: 10, end: 10 })
    expect(clamp({ start: 1.9, end: 3.9 }, 10)).toEqual({ start: 1, end: 3 })
    expect(clamp({ start: Number.NaN, end: Number.NaN }, 10)).toEqual({ start: 0, end: 0 })
    const anything = fc.oneof(fc.double(), fc.integer())
    return fc.assert(
      fc.property(anything, anything, fc.nat(), (from, to, size) => {
        const { start, end } = clamp({ start: from, end: to }, size)
        expect(start >= 0 && start <= end && end <= size).toBe(true)
        expect(Number.isInteger(start) && Number.isInteger(end)).toBe(true)
      }),
    )
  })
})
