/**
 * Giving bytes back: what goes is gone for good, what stays stays byte by byte, and a kill at any
 * step leaves every surviving blob readable.
 */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it, vi } from "vitest"
import { BlobCorrupted, BlobFailure } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { BlobStoreShape } from "./blob-store.js"
import { removeBlobs } from "./compact.js"
import type { Finding } from "./damage.js"
import { encodeFrame, frameHeaderBytes } from "./frame.js"
import { rowOfRecipe } from "./index-row.js"
import {
  diskError,
  dropIndex,
  fileHandles,
  flipBit,
  frameOf,
  offsetOf,
  openFiles,
  openParts,
  packFile,
  packNames,
  packSizes,
  recipeOf,
  snapshot,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import { recipeFrame } from "./recipe.js"
import { collect, expectBytes, noise } from "./samples.contract.js"

const temporary = temporaryDirectory()
const inside = () => join(temporary(), "blob")

afterEach(() => vi.restoreAllMocks())

// Raw, so that their bytes can be found in the packs.
const shared = noise(800_000, 1)
const [goes, stays] = [
  Buffer.concat([shared, noise(100_000, 2)]),
  Buffer.concat([shared, noise(100_000, 3)]),
]
const small = Array.from({ length: 30 }, (_, index) => noise(1_000 + index, 10 + index))
const [smallGoes, smallStays] = [small.slice(0, 10), small.slice(10)]
const going = [goes, ...smallGoes]
const staying = [stays, ...smallStays]
const goners = going.map((content) => digestOf(content))

const putAll = (blobs: BlobStoreShape) =>
  Effect.forEach([goes, ...small, stays], (content) => blobs.put(content))

const read = (blobs: BlobStoreShape, content: Uint8Array) => collect(blobs.read(digestOf(content)))

const list = (blobs: BlobStoreShape) =>
  Effect.map(Stream.runCollect(blobs.list()), (stats) => stats.map(({ digest }) => digest))

const sum = (directory: string) =>
  Object.values(packSizes(directory)).reduce((total, size) => total + size, 0)

/** Those that stay are whole; of those that go, whatever is still listed is whole too. */
const expectSound = async (directory: string) => {
  await useBlobs(directory, (blobs) =>
    Effect.gen(function* () {
      for (const content of staying) expectBytes(yield* read(blobs, content), content)
      const digests = yield* list(blobs)
      expect(digests).toEqual(expect.arrayContaining(staying.map((content) => digestOf(content))))
      for (const content of going)
        if (digests.includes(digestOf(content))) expectBytes(yield* read(blobs, content), content)
    }),
  )
}

const expectGone = async (directory: string) => {
  const kept = staying.map((content) => digestOf(content)).sort()
  for (const index of ["as it is", "made anew"]) {
    if (index === "made anew") dropIndex(directory)
    await expectSound(directory)
    expect(await useBlobs(directory, list)).toEqual(kept)
  }
}

describe("a removal", () => {
  it("gives back the bytes of what goes, and keeps what is shared", async () => {
    await useBlobs(inside(), putAll)
    const before = sum(inside())
    await useBlobs(inside(), (blobs) => blobs.remove(goners))
    expect(before - sum(inside())).toBeGreaterThan(100_000)
    expect(before - sum(inside())).toBeLessThan(400_000)
    await expectGone(inside())
    await useBlobs(inside(), (blobs) => blobs.remove([digestOf(stays)]))
    expect(sum(inside())).toBeLessThan(30_000)
  })

  it("of everything leaves nothing, and the store can be used again", async () => {
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        yield* putAll(blobs)
        yield* blobs.remove([...goners, ...staying.map((content) => digestOf(content))])
        expect(yield* list(blobs)).toEqual([])
        expect(packNames(inside())).toEqual([])
        yield* putAll(blobs)
        for (const content of [...going, ...staying])
          expectBytes(yield* read(blobs, content), content)
      }),
    )
  })

  it("touches the packs that hold something of it, and no other", async () => {
    const options = { packBytesMax: 60_000 }
    await useBlobs(inside(), putAll, options)
    const untouched = Object.entries(packSizes(inside())).slice(-2)
    await useBlobs(
      inside(),
      (blobs) => blobs.remove(smallGoes.map((one) => digestOf(one))),
      options,
    )
    for (const [name, size] of untouched) expect(packSizes(inside())[name]).toBe(size)
    await expectSound(inside())
  })

  it("goes on while blobs are read", async () => {
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        yield* putAll(blobs)
        const reads = [...staying, ...staying].map((content) =>
          Effect.map(read(blobs, content), (found) => expectBytes(found, content)),
        )
        const removals = goners.map((digest) => blobs.remove([digest]))
        yield* Effect.all([...reads, ...removals, ...reads], { concurrency: 8, discard: true })
      }),
    )
    await expectGone(inside())
  })

  it("takes every copy, so that nothing comes back with a new index", async () => {
    const frame = frameOf(noise(500, 4))
    const recipe = recipeOf([frame])
    const recipes = recipeFrame(recipe)
    const store = await openParts(inside())
    const { digest, storedSize, storedDigest } = frame
    const chunk = { kind: "chunk", digest, storedSize, storedDigest } as const
    const blob = { ...rowOfRecipe(recipe), storedSize: recipes.storedSize }
    for (let copy = 0; copy < 3; copy += 1) {
      const handed = [
        { claim: { row: chunk, state: "waiting" as const }, bytes: encodeFrame(frame) },
        { claim: { row: blob, state: "waiting" as const }, bytes: encodeFrame(recipes) },
      ]
      await store.writer.append(handed, [], true)
      await store.writer.roll()
    }
    expect(await store.index.copies("recipe", digest)).toHaveLength(2)
    await store.close()
    await useBlobs(inside(), (blobs) => blobs.remove([digest]))
    dropIndex(inside())
    expect(await useBlobs(inside(), list)).toEqual([])
    expect(packNames(inside())).toEqual([])
  })
})

