/**
 * Files that stay in place: their bytes, each piece of which is checked.
 */
import { readdirSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { sentFileCountMax } from "../limits.js"
import { openFileCount, registeredIn, temporaryDirectory } from "./folders.contract.js"
import { type LinkedFile, LinkedFiles } from "./linked.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), name)
const content = Buffer.alloc(700_000, "pieces of a file that stays where it is, ")

const registered = async (path: string, bytes: Uint8Array): Promise<LinkedFile> => {
  const { size, digest, state } = await registeredIn(directory(), path, bytes)
  return { path, size, digest, pieces: state?.pieces }
}

const files = () => new LinkedFiles(directory(), () => openDirectory(directory()))

const read = async (file: LinkedFile, range?: [number, number]) => {
  const [start, end] = range ?? [0, Number.MAX_SAFE_INTEGER]
  const parts = await Effect.runPromise(Stream.runCollect(files().read(file, { start, end })))
  return Buffer.concat([...parts])
}

describe("a file in place", () => {
  it("gives any range of its bytes, and closes what it opened", async () => {
    const file = await registered("d/file", content)
    const before = await openFileCount()
    expect((await read(file)).equals(content)).toBe(true)
    for (const [start, end] of [
      [0, 0],
      [1, 2],
      [262_140, 262_150],
      [524_287, 800_000],
    ] as const)
      expect((await read(file, [start, end])).equals(content.subarray(start, end))).toBe(true)
    const into = Buffer.alloc(10)
    const range = { start: 262_139, end: 262_149 }
    const whole = Buffer.alloc(content.length)
    const parts = [
      { file, range, into },
      { file, into: whole },
    ]
    await Effect.runPromise(files().readInto(parts))
    expect(into.equals(content.subarray(262_139, 262_149))).toBe(true)
    expect(whole.equals(content)).toBe(true)
    expect(await openFileCount()).toBe(before)
  })

  it("gives no byte of a piece that has changed, though its size and times have not", async () => {
    const file = await registered("file", content)
    const changed = Buffer.from(content)
    changed[300_000] = 0
    writeFileSync(at("file"), changed)
    utimesSync(at("file"), 1e9, 1e9)
    expect((await read(file, [0, 262_144])).length).toBe(262_144)
    expect((await read(file, [524_288, 700_000])).length).toBe(175_712)
    await expect(read(file, [299_000, 299_001])).rejects.toMatchObject({ _tag: "ContentDrifted" })
    const into = Buffer.alloc(content.length)
    const filling = Effect.runPromise(files().readInto([{ file, into }]))
    await expect(filling).rejects.toMatchObject({ _tag: "ContentDrifted" })
  })
})

describe("many files in place", () => {
  it("fill their places, small and large ones, whole and in part", async () => {
    const texts = Array.from({ length: 2 * sentFileCountMax + 1 }, (_, index) =>
      Buffer.from(`text ${index}`),
    )
    const small: Array<LinkedFile> = []
    for (const [index, text] of texts.entries())
      small.push(await registered(`d${index % 7}/${index}`, text))
    const large = await registered("large", content)
    const before = await openFileCount()
    const parts = small.map((file) => ({ file, into: Buffer.alloc(file.size) }))
    const cut = { file: small[9] ?? large, range: { start: 2, end: 6 }, into: Buffer.alloc(4) }
    const whole = { file: large, into: Buffer.alloc(content.length) }
    await Effect.runPromise(files().readInto([...parts, whole, cut]))
    expect(parts.map(({ into }) => into)).toEqual(texts)
    expect(whole.into.equals(content)).toBe(true)
    expect(cut.into.toString()).toBe("xt 9")
    expect(await openFileCount()).toBe(before)
  })

  it("fail for one that is not what it was, and fill nothing of it", async () => {
    const one = await registered("d/one", Buffer.from("one"))
    const two = await registered("d/two", Buffer.from("two"))
    expect(readdirSync(at("d"))).toHaveLength(2)
    writeFileSync(at("d/two"), "TWO")
    const parts = [one, two].map((file) => ({ file, into: Buffer.alloc(3) }))
    await expect(Effect.runPromise(files().readInto(parts))).rejects.toMatchObject({
      _tag: "ContentDrifted",
      path: "d/two",
    })
    expect(parts[1]?.into).toEqual(Buffer.alloc(3))
  })
})
