/**
 * Giving bytes back: what goes is gone for good, what stays stays byte by byte, and a kill at any
 * step leaves every surviving blob readable.
 */
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it, vi } from "vitest"
import { BlobCorrupted, BlobFailure } from "../errors.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { BlobStoreShape } from "./blob-store.js"
import type { Finding } from "./damage.js"
import { frameHeaderBytes } from "./frame.js"
import { rowOfRecipe } from "./index-row.js"
import { packHeaderBytes } from "./pack.js"
import {
  allPacks,
  diskError,
  dropIndex,
  fileHandles,
  flipBit,
  frameOf,
  listBlobs,
  offsetOf,
  openParts,
  packFile,
  packNames,
  packSizes,
  packsSize,
  readBlob,
  recipeOf,
  snapshot,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import { recipeFrame } from "./recipe.js"
import { expectBytes, noise } from "./samples.contract.js"

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

/** Removes all of it, whatever that costs. */
const remove = (blobs: BlobStoreShape, digests: ReadonlyArray<Digest>) =>
  blobs.remove(digests, { thorough: true })

/** Those that stay are whole; of those that go, whatever is still listed is whole too. */
const expectSound = async (directory: string) => {
  await useBlobs(directory, (blobs) =>
    Effect.gen(function* () {
      for (const content of staying) expectBytes(yield* readBlob(blobs, content), content)
      const digests = yield* listBlobs(blobs)
      expect(digests).toEqual(expect.arrayContaining(staying.map((content) => digestOf(content))))
      for (const content of going)
        if (digests.includes(digestOf(content)))
          expectBytes(yield* readBlob(blobs, content), content)
    }),
  )
}

const expectGone = async (directory: string) => {
  const kept = staying.map((content) => digestOf(content)).sort()
  for (const index of ["as it is", "made anew"]) {
    if (index === "made anew") dropIndex(directory)
    await expectSound(directory)
    expect(await useBlobs(directory, listBlobs)).toEqual(kept)
  }
}

describe("a removal", () => {
  it("gives back the bytes of what goes, and keeps what is shared", async () => {
    await useBlobs(inside(), putAll)
    const before = packsSize(inside())
    await useBlobs(inside(), (blobs) => remove(blobs, goners))
    expect(before - packsSize(inside())).toBeGreaterThan(100_000)
    expect(before - packsSize(inside())).toBeLessThan(400_000)
    await expectGone(inside())
    await useBlobs(inside(), (blobs) => remove(blobs, [digestOf(stays)]))
    expect(packsSize(inside())).toBeLessThan(30_000)
  })

  it("of everything leaves nothing, and the store can be used again", async () => {
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        yield* putAll(blobs)
        yield* blobs.remove([...goners, ...staying.map((content) => digestOf(content))])
        expect(yield* listBlobs(blobs)).toEqual([])
        // That in which puts go on.
        expect(Object.values(packSizes(inside()))).toEqual([packHeaderBytes])
        yield* putAll(blobs)
        expect(packNames(inside())).toHaveLength(1)
        for (const content of [...going, ...staying])
          expectBytes(yield* readBlob(blobs, content), content)
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
          Effect.map(readBlob(blobs, content), (found) => expectBytes(found, content)),
        )
        const removals = goners.map((digest) => remove(blobs, [digest]))
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
        { claim: { row: chunk, state: "waiting" as const }, frame },
        { claim: { row: blob, state: "waiting" as const }, frame: recipes },
      ]
      await store.writer.append(handed, [], true)
      await store.writer.roll()
    }
    expect(await store.index.copies("recipe", digest)).toHaveLength(2)
    await store.close()
    await useBlobs(inside(), (blobs) => remove(blobs, [digest]))
    dropIndex(inside())
    expect(await useBlobs(inside(), listBlobs)).toEqual([])
    expect(Object.values(packSizes(inside()))).toEqual([packHeaderBytes])
  })
})

