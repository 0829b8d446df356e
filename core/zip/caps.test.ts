/**
 * The caps on both sides of each bound, and which bound is named.
 */
import { describe, expect, it } from "vitest"
import { LimitExceeded } from "../errors.js"
import { zipBytesMax, zipEntryCountMax, zipRatioFreeBytes, zipRatioMax } from "../limits.js"
import { Claimed, checkEntryCount, defaultCaps } from "./caps.js"

const thrown = (run: () => void): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

const MiB = zipRatioFreeBytes

const add = (size: number, compressedSize: number, archiveBytes = 2 ** 40) =>
  thrown(() => new Claimed(defaultCaps, archiveBytes).add({ name: "a", size, compressedSize }))

describe("the caps", () => {
  it("are those of the limits", () => {
    expect(defaultCaps).toEqual({
      bytesMax: zipBytesMax,
      entryCountMax: zipEntryCountMax,
      ratioMax: zipRatioMax,
    })
  })

  it("allow as many entries, and not one more", () => {
    expect(thrown(() => checkEntryCount(defaultCaps, zipEntryCountMax))).toBeUndefined()
    const error = thrown(() => checkEntryCount(defaultCaps, zipEntryCountMax + 1))
    expect(error).toBeInstanceOf(LimitExceeded)
    expect(error).toMatchObject({
      limit: "zipEntryCountMax",
      allowed: zipEntryCountMax,
      actual: zipEntryCountMax + 1,
    })
  })

  it("count the bytes of all entries together", () => {
    const claimed = new Claimed(defaultCaps, 2 ** 40)
    const one = { name: "a", size: zipBytesMax - 1, compressedSize: zipBytesMax }
    claimed.add(one)
    claimed.add({ ...one, size: 1, compressedSize: 1 })
    expect(claimed.total).toBe(zipBytesMax)
    expect(thrown(() => claimed.add({ ...one, size: 1 }))).toMatchObject({
      limit: "zipBytesMax",
      allowed: zipBytesMax,
      actual: zipBytesMax + 1,
    })
    expect(add(2 ** 64, 2 ** 64)).toMatchObject({ limit: "zipBytesMax" })
  })

  it("compare a file with its packed form, once it is longer than is free", () => {
    expect(add(MiB, 1)).toBeUndefined()
    expect(add(MiB, 0)).toBeUndefined()
    expect(add(200 * MiB, MiB)).toBeUndefined()
    expect(add(200 * MiB + 1, MiB)).toMatchObject({ limit: "zipRatioMax", allowed: 200 })
    expect(add(MiB + 1, 0)).toMatchObject({ limit: "zipRatioMax", actual: MiB + 1 })
  })

  it("compare all files with the archive: many small ones can be a bomb too", () => {
    const claimed = new Claimed(defaultCaps, 100_000)
    const one = { name: "a", size: MiB, compressedSize: 1_000 }
    const added = Array.from({ length: 20 }, () => thrown(() => claimed.add(one)))
    expect(added.slice(0, 19)).toEqual(Array(19).fill(undefined))
    expect(added[19]).toMatchObject({ limit: "zipRatioMax", allowed: 200 })
  })

  it("are those of the caller where he says so", () => {
    const caps = { bytesMax: 10, entryCountMax: 1, ratioMax: 1_000 }
    expect(thrown(() => checkEntryCount(caps, 2))).toMatchObject({ allowed: 1, actual: 2 })
    const sized = (size: number) => ({ name: "a", size, compressedSize: 1 })
    expect(thrown(() => new Claimed(caps, 1).add(sized(11)))).toMatchObject({ allowed: 10 })
    expect(thrown(() => new Claimed(caps, 1).add(sized(10)))).toBeUndefined()
  })
})
