/**
 * Versions on their way into archives: what is asked of the store and of the disk for them.
 */

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { buffer } from "node:stream/consumers"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { unzipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { folder } from "./folder.contract.js"
import { MemoryPlace, opened, temporary } from "./places.contract.js"

describe("a version of the store", () => {
  it("is asked for no more than is wanted of it", async () => {
    const place = new MemoryPlace(0)
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        yield* ledger.save("tree", { a: "one", "d/b": "two" }, { materializer: folder })
        place.blobs.recipes.delete(digestOf(Buffer.from("two")))
        const archive = yield* ledger.zip("tree", { only: "a" })
        const bytes = Buffer.concat([...(yield* Stream.runCollect(archive.stream()))])
        expect(Object.keys(unzipSync(bytes))).toEqual(["a"])
        expect(yield* Effect.flip(ledger.zip("tree"))).toMatchObject({
          _tag: "BlobCorrupted",
          artifact: "tree",
          message: expect.stringContaining("d/b is not in the store"),
        })
      }),
      { materializers: [folder] },
    )
  })
})

describe("a version that was left in place", () => {
  it("is sent as it lies there, large files and small, beside one of the store", async () => {
    const run = join(temporary(), "run")
    const large = Buffer.from(Uint8Array.from({ length: 700_000 }, (_, at) => (at * at * 31) >>> 7))
    mkdirSync(join(run, "d/hollow"), { recursive: true })
    const small = Array.from(
      { length: 300 },
      (_, at) => [`d/${at % 3}-${at}`, `text ${at}`] as const,
    )
    for (const [path, text] of small) writeFileSync(join(run, path), text)
    writeFileSync(join(run, "large"), large)
    symlinkSync("large", join(run, "link"))
    const ledger = await opened({ memory: true, materializers: [folder] })
    await ledger.register(run, { name: "run", version: "1" })
    await ledger.save("tree", { a: "one" }, { materializer: folder, version: "2" })
    const archive = await ledger.zip(["tree", "run"])
    const whole = await buffer(archive.stream())
    const found = new Map(Object.entries(unzipSync(whole)))
    const text = (path: string) => Buffer.from(found.get(path) ?? []).toString()
    expect(found.size).toBe(small.length + 4)
    for (const [path, of] of small) expect(text(`run/1/${path}`)).toBe(of)
    expect(large.equals(found.get("run/1/large") ?? Buffer.of())).toBe(true)
    expect([text("run/1/link"), text("tree/2/a")]).toEqual(["large", "one"])
    expect(found.has("run/1/d/hollow/")).toBe(true)
    for (const [start, end] of [
      [5_000, 9_000],
      [100_000, 600_000],
    ] as const) {
      const part = await buffer(archive.stream({ start, end }))
      expect(part.equals(whole.subarray(start, end))).toBe(true)
    }
  })
})
