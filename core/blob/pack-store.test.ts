/**
 * Looking digests up in packs: every damage is named, costs its own blob only, and is made good by
 * another copy or a new put.
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { constants, crc32, deflateRawSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { BlobCorrupted } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { BlobStoreShape } from "./blob-store.js"
import type { Handed, Unplaced } from "./claim.js"
import type { Finding } from "./damage.js"
import { type Frame, frameHeaderBytes } from "./frame.js"
import { rowOfRecipe } from "./index-row.js"
import { findRecipe, loadChunks } from "./pack-store.js"
import {
  dropIndex,
  flipBit,
  frameOf,
  offsetOf,
  openParts,
  packFile,
  packNames,
  recipeOf,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import { recipeDraft, recipeFrame } from "./recipe.js"
import { collect, expectBytes, noise } from "./samples.contract.js"
import { wantedOf } from "./send.js"

const directory = temporaryDirectory()

// Raw chunks, so that their bytes can be found in the pack.
const [small, other] = [noise(1_000, 1), noise(2_000, 2)]
// More chunks than the index keeps itself.
const large = noise(1_000_000, 3)

const putAll = (blobs: BlobStoreShape) =>
  Effect.forEach([small, large, other], (content) => blobs.put(content))

const use = <A, E>(run: (blobs: BlobStoreShape) => Effect.Effect<A, E>) =>
  useBlobs(directory(), run)

const expectWhole = Effect.fnUntraced(function* (blobs: BlobStoreShape, content: Uint8Array) {
  expectBytes(yield* collect(blobs.read(digestOf(content))), content)
})

const expectDamage = Effect.fnUntraced(function* (blobs: BlobStoreShape, content: Uint8Array) {
  const digest = digestOf(content)
  for (const bytes of [blobs.read(digest), blobs.readDeflated(digest)]) {
    const failure = yield* Effect.flip(Stream.runDrain(bytes))
    expect(failure).toBeInstanceOf(BlobCorrupted)
    expect(failure).toMatchObject({ digest })
    expect(failure.message).toContain(digest)
  }
  const stat = yield* blobs.stat(digest)
  const places = [
    { digest, sent: "content", into: new Uint8Array(content.length) },
    { digest, sent: "deflated", into: new Uint8Array(stat?.deflatedSize ?? 0) },
  ] as const
  for (const place of places) {
    const failure = yield* Effect.flip(blobs.readInto([place]))
    expect(failure).toMatchObject({ _tag: "BlobCorrupted", digest })
  }
  const [{ into }] = places
  expect(into.findIndex((byte, at) => byte !== 0 && byte !== content[at])).toBe(-1)
})

/** Each part of a frame: magic, kind, form, zeros, sizes, digests, checksums, bytes. */
const parts = [0, 4, 5, 6, 8, 12, 16, 48, 80, 84, frameHeaderBytes, frameHeaderBytes + 500]

describe("a flipped bit", () => {
  it("in any part of a chunk's frame is named, and costs no other blob", async () => {
    await use(putAll)
    const path = packFile(directory(), 1)
    const start = offsetOf(path, small) - frameHeaderBytes
    for (const part of parts) {
      flipBit(path, start + part)
      await use((blobs) =>
        Effect.gen(function* () {
          yield* expectDamage(blobs, small)
          for (const content of [other, large]) yield* expectWhole(blobs, content)
        }),
      )
      flipBit(path, start + part)
    }
    await use((blobs) => expectWhole(blobs, small))
  })

  it("in a chunk of many lets the chunks before it leave, and nothing behind", async () => {
    await use(putAll)
    const path = packFile(directory(), 1)
    flipBit(path, offsetOf(path, large.subarray(999_900)))
    await use((blobs) =>
      Effect.gen(function* () {
        yield* expectDamage(blobs, large)
        const before = blobs.read(digestOf(large), { start: 100, end: 10_000 })
        expectBytes(yield* collect(before), large.subarray(100, 10_000))
      }),
    )
  })

  it("in a recipe is named", async () => {
    await use(putAll)
    const path = packFile(directory(), 1)
    const entry = Buffer.from(digestOf(large), "hex")
    const at = readFileSync(path).lastIndexOf(entry)
    flipBit(path, at)
    await use((blobs) =>
      Effect.gen(function* () {
        yield* expectDamage(blobs, large)
        expect((yield* blobs.stat(digestOf(large)))?.size).toBe(large.length)
      }),
    )
  })

  it("found by an index that is made anew costs the frames it lies in", async () => {
    await use(putAll)
    const path = packFile(directory(), 1)
    for (const at of [offsetOf(path, small) - frameHeaderBytes, offsetOf(path, small) + 10]) {
      flipBit(path, at)
      dropIndex(directory())
      await use((blobs) =>
        Effect.gen(function* () {
          expect(yield* blobs.stat(digestOf(small))).toBeUndefined()
          for (const content of [other, large]) yield* expectWhole(blobs, content)
        }),
      )
      flipBit(path, at)
    }
  })
})

