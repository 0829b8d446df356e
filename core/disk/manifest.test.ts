/**
 * Manifests, read beside LevelDB that wrote them.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Level } from "level"
import { describe, expect, it, onTestFinished } from "vitest"
import { generationOf, isTable, manifestName, numberOf } from "./database.js"
import { readManifest } from "./manifest.js"

const temporary = (): string => {
  const directory = mkdtempSync(join(tmpdir(), "daybook-manifest-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  return directory
}

/** Keys of a length that brings the manifest above a block of 32 KiB. */
const keyOf = (key: number): string => `${String(key * 7_919).padStart(8, "0")} ${"k".repeat(600)}`

const fill = async (directory: string, rounds: number): Promise<void> => {
  const store = new Level(directory, { compression: false })
  await store.open()
  for (let round = 0; round < rounds; round += 1)
    await store.batch(
      Array.from({ length: 1_000 }, (_, index) => ({
        type: "put" as const,
        key: keyOf((round * 1_000 + index) % 20_011),
        value: "x".repeat(1_200),
      })),
    )
  await store.close()
}

const manifestIn = async (directory: string): Promise<Buffer> => {
  const generation = await generationOf(directory)
  if (generation === undefined) throw new Error("there is no manifest")
  return readFileSync(join(directory, manifestName(generation)))
}

const tablesIn = (directory: string): ReadonlyArray<readonly [number, number]> =>
  readdirSync(directory)
    .filter(isTable)
    .map((name) => [numberOf(name), statSync(join(directory, name)).size])

describe("a manifest", () => {
  it("names the tables that are there when nobody writes, with their sizes", async () => {
    const directory = temporary()
    await fill(directory, 60)
    const bytes = await manifestIn(directory)
    expect(bytes.length).toBeGreaterThan(32_768)
    const manifest = readManifest(bytes)
    const named = [...(manifest?.tables ?? [])]
    expect(named.length).toBeGreaterThan(10)
    // Closing may leave a table behind that was not finished.
    expect(tablesIn(directory)).toEqual(expect.arrayContaining(named))
    expect(manifest?.nextNumber).toBeGreaterThan(Math.max(...named.map(([number]) => number)))
  })

  it("of an empty database has no tables", async () => {
    const directory = temporary()
    await fill(directory, 0)
    expect(readManifest(await manifestIn(directory))?.tables).toEqual(new Map())
  })

  it("cut short says what it said until then, or nothing", async () => {
    const directory = temporary()
    await fill(directory, 20)
    const bytes = await manifestIn(directory)
    let last = 0
    for (let length = 0; length <= bytes.length; length += 97) {
      const manifest = readManifest(bytes.subarray(0, length))
      if (manifest === undefined) expect(last).toBe(0)
      else {
        expect(manifest.nextNumber).toBeGreaterThanOrEqual(last)
        last = manifest.nextNumber
      }
    }
    expect(last).toBeGreaterThan(0)
  })

  it("scribbled over is read as far as it goes, or not at all, and never for ever", async () => {
    const directory = temporary()
    await fill(directory, 20)
    const bytes = await manifestIn(directory)
    for (let at = 0; at < bytes.length; at += 13) {
      const damaged = Buffer.from(bytes).fill(0xff, at, at + 5)
      const manifest = readManifest(damaged)
      for (const size of manifest?.tables.values() ?? []) expect(size).toBeGreaterThanOrEqual(0)
    }
    expect(readManifest(Buffer.alloc(100_000, 0xff))).toBeUndefined()
    expect(readManifest(Buffer.alloc(100_000))).toBeUndefined()
  })
})