describe("a pack that is written anew", () => {
  it("keeps what else lies in it, damage included, byte by byte", async () => {
    await useBlobs(inside(), putAll)
    const path = packFile(inside(), 1)
    const damaged = smallStays[3] ?? shared
    flipBit(path, offsetOf(path, damaged) + 10)
    const bytes = readFileSync(path)
    const evidence = bytes.subarray(bytes.indexOf(damaged.subarray(20)) - 108)
    const removed = smallGoes.map((one) => digestOf(one))
    await useBlobs(inside(), (blobs) => blobs.remove(removed))
    const [name = ""] = packNames(inside())
    const successor = readFileSync(join(inside(), "packs", name))
    expect(successor.includes(evidence.subarray(0, frameHeaderBytes + damaged.length))).toBe(true)
    for (const content of smallGoes) expect(successor.indexOf(content)).toBe(-1)
    const failure = await useBlobs(inside(), (blobs) => Effect.flip(read(blobs, damaged)))
    expect(failure).toMatchObject({ _tag: "BlobCorrupted", digest: digestOf(damaged) })
  })

  it("is durable under its name before the index follows, and the old one is let go", async () => {
    await useBlobs(inside(), putAll)
    const store = await openParts(inside())
    const row = store.index.blob(digestOf(stays))
    if (row === undefined || row === "damaged") throw new Error("the blob is not indexed")
    expect(await store.reader.frames([row])).toHaveLength(1)
    const calls: Array<string> = []
    const handles = await fileHandles(inside())
    const { sync } = handles
    vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      calls.push((await this.stat()).isDirectory() ? "sync directory" : "sync file")
      await sync.call(this)
    })
    const { rewrite } = store.index
    vi.spyOn(store.index, "rewrite").mockImplementation(async (rewriting) => {
      calls.push("index")
      await rewrite(rewriting)
    })
    await removeBlobs(store, join(inside(), "packs"), goners, new Set())
    expect(calls).toEqual(["sync file", "sync directory", "index", "sync directory"])
    expect(openFiles(join(inside(), "packs"))).toEqual([])
    await store.close()
  })

  it("stays untouched where it cannot be known what a surviving blob needs", async () => {
    await useBlobs(inside(), putAll)
    const path = packFile(inside(), 1)
    flipBit(path, readFileSync(path).lastIndexOf(Buffer.from(digestOf(stays), "hex")))
    const before = packSizes(inside())
    const failure = await useBlobs(inside(), (blobs) => Effect.flip(blobs.remove(goners)))
    expect(failure).toBeInstanceOf(BlobCorrupted)
    expect(failure).toMatchObject({ digest: digestOf(stays) })
    expect(packSizes(inside())).toEqual(before)
    // The damaged blob itself may go. Its chunks stay: nobody can name them any more.
    await useBlobs(inside(), (blobs) => blobs.remove([digestOf(stays)]))
    await useBlobs(inside(), (blobs) => blobs.remove(goners))
    await useBlobs(inside(), (blobs) =>
      Effect.forEach(smallStays, (content) =>
        Effect.map(read(blobs, content), (found) => expectBytes(found, content)),
      ),
    )
  })
})