describe("damaged bytes", () => {
  it("are stored anew by a put, once they are known to be damaged", async () => {
    await use(putAll)
    const path = packFile(directory(), 1)
    flipBit(path, offsetOf(path, small))
    flipBit(path, offsetOf(path, large.subarray(200_000, 200_100)))
    await use((blobs) =>
      Effect.gen(function* () {
        for (const content of [small, large]) {
          yield* expectDamage(blobs, content)
          const stat = yield* blobs.put(content)
          expect(stat).toEqual(yield* blobs.stat(digestOf(content)))
          yield* expectWhole(blobs, content)
        }
      }),
    )
    await use((blobs) => Effect.forEach([small, large, other], (one) => expectWhole(blobs, one)))
    dropIndex(directory())
    await use((blobs) => Effect.forEach([small, large, other], (one) => expectWhole(blobs, one)))
  })

  it("of a recipe are, too", async () => {
    await use(putAll)
    const path = packFile(directory(), 1)
    flipBit(path, readFileSync(path).lastIndexOf(Buffer.from(digestOf(large), "hex")))
    await use((blobs) =>
      Effect.gen(function* () {
        yield* expectDamage(blobs, large)
        yield* blobs.put(large)
        yield* expectWhole(blobs, large)
      }),
    )
    await use((blobs) => expectWhole(blobs, large))
  })

  it("are named when their pack is gone, and read when it is back", async () => {
    await use(putAll)
    const [path, aside] = [packFile(directory(), 1), join(directory(), "aside")]
    await use((blobs) =>
      Effect.gen(function* () {
        renameSync(path, aside)
        yield* expectDamage(blobs, small)
        renameSync(aside, path)
        yield* expectWhole(blobs, small)
      }),
    )
  })
})

