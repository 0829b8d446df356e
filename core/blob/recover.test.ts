/**
 * Opening: what lies behind a mark is looked at, what is no frame is named and left alone.
 */
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { type Finding, PackDamage } from "./damage.js"
import { encodeFrame, type Frame } from "./frame.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import { headerCheck, packHeader, packHeaderBytes } from "./pack.js"
import { packPath } from "./pack-files.js"
import { fileHandles, flipBit, frameOf, recipeOf, temporaryDirectory } from "./packs.contract.js"
import { recipeFrame } from "./recipe.js"
import { recover } from "./recover.js"
import { noise } from "./samples.contract.js"

const directory = temporaryDirectory()
const packs = () => join(directory(), "packs")
let index: BlobIndex

beforeEach(async () => {
  mkdirSync(packs())
  index = await openIndex(join(directory(), "index"))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await index.close()
})

const [a, b, c] = [frameOf(noise(200, 1)), frameOf(noise(300, 2)), frameOf(noise(400, 3))]
const blob = recipeOf([a, b, c])
const recipe = recipeFrame(blob)

const write = (pack: number, ...frames: ReadonlyArray<Frame>): number => {
  const bytes = Buffer.concat([packHeader(), ...frames.map(encodeFrame)])
  writeFileSync(packPath(packs(), pack), bytes)
  return bytes.length
}

const headerOf = (pack: number): number => headerCheck(readFileSync(packPath(packs(), pack)))

const isKnown = ({ digest }: Frame) => index.chunk(digest) !== undefined
const hasBlob = () => index.blob(blob.stat.digest) !== undefined

