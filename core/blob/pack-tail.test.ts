/**
 * The end of a pack: what was kept stays, what was not can be cut off.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { afterEach, describe, expect, it, vi } from "vitest"
import { packFormat, packHeader, packHeaderBytes, readPackFormat } from "./pack.js"
import { packPath } from "./pack-files.js"
import { openTail } from "./pack-tail.js"
import { diskError, fileHandles, temporaryDirectory } from "./packs.contract.js"

const directory = temporaryDirectory()
const path = () => packPath(directory(), 1)
const begin = (size?: number, durable = true) => {
  const last = size === undefined ? undefined : { pack: 1, size, header: 7 }
  return openTail({ directory: directory(), pack: 1, last, durable })
}

afterEach(() => vi.restoreAllMocks())

describe("the tail of a pack", () => {
  it("begins with the header of a new pack, which was not there before", async () => {
    const tail = await begin()
    expect([tail.pack, tail.end, tail.kept]).toEqual([1, packHeaderBytes, packHeaderBytes])
    await tail.close()
    expect(readFileSync(path())).toHaveLength(packHeaderBytes)
    expect(readPackFormat(readFileSync(path()))).toBe(packFormat)
    await expect(begin()).rejects.toMatchObject({ code: "EEXIST" })
  })

  it("has a durable name before its first frame, where puts are synced", async () => {
    const sync = vi.spyOn(await fileHandles(directory()), "sync")
    for (const [durable, times] of [
      [false, 0],
      [true, 1],
    ] as const) {
      const tail = await begin(undefined, durable)
      expect(sync).toHaveBeenCalledTimes(times)
      await tail.discard()
    }
  })

  it("writes what it was given in order, and says when it holds enough", async () => {
    const tail = await begin()
    expect(tail.add([Buffer.from("one")])).toBe(false)
    expect(tail.add([Buffer.alloc(5_000_000, 7)])).toBe(true)
    await tail.write()
    expect(tail.add([Buffer.from("two")])).toBe(false)
    await tail.write()
    await tail.write()
    expect(tail.end).toBe(packHeaderBytes + 5_000_006)
    await tail.close()
    const bytes = readFileSync(path())
    expect(bytes.length).toBe(tail.end)
    expect(bytes.subarray(packHeaderBytes, packHeaderBytes + 3).toString()).toBe("one")
    expect(bytes.subarray(-3).toString()).toBe("two")
  })

  it("goes on where a pack ended", async () => {
    writeFileSync(path(), Buffer.concat([packHeader(), Buffer.from("frames")]))
    const tail = await begin(packHeaderBytes + 6)
    tail.add([Buffer.from(" and more")])
    await tail.write()
    await tail.close()
    expect(readFileSync(path()).subarray(packHeaderBytes).toString()).toBe("frames and more")
  })

  it("is cut back to what was kept", async () => {
    const tail = await begin()
    tail.add([Buffer.from("kept")])
    await tail.write()
    tail.keep()
    tail.add([Buffer.from("written")])
    await tail.write()
    tail.add([Buffer.from("gathered")])
    await tail.discard()
    expect(readFileSync(path()).subarray(packHeaderBytes).toString()).toBe("kept")
  })

  it("takes its pack with it when nothing was kept, or its header was refused", async () => {
    const tail = await begin()
    tail.add([Buffer.from("written")])
    await tail.write()
    await tail.discard()
    expect(existsSync(path())).toBe(false)
    const handles = await fileHandles(directory())
    vi.spyOn(handles, "writev").mockRejectedValue(diskError("ENOSPC"))
    await expect(begin()).rejects.toMatchObject({ code: "ENOSPC" })
    expect(existsSync(path())).toBe(false)
  })

  it("does not complain when the disk does not let it", async () => {
    const handles = await fileHandles(directory())
    vi.spyOn(handles, "truncate").mockRejectedValue(diskError("EIO"))
    const tail = await begin()
    tail.add([Buffer.from("kept")])
    await tail.write()
    tail.keep()
    await tail.discard()
    expect(readFileSync(path()).subarray(packHeaderBytes).toString()).toBe("kept")
  })
})
