/**
 * The probe against what deflating really does: noise is found, and what shrinks is not taken for
 * it, whether its values or their order make it shrink, and wherever that begins.
 */
import { createCipheriv } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { deflateRawSync } from "node:zlib"
import { describe, expect, it } from "vitest"
import { isNoise } from "./noise.js"

/** The same at each run: a counter, encrypted. */
const noise = (size: number, seed = 0): Buffer =>
  createCipheriv("aes-128-ctr", Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(size))

const directory = dirname(fileURLToPath(import.meta.url))

const sizes = [1_024, 1_500, 4_096, 4_097, 16_384, 65_536, 262_144]

describe("the probe for noise", () => {
  it("finds noise of every size from 1,024 bytes on, and none below", () => {
    for (const size of sizes)
      for (let seed = 0; seed < 40; seed += 1) expect(isNoise(noise(size, seed))).toBe(true)
    expect(isNoise(noise(1_023))).toBe(false)
  })

  it("finds what was compressed already", () => {
    const text = readdirSync(directory).map((name) => readFileSync(join(directory, name)))
    const compressed = deflateRawSync(Buffer.concat(text), { level: 9 })
    expect(compressed.length).toBeGreaterThan(20_000)
    expect(isNoise(compressed.subarray(100, -100))).toBe(true)
  })

  it("does not take values for noise that are not equally frequent", () => {
    for (const size of sizes) {
      const base64 = Buffer.from(noise(size).toString("base64")).subarray(0, size)
      const numbers = Buffer.from(new Float64Array(size / 4).map((_, at) => Math.sqrt(at)).buffer)
      const few = noise(size).map((byte) => byte % 200)
      for (const bytes of [base64, numbers, few]) expect(isNoise(bytes)).toBe(false)
    }
  })

  it("does not take noise for noise that comes again", () => {
    const ids = Array.from({ length: 40 }, (_, at) => noise(16, at))
    const table = Buffer.concat(
      Array.from({ length: 1_000 }, (_, at) => ids[(at * at) % 40] ?? noise(0)),
    )
    expect(deflateRawSync(table).length).toBeLessThan(table.length / 4)
    expect(isNoise(table)).toBe(false)
  })

  it("sees what shrinks at either end, and in between where it is long enough", () => {
    const [zeros, long] = [Buffer.alloc(600), Buffer.alloc(2_000)]
    expect(isNoise(Buffer.concat([noise(9_400), zeros]))).toBe(false)
    expect(isNoise(Buffer.concat([zeros, noise(9_400)]))).toBe(false)
    for (let before = 0; before <= 8_000; before += 500)
      expect(isNoise(Buffer.concat([noise(before), long, noise(8_000 - before)]))).toBe(false)
  })

  it("is right about every file of this repository's sources", () => {
    const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)))
    expect(files.length).toBeGreaterThan(50)
    for (const file of files) expect(isNoise(file)).toBe(false)
  })
})