describe("what is left of others", () => {
  const half = (contents: ReadonlyArray<Uint8Array>, odd: number) =>
    contents.filter((_, at) => at % 2 === odd)
  const putEach = (blobs: BlobStoreShape, contents: ReadonlyArray<Uint8Array>) =>
    Effect.forEach(contents, (content) => blobs.put(content), { discard: true })

  it("of many packs lies in few, in which puts go on", async () => {
    const contents = Array.from({ length: 40 }, (_, at) => noise(20_000, 100 + at))
    const options = { packBytesMax: 60_000 }
    await useBlobs(inside(), (blobs) => putEach(blobs, contents), options)
    expect(packNames(inside())).toHaveLength(20)
    const gone = half(contents, 0).map((content) => digestOf(content))
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        expect(yield* blobs.remove(gone)).toMatchObject({ removed: 20, kept: [] })
        expect(packNames(inside())).toEqual(["00000021.pack"])
        const content = noise(5_000, 99)
        yield* blobs.put(content)
        expect(packNames(inside())).toEqual(["00000021.pack"])
        for (const one of [...half(contents, 1), content])
          expectBytes(yield* readBlob(blobs, one), one)
      }),
    )
    // Full ones are ended.
    await useBlobs(
      inside(),
      (blobs) =>
        Effect.gen(function* () {
          const others = Array.from({ length: 4 }, (_, at) => noise(24_000, 200 + at))
          yield* putEach(blobs, others)
          yield* blobs.remove(
            half(others, 0).map((one) => digestOf(one)),
            { thorough: true },
          )
        }),
      options,
    )
    const sizes = Object.values(packSizes(inside()))
    expect(sizes.filter((size) => size > 60_000)).toHaveLength(1)
  })

  it("by puts that came to nothing goes with the next removal", async () => {
    const content = noise(7_000_000, 98)
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        yield* blobs.put(stays)
        const broken = Stream.concat(Stream.make(content), Stream.fail("broken" as const))
        expect(yield* Effect.flip(blobs.put(broken))).toBe("broken")
        yield* blobs.put(shared)
        const before = packsSize(inside())
        const answer = yield* blobs.remove([digestOf(shared)])
        expect(answer.removed).toBe(1)
        expect(answer.bytes).toBe(before - packsSize(inside()))
        expect(answer.bytes).toBeGreaterThan(2_000_000)
        expectBytes(yield* readBlob(blobs, stays), stays)
        expect(yield* blobs.remove([])).toEqual({ removed: 0, bytes: 0, kept: [] })
      }),
    )
  })

  it("in a pack that hardly anything of goes may lie there, and is listed no more", async () => {
    await useBlobs(inside(), putAll)
    const before = packSizes(inside())
    const gone = smallGoes.map((one) => digestOf(one))
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        expect(yield* blobs.remove(gone)).toEqual({ removed: 10, bytes: 0, kept: [] })
        expect(packSizes(inside())).toEqual(before)
        expect(yield* listBlobs(blobs)).not.toEqual(expect.arrayContaining([gone[0]]))
        for (const content of smallGoes)
          expect(yield* Effect.flip(readBlob(blobs, content))).toBeInstanceOf(BlobCorrupted)
        // It is nobody's, and may be somebody's again.
        const again = smallGoes.slice(0, 1)
        yield* putEach(blobs, again)
        for (const content of again) expectBytes(yield* readBlob(blobs, content), content)
      }),
    )
    // With more that goes, it is worth while; with an order to, in any case.
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        const { bytes } = yield* blobs.remove([digestOf(goes)])
        expect(bytes).toBeGreaterThan(100_000)
        expect(yield* remove(blobs, [])).toMatchObject({ removed: 0 })
        const packs = allPacks(inside())
        for (const content of smallGoes.slice(1)) expect(packs.indexOf(content)).toBe(-1)
      }),
    )
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
    await useBlobs(inside(), (blobs) => remove(blobs, removed))
    const packs = allPacks(inside())
    expect(packs.includes(evidence.subarray(0, frameHeaderBytes + damaged.length))).toBe(true)
    for (const content of smallGoes) expect(packs.indexOf(content)).toBe(-1)
    const failure = await useBlobs(inside(), (blobs) => Effect.flip(readBlob(blobs, damaged)))
    expect(failure).toMatchObject({ _tag: "BlobCorrupted", digest: digestOf(damaged) })
  })

  it("stays untouched where it cannot be known what a surviving blob needs", async () => {
    await useBlobs(inside(), putAll)
    const path = packFile(inside(), 1)
    flipBit(path, readFileSync(path).lastIndexOf(Buffer.from(digestOf(stays), "hex")))
    const before = packSizes(inside())
    const failure = await useBlobs(inside(), (blobs) => Effect.flip(remove(blobs, goners)))
    expect(failure).toBeInstanceOf(BlobCorrupted)
    expect(failure).toMatchObject({ digest: digestOf(stays) })
    expect(packSizes(inside())).toEqual(before)
    // The damaged blob itself may go. Its chunks stay: nobody can name them any more.
    await useBlobs(inside(), (blobs) => remove(blobs, [digestOf(stays)]))
    await useBlobs(inside(), (blobs) => remove(blobs, goners))
    await useBlobs(inside(), (blobs) =>
      Effect.forEach(smallStays, (content) =>
        Effect.map(readBlob(blobs, content), (found) => expectBytes(found, content)),
      ),
    )
  })
})

