/**
 * The index with its writes behind: what is held can be looked up, and reaches the database in few
 * batches, in order; what cannot be written is kept, and stops what would come.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { Level } from "level"
import { afterEach, describe, expect, it, vi } from "vitest"
import { indexHeldBytesMax, indexHeldCountMax, indexHeldTimesMax } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import { behind } from "./index-behind.js"
import { type BlobIndex, openIndex } from "./index-level.js"
import { type BlobRow, type ChunkRow, rowOfRecipe } from "./index-row.js"
import { diskError, snapshot, temporaryDirectory, useBlobs } from "./packs.contract.js"
import { collect, expectBytes } from "./samples.contract.js"

const directory = temporaryDirectory()

afterEach(() => vi.restoreAllMocks())

const name = (text: string): Digest => digestOf(Buffer.from(text))

const chunk = (text: string, offset: number, storedSize = 10): ChunkRow => ({
  kind: "chunk",
  digest: name(text),
  pack: 1,
  offset,
  storedSize,
  storedDigest: name(`${text} stored`),
})

const blob = (text: string, offset: number): BlobRow => {
  const digest = name(text)
  const sizes = { size: 1, crc32: 2, deflatedSize: 3, raw: true, storedDigest: name("stored") }
  const recipe = { stat: { digest, ...sizes }, count: 2, entries: Buffer.alloc(144, text) }
  return { ...rowOfRecipe(recipe), pack: 1, offset, storedSize: 9 }
}

const mark = (end: number) => ({ pack: 1, header: 7, end, whole: true, ahead: false })

const many = (count: number) => Array.from({ length: count }, (_, at) => chunk(`${at}`, at * 100))

interface Parts {
  readonly index: BlobIndex
  /** The same rows without what is held. */
  readonly below: BlobIndex
}

const use = async <A>(run: (parts: Parts) => Promise<A>): Promise<A> => {
  const below = await openIndex(join(directory(), "index"))
  const index = behind(below)
  try {
    return await run({ index, below })
  } finally {
    await index.close()
  }
}

/** The next write takes until it is ended. */
const slowly = (below: BlobIndex) => {
  let end: () => void = () => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const write = below.add
  const add = vi.spyOn(below, "add").mockImplementationOnce(async (rows, marks) => {
    await ended
    await write(rows, marks)
  })
  return { add, end }
}

const blobsOf = async (index: BlobIndex) => {
  const found: Array<BlobRow | Digest> = []
  for await (const page of index.blobs()) found.push(...page)
  return found
}

describe("rows that were added", () => {
  it("are looked up before they are written, and written by closing", async () => {
    const rows = [chunk("a", 28), blob("b", 200)]
    await use(async ({ index, below }) => {
      await index.add(rows, [mark(300)])
      expect(index.chunk(name("a"))).toEqual(rows[0])
      expect(index.blob(name("b"))).toEqual(rows[1])
      expect(await index.chunks([name("b"), name("a")])).toEqual([undefined, rows[0]])
      expect(below.chunk(name("a"))).toBeUndefined()
      expect(below.blob(name("b"))).toBeUndefined()
    })
    await use(async ({ below }) => {
      expect(below.chunk(name("a"))).toEqual(rows[0])
      expect(below.blob(name("b"))).toEqual(rows[1])
      expect(await below.marks()).toEqual(new Map([[1, mark(300)]]))
    })
  })

  it("are written in one batch when many have come, or many bytes of frames", () =>
    use(async ({ index, below }) => {
      const add = vi.spyOn(below, "add")
      for (const row of many(indexHeldCountMax)) await index.add([row], [mark(row.offset)])
      expect(add).toHaveBeenCalledOnce()
      expect(add.mock.calls[0]?.[0]).toEqual(many(indexHeldCountMax))
      expect(add.mock.calls[0]?.[1]).toEqual([mark((indexHeldCountMax - 1) * 100)])
      expect(index.chunk(name("7"))).toEqual(chunk("7", 700))
      await index.marks()
      await index.add([chunk("large", 9_000_000, indexHeldBytesMax)], [])
      expect(add).toHaveBeenCalledTimes(2)
    }))

  it("are waited for when a write takes long", () =>
    use(async ({ index, below }) => {
      const { add, end } = slowly(below)
      await index.add(many(indexHeldCountMax), [])
      await index.add([blob("b", 200)], [])
      await index.add(many(indexHeldTimesMax * indexHeldCountMax), [])
      const rest = index.add([blob("c", 300)], [])
      expect(index.chunk(name("7"))).toEqual(chunk("7", 700))
      expect(add).toHaveBeenCalledOnce()
      end()
      await rest
      expect(add).toHaveBeenCalledTimes(2)
      expect(below.blob(name("b"))).toEqual(blob("b", 200))
    }))

  it("are found too where they are written while the others are looked up", () =>
    use(async ({ index, below }) => {
      await index.add([chunk("a", 28)], [])
      const { chunks } = below
      vi.spyOn(below, "chunks").mockImplementationOnce(async (digests) => {
        const rows = await chunks(digests)
        await index.marks()
        return rows
      })
      expect(await index.chunks([name("a"), name("b")])).toEqual([chunk("a", 28), undefined])
    }))

  it("are all there for each of many that go through them while some are written", () =>
    use(async ({ index, below }) => {
      const { end } = slowly(below)
      await index.add(many(indexHeldCountMax), [mark(100)])
      await index.add([blob("b", 200)], [mark(300)])
      const rows: Array<unknown> = []
      const each = index.each((row) => void rows.push(row))
      const looks = [index.marks(), index.marks(), each.then(() => rows.at(-1))]
      end()
      const whole = new Map([[1, mark(300)]])
      expect(await Promise.all(looks)).toEqual([whole, whole, blob("b", 200)])
    }))

  it("are written before anything that goes through all rows", () =>
    use(async ({ index }) => {
      const [before, fresh] = [chunk("a", 28), chunk("a", 500)]
      await index.add([before], [mark(100)])
      expect(await index.marks()).toEqual(new Map([[1, mark(100)]]))
      await index.add([fresh], [mark(600)])
      expect(index.chunk(name("a"))).toEqual(fresh)
      expect(await index.copies("chunk", name("a"))).toEqual([before])
      expect(index.chunk(name("a"))).toEqual(fresh)
      await index.add([blob("b", 700)], [])
      expect(await blobsOf(index)).toEqual([blob("b", 700)])
      await index.add([blob("c", 800)], [])
      const digests: Array<Digest> = []
      await index.each((row) => void digests.push(typeof row === "string" ? row : row.digest))
      expect(digests).toEqual([name("a"), ...[name("b"), name("c")].sort(), name("a")])
      const to = { pack: 2, offset: 28 }
      await index.add([blob("d", 900)], [])
      const move = { kind: "recipe", digest: name("d"), from: blob("d", 900), to } as const
      await index.rewrite({ moves: [move], marks: [], gone: [] })
      expect(index.blob(name("d"))).toEqual({ ...blob("d", 900), ...to })
    }))

  it("are gone with the index when it is emptied", () =>
    use(async ({ index }) => {
      await index.add([chunk("a", 28)], [mark(100)])
      await index.clear()
      expect(index.chunk(name("a"))).toBeUndefined()
      expect((await index.marks()).size).toBe(0)
    }))
})

