/**
 * Preparing: the frames of a content, as a store would have made them.
 */
import { crc32, inflateRawSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { defaultChunking, fastcdc } from "./chunk.js"
import { frameOf, prepare } from "./prepared.js"
import { expectBytes, mixed, noise, prose } from "./samples.contract.js"

const cuts = fastcdc(defaultChunking)

describe("a content that is prepared", () => {
  it("is its chunks in order, each named, deflated or raw", () => {
    const content = mixed(800_000, 5)
    const { digest, crc32: crc, chunks } = prepare(cuts, content)
    expect([digest, crc]).toEqual([digestOf(content), crc32(content)])
    expect(new Set(chunks.map(({ form }) => form))).toEqual(new Set(["raw", "deflate"]))
    const raws = chunks.map(({ form, stored }) =>
      form === "raw" ? stored : inflateRawSync(Buffer.concat([stored, Buffer.of(3, 0)])),
    )
    expectBytes(Buffer.concat(raws), content)
    for (const [at, frame] of chunks.entries()) {
      const raw = raws[at] ?? Buffer.of()
      expect(frame).toMatchObject({ digest: digestOf(raw), crc32: crc32(raw), size: raw.length })
      expect(frame.storedDigest).toBe(digestOf(frame.stored))
    }
  })

  it("may be one chunk, or none", () => {
    expect(prepare(cuts, prose(100, 1)).chunks).toHaveLength(1)
    expect(prepare(cuts, new Uint8Array(0)).chunks).toEqual([])
  })

  it("is not copied where it stays as it is", () => {
    const raw = noise(2_000, 1)
    const [frame] = prepare(cuts, raw).chunks
    expect(frame?.stored.buffer).toBe(raw.buffer)
    expect(frame).toEqual(frameOf(raw, digestOf(raw), { form: "raw", stored: raw }))
  })
})
