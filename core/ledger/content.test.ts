/**
 * Content on its way out: single files, and content that is gone.
 */
import { buffer } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { folder } from "./folder.contract.js"
import { MemoryPlace, opened } from "./places.contract.js"

const options = { memory: true, materializers: [folder] } as const

describe("content that is gone", () => {
  it("is named with its version, whatever is asked of it", async () => {
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
    expect(String(await buffer(ledger.open("two", "b/c")))).toBe("two")
    expect(String(await buffer(ledger.open("one")))).toBe("0123456789")
    const part = ledger.open("one", undefined, { range: { start: 8, end: 99 } })
    expect(String(await buffer(part))).toBe("89")
  })

  it("that is not there is refused with those that are", async () => {
    const ledger = await opened(options)
    await ledger.save("two", { a: "one", "b/c": "two" }, { materializer: folder })
    for (const path of [undefined, "", "b", "b/", "../a", "./a", "A"])
      await expect(buffer(ledger.open("two", path))).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "path",
        message: expect.stringContaining("a, b/c"),
      })
  })
})
