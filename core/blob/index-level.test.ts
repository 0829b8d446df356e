/**
 * The index in LevelDB: the first row of a digest stays, copies wait behind it, and packs that were
 * rewritten are followed.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Level } from "level"
import { afterEach, describe, expect, it, vi } from "vitest"
import { type Digest, digestOf } from "../model/digest.js"
import { IndexDatabase } from "./index-database.js"
import { type BlobIndex, type OpenedIndex, openIndex } from "./index-level.js"
import { type BlobRow, type ChunkRow, type Row, rowKey, rowOfRecipe } from "./index-row.js"
import { IndexTrust } from "./index-trust.js"
import { diskError, dropIndex, temporaryDirectory, useBlobs } from "./packs.contract.js"
import { collect, expectBytes } from "./samples.contract.js"

const directory = temporaryDirectory()

afterEach(() => vi.restoreAllMocks())

const name = (text: string): Digest => digestOf(Buffer.from(text))

const chunk = (text: string, pack: number, offset: number): ChunkRow => ({
  kind: "chunk",
  digest: name(text),
  pack,
  offset,
  storedSize: 10,
  storedDigest: name(`${text} stored`),
})

const blob = (text: string, pack: number, offset: number): BlobRow => {
  const digest = name(text)
  const sizes = { size: 1, crc32: 2, deflatedSize: 3, raw: true, storedDigest: name("stored") }
  const recipe = { stat: { digest, ...sizes }, count: 2, entries: Buffer.alloc(144, text) }
  return { ...rowOfRecipe(recipe), pack, offset, storedSize: 9 }
}

const mark = (pack: number, end = 100) => ({
  pack,
  header: 7,
  end,
  whole: true,
  ahead: false,
})

const use = async <A>(run: (index: OpenedIndex) => Promise<A>): Promise<A> => {
  const index = await openIndex(join(directory(), "index"))
  try {
    return await run(index)
  } finally {
    await index.close()
  }
}

const rowsIn = async (index: BlobIndex, pack: number) => {
  const found: Array<Row> = []
  await index.each((row) => {
    if (typeof row !== "string" && row.pack === pack) found.push(row)
  })
  return found
}

/** Takes the rows of a pack away, those that there are or those that were seen. */
const removeAll = async (index: BlobIndex, pack: number, seen?: ReadonlyArray<Row>) => {
  const rows = seen ?? (await rowsIn(index, pack))
  const moves = rows.map((row) => {
    const { kind, digest } = row
    return { kind, digest, from: row, to: undefined }
  })
  await index.rewrite({ moves, marks: [], gone: [pack] })
}

const pagesOf = async (index: BlobIndex) => {
  const found: Array<BlobRow | Digest> = []
  for await (const page of index.blobs()) found.push(...page)
  return found
}

const database = () =>
  new Level<Buffer, Buffer>(join(directory(), "index"), {
    keyEncoding: "buffer",
    valueEncoding: "buffer",
  })

