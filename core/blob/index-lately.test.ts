/**
 * The index with the rows that were looked up lately: asked for once, forgotten when they change,
 * and no more of them than there is room for.
 */
import { join } from "node:path"
import { expect, it, vi } from "vitest"
import { indexLatelyCountMax } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import { lately } from "./index-lately.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import type { Move } from "./index-moves.js"
import { type BlobRow, type ChunkRow, rowOfRecipe } from "./index-row.js"
import { frameOf, recipeOf, temporaryDirectory } from "./packs.contract.js"
import { noise } from "./samples.contract.js"

const directory = temporaryDirectory()

const name = (text: string): Digest => digestOf(Buffer.from(text))

const chunk = (text: string, offset: number, pack = 1): ChunkRow => ({
  kind: "chunk",
  digest: name(text),
  pack,
  offset,
  storedSize: 10,
  storedDigest: name(`${text} stored`),
})

const recipe = recipeOf([frameOf(noise(500, 1))])
const blob: BlobRow = { ...rowOfRecipe(recipe), pack: 1, offset: 900, storedSize: 9 }

/** An index, how often the database is asked, and the same rows without what is kept of them. */
const use = async (
  run: (index: BlobIndex, asked: () => number, below: BlobIndex) => Promise<void>,
): Promise<void> => {
  const below = await openIndex(join(directory(), "index"))
  const spied = {
    ...below,
    chunk: vi.fn(below.chunk),
    blob: vi.fn(below.blob),
    chunks: vi.fn(below.chunks),
  }
  const asked = () => {
    const many = spied.chunks.mock.calls.reduce((sum, [digests]) => sum + digests.length, 0)
    return spied.chunk.mock.calls.length + spied.blob.mock.calls.length + many
  }
  await run(lately(spied), asked, below).finally(below.close)
}

it("keeps nothing for who asks once, and answers him from what it keeps", async () => {
  await use(async (index, asked) => {
    await index.add([chunk("a", 100), chunk("b", 200), blob], [])
    for (let turn = 0; turn < 2; turn += 1) {
      expect(index.chunk(name("a"), true)).toEqual(chunk("a", 100))
      expect(index.blob(blob.digest, true)).toMatchObject({ offset: 900 })
      expect(await index.chunks([name("b")], true)).toEqual([chunk("b", 200)])
    }
    expect(asked()).toBe(6)
    index.chunk(name("a"))
    index.blob(blob.digest)
    await index.chunks([name("b")])
    expect(asked()).toBe(9)
    index.chunk(name("a"), true)
    index.blob(blob.digest, true)
    await index.chunks([name("b")], true)
    expect(asked()).toBe(9)
  })
})

it("asks the database once for what is there, and each time for what is not", async () => {
  await use(async (index, asked) => {
    await index.add([chunk("a", 100), chunk("b", 200), blob], [])
    for (let turn = 0; turn < 3; turn += 1) {
      expect(index.chunk(name("a"))).toEqual(chunk("a", 100))
      expect(index.blob(blob.digest)).toMatchObject({ offset: 900, stat: recipe.stat })
    }
    expect(asked()).toBe(2)
    const both = [chunk("a", 100), chunk("b", 200), undefined]
    const names = [name("a"), name("b"), name("nothing")]
    expect(await index.chunks(names)).toEqual(both)
    expect(asked()).toBe(4)
    expect(await index.chunks(names)).toEqual(both)
    expect(await index.chunks(names.slice(0, 2))).toEqual(both.slice(0, 2))
    for (let turn = 0; turn < 2; turn += 1) expect(index.chunk(name("nothing"))).toBeUndefined()
    expect(asked()).toBe(7)
  })
})

it("forgets what a fresh frame, a rewritten pack or a clearing changes", async () => {
  await use(async (index) => {
    await index.add([chunk("a", 100), chunk("b", 200), blob], [])
    const both = () => [index.chunk(name("a")), index.chunk(name("b"))]
    expect(both()).toEqual([chunk("a", 100), chunk("b", 200)])
    await index.add([chunk("a", 300)], [], true)
    expect(both()).toEqual([chunk("a", 300), chunk("b", 200)])
    expect(index.blob(blob.digest)).toBeDefined()
    const moves: ReadonlyArray<Move> = [
      { kind: "chunk", digest: name("a"), from: chunk("a", 100), to: undefined },
      { kind: "chunk", digest: name("a"), from: chunk("a", 300), to: undefined },
      { kind: "chunk", digest: name("b"), from: chunk("b", 200), to: { pack: 2, offset: 48 } },
    ]
    await index.rewrite({ moves, marks: [], gone: [1] })
    expect(both()).toEqual([undefined, chunk("b", 48, 2)])
    await index.clear()
    expect(both()).toEqual([undefined, undefined])
    expect(index.blob(blob.digest)).toBeUndefined()
  })
})

it("keeps nothing that was asked for before a change", async () => {
  await use(async (_, __, below) => {
    await below.add([chunk("a", 100)], [])
    let answer: (rows: ReadonlyArray<ChunkRow | undefined>) => void = () => undefined
    const waiting = new Promise<ReadonlyArray<ChunkRow | undefined>>((resolve) => {
      answer = resolve
    })
    const index = lately({ ...below, chunks: () => waiting })
    const asking = index.chunks([name("a")])
    await index.add([chunk("a", 300)], [], true)
    answer([chunk("a", 100)])
    expect(await asking).toEqual([chunk("a", 100)])
    expect(index.chunk(name("a"))).toEqual(chunk("a", 300))
  })
})

it("keeps those that were used last, within its bounds", async () => {
  await use(async (index, asked) => {
    const count = 3 * indexLatelyCountMax
    const all = Array.from({ length: count }, (_, at) => chunk(`${at}`, at * 100))
    await index.add(all, [])
    for (const { digest } of all) {
      expect(index.chunk(digest)?.digest).toBe(digest)
      index.chunk(name("0"))
    }
    const before = asked()
    expect(before).toBe(count)
    index.chunk(name("0"))
    index.chunk(name(`${count - 1}`))
    expect(asked()).toBe(before)
    index.chunk(name("1"))
    expect(asked()).toBe(before + 1)
  })
})
