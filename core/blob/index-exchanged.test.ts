/**
 * An index in whose place another one comes: whoever asks one is answered by it to the end, and it
 * is closed behind him.
 */
import { join } from "node:path"
import { expect, it, vi } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import { ExchangedIndex } from "./index-exchanged.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import type { ChunkRow } from "./index-row.js"
import { temporaryDirectory } from "./packs.contract.js"

const directory = temporaryDirectory()
const name = (text: string): Digest => digestOf(Buffer.from(text))

const chunk = (text: string, pack: number): ChunkRow => ({
  kind: "chunk",
  digest: name(text),
  pack,
  offset: 28,
  storedSize: 10,
  storedDigest: name(text),
})

/** Three indexes that say different things, and how often each was closed. */
const openThree = async () => {
  const closed = [0, 0, 0]
  const all: Array<BlobIndex> = []
  for (const at of [0, 1, 2]) {
    const index = await openIndex(join(directory(), `${at}`))
    await index.add([chunk("a", at + 1)], [])
    const close = async () => {
      closed[at] = (closed[at] ?? 0) + 1
      await index.close()
    }
    all.push({ ...index, close })
  }
  const [first, second, third] = all as [BlobIndex, BlobIndex, BlobIndex]
  return { first, second, third, closed }
}

const placesIn = async (index: BlobIndex) => {
  const packs: Array<number | undefined> = [index.chunk(name("a"))?.pack]
  packs.push(...(await index.chunks([name("a")])).map((row) => row?.pack))
  await index.each((row) => packs.push(typeof row === "string" ? 0 : row.pack))
  return packs
}

it("is asked from then on, and the one before is closed once", async () => {
  const { first, second, third, closed } = await openThree()
  const index = new ExchangedIndex(first)
  expect(await placesIn(index)).toEqual([1, 1, 1])
  await index.exchange(second)
  expect([await placesIn(index), closed]).toEqual([
    [2, 2, 2],
    [1, 0, 0],
  ])
  await index.exchange(third)
  expect(await index.copies("chunk", name("a"))).toEqual([])
  expect([await placesIn(index), closed]).toEqual([
    [3, 3, 3],
    [1, 1, 0],
  ])
  await index.add([chunk("b", 9)], [])
  expect(index.chunk(name("b"))?.pack).toBe(9)
  const move = { kind: "chunk", digest: name("b"), from: chunk("b", 9), to: undefined } as const
  await index.rewrite({ moves: [move], marks: [], gone: [] })
  expect(index.chunk(name("b"))).toBeUndefined()
  await index.close()
  expect(closed).toEqual([1, 1, 1])
})

it("is closed when the last who asked it has his answer", async () => {
  const { first, second, closed } = await openThree()
  let answer: () => void = () => undefined
  const waiting = new Promise<void>((resolve) => {
    answer = resolve
  })
  const slow = vi.fn(async () => {
    await waiting
    return [chunk("a", 1)]
  })
  const index = new ExchangedIndex({ ...first, chunks: slow })
  const [one, two] = [index.chunks([name("a")]), index.chunks([name("a")])]
  const pages = index.blobs()
  const page = pages.next()
  await index.exchange(second)
  expect(closed).toEqual([0, 0, 0])
  expect(index.chunk(name("a"))?.pack).toBe(2)
  answer()
  expect(await Promise.all([one, two])).toEqual([[chunk("a", 1)], [chunk("a", 1)]])
  expect((await page).done).toBe(true)
  expect(closed).toEqual([1, 0, 0])
  await index.close()
  expect(closed).toEqual([1, 1, 0])
})