describe("a write that failed", () => {
  const failing = () => {
    throw diskError("EIO")
  }

  it("keeps its rows, and takes none more until it can be done", () =>
    use(async ({ index, below }) => {
      const batch = vi.spyOn(Level.prototype, "batch").mockImplementation(failing)
      const rows = many(indexHeldCountMax)
      await index.add(rows, [mark(1_000)])
      await expect(index.marks()).rejects.toThrow("EIO")
      await expect(index.add([blob("b", 200)], [])).rejects.toThrow("EIO")
      expect(index.chunk(name("7"))).toEqual(rows[7])
      expect(index.blob(name("b"))).toBeUndefined()
      expect(await index.copies("chunk", name("7"))).toEqual([rows[7]])
      batch.mockRestore()
      await index.add([blob("b", 200)], [mark(2_000)])
      expect(await index.marks()).toEqual(new Map([[1, mark(2_000)]]))
      expect(below.chunk(name("7"))).toEqual(rows[7])
    }))

  it("while puts wait for it keeps no row of a put that it fails: its frames are cut off", () =>
    use(async ({ index, below }) => {
      let fail: (cause: Error) => void = () => undefined
      const failed = new Promise<void>((_, reject) => {
        fail = reject
      })
      vi.spyOn(below, "add").mockReturnValueOnce(failed).mockRejectedValueOnce(diskError("EIO"))
      const rows = many(indexHeldTimesMax * indexHeldCountMax)
      await index.add(rows.slice(0, indexHeldCountMax), [])
      const puts = [rows, [chunk("late", 28)]]
      const added = puts.map((some) => index.add(some, []))
      fail(diskError("EIO"))
      const ends = await Promise.allSettled(added)
      expect(ends.at(-1)?.status).toBe("rejected")
      for (const [at, { status }] of ends.entries())
        for (const row of puts[at]?.slice(-1) ?? [])
          expect(index.chunk(row.digest)).toEqual(status === "fulfilled" ? row : undefined)
    }))

  it("leaves an index that the next opening makes anew", async () => {
    const content = Buffer.from("a blob that is not indexed")
    await useBlobs(directory(), (blobs) => {
      vi.spyOn(Level.prototype, "batch").mockImplementation(failing)
      return blobs.put(content)
    })
    vi.restoreAllMocks()
    expect(existsSync(join(directory(), "index", "whole"))).toBe(false)
    await useBlobs(directory(), (blobs) =>
      Effect.map(collect(blobs.read(digestOf(content))), (bytes) => expectBytes(bytes, content)),
    )
  })
})

describe("a kill", () => {
  it("costs nothing: what was held is found in the packs", async () => {
    const content = Buffer.from("a blob whose row is held")
    const killed = join(directory(), "killed")
    await useBlobs(join(directory(), "blob"), (blobs) =>
      Effect.map(blobs.put(content), () => snapshot(join(directory(), "blob"), killed)),
    )
    const index = await openIndex(join(killed, "index"))
    expect(index.blob(digestOf(content))).toBeUndefined()
    await index.close()
    await useBlobs(killed, (blobs) =>
      Effect.map(collect(blobs.read(digestOf(content))), (bytes) => expectBytes(bytes, content)),
    )
  })
})
