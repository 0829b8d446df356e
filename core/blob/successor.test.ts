/**
 * The pack that takes what stays of others: what it holds, and when another one is begun.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { headerCheck, packHeaderBytes } from "./pack.js"
import type { PackStore } from "./pack-store.js"
import {
  diskError,
  fileHandles,
  openFiles,
  openParts,
  packFile,
  packNames,
  temporaryDirectory,
} from "./packs.contract.js"
import { noise } from "./samples.contract.js"
import { Successors } from "./successor.js"

const directory = temporaryDirectory()
let store: PackStore & { readonly close: () => Promise<void> }
let from: FileHandle

const content = noise(5_000_000, 1)

beforeEach(async () => {
  store = await openParts(directory(), { packBytesMax: 6_000_000 })
  writeFileSync(join(directory(), "source"), content)
  from = await open(join(directory(), "source"), "r")
})
afterEach(async () => {
  vi.restoreAllMocks()
  await from.close()
  await store.close()
})

const bytesOf = (pack: number) => readFileSync(packFile(directory(), pack))

describe("what is appended", () => {
  it("lies there verbatim and durably, one extent behind the other", async () => {
    const synced = vi.spyOn(await fileHandles(directory()), "datasync")
    const successors = new Successors(store)
    await successors.begin(false)
    const extents = [
      { from: 10, to: 4_300_000 },
      { from: 4_400_000, to: 4_400_100 },
    ]
    const first = await successors.append(from, extents)
    const header = headerCheck(bytesOf(1))
    const end = packHeaderBytes + 4_299_990 + 100
    const mark = { pack: 1, header, end, whole: true, ahead: false }
    expect(first).toEqual({ pack: 1, offset: packHeaderBytes, mark })
    successors.keep()
    const second = await successors.append(from, [{ from: 0, to: 7 }])
    expect(second).toEqual({ pack: 1, offset: end, mark: { ...mark, end: end + 7 } })
    expect(synced).toHaveBeenCalledTimes(2)
    successors.keep()
    await successors.end()
    const pieces = [...extents, { from: 0, to: 7 }].map((one) => content.subarray(one.from, one.to))
    expect(bytesOf(1).subarray(packHeaderBytes).equals(Buffer.concat(pieces))).toBe(true)
  })

  it("and not kept can be taken back, and that pack is gone on with no more", async () => {
    const successors = new Successors(store)
    await successors.append(from, [{ from: 0, to: 100 }])
    successors.keep()
    await successors.append(from, [{ from: 0, to: 200 }])
    await successors.takeBack()
    expect(bytesOf(1)).toHaveLength(packHeaderBytes + 100)
    expect((await successors.append(from, [{ from: 0, to: 300 }])).pack).toBe(2)
    await successors.takeBack()
    await successors.takeBack()
    // Nothing was kept of it.
    expect(packNames(directory())).toEqual(["00000001.pack"])
  })

  it("is taken back when the disk fails", async () => {
    const handles = await fileHandles(directory())
    for (const call of ["writev", "datasync", "read"] as const) {
      const successors = new Successors(store)
      await successors.begin(false)
      vi.spyOn(handles, call).mockRejectedValueOnce(diskError("EIO"))
      await expect(successors.append(from, [{ from: 0, to: 100 }])).rejects.toThrow("EIO")
      await successors.takeBack()
      expect(packNames(directory())).toEqual([])
    }
    expect(openFiles(join(directory(), "packs"))).toEqual([])
  })
})

describe("another pack is begun", () => {
  const some = [{ from: 0, to: 2_500_000 }]
  const appendSome = async (successors: Successors): Promise<number> => {
    const { pack } = await successors.append(from, some)
    successors.keep()
    return pack
  }

  it("when the one before is full", async () => {
    const successors = new Successors(store)
    const packs: Array<number> = []
    for (let count = 0; count < 3; count += 1) packs.push(await appendSome(successors))
    expect(packs).toEqual([1, 1, 2])
    await successors.end()
  })

  it("for what may be damaged, and behind it", async () => {
    const successors = new Successors(store)
    const packs: Array<number> = []
    for (const isMixed of [false, false, true, true, false]) {
      await successors.begin(isMixed)
      const { mark } = await successors.append(from, [{ from: 0, to: 10 }])
      expect(mark.whole).toBe(!isMixed)
      successors.keep()
      packs.push(mark.pack)
    }
    expect(packs).toEqual([1, 1, 2, 3, 4])
    await successors.end()
  })

  it("when the one before is found to be damaged: its bytes are evidence", async () => {
    const successors = new Successors(store)
    expect(await appendSome(successors)).toBe(1)
    store.damage.add({ pack: 1, from: 28, to: 100, state: "damaged", digests: [] })
    expect(await appendSome(successors)).toBe(2)
    await successors.end()
  })
})

describe("in the end", () => {
  it("puts go on in it, though nothing was moved", async () => {
    for (const isEmpty of [true, false]) {
      const before = await store.writer.roll()
      const successors = new Successors(store)
      await successors.begin(false)
      if (!isEmpty) await successors.append(from, [{ from: 0, to: 100 }])
      successors.keep()
      await successors.handOver()
      expect(existsSync(packFile(directory(), before))).toBe(true)
      expect(await store.writer.adopt({ pack: 90, size: 28, header: 0 })).toBe(false)
    }
    expect(openFiles(join(directory(), "packs"))).toEqual([])
  })

  it("they do not where they have gone on already, or where it is full or mixed", async () => {
    const kinds = ["taken", "full", "mixed", "damaged"] as const
    for (const kind of kinds) {
      await store.writer.roll()
      if (kind === "taken") await store.writer.adopt({ pack: 90, size: 28, header: 0 })
      const successors = new Successors(store)
      await successors.begin(kind === "mixed")
      const to = kind === "full" ? 5_000_000 : 100
      const extents = [{ from: 0, to }]
      if (kind === "full") extents.push({ from: 0, to: 1_000_000 })
      const { pack } = await successors.append(from, extents)
      successors.keep()
      if (kind === "damaged")
        store.damage.add({ pack, from: 28, to: 100, state: "damaged", digests: [] })
      await successors.handOver()
      const other = { pack: 91, size: 28, header: 0 }
      expect(await store.writer.adopt(other), kind).toBe(kind !== "taken")
      expect(existsSync(packFile(directory(), pack))).toBe(true)
    }
  })
})
