/**
 * Copying small files: new ones are prepared at once, known ones are hashed first and not stored
 * again, and both come out as what they are.
 */
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { realpath } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { BlobStore, type BlobStoreShape } from "../blob/blob-store.js"
import { layer } from "../blob/memory.js"
import { prose } from "../blob/samples.contract.js"
import { toFound } from "../directory/look.js"
import { openDirectory } from "../directory/safe-path.js"
import { digestOf } from "../model/digest.js"
import { CopiedFiles, takenOf } from "./copied-files.js"

let directory = ""
beforeEach(async () => {
  directory = await realpath(mkdtempSync(join(tmpdir(), "daybook-copied-")))
})
afterEach(() => rmSync(directory, { recursive: true }))

const contents = (from: number, count: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: count }, (_, at) => prose(300, from + at))

/** Groups that are taken one after the other, and how many contents each prepared. */
const take = (groups: ReadonlyArray<ReadonlyArray<Uint8Array>>) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const blobs = yield* BlobStore
      const prepared: Array<number> = []
      const watched: BlobStoreShape = {
        ...blobs,
        putPrepared: (some) => {
          prepared.push(some.length)
          return blobs.putPrepared(some)
        },
      }
      const copied = new CopiedFiles(watched)
      const root = yield* Effect.promise(() => openDirectory(directory))
      for (const group of groups) {
        const files = group.map((bytes, at) => {
          writeFileSync(join(directory, `${at}`), bytes)
          const found = toFound(lstatSync(join(directory, `${at}`), { bigint: true }))
          return { name: `${at}`, found }
        })
        const taken = yield* copied.take({ root, below: { path: "" }, files })
        expect(taken).toEqual(
          group.map((bytes) => ({ digest: digestOf(bytes), crc32: crc32(bytes) })),
        )
        for (const bytes of group) expect(yield* blobs.stat(digestOf(bytes))).toBeDefined()
      }
      yield* Effect.promise(() => root.release())
      return prepared
    }).pipe(Effect.provide(layer)),
  )

describe("small files", () => {
  it("are prepared at once as long as they are new", async () => {
    expect(await take([contents(0, 5), contents(10, 4)])).toEqual([5, 4])
  })

  it("are hashed first when those before were known, and only new ones are prepared", async () => {
    const old = contents(0, 5)
    const [one, two, ...others] = old
    const some = [...contents(20, 1), ...others]
    // The second group shows that they are known; the next ones are hashed first.
    expect(await take([old, old, old, some])).toEqual([5, 5, 0, 1])
    expect([one, two]).toHaveLength(2)
  })

  it("are prepared again when most are new again", async () => {
    const old = contents(0, 5)
    const fresh = contents(40, 5)
    expect(await take([old, old, fresh, contents(60, 3)])).toEqual([5, 5, 5, 3])
  })

  it("are known by their digest and checksum", () => {
    const stat = { digest: digestOf(Buffer.of()), size: 0, crc32: 0, deflatedSize: 0, raw: true }
    expect(takenOf({ ...stat, storedDigest: stat.digest })).toEqual({
      digest: stat.digest,
      crc32: 0,
    })
  })
})
