/**
 * The frame codec, frozen byte by byte, and the scan that finds frames again in packs that were cut
 * short, overwritten or made up.
 */
import { randomFillSync } from "node:crypto"
import { crc32 } from "node:zlib"
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeFrame, type Frame, frameHeaderBytes } from "./frame.js"
import {
  packHeader,
  packHeaderBytes,
  readAhead,
  readPackFormat,
  type Scanned,
  scanPack,
} from "./pack.js"
import { frameOf } from "./packs.contract.js"
import { noise } from "./samples.contract.js"

const reader = (bytes: Uint8Array) => async (offset: number, length: number) =>
  bytes.subarray(offset, offset + length)

const scan = async (bytes: Uint8Array, from = packHeaderBytes) => {
  const found: Array<Scanned> = []
  for await (const one of scanPack(readAhead(reader(bytes)), from, bytes.length)) found.push(one)
  return found
}

const pack = (...frames: ReadonlyArray<Frame>) =>
  Buffer.concat([packHeader(), ...frames.map(encodeFrame)])

/** The digests of whole frames, and stretches of damage. */
const summary = (found: ReadonlyArray<Scanned>) =>
  found.map((one) => {
    if (one.type === "frame") return one.header.digest
    return one.type === "damage" ? [one.from, one.to] : one.tail
  })

const frames = [noise(50, 1), noise(300, 2), noise(7, 3)].map(frameOf)
const digests = frames.map(({ digest }) => digest)
const lengths = frames.map(({ storedSize }) => frameHeaderBytes + storedSize)
const [first = 0, second = 0] = lengths
const start = packHeaderBytes

describe("headers", () => {
  it("of a pack are magic, format, an id of its own and a checksum", () => {
    const id = "000102030405060708090a0b0c0d0e0f"
    const header = packHeader(Buffer.from(id, "hex")).toString("hex")
    expect(header).toMatch(/^8944425000000001000102030405060708090a0b0c0d0e0f[0-9a-f]{8}$/)
    expect(Number.parseInt(header.slice(-8), 16)).toBe(
      crc32(Buffer.from(header, "hex").subarray(0, 24)),
    )
    expect(packHeader().equals(packHeader())).toBe(false)
    expect(readPackFormat(packHeader())).toBe(1)
    expect(readPackFormat(packHeader().subarray(0, 27))).toBeUndefined()
    for (let at = 0; at < packHeaderBytes; at += 1) {
      const header = packHeader()
      header[at] = (header[at] ?? 0) ^ 4
      expect(readPackFormat(header)).toBeUndefined()
    }
  })
})