describe("a removal that is cut short", () => {
  const failures = [
    ["writev", "ENOSPC", "full"],
    ["sync", "EIO", "io"],
  ] as const

  for (const [call, code, reason] of failures)
    it(`by the disk at ${call} loses nothing, and can be repeated`, async () => {
      await useBlobs(inside(), putAll)
      const handles = await fileHandles(temporary())
      await useBlobs(inside(), (blobs) =>
        Effect.gen(function* () {
          vi.spyOn(handles, call).mockRejectedValueOnce(diskError(code))
          const failure = yield* Effect.flip(blobs.remove(goners))
          expect(failure).toBeInstanceOf(BlobFailure)
          expect(failure).toMatchObject({ operation: "remove", reason, outcome: "unknown" })
          expect(packNames(inside())).toEqual(["00000001.pack"])
          for (const content of [...going, ...staying])
            expectBytes(yield* read(blobs, content), content)
          yield* blobs.remove(goners)
        }),
      )
      await expectGone(inside())
    })

  it("by a kill, at any step, leaves a store that opens and can remove again", async () => {
    await useBlobs(inside(), putAll)
    const old = join(temporary(), "old")
    snapshot(inside(), old)
    await useBlobs(inside(), (blobs) => blobs.remove(goners))
    const [successor = ""] = packNames(inside())
    const packs = (directory: string) => join(directory, "packs")
    // Unfinished copy; copy complete, index old; index new, old pack still there; no index at all.
    for (const step of ["unfinished", "complete", "indexed", "unindexed"]) {
      const directory = join(temporary(), step)
      snapshot(step === "indexed" ? inside() : old, directory)
      const copy = readFileSync(join(packs(inside()), successor))
      if (step === "unfinished")
        writeFileSync(join(packs(directory), `${successor}.tmp`), copy.subarray(0, copy.length / 2))
      else {
        cpSync(join(packs(inside()), successor), join(packs(directory), successor))
        cpSync(packFile(old, 1), packFile(directory, 1))
      }
      if (step === "unindexed") rmSync(join(directory, "index"), { recursive: true })
      await expectSound(directory)
      expect(existsSync(join(packs(directory), `${successor}.tmp`))).toBe(false)
      await useBlobs(directory, (blobs) => blobs.remove(goners))
      await expectGone(directory)
      for (const name of readdirSync(packs(directory)))
        for (const content of smallGoes)
          expect(readFileSync(join(packs(directory), name)).indexOf(content)).toBe(-1)
    }
  })

  it("needs no pack to forget what was lost with one", async () => {
    await useBlobs(inside(), (blobs) =>
      Effect.forEach(small, (content) => blobs.put(content), { discard: true }),
    )
    rmSync(packFile(inside(), 1))
    const gone = smallGoes.map((one) => digestOf(one))
    const left = smallStays.map((one) => digestOf(one)).sort()
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        yield* blobs.remove(gone)
        expect(yield* list(blobs)).toEqual(left)
      }),
    )
    await useBlobs(inside(), (blobs) => Effect.map(list(blobs), (all) => expect(all).toEqual(left)))
  })
})

describe("known damage", () => {
  it("goes on with the frames that it lies in, and the pack is kept as it was", async () => {
    const quarantine = join(temporary(), "quarantine")
    const path = packFile(inside(), 1)
    const damaged = smallStays[3] ?? shared
    const digest = digestOf(damaged)
    await useBlobs(inside(), putAll)
    flipBit(path, offsetOf(path, damaged) + 10)
    const bytes = readFileSync(path)
    await useBlobs(
      inside(),
      (blobs) =>
        Effect.gen(function* () {
          const before = yield* Effect.flip(read(blobs, damaged))
          expect(before).toMatchObject({ digest, where: { pack: "00000001.pack" } })
          yield* blobs.remove(goners)
          const after = yield* Effect.flip(read(blobs, damaged))
          expect(after).toMatchObject({ digest, where: { pack: packNames(inside())[0] } })
        }),
      { quarantine },
    )
    expect(existsSync(path)).toBe(false)
    expect(readdirSync(quarantine)).toEqual(["00000001.pack-1"])
    expect(readFileSync(join(quarantine, "00000001.pack-1"))).toEqual(bytes)
    const found: Array<Finding> = []
    const onFinding = (finding: Finding) => void found.push(finding)
    await useBlobs(
      inside(),
      (blobs) =>
        Effect.gen(function* () {
          expect(found).toMatchObject([{ state: "damaged", digests: [digest] }])
          yield* blobs.put(damaged)
          for (const content of staying) expectBytes(yield* read(blobs, content), content)
        }),
      { onFinding },
    )
  })

  it("beyond the end of a pack does not keep the rest from being removed", async () => {
    const path = packFile(inside(), 1)
    await useBlobs(inside(), putAll)
    const last = offsetOf(path, stays.subarray(899_900))
    truncateSync(path, last)
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        // Which chunks it has is lost with it, so they cannot be told from those that go.
        const unknown = { _tag: "BlobCorrupted", digest: digestOf(stays) }
        expect(yield* Effect.flip(read(blobs, stays))).toMatchObject(unknown)
        expect(yield* Effect.flip(blobs.remove(goners))).toMatchObject(unknown)
        yield* blobs.put(stays)
        yield* blobs.remove(goners)
        for (const content of staying) expectBytes(yield* read(blobs, content), content)
      }),
    )
    await useBlobs(inside(), (blobs) =>
      Effect.forEach(staying, (content) =>
        Effect.map(read(blobs, content), (bytes) => expectBytes(bytes, content)),
      ),
    )
  })
})