describe("recovery", () => {
  it("of nothing finds nothing", async () => {
    expect(await recover(packs(), index)).toMatchObject({
      last: undefined,
      nextPack: 1,
      findings: [],
    })
  })

  it("indexes every frame, syncs what it indexed, and looks at it once", async () => {
    const handles = await fileHandles(directory())
    const synced = vi.spyOn(handles, "datasync")
    const named = vi.spyOn(handles, "sync")
    const size = write(1, a, b, c, recipe)
    const last = { pack: 1, size, header: headerOf(1) }
    expect(await recover(packs(), index)).toMatchObject({ last, findings: [] })
    expect([synced, named].map(({ mock }) => mock.calls.length)).toEqual([1, 1])
    expect([a, b, c].every(isKnown) && hasBlob()).toBe(true)
    expect([...(await index.marks()).values()]).toEqual([
      { pack: 1, header: headerOf(1), end: size, whole: true, ahead: false },
    ])
    synced.mockClear()
    expect(await recover(packs(), index)).toMatchObject({ last, findings: [] })
    expect(synced).not.toHaveBeenCalled()
    appendFileSync(packPath(packs(), 1), encodeFrame(frameOf(noise(50, 4))))
    expect(await recover(packs(), index)).toMatchObject({ last: { pack: 1 } })
    expect(isKnown(frameOf(noise(50, 4)))).toBe(true)
    expect(await index.copies("chunk", a.digest)).toEqual([])
  })

  it("makes a blob known only with all of its chunks", async () => {
    write(1, a, b, recipe)
    await recover(packs(), index)
    expect(isKnown(a)).toBe(true)
    expect(hasBlob()).toBe(false)
  })

  it("finds chunks of a blob in later packs, where a removal has moved them", async () => {
    write(1, a, recipe)
    write(2, b)
    write(3, c)
    await recover(packs(), index)
    expect(hasBlob()).toBe(true)
  })

  it("counts the first frame in pack order, and the others as copies", async () => {
    write(1, a, b)
    write(2, b, a)
    await recover(packs(), index)
    expect(index.chunk(a.digest)).toMatchObject({ pack: 1, offset: packHeaderBytes })
    expect(await index.copies("chunk", a.digest)).toMatchObject([{ pack: 2 }])
    expect(await index.copies("chunk", b.digest)).toMatchObject([{ pack: 2 }])
  })

  it("names what is damaged or torn, goes on behind it, and has the pack left alone", async () => {
    const size = write(1, a, b, c)
    flipBit(packPath(packs(), 1), packHeaderBytes + 100)
    appendFileSync(packPath(packs(), 1), encodeFrame(a).subarray(0, 100))
    const before = readFileSync(packPath(packs(), 1))
    const lost = { pack: 1, from: 28, to: 28 + 88 + 200, digests: [a.digest] }
    const damaged = { ...lost, state: "damaged" }
    const torn = { pack: 1, from: size, to: size + 100, state: "torn" }
    const recovered = await recover(packs(), index)
    expect(recovered).toMatchObject({ last: undefined, findings: [damaged, torn] })
    expect([isKnown(a), isKnown(b), isKnown(c)]).toEqual([false, true, true])
    // It is known from now on, and stays as it is.
    expect(await recover(packs(), index)).toMatchObject({ last: undefined, findings: [] })
    expect(readFileSync(packPath(packs(), 1))).toEqual(before)
  })

  it("reads a pack whose own header is damaged, or was never written", async () => {
    write(1, a)
    flipBit(packPath(packs(), 1), 5)
    writeFileSync(packPath(packs(), 2), packHeader().subarray(0, 7))
    writeFileSync(packPath(packs(), 3), "")
    const { last, findings } = await recover(packs(), index)
    expect(last).toBeUndefined()
    expect(findings).toMatchObject([
      { pack: 1, from: 0, to: 28, state: "damaged" },
      { pack: 2, from: 0, to: 7, state: "torn" },
      { pack: 3, from: 0, to: 0, state: "torn" },
    ])
    expect(isKnown(a)).toBe(true)
  })

  it("goes on with the last pack only if it is whole", async () => {
    write(1, a)
    const size = write(2, b)
    expect(await recover(packs(), index)).toMatchObject({ last: { pack: 2, size } })
    appendFileSync(packPath(packs(), 2), "torn")
    expect(await recover(packs(), index)).toMatchObject({ last: undefined })
    write(3)
    expect(await recover(packs(), index)).toMatchObject({ last: { pack: 3, size: 28 } })
  })

  it("looks again at frames that were indexed ahead of their fsync", async () => {
    const size = write(1, a, b)
    await recover(packs(), index)
    const ahead = { pack: 1, header: headerOf(1), end: size, whole: true, ahead: true }
    await index.add([], [ahead])
    expect(await recover(packs(), index)).toMatchObject({ last: { pack: 1 }, findings: [] })
    expect((await index.marks()).get(1)).toMatchObject({ ahead: false })
    await index.add([], [ahead])
    const bytes = readFileSync(packPath(packs(), 1))
    writeFileSync(packPath(packs(), 1), bytes.fill(0, size - 350))
    expect(await recover(packs(), index)).toMatchObject({ findings: [{ state: "damaged" }] })
    expect([isKnown(a), isKnown(b)]).toEqual([true, false])
  })

  it("takes what no fsync covered and is gone for never put", async () => {
    const size = write(1, a, b)
    await recover(packs(), index)
    await index.add([], [{ pack: 1, header: headerOf(1), end: size + 9, whole: true, ahead: true }])
    await index.add([], [{ pack: 2, header: 7, end: 100, whole: true, ahead: true }])
    truncateSync(packPath(packs(), 1), size - (88 + 300))
    expect(await recover(packs(), index)).toMatchObject({ last: { pack: 1 }, findings: [] })
    expect([isKnown(a), isKnown(b)]).toEqual([true, false])
    expect([...(await index.marks()).keys()]).toEqual([1])
  })

  it("survives packs of any bytes", async () => {
    for (const seed of [1, 2, 3]) {
      writeFileSync(packPath(packs(), seed), noise(3_000, seed))
      const made = Buffer.concat([encodeFrame(recipe).subarray(0, 95), noise(200, seed)])
      writeFileSync(packPath(packs(), seed + 10), Buffer.concat([packHeader(), made]))
    }
    const { findings } = await recover(packs(), index)
    expect(findings.length).toBeGreaterThanOrEqual(6)
    expect(hasBlob()).toBe(false)
  })
})