describe("a removal that is cut short", () => {
  const failures = [
    ["writev", "ENOSPC", "full"],
    ["datasync", "EIO", "io"],
    ["truncate", "EIO", "io"],
    ["sync", "EIO", "io"],
  ] as const

  for (const [call, code, reason] of failures)
    it(`by the disk at ${call} loses nothing, and can be repeated`, async () => {
      await useBlobs(inside(), putAll)
      const handles = await fileHandles(temporary())
      const killed = join(temporary(), "killed")
      await useBlobs(inside(), (blobs) =>
        Effect.gen(function* () {
          const failing = vi.spyOn(handles, call).mockRejectedValue(diskError(code))
          const failure = yield* Effect.flip(remove(blobs, goners))
          expect(failure).toBeInstanceOf(BlobFailure)
          expect(failure).toMatchObject({ operation: "remove", reason, outcome: "unknown" })
          failing.mockRestore()
          const digests = yield* listBlobs(blobs)
          for (const content of staying) expectBytes(yield* readBlob(blobs, content), content)
          for (const content of going)
            if (digests.includes(digestOf(content)))
              expectBytes(yield* readBlob(blobs, content), content)
          snapshot(inside(), killed)
          yield* remove(blobs, goners)
        }),
      )
      await expectGone(inside())
      await expectSound(killed)
      await useBlobs(killed, (blobs) => remove(blobs, goners))
      await expectGone(killed)
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
        yield* remove(blobs, gone)
        expect(yield* listBlobs(blobs)).toEqual(left)
      }),
    )
    await useBlobs(inside(), (blobs) =>
      Effect.map(listBlobs(blobs), (all) => expect(all).toEqual(left)),
    )
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
          const before = yield* Effect.flip(readBlob(blobs, damaged))
          expect(before).toMatchObject({ digest, where: { pack: "00000001.pack" } })
          yield* remove(blobs, goners)
          const after = yield* Effect.flip(readBlob(blobs, damaged))
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
          for (const content of staying) expectBytes(yield* readBlob(blobs, content), content)
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
        expect(yield* Effect.flip(readBlob(blobs, stays))).toMatchObject(unknown)
        expect(yield* Effect.flip(remove(blobs, goners))).toMatchObject(unknown)
        yield* blobs.put(stays)
        yield* remove(blobs, goners)
        for (const content of staying) expectBytes(yield* readBlob(blobs, content), content)
      }),
    )
    await useBlobs(inside(), (blobs) =>
      Effect.forEach(staying, (content) =>
        Effect.map(readBlob(blobs, content), (bytes) => expectBytes(bytes, content)),
      ),
    )
  })
})
