/**
 * Content on its way out: trees large and small, and single files.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { strFromU8, unzipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { treeInlineCountMax } from "../limits.js"
import { type Files, folder } from "./folder.contract.js"
import { MemoryPlace, opened } from "./places.contract.js"

const options = { memory: true, materializers: [folder] } as const

// Directories before, between and after files, one of nothing but empty files, astral names.
const large: Files = {
  ...Object.fromEntries(
    Array.from({ length: treeInlineCountMax }, (_, n) => [`m/${n % 3}/${n}`, `text ${n}`]),
  ),
  "a/first": "1",
  b: "2",
  "empty/__init__.py": "",
  "empty/deeper/.keep": "",
  "z/\u{1f600}": "astral",
  "z/\uff5e": "last plane",
}

const sorted = (files: Files) =>
  Object.entries(files).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))

const collect = async (bytes: AsyncIterable<Uint8Array>): Promise<Buffer> => {
  const pieces: Array<Uint8Array> = []
  for await (const piece of bytes) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe("a tree too large for its event", () => {
  it("comes back whole, sorted by the bytes of its paths, empty files included", async () => {
    const ledger = await opened(options)
    const version = await ledger.save("tree", large, { materializer: folder })
    expect(version.content.entries).toBeUndefined()
    expect(version.content.count).toBe(Object.keys(large).length)
    // The paths in the order in which they are given.
    const loaded = await ledger.load(version, { as: folder })
    expect(Object.entries(loaded)).toEqual(sorted(large))
  })

  it("is sent as an archive with every file in it", async () => {
    const ledger = await opened(options)
    await ledger.save("tree", large, { materializer: folder })
    const archive = await ledger.zip("tree")
    const bytes = await collect(archive.stream())
    expect(bytes).toHaveLength(archive.size)
    const found = Object.entries(unzipSync(bytes)).map(([path, file]) => [path, strFromU8(file)])
    expect(Object.fromEntries(found)).toEqual(large)
  })

  it("has a manifest that is gone named by its digest", async () => {
    const place = new MemoryPlace(0)
    const refused = await place.use(
      (ledger) =>
        Effect.gen(function* () {
          const { digest } = yield* ledger.save("tree", large, { materializer: folder })
          expect(place.blobs.recipes.delete(digest)).toBe(true)
          const error = yield* Effect.flip(ledger.load("tree"))
          return { digest, error }
        }),
      { materializers: [folder] },
    )
    const about = { artifact: "tree", version: "1" }
    expect(refused.error).toMatchObject({ _tag: "BlobCorrupted", digest: refused.digest, ...about })
  })

  it("is named, whatever is asked of it, when its content is gone", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        const { content } = yield* ledger.save("a", "text", { version: "x" })
        const archive = yield* ledger.zip("a")
        place.blobs.chunks.clear()
        const named = {
          _tag: "BlobCorrupted",
          digest: content.entries?.[0]?.digest,
          artifact: "a",
          version: "x",
          message: expect.stringContaining("version x of a: "),
        }
        const failing = [ledger.load("a"), Stream.runDrain(ledger.open("a"))]
        for (const call of [...failing, Stream.runDrain(archive.stream())])
          expect(yield* Effect.flip(call as Effect.Effect<unknown, unknown>)).toMatchObject(named)
        place.blobs.recipes.clear()
        expect(yield* Effect.flip(ledger.zip("a"))).toMatchObject({
          ...named,
          message: expect.any(String),
        })
      }),
    )
  })
})

describe("one file of a version", () => {
  it("is opened by its path, and by none where it is alone", async () => {
    const ledger = await opened(options)
    await ledger.save("two", { a: "one", "b/c": "two" }, { materializer: folder })
    await ledger.save("one", { "only/file": "0123456789" }, { materializer: folder })
    expect(String(await collect(ledger.open("two", "b/c")))).toBe("two")
    expect(String(await collect(ledger.open("one")))).toBe("0123456789")
    const part = ledger.open("one", undefined, { range: { start: 8, end: 99 } })
    expect(String(await collect(part))).toBe("89")
  })

  it("that is not there is refused with those that are", async () => {
    const ledger = await opened(options)
    await ledger.save("two", { a: "one", "b/c": "two" }, { materializer: folder })
    for (const path of [undefined, "", "b", "b/", "../a", "./a", "A"])
      await expect(collect(ledger.open("two", path))).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "path",
        message: expect.stringContaining("a, b/c"),
      })
  })
})
