/**
 * The frame codec, frozen byte by byte.
 */
import { crc32 } from "node:zlib"
import { expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { encodeFrame, type Frame, frameHeaderBytes, LoadedFrame, readFrameHeader } from "./frame.js"
import { frameOf, recipeOf } from "./packs.contract.js"
import { recipeFrame } from "./recipe.js"
import { noise } from "./samples.contract.js"

const deflated: Frame = {
  kind: "chunk",
  form: "deflate",
  size: 100,
  storedSize: 3,
  digest: digestOf(Buffer.from("raw")),
  storedDigest: digestOf(Buffer.from("abc")),
  crc32: 0xfedcba98,
  stored: Buffer.from("abc"),
}

const raw = frameOf(noise(50, 1))

it("has its fields where the format says", () => {
  const bytes = encodeFrame(deflated)
  expect(bytes.length).toBe(frameHeaderBytes + 3)
  expect(bytes.subarray(0, 16).toString("hex")).toBe("89444246010100000000006400000003")
  expect(bytes.subarray(16, 48).toString("hex")).toBe(deflated.digest)
  expect(bytes.subarray(48, 80).toString("hex")).toBe(deflated.storedDigest)
  expect(bytes.readUInt32BE(80)).toBe(0xfedcba98)
  expect(bytes.readUInt32BE(84)).toBe(crc32(bytes.subarray(0, 84)))
  expect(bytes.subarray(88).toString()).toBe("abc")
  const header = readFrameHeader(bytes)
  const { stored: _, ...written } = deflated
  const { kind, form, size, storedSize, digest, storedDigest, crc32: crc } = header ?? deflated
  expect({ kind, form, size, storedSize, digest, storedDigest, crc32: crc }).toEqual(written)
  expect(header).toBeDefined()
  const recipe = readFrameHeader(encodeFrame(recipeFrame(recipeOf([raw]))))
  expect([recipe?.kind, recipe?.form]).toEqual(["recipe", "raw"])
})

it("is none with any bit flipped", () => {
  for (let bit = 0; bit < frameHeaderBytes * 8; bit += 1) {
    const bytes = encodeFrame(deflated)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(readFrameHeader(bytes)).toBeUndefined()
  }
  expect(readFrameHeader(encodeFrame(deflated).subarray(0, 87))).toBeUndefined()
})

it("is none that says what no writer says, though its checksum is right", () => {
  const lies: ReadonlyArray<Frame> = [
    { ...deflated, storedSize: 100 },
    { ...deflated, storedSize: 0 },
    { ...deflated, kind: "recipe" },
    { ...deflated, size: 16_777_217 },
    { ...raw, size: 51 },
    { ...raw, size: 0, storedSize: 0 },
    { ...raw, storedDigest: deflated.digest },
  ]
  for (const lie of lies) expect(readFrameHeader(encodeFrame(lie))).toBeUndefined()
})

it("has, once it is loaded, what its header says and its bytes", () => {
  const bytes = encodeFrame(raw)
  const header = readFrameHeader(bytes)
  if (header === undefined) throw new Error("no header")
  const {
    kind,
    form,
    size,
    storedSize,
    digest,
    storedDigest,
    crc32: crc,
    stored,
  } = new LoadedFrame(header, raw.storedDigest, raw.stored)
  expect({ kind, form, size, storedSize, digest, storedDigest, crc32: crc, stored }).toEqual(raw)
})
