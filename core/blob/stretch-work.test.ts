/**
 * Reading a stretch of a file on a thread.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { sha256 } from "../model/digest.js"
import { answer } from "./stretch-work.js"

const directory = mkdtempSync(join(tmpdir(), "daybook-stretch-"))
afterAll(() => rmSync(directory, { recursive: true }))

const content = Buffer.from("a stretch of a file, and what lies behind it")
const path = join(directory, "file")
writeFileSync(path, content)

const digestsOf = (...texts: ReadonlyArray<string>): Buffer =>
  Buffer.concat(texts.map((text) => sha256(Buffer.from(text))))

const stretch = (offset: number, length: number, ...parts: ReadonlyArray<[number, number]>) => {
  const descriptor = openSync(path, "r")
  try {
    return answer({ descriptor, offset, length, parts: Uint32Array.from(parts.flat()) })
  } finally {
    closeSync(descriptor)
  }
}

describe("a stretch of a file", () => {
  it("is read and hashed part by part, and handed over", () => {
    const { value, transfer } = stretch(2, 17, [0, 7], [8, 10], [3, 3])
    expect(Buffer.from(value.bytes).equals(content.subarray(2, 19))).toBe(true)
    expect(value.digests).toEqual(digestsOf("stretch", "of", ""))
    expect(transfer).toEqual([value.bytes.buffer, value.digests.buffer])
  })

  it("is shorter where the file ends", () => {
    const { value } = stretch(content.length - 2, 100, [0, 50], [60, 70])
    expect(Buffer.from(value.bytes).toString()).toBe("it")
    expect(value.digests).toEqual(digestsOf("it", ""))
    expect(stretch(content.length, 5).value.bytes).toHaveLength(0)
  })

  it("that cannot be read is an error of the system", () => {
    const descriptor = openSync(directory, "r")
    const job = { descriptor, offset: 0, length: 1, parts: new Uint32Array(0) }
    try {
      expect(() => answer(job)).toThrow("EISDIR")
    } finally {
      closeSync(descriptor)
    }
  })
})
