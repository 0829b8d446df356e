/**
 * Trees too large for the event of their version: read out of their manifests.
 */
import { buffer } from "node:stream/consumers"
import * as Effect from "effect/Effect"
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
    const bytes = await buffer(archive.stream())
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
})