describe("damage that a read came upon", () => {
  const quarantine = () => join(directory(), "quarantine")
  const path = () => packFile(directory(), 1)
  const found: Array<Finding> = []
  const opening = () => {
    found.length = 0
    return { quarantine: quarantine(), onFinding: (finding: Finding) => void found.push(finding) }
  }
  const at = () => offsetOf(path(), small) - frameHeaderBytes
  const place = () => ({ from: at(), to: at() + frameHeaderBytes + small.length })

  it("is named with its bytes, kept with its pack, and known to the next opening", async () => {
    await use(putAll)
    const stretch = place()
    flipBit(path(), stretch.from + 100)
    const bytes = readFileSync(path())
    await useBlobs(
      directory(),
      (blobs) =>
        Effect.gen(function* () {
          yield* blobs.put(noise(500, 7))
          const failure = yield* Effect.flip(Stream.runDrain(blobs.read(digestOf(small))))
          expect(failure).toMatchObject({
            digest: digestOf(small),
            where: { pack: "00000001.pack", ...stretch },
          })
          const { from, to } = stretch
          expect(failure.message).toContain(`00000001.pack is damaged from ${from} to ${to}`)
          yield* blobs.put(noise(500, 8))
          yield* expectDamage(blobs, small)
        }),
      opening(),
    )
    // What is kept has two names, so nothing is written to it any more.
    expect(packNames(directory())).toEqual(["00000001.pack", "00000002.pack"])
    expect(readdirSync(quarantine())).toEqual(["00000001.pack-1"])
    const kept = readFileSync(join(quarantine(), "00000001.pack-1"))
    expectBytes(kept.subarray(0, bytes.length), bytes)
    const finding = { pack: 1, ...stretch, state: "damaged", digests: [digestOf(small)] }
    await useBlobs(
      directory(),
      (blobs) =>
        Effect.gen(function* () {
          expect(found).toEqual([finding])
          yield* blobs.put(small)
          for (const content of [small, large, other]) yield* expectWhole(blobs, content)
        }),
      opening(),
    )
    expectBytes(readFileSync(join(quarantine(), "00000001.pack-1")), kept)
    expectBytes(readFileSync(path()), kept)
    await useBlobs(
      directory(),
      (blobs) =>
        Effect.gen(function* () {
          // The bytes are damaged still, and nothing is lost with them any more.
          expect(found).toEqual([{ ...finding, digests: [] }])
          for (const content of [small, large, other]) yield* blobs.put(content)
        }),
      opening(),
    )
    expect(packNames(directory())).toEqual(["00000001.pack", "00000002.pack"])
    expect(readdirSync(quarantine())).toHaveLength(1)
  })

  it("is no failure of the read where it cannot be kept, nor of the opening", async () => {
    await use(putAll)
    const stretch = place()
    flipBit(path(), stretch.from + 100)
    writeFileSync(quarantine(), "no directory")
    const use2 = () =>
      useBlobs(
        directory(),
        (blobs) =>
          Effect.gen(function* () {
            yield* expectDamage(blobs, small)
            yield* expectWhole(blobs, other)
          }),
        opening(),
      )
    await use2()
    expect(readdirSync(directory())).not.toContain("damaged")
    dropIndex(directory())
    await use2()
    expect(found).toMatchObject([{ pack: 1, ...stretch, state: "damaged" }])
  })

  it("is the loss of a pack when that is gone: the rest is read, all can be put", async () => {
    await use(putAll)
    const third = noise(3_000, 9)
    const paths = [1, 2].map((pack) => packFile(directory(), pack))
    await useBlobs(directory(), (blobs) => blobs.put(third), { packBytesMax: 1_000 })
    const size = statSync(path()).size
    rmSync(path())
    const digests = [small, large, other].map((content) => digestOf(content)).sort()
    for (const again of [false, true]) {
      if (again) dropIndex(directory())
      await useBlobs(
        directory(),
        (blobs) =>
          Effect.gen(function* () {
            expect(found).toEqual([{ pack: 1, from: 0, to: size, state: "missing", digests }])
            yield* expectWhole(blobs, third)
            const failure = yield* Effect.flip(Stream.runDrain(blobs.read(digestOf(small))))
            expect(failure.message).toContain("00000001.pack is missing")
          }),
        opening(),
      )
    }
    await useBlobs(directory(), putAll, opening())
    expect(paths.map((one) => existsSync(one))).toEqual([false, true])
    await useBlobs(
      directory(),
      (blobs) =>
        Effect.gen(function* () {
          expect(found).toMatchObject([{ pack: 1, state: "missing", digests: [] }])
          for (const content of [small, large, other, third]) yield* expectWhole(blobs, content)
        }),
      opening(),
    )
  })

  it("is forgotten when the file is put back, whose content is there at once", async () => {
    await use(putAll)
    const bytes = readFileSync(path())
    rmSync(path())
    await useBlobs(directory(), (blobs) => blobs.put(noise(100, 10)), opening())
    writeFileSync(path(), bytes)
    await useBlobs(
      directory(),
      (blobs) =>
        Effect.gen(function* () {
          expect(found).toEqual([])
          for (const content of [small, large, other]) yield* expectWhole(blobs, content)
        }),
      opening(),
    )
    expect(readdirSync(directory()).sort()).toEqual(["index", "packs", "quarantine"])
  })
})

const handed = (row: Unplaced, frame: Frame): Handed => ({
  claim: { row, state: "waiting" },
  frame,
})

