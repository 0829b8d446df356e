/**
 * Trees too large for the event of their version: read out of their manifests.
 */
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import { strFromU8, unzipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { recipeDraft } from "../blob/recipe.js"
import { treeInlineCountMax } from "../limits.js"
import type { Digest } from "../model/digest.js"
import { type Files, folder } from "./folder.contract.js"
import { MemoryPlace, opened, temporary } from "./places.contract.js"

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

/** A manifest of one chunk as it is stored. */
const listing = ({ blobs: { chunks, recipes } }: MemoryPlace, digest: Digest) => {
  const [chunk, recipe] = [chunks.get(digest), recipes.get(digest)]
  if (chunk === undefined || recipe === undefined) throw new Error(`there is no ${digest}`)
  return { digest, chunk, stat: recipe.stat }
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

  it("is not taken for another one whose listing lies in its place (CVE-2023-36811)", async () => {
    const place = new MemoryPlace(0)
    const { chunks, recipes } = place.blobs
    const out = join(temporary(), "out")
    const evil = { ...large, "a/first": "evil" }
    const errors = await place.use(
      (ledger) =>
        Effect.gen(function* () {
          const { content } = yield* ledger.save("tree", large, { materializer: folder })
          const other = yield* ledger.save("evil", evil, { materializer: folder })
          const { digest, chunk, stat } = listing(place, other.content.digest)
          // Everything around it is in order: only the name is that of another listing.
          const { size, storedSize, storedDigest } = chunk
          const forged = recipeDraft()
          forged.add({ digest: content.digest, size, storedSize, storedDigest })
          chunks.set(content.digest, { ...chunk, digest: content.digest })
          recipes.set(content.digest, forged.finish(content.digest, stat.crc32))
          expect(digest).not.toBe(content.digest)
          const reads = [ledger.load("tree"), ledger.zip("tree"), ledger.checkout("tree", out)]
          return yield* Effect.forEach(reads, (read) => Effect.flip(read as Effect.Effect<unknown>))
        }),
      { materializers: [folder] },
    )
    for (const error of errors)
      expect(error).toMatchObject({ _tag: "BlobCorrupted", artifact: "tree", version: "1" })
  })
})