describe("a scan", () => {
  it("gives every frame with its place", async () => {
    const found = await scan(pack(...frames))
    expect(summary(found)).toEqual([...digests, "whole"])
    expect(found[1]).toMatchObject({ offset: start + first })
    expect(summary(await scan(pack()))).toEqual(["whole"])
    expect(summary(await scan(pack(...frames), start + first))).toEqual([
      ...digests.slice(1),
      "whole",
    ])
  })

  it("goes through frames larger than its window", async () => {
    const large = frameOf(randomFillSync(new Uint8Array(2_500_000)))
    const bytes = pack(large, ...frames)
    expect(summary(await scan(bytes))).toEqual([large.digest, ...digests, "whole"])
    bytes[2_000_000] = (bytes[2_000_000] ?? 0) ^ 1
    const end = start + frameHeaderBytes + 2_500_000
    expect(summary(await scan(bytes))).toEqual([[start, end], ...digests, "whole"])
  })

  it("ends at a tail that is torn, wherever the write stopped", async () => {
    const bytes = pack(...frames)
    const end = start + first + second
    for (let length = end + 1; length < bytes.length; length += 1) {
      const found = await scan(bytes.subarray(0, length))
      expect(found.at(-1)).toEqual({ type: "end", end, tail: "torn" })
      expect(summary(found)).toEqual([...digests.slice(0, 2), "torn"])
    }
  })

  it("calls zeros torn, and anything else damaged", async () => {
    const whole = pack(...frames)
    const tails: ReadonlyArray<readonly [Uint8Array, string]> = [
      [Buffer.alloc(5), "torn"],
      [Buffer.alloc(3_000_000), "torn"],
      [Buffer.from("x"), "damaged"],
      [Buffer.concat([Buffer.alloc(2_000_000), Buffer.of(1)]), "damaged"],
      [randomFillSync(new Uint8Array(500)), "damaged"],
    ]
    for (const [tail, state] of tails) {
      const found = await scan(Buffer.concat([whole, tail]))
      expect(found.at(-1)).toEqual({ type: "end", end: whole.length, tail: state })
    }
  })

  it("names a frame whose bytes are wrong, and goes on behind it", async () => {
    const bytes = pack(...frames)
    bytes[start + first + frameHeaderBytes + 10] = 0
    const found = await scan(bytes)
    expect(summary(found)).toEqual([
      digests[0],
      [start + first, start + first + second],
      digests[2],
      "whole",
    ])
    expect(found[1]).toMatchObject({ header: { digest: digests[1] } })
  })

  it("finds the next frame behind a header that is wrong, or bytes that are none", async () => {
    const bytes = pack(...frames)
    bytes[start + first + 20] = (bytes[start + first + 20] ?? 0) ^ 1
    const damage = [start + first, start + first + second]
    expect(summary(await scan(bytes))).toEqual([digests[0], damage, digests[2], "whole"])
    // Across the border of its window, with the magic cut in two.
    const filler = Buffer.alloc(1_048_576 - 2, 7)
    const far = Buffer.concat([packHeader(), filler, ...frames.map(encodeFrame)])
    expect(summary(await scan(far))).toEqual([[start, start + filler.length], ...digests, "whole"])
  })

  it("does not take content for frames: a pack kept as a blob, torn", async () => {
    const inner = pack(...frames)
    const torn = pack(frameOf(inner)).subarray(0, -1)
    expect(summary(await scan(torn))).toEqual(["torn"])
  })

  it("asks for a window at most, whatever a header claims", async () => {
    const claim = encodeFrame({
      ...frameOf(Buffer.of(1)),
      size: 16_000_000,
      storedSize: 16_000_000,
    })
    const bytes = Buffer.concat([packHeader(), claim, ...frames.map(encodeFrame)])
    let most = 0
    const counted = (offset: number, length: number) => {
      most = Math.max(most, length)
      return Promise.resolve(bytes.subarray(offset, offset + length))
    }
    const found: Array<Scanned> = []
    for await (const one of scanPack(counted, start, 20_000_000)) found.push(one)
    expect(most).toBeLessThanOrEqual(1_048_576)
    expect(found.at(-1)).toMatchObject({ type: "end" })
  })

  it("survives any bytes, and accounts for all of them", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.uint8Array({ maxLength: 120 }),
            fc.constantFrom(...frames).map(encodeFrame),
            fc
              .tuple(fc.constantFrom(...frames), fc.nat(120))
              .map(([frame, cut]) => encodeFrame(frame).subarray(0, cut)),
          ),
          { maxLength: 8 },
        ),
        async (parts) => {
          const bytes = Buffer.concat([packHeader(), ...parts])
          let at = start
          for (const one of await scan(bytes)) {
            if (one.type === "frame") {
              expect(one.offset).toBe(at)
              at += frameHeaderBytes + one.header.storedSize
            } else if (one.type === "damage") {
              expect(one.from).toBe(at)
              at = one.to
            } else expect(one.tail === "whole" ? at : bytes.length).toBe(bytes.length)
            expect(at).toBeLessThanOrEqual(bytes.length)
          }
        },
      ),
      { numRuns: 200 },
    ))
})