describe("copies of a frame", () => {
  it("take the place of a damaged first one, which is the newest, in pack order", async () => {
    const frames = [frameOf(small), frameOf(other)]
    const store = await openParts(directory())
    const rows = frames.map((frame) => handed({ ...frame, kind: "chunk" }, frame))
    for (let copy = 0; copy < 3; copy += 1) await store.writer.append(rows, [], true)
    const recipe = recipeOf(frames)
    const load = () => loadChunks(store)(wantedOf(recipe, 0, 2))
    const path = packFile(directory(), 1)
    const bytes = readFileSync(path)
    const frameBytes = frameHeaderBytes + small.length
    const between = frameBytes + frameHeaderBytes + other.length
    const known: Array<number> = []
    for (const copy of [2, 0, 1]) {
      const found = await load()
      expect(found.map(({ digest }) => digest)).toEqual([digestOf(small), digestOf(other)])
      expect(store.damage.findings.map(({ from }) => from).sort()).toEqual([...known].sort())
      const at = 28 + copy * between
      known.push(at)
      bytes.fill(0, at + frameHeaderBytes, at + frameHeaderBytes + 10)
      writeFileSync(path, bytes)
      // What was read ahead would still be whole.
      await store.reader.drop(1)
    }
    const [, from = 0] = known
    const where = {
      pack: "00000001.pack",
      from: 28 + 2 * between,
      to: 28 + 2 * between + frameBytes,
    }
    const failure = { _tag: "BlobCorrupted", digest: recipe.stat.digest, where }
    await expect(load()).rejects.toMatchObject(failure)
    expect(store.damage.findings).toHaveLength(3)
    expect(store.damage.findings[0]).toEqual({
      pack: 1,
      from,
      to: from + frameBytes,
      state: "damaged",
      digests: [recipe.stat.digest],
    })
    await store.close()
  })
})

/** A chunk deflated at a level of its own: as another build of zlib would. */
const deflatedAt = (raw: Uint8Array, level: number): Frame => {
  const stored = deflateRawSync(raw, { level, finishFlush: constants.Z_SYNC_FLUSH })
  const digests = { digest: digestOf(raw), storedDigest: digestOf(stored) }
  const sizes = { size: raw.length, storedSize: stored.length }
  return { kind: "chunk", form: "deflate", ...sizes, ...digests, crc32: crc32(raw), stored }
}

describe("a chunk that is stored in two forms", () => {
  it("is sent in the form that its recipe names, wherever it lies", async () => {
    const raw = Buffer.from(Array.from({ length: 5_000 }, (_, n) => `${n % 77},`).join(""))
    const forms = [1, 9].map((level) => deflatedAt(raw, level))
    const store = await openParts(directory())
    for (const frame of forms)
      await store.writer.append([handed({ ...frame, kind: "chunk" }, frame)], [], true)
    for (const frame of forms) {
      const draft = recipeDraft()
      draft.add(frame)
      const recipe = draft.finish(frame.digest, frame.crc32)
      const [found] = await loadChunks(store)(wantedOf(recipe, 0, 1))
      expect(found?.storedDigest).toBe(frame.storedDigest)
      expect(recipe.stat).toMatchObject({ deflatedSize: frame.storedSize })
    }
    expect(forms[0]?.storedDigest).not.toBe(forms[1]?.storedDigest)
    await store.close()
  })
})

describe("the index", () => {
  it("that names a blob with the recipe of another does not get it", async () => {
    const store = await openParts(directory())
    const frames = Array.from({ length: 10 }, (_, index) => frameOf(noise(10, index)))
    const recipe = recipeOf(frames)
    const { stat } = recipe
    const frame = recipeFrame(recipeOf(frames.reverse()))
    const row = { ...rowOfRecipe(recipe), storedSize: frame.storedSize }
    await store.writer.append([handed(row, frame)], [], true)
    await expect(findRecipe(store, stat.digest)).rejects.toMatchObject({
      _tag: "BlobCorrupted",
      digest: stat.digest,
    })
    await store.close()
  })
})
