/**
 * Frames behind damage: what looks like one there may be part of somebody's content, and is
 * believed only when it is genuine.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { deflateRawSync } from "node:zlib"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { encodeFrame, type Frame, frameHeaderBytes } from "./frame.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import { packHeader, packHeaderBytes } from "./pack.js"
import { listPacks, packPath } from "./pack-files.js"
import { flipBit, frameOf, recipeOf, temporaryDirectory } from "./packs.contract.js"
import { recipeDraft, recipeFrame } from "./recipe.js"
import { Recovery } from "./recovery.js"
import { noise } from "./samples.contract.js"

const directory = temporaryDirectory()
const packs = () => join(directory(), "packs")
let index: BlobIndex

beforeEach(async () => {
  mkdirSync(packs())
  index = await openIndex(join(directory(), "index"))
})
afterEach(() => index.close())

const write = (...frames: ReadonlyArray<Frame>): void =>
  writeFileSync(packPath(packs(), 1), Buffer.concat([packHeader(), ...frames.map(encodeFrame)]))

const recovered = async () => {
  const recovery = new Recovery(packs(), index, "owner")
  for (const file of await listPacks(packs())) await recovery.pack(file, undefined)
  await recovery.finish()
  return recovery.findings
}

/** What the frames of a victim would be taken for, if they were believed. */
const victim = frameOf(noise(400, 1))
const victims = recipeOf([victim])

const forgedChunk = (): Frame => {
  const stored = deflateRawSync(Buffer.alloc(victim.size, "forged"))
  const digests = { digest: victim.digest, storedDigest: digestOf(stored) }
  const sizes = { size: victim.size, storedSize: stored.length }
  return { kind: "chunk", form: "deflate", ...sizes, ...digests, crc32: victim.crc32, stored }
}

const own = frameOf(noise(300, 2))

const forgedRecipe = (): Frame => {
  const draft = recipeDraft()
  draft.add(own)
  return recipeFrame(draft.finish(victims.stat.digest, own.crc32))
}

/** Content of somebody that looks like frames. */
const hostile = frameOf(
  Buffer.concat([
    noise(500, 3),
    encodeFrame(forgedChunk()),
    noise(10, 4),
    encodeFrame({ ...own, crc32: own.crc32 ^ 1 }),
    encodeFrame(own),
    encodeFrame(forgedRecipe()),
    noise(500, 5),
  ]),
)
const victimAt = packHeaderBytes + frameHeaderBytes + hostile.size

describe("frames in content behind damage", () => {
  it("pass for nothing but what they are", async () => {
    write(hostile, victim, recipeFrame(victims))
    flipBit(packPath(packs(), 1), packHeaderBytes)
    const findings = await recovered()
    expect(findings[0]).toMatchObject({ pack: 1, from: packHeaderBytes, state: "damaged" })
    expect(findings.every(({ to }) => to <= victimAt)).toBe(true)
    expect(index.chunk(victim.digest)).toMatchObject({ offset: victimAt })
    expect(await index.copies("chunk", victim.digest)).toEqual([])
    expect(index.blob(victims.stat.digest)).toMatchObject({ stat: victims.stat })
    expect(await index.copies("recipe", victims.stat.digest)).toEqual([])
    // What is named by its own bytes may lie anywhere.
    expect(index.chunk(own.digest)).toMatchObject({ storedSize: own.size })
  })

  it("do not stand in for what is lost", async () => {
    write(hostile)
    flipBit(packPath(packs(), 1), packHeaderBytes + 50)
    const findings = await recovered()
    expect(findings.length).toBeGreaterThan(0)
    expect(index.chunk(victim.digest)).toBeUndefined()
    expect(index.blob(victims.stat.digest)).toBeUndefined()
  })

  it("are not looked for where the content is whole, or its header", async () => {
    write(hostile)
    expect(await recovered()).toEqual([])
    expect(index.chunk(own.digest)).toBeUndefined()
    await index.clear()
    flipBit(packPath(packs(), 1), packHeaderBytes + frameHeaderBytes + 3)
    expect(await recovered()).toMatchObject([{ to: victimAt, digests: [hostile.digest] }])
    expect(index.chunk(own.digest)).toBeUndefined()
  })
})

it("a blob that lost a chunk is named with the damage, and is not indexed", async () => {
  write(victim, recipeFrame(victims), own, recipeFrame(recipeOf([own])))
  flipBit(packPath(packs(), 1), packHeaderBytes + 20)
  expect(await recovered()).toEqual([
    {
      pack: 1,
      from: packHeaderBytes,
      to: packHeaderBytes + frameHeaderBytes + victim.size,
      state: "damaged",
      digests: [victims.stat.digest],
    },
  ])
  expect(index.blob(victims.stat.digest)).toBeUndefined()
  expect(index.blob(own.digest)).toMatchObject({ count: 1 })
})
