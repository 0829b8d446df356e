/**
 * Reading open files: all of it, in parts, and by pieces.
 */
import { truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { describe, expect, it, onTestFinished } from "vitest"
import { digestOf } from "../model/digest.js"
import { digestFile, partsOf, readExactly } from "./file.js"
import { temporaryDirectory } from "./folders.contract.js"
import { pieceBytes } from "./pieces.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()

const content = (size: number): Buffer => Buffer.alloc(size, "what is in the file, ")

const openFile = async (bytes: Uint8Array) => {
  writeFileSync(join(directory(), "file"), bytes)
  const opened = await openDirectory(directory())
  const file = await opened.file("file")
  await opened.release()
  onTestFinished(() => file.handle.close())
  return file
}

describe("a file", () => {
  it("is read as far as it was when it was opened", async () => {
    const bytes = content(2_500_000)
    const file = await openFile(bytes)
    const parts: Array<Buffer> = []
    for await (const part of partsOf(file, "file")) parts.push(part)
    expect(parts.map(({ length }) => length)).toEqual([1_048_576, 1_048_576, 402_848])
    expect(Buffer.concat(parts).equals(bytes)).toBe(true)
    expect((await readExactly(file, "file", 7, 100)).equals(bytes.subarray(7, 107))).toBe(true)
  })

  it("is drifted when it ends before", async () => {
    const file = await openFile(content(1_000))
    truncateSync(join(directory(), "file"), 500)
    await expect(readExactly(file, "file", 0, 1_000)).rejects.toMatchObject({
      _tag: "ContentDrifted",
      message: expect.stringContaining("file became shorter while it was read"),
    })
  })

  it("is known by its digest, its checksum, and the digest of each piece", async () => {
    const sizes = [0, 1, pieceBytes, pieceBytes + 1, 5 * pieceBytes - 3, 2_500_000]
    for (const size of sizes) {
      const bytes = content(size)
      const taken = await digestFile(await openFile(bytes), "file")
      expect([taken.digest, taken.crc32]).toEqual([digestOf(bytes), crc32(bytes)])
      const pieces: Array<string> = []
      for (let start = 0; start < size; start += pieceBytes)
        pieces.push(digestOf(bytes.subarray(start, start + pieceBytes)))
      expect(Buffer.from(taken.pieces ?? []).toString("hex")).toBe(
        size > pieceBytes ? pieces.join("") : "",
      )
    }
  })
})