describe("a pack that lost what was indexed", () => {
  const write2 = () => [write(1, a, b, c, recipe), write(2, frameOf(noise(50, 4)))]

  const recoverKnowing = async (damage: PackDamage) => {
    const recovered = await recover(packs(), index, damage)
    for (const finding of recovered.findings) damage.add(finding)
    return recovered
  }

  it("is named with its content, once, and its number is not used again", async () => {
    const [size = 0, last = 0] = write2()
    await recover(packs(), index)
    const damage = new PackDamage([])
    rmSync(packPath(packs(), 2))
    expect(await recoverKnowing(damage)).toMatchObject({
      last: { pack: 1, size },
      nextPack: 3,
      findings: [{ pack: 2, from: 0, to: last, state: "missing", digests: [] }],
    })
    rmSync(packPath(packs(), 1))
    const digests = [blob.stat.digest]
    expect(await recoverKnowing(damage)).toMatchObject({
      last: undefined,
      nextPack: 3,
      findings: [{ pack: 1, from: 0, to: size, state: "missing", digests }],
    })
    expect(await recoverKnowing(damage)).toMatchObject({ nextPack: 3, findings: [] })
    // What the index knows of it stays.
    expect(hasBlob() && isKnown(a)).toBe(true)
    await index.clear()
    expect(await recoverKnowing(damage)).toMatchObject({ nextPack: 3, findings: [] })
    expect(damage.findings).toHaveLength(2)
  })

  it("by its end is not appended to, and is whole again when the end is back", async () => {
    const size = write(1, a, b, c, recipe)
    await recover(packs(), index)
    const bytes = readFileSync(packPath(packs(), 1))
    truncateSync(packPath(packs(), 1), 400)
    const damage = new PackDamage([])
    const missing: Finding = {
      pack: 1,
      from: 400,
      to: size,
      state: "missing",
      digests: [blob.stat.digest],
    }
    expect(await recoverKnowing(damage)).toEqual({
      last: undefined,
      nextPack: 2,
      findings: [missing],
    })
    const place = (frame: Frame) =>
      index.chunk(frame.digest) ?? { pack: 0, offset: 0, storedSize: 0 }
    expect([a, b, c].map((frame) => damage.covers(place(frame)))).toEqual([false, true, true])
    expect(await recoverKnowing(damage)).toEqual({ last: undefined, nextPack: 2, findings: [] })
    writeFileSync(packPath(packs(), 1), bytes)
    expect(await recoverKnowing(damage)).toMatchObject({ last: { pack: 1, size }, findings: [] })
    expect(damage.isEmpty).toBe(true)
  })

  it("to another pack of its name is made anew, and what it held is named", async () => {
    const size = write(1, a, b, c, recipe)
    await recover(packs(), index)
    const damage = new PackDamage([])
    write(1, b)
    const digests = [blob.stat.digest]
    expect(await recoverKnowing(damage)).toMatchObject({
      last: { pack: 1 },
      findings: [{ pack: 1, from: 0, to: size, state: "replaced", digests }],
    })
    expect([isKnown(a), isKnown(b), hasBlob()]).toEqual([false, true, false])
    expect(damage.covers(index.chunk(b.digest) ?? { pack: 1, offset: 28, storedSize: 0 })).toBe(
      false,
    )
    expect(await recoverKnowing(damage)).toMatchObject({ last: { pack: 1 }, findings: [] })
  })

  it("was rewritten where a follower looks again, who makes its index anew", async () => {
    write(1, a, b)
    write(2, c, recipe)
    await recover(packs(), index, new PackDamage([]), "reader")
    rmSync(packPath(packs(), 1))
    write(3, a, b)
    const damage = new PackDamage([])
    expect(await recover(packs(), index, damage, "follower")).toMatchObject({ findings: [] })
    expect(index.chunk(a.digest)).toMatchObject({ pack: 3 })
    expect(hasBlob()).toBe(true)
  })
})

describe("damage on record", () => {
  it("goes when the right bytes are back, which are indexed then", async () => {
    write(1, a, b, c, recipe)
    const path = packPath(packs(), 1)
    flipBit(path, packHeaderBytes + 3)
    const { findings } = await recover(packs(), index)
    expect(findings).toMatchObject([{ pack: 1, from: 28, to: 28 + 88 + 200, state: "damaged" }])
    expect(findings[0]?.digests).toEqual([blob.stat.digest])
    const damage = new PackDamage(findings)
    expect(await recover(packs(), index, damage)).toMatchObject({ last: undefined, findings: [] })
    expect(damage.findings).toEqual(findings)
    flipBit(path, packHeaderBytes + 3)
    expect(await recover(packs(), index, damage)).toMatchObject({ last: { pack: 1 }, findings: [] })
    expect(damage.isEmpty && isKnown(a) && hasBlob()).toBe(true)
  })

  it("that cannot be read has all packs looked at again", async () => {
    const size = write(1, a)
    await recover(packs(), index)
    flipBit(packPath(packs(), 1), packHeaderBytes + 100)
    expect(await recover(packs(), index)).toMatchObject({ findings: [] })
    const unknown = new PackDamage(undefined)
    expect(await recover(packs(), index, unknown)).toMatchObject({
      last: undefined,
      findings: [{ pack: 1, from: 28, to: size, state: "damaged", digests: [a.digest] }],
    })
  })
})