describe("the index", () => {
  it("finds what was added, after it was closed too", async () => {
    await use((index) => index.add([chunk("a", 1, 12), blob("b", 1, 110)], [mark(1)]))
    await use(async (index) => {
      expect(index.chunk(name("a"))).toEqual(chunk("a", 1, 12))
      expect(index.blob(name("b"))).toEqual(blob("b", 1, 110))
      expect(index.chunk(name("b"))).toBeUndefined()
      expect(index.blob(name("a"))).toBeUndefined()
      const found = await index.chunks([name("x"), name("a"), name("b"), name("a")])
      expect(found).toEqual([undefined, chunk("a", 1, 12), undefined, chunk("a", 1, 12)])
      expect([...(await index.marks()).values()]).toEqual([mark(1)])
    })
  })

  it("keeps the first frame of a digest, and its copies in pack order", () =>
    use(async (index) => {
      await index.add([chunk("a", 2, 12), chunk("a", 2, 200)], [])
      await index.add([chunk("a", 4, 50), chunk("a", 3, 12), blob("a", 3, 90)], [])
      expect(index.chunk(name("a"))).toEqual(chunk("a", 2, 12))
      const copies = [chunk("a", 2, 200), chunk("a", 3, 12), chunk("a", 4, 50)]
      expect(await index.copies("chunk", name("a"))).toEqual(copies)
      expect(await index.copies("recipe", name("a"))).toEqual([])
      // The same frame again is no copy.
      await index.add([chunk("a", 2, 12)], [])
      expect(await index.copies("chunk", name("a"))).toHaveLength(3)
    }))

  it("lists blobs by digest, in more than a page", () =>
    use(async (index) => {
      const rows = Array.from({ length: 2_500 }, (_, at) => blob(String(at), 1, at))
      await index.add(rows, [])
      const found = await pagesOf(index)
      const digests = found.map((row) => (typeof row === "string" ? row : row.digest))
      expect(digests).toEqual(rows.map(({ digest }) => digest).sort())
    }))

  it("puts a fresh frame before those that it was stored for, the last one first", () =>
    use(async (index) => {
      await index.add([chunk("a", 1, 12), blob("b", 1, 40)], [])
      await index.add([chunk("a", 2, 12)], [])
      await index.add([chunk("a", 3, 12), chunk("a", 3, 90), blob("b", 3, 40)], [], true)
      expect(index.chunk(name("a"))).toEqual(chunk("a", 3, 90))
      const places = (await index.copies("chunk", name("a"))).map(({ pack }) => pack)
      expect(places).toEqual([1, 2, 3])
      expect(index.blob(name("b"))).toEqual(blob("b", 3, 40))
      expect(await index.copies("recipe", name("b"))).toEqual([blob("b", 1, 40)])
      // Said once more by an opening, the first one stays where it is.
      await index.add([chunk("a", 3, 90), chunk("a", 1, 12)], [])
      expect(index.chunk(name("a"))).toEqual(chunk("a", 3, 90))
      expect(await index.copies("chunk", name("a"))).toHaveLength(3)
    }))

  it("shows every row, and follows frames to where they lie", () =>
    use(async (index) => {
      await index.add([chunk("stays", 1, 12), chunk("goes", 1, 30), blob("blob", 1, 50)], [mark(1)])
      await index.add(
        [chunk("stays", 2, 12), chunk("goes", 2, 30), chunk("goes", 3, 12)],
        [mark(2)],
      )
      expect((await rowsIn(index, 1)).map(({ offset }) => offset).sort()).toEqual([12, 30, 50])
      const moves = (await rowsIn(index, 1)).map((row) => {
        const { kind, digest, offset } = row
        const to = digest === name("goes") ? undefined : { pack: 7, offset: offset + 1 }
        return { kind, digest, from: row, to }
      })
      await index.rewrite({ moves, marks: [mark(7)], gone: [1] })
      expect(index.chunk(name("stays"))).toEqual(chunk("stays", 7, 13))
      expect(index.blob(name("blob"))).toEqual(blob("blob", 7, 51))
      // The next copy in pack order takes the place of the first.
      expect(index.chunk(name("goes"))).toEqual(chunk("goes", 2, 30))
      expect(await index.copies("chunk", name("goes"))).toEqual([chunk("goes", 3, 12)])
      expect([...(await index.marks()).keys()]).toEqual([2, 7])
      await removeAll(index, 2)
      expect(index.chunk(name("stays"))).toEqual(chunk("stays", 7, 13))
      expect(await index.copies("chunk", name("stays"))).toEqual([])
      expect(index.chunk(name("goes"))).toEqual(chunk("goes", 3, 12))
      await removeAll(index, 3)
      expect(index.chunk(name("goes"))).toBeUndefined()
    }))

  it("lets go of all that is meant, and leaves what came meanwhile in its role", () =>
    use(async (index) => {
      const [first, copy, other] = [chunk("a", 1, 12), chunk("a", 1, 30), chunk("a", 2, 12)]
      await index.add([first, copy, other, chunk("b", 1, 50), chunk("b", 1, 70)], [mark(1)])
      const seen = await rowsIn(index, 1)
      // The one that was the first is a copy by now.
      await index.add([chunk("b", 4, 12)], [], true)
      await removeAll(index, 1, seen)
      expect(index.chunk(name("a"))).toEqual(other)
      expect(index.chunk(name("b"))).toEqual(chunk("b", 4, 12))
      for (const one of ["a", "b"]) expect(await index.copies("chunk", name(one))).toEqual([])
      await removeAll(index, 1, [...seen, chunk("c", 1, 90)])
      expect(await rowsIn(index, 1)).toEqual([])
      expect(index.chunk(name("b"))).toEqual(chunk("b", 4, 12))
    }))

  it("takes a damaged row for none where bytes can be stored anew, or says so", async () => {
    await use((index) => index.add([chunk("a", 1, 12), blob("b", 1, 50)], [mark(1)]))
    const level = database()
    for (const key of await level.keys().all()) {
      const value = await level.get(key)
      value[value.length - 1] = (value.at(-1) ?? 0) ^ 1
      if (key.length > 1) await level.put(key, value)
    }
    await level.close()
    await use(async (index) => {
      expect(index.chunk(name("a"))).toBeUndefined()
      expect(await index.chunks([name("a")])).toEqual([undefined])
      expect(index.blob(name("b"))).toBe("damaged")
      expect(await pagesOf(index)).toEqual([name("b")])
      const seen: Array<unknown> = []
      await index.each((row) => void seen.push(row))
      expect(seen).toEqual([name("a"), name("b")])
      expect((await index.marks()).size).toBe(0)
      await index.add([chunk("a", 2, 12), blob("b", 2, 50)], [])
      expect(index.chunk(name("a"))).toEqual(chunk("a", 2, 12))
      expect(index.blob(name("b"))).toEqual(blob("b", 2, 50))
    })
  })

  it("of rows that this release does not know begins empty", async () => {
    await use((index) => index.add([chunk("a", 1, 12)], [mark(1)]))
    const level = database()
    await level.put(Buffer.from("f"), Buffer.of(2))
    await level.close()
    await use(async (index) => {
      expect(index.chunk(name("a"))).toBeUndefined()
      expect((await index.marks()).size).toBe(0)
    })
  })

  it("is not believed again after a write to it has failed", async () => {
    await use(async (index) => {
      await index.add([chunk("a", 1, 12)], [mark(1)])
      vi.spyOn(Level.prototype, "batch").mockImplementationOnce(() => {
        throw diskError("EIO")
      })
      await expect(index.add([chunk("b", 1, 50)], [mark(1, 200)])).rejects.toThrow("EIO")
      // Until then it is: what it holds is in memory.
      await index.add([chunk("c", 1, 90)], [mark(1, 300)])
      expect(index.chunk(name("c"))).toEqual(chunk("c", 1, 90))
    })
    await use(async (index) => {
      expect(index.chunk(name("c"))).toBeUndefined()
      expect((await index.marks()).size).toBe(0)
      await index.add([chunk("a", 1, 12)], [mark(1)])
    })
    await use(async (index) => expect((await index.marks()).size).toBe(1))
  })

  it("tells why it began with no rows", async () => {
    const anew = () =>
      use(async (index) => {
        await index.add([chunk("a", 1, 12)], [mark(1)])
        return index.anew()
      })
    expect([await anew(), await anew()]).toEqual(["missing", undefined])
    const level = database()
    await level.put(Buffer.from("f"), Buffer.of(2))
    await level.close()
    expect([await anew(), await anew()]).toEqual(["lost", undefined])
    await use(async (index) => {
      await index.clear()
      expect(index.anew()).toBe("lost")
    })
    writeFileSync(join(directory(), "index", "damaged"), "000005.ldb is damaged\n")
    const kept = await openIndex(join(directory(), "index"), join(directory(), "quarantine"))
    expect(kept.anew()).toBe("damaged")
    await kept.add([chunk("a", 1, 12)], [mark(1)])
    await kept.close()
    // The numbers of its writes do not come from the disk: nothing is known to be lost.
    vi.spyOn(IndexDatabase.prototype, "get").mockImplementationOnce(() => {
      throw diskError("EIO")
    })
    await expect(anew()).rejects.toThrow("EIO")
    expect(await anew()).toBeUndefined()
  })

  it("that cannot be opened is let go, and opens when that is mended", async () => {
    const failed = new Error("the disk failed")
    vi.spyOn(IndexTrust.prototype, "give").mockRejectedValueOnce(failed)
    await expect(openIndex(join(directory(), "index"))).rejects.toBe(failed)
    await expect(use((index) => index.marks())).resolves.toEqual(new Map())
  })

  it("is emptied on demand", () =>
    use(async (index) => {
      await index.add([chunk("a", 1, 12), blob("b", 1, 50)], [mark(1)])
      await index.clear()
      expect(index.chunk(name("a"))).toBeUndefined()
      expect(await pagesOf(index)).toEqual([])
      expect((await index.marks()).size).toBe(0)
    }))

  it("is named by the store when one of its rows is damaged, and loses nothing", async () => {
    const content = Buffer.from("a blob whose row is damaged")
    await useBlobs(directory(), (blobs) => blobs.put(content))
    const level = database()
    const key = rowKey("recipe", digestOf(content))
    const value = await level.get(key)
    value[10] = (value[10] ?? 0) ^ 1
    await level.put(key, value)
    await level.close()
    await useBlobs(directory(), (blobs) =>
      Effect.gen(function* () {
        const failure = yield* Effect.flip(blobs.stat(digestOf(content)))
        expect(failure).toMatchObject({ _tag: "BlobCorrupted", digest: digestOf(content) })
        expect(failure.message).toContain("remove the index")
        expect(yield* Effect.flip(Stream.runDrain(blobs.list()))).toEqual(failure)
      }),
    )
    dropIndex(directory())
    await useBlobs(directory(), (blobs) =>
      Effect.gen(function* () {
        expectBytes(yield* collect(blobs.read(digestOf(content))), content)
      }),
    )
  })
})
