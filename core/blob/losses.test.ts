/**
 * Packs held against what is known of them: what is gone is found by looking at their ends.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { type Finding, PackDamage } from "./damage.js"
import { encodeFrame, type Frame } from "./frame.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import { findLosses, forgetHealed } from "./losses.js"
import { packHeader } from "./pack.js"
import { listPacks, packPath } from "./pack-files.js"
import { flipBit, frameOf, recipeOf, temporaryDirectory } from "./packs.contract.js"
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
afterEach(() => index.close())

const write = (pack: number, ...frames: ReadonlyArray<Frame>): number => {
  const bytes = Buffer.concat([packHeader(), ...frames.map(encodeFrame)])
  writeFileSync(packPath(packs(), pack), bytes)
  return bytes.length
}

const few = [1, 2].map((seed) => frameOf(noise(300, seed)))
const many = [3, 4, 5, 6, 7, 8].map((seed) => frameOf(noise(300, seed)))
const [small, large] = [recipeOf(few), recipeOf(many)]

const losses = async (damage = new PackDamage([])) =>
  findLosses(index, await listPacks(packs()), (await index.marks()).values(), damage)

describe("a loss", () => {
  it("is named with the blobs that have a recipe in it, or one of few chunks", async () => {
    const size = write(1, ...few, ...many)
    write(2, recipeFrame(small), recipeFrame(large))
    await recover(packs(), index)
    expect(await losses()).toEqual({ findings: [], isStale: false })
    rmSync(packPath(packs(), 1))
    const finding = { pack: 1, from: 0, to: size, state: "missing", digests: [small.stat.digest] }
    expect(await losses()).toEqual({ findings: [finding], isStale: false })
    rmSync(packPath(packs(), 2))
    const both = [small.stat.digest, large.stat.digest].sort()
    expect((await losses()).findings[1]?.digests).toEqual(both)
  })

  it("that is known is not named again, a larger one is", async () => {
    const size = write(1, ...few)
    await recover(packs(), index)
    const bytes = readFileSync(packPath(packs(), 1))
    writeFileSync(packPath(packs(), 1), bytes.subarray(0, 300))
    const damage = new PackDamage([])
    for (const finding of (await losses()).findings) damage.add(finding)
    expect(damage.findings).toEqual([
      { pack: 1, from: 300, to: size, state: "missing", digests: [] },
    ])
    expect((await losses(damage)).findings).toEqual([])
    writeFileSync(packPath(packs(), 1), bytes.subarray(0, 100))
    expect((await losses(damage)).findings).toMatchObject([{ from: 100, to: size }])
  })
})

describe("damage that is there no longer", () => {
  const found = async (finding: Finding) => {
    const damage = new PackDamage([finding])
    const again = await forgetHealed(packs(), await listPacks(packs()), damage)
    return { again: [...again], left: damage.findings }
  }

  it("is forgotten where the bytes are whole frames again", async () => {
    const size = write(1, ...few)
    const path = packPath(packs(), 1)
    const damaged = { pack: 1, from: 28, to: 28 + 388, state: "damaged", digests: [] } as const
    const header = { ...damaged, from: 0, to: 28 }
    expect(await found(damaged)).toEqual({ again: [1], left: [] })
    expect(await found(header)).toEqual({ again: [1], left: [] })
    flipBit(path, 200)
    flipBit(path, 5)
    expect(await found(damaged)).toEqual({ again: [], left: [damaged] })
    expect(await found(header)).toEqual({ again: [], left: [header] })
    const missing = { ...damaged, from: 100, to: size, state: "missing" } as const
    expect(await found(missing)).toEqual({ again: [1], left: [] })
    expect(await found({ ...missing, to: size + 1 })).toMatchObject({ again: [] })
    expect(await found({ ...missing, pack: 2 })).toMatchObject({ again: [] })
    expect(await found({ ...missing, state: "replaced" })).toMatchObject({ again: [] })
  })
})
