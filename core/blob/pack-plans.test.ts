/**
 * Which packs are compacted: those that give enough back, the cheapest first.
 */
import { linkSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { packGarbageShareMin, removalRowCountMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import type { Choice, Usage } from "./going.js"
import { packHeaderBytes } from "./pack.js"
import { groupsOf, type Planned, plansOf } from "./pack-plans.js"
import type { PackStore } from "./pack-store.js"
import { openParts, packFile, temporaryDirectory } from "./packs.contract.js"

const directory = temporaryDirectory()
let store: PackStore & { readonly close: () => Promise<void> }

beforeEach(async () => {
  store = await openParts(directory())
})
afterEach(() => store.close())

const usage = (stays: number, goes: number): Usage => ({ count: 1, stays, goes, unused: [] })

/** Packs of 1,600 bytes behind their headers, with what of them is said to stay. */
const layOut = async (...stays: ReadonlyArray<number>): Promise<Choice> => {
  const marks = stays.map((_, at) => {
    const end = packHeaderBytes + 1_600
    writeFileSync(packFile(directory(), at + 1), Buffer.alloc(end))
    return { pack: at + 1, header: 0, end, whole: true, ahead: false }
  })
  await store.index.add([], marks)
  const packs = new Map(stays.map((bytes, at) => [at + 1, usage(bytes, 1_600 - bytes)]))
  return { blobs: [], packs, isSound: true }
}

const packsOf = (plans: ReadonlyArray<Planned>) => plans.map(({ mark }) => mark.pack)

describe("a pack is compacted", () => {
  it("when enough of it goes, the one with the least to be moved first", async () => {
    const enough = Math.ceil((1_600 + packHeaderBytes) / packGarbageShareMin)
    const choice = await layOut(1_600 - enough + 1, 1_600 - enough, 800, 0, 1_600)
    expect(packsOf(await plansOf(store, choice, 100, false))).toEqual([4, 3, 2])
    expect(packsOf(await plansOf(store, choice, 100, true))).toEqual([4, 3, 2, 1])
    expect(packsOf(await plansOf(store, choice, 4, true))).toEqual([3, 2, 1])
  })

  it("for bytes that are in no row, unless somebody may need them", async () => {
    const choice = await layOut(1_600, 1_600)
    writeFileSync(packFile(directory(), 2), Buffer.alloc(4_000))
    expect(packsOf(await plansOf(store, choice, 100, false))).toEqual([2])
    const unsound = { ...choice, isSound: false }
    expect(packsOf(await plansOf(store, unsound, 100, true))).toEqual([])
    const packs = new Map([[1, usage(1_599, 1)]])
    const [plan] = await plansOf(store, { ...unsound, packs }, 100, false)
    expect(plan).toMatchObject({ mark: { pack: 1 }, restStays: true, isShared: false })
  })

  it("last, and only to be thorough, when its file has another name", async () => {
    const choice = await layOut(0, 1_400)
    linkSync(packFile(directory(), 1), join(directory(), "other"))
    expect(packsOf(await plansOf(store, choice, 100, false))).toEqual([2])
    expect(packsOf(await plansOf(store, choice, 100, true))).toEqual([2, 1])
    store.damage.add({ pack: 2, from: 28, to: 50, state: "damaged", digests: [] })
    const plans = await plansOf(store, choice, 100, true)
    expect(plans.map(({ isShared }) => isShared)).toEqual([true, true])
  })

  it("never without a mark, and where it is lost, for the rows alone", async () => {
    const choice = await layOut(0, 800, 1_600)
    writeFileSync(packFile(directory(), 9), Buffer.alloc(5_000))
    rmSync(packFile(directory(), 2))
    rmSync(packFile(directory(), 3))
    const plans = await plansOf(store, choice, 100, true)
    expect(plans.map(({ mark, size }) => [mark.pack, size])).toEqual([
      [1, packHeaderBytes + 1_600],
      [2, 0],
    ])
    truncateSync(packFile(directory(), 1), 0)
    expect(packsOf(await plansOf(store, choice, 100, false))).toEqual([1, 2])
  })
})

describe("packs are compacted together", () => {
  it("as far as their frames have room in memory, and at least one at a time", () => {
    const mark = { pack: 1, header: 0, end: 0, whole: true, ahead: false }
    const rest = { mark, size: 0, restStays: false, isWorth: () => true, isShared: false }
    const third = removalRowCountMax / 4
    const plans = [third, third, third, 3 * third, 9 * third, 1].map((count): Planned => {
      return { ...rest, usage: { count, stays: 0, goes: 0, unused: [digestOf()] } }
    })
    const counts = [...groupsOf(plans)].map((group) => group.length)
    expect(counts).toEqual([3, 1, 1, 1])
    expect([...groupsOf([])]).toEqual([])
  })
})
