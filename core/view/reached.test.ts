/**
 * The file that says how far the log had come: what it gives back, and when it says nothing.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { Reached } from "./reached.js"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "daybook-reached-"))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const found = (): number => {
  const reached = new Reached(directory)
  reached.close()
  return reached.position
}

const left = (...positions: ReadonlyArray<number>): void => {
  const reached = new Reached(directory)
  for (const position of positions) {
    reached.note(position)
    expect(reached.position).toBe(position)
  }
  reached.close()
}

describe("the position that was noted", () => {
  it("is 0 before there is any", () => {
    expect(found()).toBe(0)
  })

  it("is the last one, whether higher or lower than those before", () => {
    left(1, 700, 70)
    expect(found()).toBe(70)
    for (const position of [0, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      left(position)
      expect(found()).toBe(position)
    }
  })

  it("is twelve bytes: u64, then their CRC-32", () => {
    left(2 ** 32 + 5)
    expect(readFileSync(join(directory, "reached")).toString("hex")).toBe(
      "000000010000000528280256",
    )
  })

  it("is 0 again when a byte of it changed, or the file was cut", () => {
    left(77)
    const path = join(directory, "reached")
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = Uint8Array.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 4
      writeFileSync(path, bytes)
      expect(found(), `byte ${at}`).toBe(0)
    }
    writeFileSync(path, whole.subarray(0, 11))
    expect(found()).toBe(0)
  })

  it("is noted without a complaint where it cannot be written", () => {
    const path = join(directory, "other")
    writeFileSync(path, "")
    const reached = new Reached(directory)
    reached.close()
    // The number of the file is now that of one that can only be read.
    const other = openSync(path, "r")
    expect(() => reached.note(5)).not.toThrow()
    closeSync(other)
  })
})
