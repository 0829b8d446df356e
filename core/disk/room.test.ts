import { tmpdir } from "node:os"
import { describe, expect, it } from "vitest"
import { BlobFailure } from "../errors.js"
import { isFullDisk, writeCause, writing } from "./room.js"

const diskError = (code: string): Error => Object.assign(new Error(code), { code })
const directory = tmpdir

describe("a disk", () => {
  it("is full where less than a megabyte is left, as far as it says so", async () => {
    const left = (bytes: number) => isFullDisk(directory(), () => Promise.resolve(bytes))
    expect(await Promise.all([left(0), left(1_048_575), left(1_048_576)])).toEqual([
      true,
      true,
      false,
    ])
    expect(await isFullDisk(directory(), () => Promise.reject(diskError("EIO")))).toBe(false)
    expect(await isFullDisk(directory())).toBe(false)
  })
})

describe("the cause of a failed write", () => {
  it("is a full disk where it says nothing and no room is left", async () => {
    const silent = new Error("IO error", { cause: new Error("as LevelDB has it") })
    const room = (bytes: number) => () => Promise.resolve(bytes)
    const found = await writeCause(directory(), silent, room(4_096))
    expect(found).toMatchObject({ code: "ENOSPC", cause: silent })
    expect(await writeCause(directory(), silent, room(1e9))).toBe(silent)
    const unknown = () => Promise.reject(diskError("EIO"))
    expect(await writeCause(directory(), silent, unknown)).toBe(silent)
    const said = diskError("EROFS")
    expect(await writeCause(directory(), said, room(0))).toBe(said)
  })

  it("is what it says, on a full disk too", async () => {
    const own = { message: "no", operation: "open", reason: "conflict", outcome: "none" } as const
    const full = () => Promise.resolve(0)
    for (const said of [new BlobFailure(own), diskError("LEVEL_CORRUPTION"), diskError("EACCES")])
      expect(await writeCause(directory(), said, full)).toBe(said)
  })

  it("is told by the work that failed, whose answer is its own otherwise", async () => {
    expect(await writing(directory(), () => Promise.resolve(1))).toBe(1)
    const failed = diskError("EIO")
    await expect(writing(directory(), () => Promise.reject(failed))).rejects.toBe(failed)
  })
})
