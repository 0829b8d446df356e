/**
 * Pack files: names and order, whole reads and whole writes.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, describe, expect, it, vi } from "vitest"
import { listPacks, packPath, readAt, writeAt } from "./pack-files.js"
import { diskError, fileHandles, temporaryDirectory } from "./packs.contract.js"

const directory = temporaryDirectory()

afterEach(() => vi.restoreAllMocks())

const withFile = async (run: (handle: FileHandle) => Promise<void>) => {
  const handle = await open(join(directory(), "file"), "w+")
  try {
    await run(handle)
  } finally {
    await handle.close()
  }
}

describe("packs", () => {
  it("are listed in order of their numbers, beyond eight digits too", async () => {
    for (const pack of [10, 2, 123_456_789, 1])
      writeFileSync(packPath(directory(), pack), Buffer.alloc(pack % 100))
    writeFileSync(join(directory(), "notes.txt"), "not a pack")
    mkdirSync(join(directory(), "1.pack"))
    expect(await listPacks(directory())).toEqual([
      { pack: 1, size: 1 },
      { pack: 2, size: 2 },
      { pack: 10, size: 10 },
      { pack: 123_456_789, size: 89 },
    ])
    expect(packPath("d", 12)).toBe(join("d", "00000012.pack"))
  })

  it("that are removed while they are listed are not there", async () => {
    writeFileSync(packPath(directory(), 2), "")
    // A name without a file, as for who has read the names before.
    symlinkSync(join(directory(), "none"), packPath(directory(), 1))
    expect(await listPacks(directory())).toEqual([{ pack: 2, size: 0 }])
  })
})

describe("reading and writing", () => {
  it("gives what is there, and less only at the end", () =>
    withFile(async (handle) => {
      await handle.write("0123456789")
      expect(Buffer.from(await readAt(handle, 2, 3)).toString()).toBe("234")
      expect(Buffer.from(await readAt(handle, 8, 10)).toString()).toBe("89")
      expect((await readAt(handle, 10, 1)).length).toBe(0)
    }))

  it("writes all buffers where it is told", () =>
    withFile(async (handle) => {
      const buffers = Array.from({ length: 3_000 }, (_, index) => Buffer.from(`${index},`))
      await writeAt(handle, 5, buffers)
      await writeAt(handle, 0, [Buffer.from("start")])
      const expected = `start${Buffer.concat(buffers).toString()}`
      expect(readFileSync(join(directory(), "file"), "utf8")).toBe(expected)
    }))

  it("goes on where the disk took a part, and fails where it takes no more", () =>
    withFile(async (handle) => {
      const handles = await fileHandles(directory())
      const buffers = ["one", "two", "three", "four"].map((text) => Buffer.from(text))
      const takes = [1, 2, 7, 3]
      const writev = vi.spyOn(handles, "writev").mockImplementation(async function (
        this: FileHandle,
        given,
        position,
      ) {
        const bytes = Buffer.concat(
          given.map((one) => Buffer.from(one.buffer, one.byteOffset, one.byteLength)),
        )
        const { bytesWritten } = await this.write(bytes, 0, takes.shift() ?? bytes.length, position)
        return { bytesWritten, buffers: [...given] }
      })
      await writeAt(handle, 0, buffers)
      expect(readFileSync(join(directory(), "file"), "utf8")).toBe("onetwothreefour")
      takes.push(2, 0)
      await expect(writeAt(handle, 0, buffers)).rejects.toThrow("took no byte")
      writev.mockRejectedValue(diskError("ENOSPC"))
      await expect(writeAt(handle, 0, buffers)).rejects.toMatchObject({ code: "ENOSPC" })
    }))
})
