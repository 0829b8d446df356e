/**
 * Reading packs through: every frame is looked at, in slices that together are the whole.
 */
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { deflateRawSync } from "node:zlib"
import { beforeEach, describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { checkPacks } from "./check.js"
import { encodeFrame, type Frame, frameHeaderBytes } from "./frame.js"
import { packHeader, packHeaderBytes } from "./pack.js"
import { packPath } from "./pack-files.js"
import { flipBit, frameOf, recipeOf, temporaryDirectory } from "./packs.contract.js"
import { recipeFrame } from "./recipe.js"
import { noise } from "./samples.contract.js"

const directory = temporaryDirectory()
const packs = () => join(directory(), "packs")
beforeEach(() => mkdirSync(packs()))

const write = (pack: number, ...frames: ReadonlyArray<Frame>): void =>
  writeFileSync(packPath(packs(), pack), Buffer.concat([packHeader(), ...frames.map(encodeFrame)]))

const chunks = Array.from({ length: 6 }, (_, at) => frameOf(noise(1_000 + at, at)))
const frames = chunks.flatMap((chunk) => [chunk, recipeFrame(recipeOf([chunk]))])

/** All slices of so many bytes, one after the other. */
const checkAll = async (bytesMax: number) => {
  const slices: Array<Awaited<ReturnType<typeof checkPacks>>> = []
  let resume: string | undefined
  do {
    const slice = await checkPacks(packs(), resume, bytesMax)
    slices.push(slice)
    resume = slice.resume
  } while (resume !== undefined)
  return slices
}

describe("packs that are whole", () => {
  it.each([1, 1_500, 4_000, 1e9])(
    "are read to their ends, %i bytes at a time",
    async (bytesMax) => {
      write(1, ...frames.slice(0, 6))
      write(4, ...frames.slice(6))
      const slices = await checkAll(bytesMax)
      const sum = (key: "bytes" | "frames") =>
        slices.reduce((total, slice) => total + slice[key], 0)
      const size = (pack: number) => statSync(packPath(packs(), pack)).size
      expect(sum("bytes")).toBe(size(1) + size(4))
      expect(sum("frames")).toBe(frames.length)
      expect(slices.flatMap(({ findings }) => findings)).toEqual([])
      if (bytesMax === 1) expect(slices).toHaveLength(frames.length)
    },
  )

  it("need not be there any more when a check goes on", async () => {
    write(3, ...frames)
    const on = await checkPacks(packs(), "1:500", 1e9)
    expect(on).toMatchObject({ frames: frames.length, findings: [] })
    expect(await checkPacks(packs(), "9:28", 1e9)).toEqual({ bytes: 0, frames: 0, findings: [] })
  })

  it("may have an end that was never written whole", async () => {
    write(1, ...frames)
    const path = packPath(packs(), 1)
    writeFileSync(path, Buffer.concat([readFileSync(path), encodeFrame(frames[0] as Frame)]))
    writeFileSync(path, readFileSync(path).subarray(0, -7))
    expect(await checkPacks(packs(), undefined, 1e9)).toMatchObject({ findings: [] })
  })
})

describe("a pack that was begun", () => {
  it.each([0, 1, packHeaderBytes - 1])("and has %i bytes of its header is no damage", async (n) => {
    write(1, ...frames)
    writeFileSync(packPath(packs(), 2), packHeader().subarray(0, n))
    const slices = await checkAll(1e9)
    expect(slices.flatMap(({ findings }) => findings)).toEqual([])
    expect(slices.map(({ bytes }) => bytes)).toEqual([statSync(packPath(packs(), 1)).size, n])
  })
})

describe("damage in a pack", () => {
  const [first] = chunks as [Frame, ...ReadonlyArray<Frame>]

  it("is located, with the chunk where its header still says which", async () => {
    write(1, ...frames)
    flipBit(packPath(packs(), 1), packHeaderBytes + frameHeaderBytes + 20)
    const to = packHeaderBytes + frameHeaderBytes + first.storedSize
    const damaged = {
      pack: 1,
      from: packHeaderBytes,
      to,
      state: "damaged",
      digests: [first.digest],
    }
    for (const bytesMax of [1, 1e9])
      expect((await checkAll(bytesMax)).flatMap(({ findings }) => findings)).toEqual([damaged])
  })

  it("is its header too", async () => {
    write(1, ...frames)
    flipBit(packPath(packs(), 1), 12)
    const { findings } = await checkPacks(packs(), undefined, 1e9)
    expect(findings).toMatchObject([{ from: 0, to: packHeaderBytes, state: "damaged" }])
  })

  it("is a chunk that is not what it is named by, though it is stored as it was", async () => {
    const stored = deflateRawSync(Buffer.alloc(first.size, "forged"))
    const digests = { digest: first.digest, storedDigest: digestOf(stored) }
    const sizes = { size: first.size, storedSize: stored.length }
    write(1, { kind: "chunk", form: "deflate", ...sizes, ...digests, crc32: first.crc32, stored })
    const { findings } = await checkPacks(packs(), undefined, 1e9)
    expect(findings).toMatchObject([{ from: packHeaderBytes, digests: [first.digest] }])
  })

  it("is a recipe that is none", async () => {
    const bytes = Buffer.from("this is no recipe")
    write(1, { ...frameOf(bytes), kind: "recipe" })
    const { findings } = await checkPacks(packs(), undefined, 1e9)
    expect(findings).toMatchObject([{ from: packHeaderBytes, state: "damaged", digests: [] }])
  })
})
