/**
 * The stored form: fragments that concatenate, raw chunks where nothing is saved, and nothing that
 * hostile bytes could make it allocate.
 */
import { randomFillSync } from "node:crypto"
import { constants, crc32, deflateRawSync, inflateRawSync } from "node:zlib"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { rawBytes, storedBlocks, storedBlocksSize, storedForm } from "./deflate.js"

const noise = (size: number): Uint8Array => randomFillSync(new Uint8Array(size))

const text = (size: number): Uint8Array =>
  Buffer.from(
    Array.from({ length: size / 8 }, (_, index) => `${index % 977} is ${index}\n`).join(""),
  ).subarray(0, size)

const finish = (...fragments: ReadonlyArray<Uint8Array>) =>
  inflateRawSync(Buffer.concat([...fragments, Buffer.of(3, 0)]))

const same = (a: Uint8Array, b: Uint8Array) => expect(Buffer.compare(a, b)).toBe(0)

describe("the stored form of a chunk", () => {
  it("is a fragment of level 5 that ends on a byte, whichever thread makes it", () => {
    for (const size of [1_000, 16_385, 32_768, 32_769, 65_536, 262_144]) {
      const raw = text(size)
      const { form, stored: fragment } = storedForm(raw)
      expect(form).toBe("deflate")
      const parameters = { level: 5, finishFlush: constants.Z_SYNC_FLUSH }
      same(fragment, deflateRawSync(raw, parameters))
      expect([...fragment.subarray(-4)]).toEqual([0, 0, 0xff, 0xff])
      same(rawBytes({ form, stored: fragment }, size, crc32(raw)) ?? noise(1), raw)
    }
  })

  it("takes as much room as it needs, and comes out the same", () => {
    // What Node shares out to small buffers: longer than it says in some releases.
    const pool = Buffer.allocUnsafe(1).buffer.byteLength
    const samples = Array.from({ length: 700 }, (_, size) => [text(size), noise(size)]).flat()
    for (const raw of samples) {
      const { form, stored: kept } = storedForm(raw)
      if (form === "raw") continue
      same(kept, deflateRawSync(raw, { level: 5, finishFlush: constants.Z_SYNC_FLUSH }))
      // No buffer of zlib's own, which would be kept with it.
      expect(kept.buffer.byteLength).toBe(pool)
    }
  })

  it("is the chunk itself, not a copy, where deflating saves less than 3 %", () => {
    for (const size of [1, 20, 4_096, 32_768, 65_536, 262_144]) {
      const raw = noise(size)
      const { form, stored: kept } = storedForm(raw)
      expect(form).toBe("raw")
      expect(kept).toBe(raw)
    }
    const almost = Buffer.concat([noise(9_900), Buffer.alloc(100)])
    expect(storedForm(almost).form).toBe("raw")
    const enough = Buffer.concat([noise(9_400), Buffer.alloc(600)])
    expect(storedForm(enough).form).toBe("deflate")
  })

  it("deflates a large chunk of which a part shrinks, if it is where the samples are", () => {
    const raw = Buffer.concat([noise(40_000), text(60_000)])
    expect(storedForm(raw).form).toBe("deflate")
  })

  it("concatenates with others, raw ones too, into the deflate stream of the whole", () => {
    const chunks = [text(70_000), noise(70_000), text(5), noise(65_535), text(300), noise(1)]
    const forms = chunks.map((chunk) => storedForm(chunk))
    const fragments = forms.map(({ form, stored: kept }) =>
      form === "raw" ? storedBlocks(kept) : kept,
    )
    same(finish(...fragments), Buffer.concat(chunks))
  })
})

describe("stored blocks", () => {
  it("wrap raw bytes, five bytes for 65,535, to exactly the size foretold", () => {
    for (const size of [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071, 262_144]) {
      const raw = noise(size)
      const blocks = storedBlocks(raw)
      expect(blocks.length).toBe(size + 5 * Math.ceil(size / 65_535))
      expect(storedBlocksSize(size)).toBe(blocks.length)
      same(finish(blocks), raw)
    }
  })
})

describe("inflating", () => {
  const raw = text(50_000)
  const fragment = deflateRawSync(raw, { finishFlush: constants.Z_SYNC_FLUSH })
  const form = "deflate" as const

  it("gives nothing unless size and checksum are right", () => {
    expect(rawBytes({ form, stored: fragment }, 50_000, crc32(raw))).toBeDefined()
    expect(rawBytes({ form, stored: fragment }, 49_999, crc32(raw))).toBeUndefined()
    expect(rawBytes({ form, stored: fragment }, 50_001, crc32(raw))).toBeUndefined()
    expect(rawBytes({ form, stored: fragment }, 50_000, crc32(raw) ^ 1)).toBeUndefined()
    expect(rawBytes({ form: "raw", stored: raw }, 50_000, crc32(raw))).toBe(raw)
    expect(rawBytes({ form: "raw", stored: raw }, 49_999, crc32(raw))).toBeUndefined()
  })

  it("stops at the size it was told, however much more a bomb would give", () => {
    const bomb = deflateRawSync(new Uint8Array(50_000_000))
    const before = process.memoryUsage().arrayBuffers
    expect(rawBytes({ form, stored: bomb }, 1_000, 0)).toBeUndefined()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000)
  })

  it("survives any bytes", () => {
    return fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(1_000), (bytes, size) => {
        const found = rawBytes({ form, stored: bytes }, size, 0)
        expect(found === undefined || crc32(found) === 0).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})
