/**
 * Packs that are emptied from their ends: in which order, with how much room, and what a kill
 * leaves between any two steps.
 */
import {
  appendFileSync,
  linkSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it, vi } from "vitest"
import { removalSliceBytesMax } from "../limits.js"
import { type Digest, digestOf } from "../model/digest.js"
import type { BlobStoreShape } from "./blob-store.js"
import type { Finding } from "./damage.js"
import { packHeader, packHeaderBytes } from "./pack.js"
import type { PackStore } from "./pack-store.js"
import {
  dropIndex,
  fileHandles,
  flipBit,
  listBlobs,
  offsetOf,
  openFiles,
  openParts,
  packFile,
  packNames,
  packSizes,
  packsSize,
  snapshot,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import { removeBlobs } from "./removal.js"
import { collect, expectBytes, noise } from "./samples.contract.js"

const temporary = temporaryDirectory()
const inside = () => join(temporary(), "blob")

afterEach(() => vi.restoreAllMocks())

// Raw, and one chunk each, so that their bytes can be found in the packs.
const contents = Array.from({ length: 96 }, (_, at) => noise(16_000 + at, at))
const going = contents.filter((_, at) => at % 16 < 4 || at >= 88)
const staying = contents.filter((content) => !going.includes(content))
const digests = (some: ReadonlyArray<Uint8Array>): ReadonlyArray<Digest> =>
  some.map((content) => digestOf(content))
const goners = digests(going)
// A chunk, its recipe, and what is around both.
const each = 16_400

const fill = () =>
  useBlobs(inside(), (blobs) => Effect.forEach(contents, (content) => blobs.put(content)))

/** Opens the store, which must find nothing damaged. */
const opening = async <A, E>(
  directory: string,
  run: (blobs: BlobStoreShape) => Effect.Effect<A, E>,
): Promise<A> => {
  const findings: Array<Finding> = []
  const onFinding = (finding: Finding) => void findings.push(finding)
  const answer = await useBlobs(directory, run, { onFinding })
  expect(findings.filter(({ state }) => state !== "torn")).toEqual([])
  return answer
}

/** What stays is whole, and what goes is whole or gone. */
const expectSound = Effect.fnUntraced(function* (blobs: BlobStoreShape) {
  const there = new Set(yield* listBlobs(blobs))
  for (const content of contents) {
    if (!there.has(digestOf(content))) expect(going).toContain(content)
    else expectBytes(yield* collect(blobs.read(digestOf(content))), content)
  }
})

const expectLeft = Effect.fnUntraced(function* (blobs: BlobStoreShape) {
  expect(yield* listBlobs(blobs)).toEqual([...digests(staying)].sort())
  yield* expectSound(blobs)
})

/** All that goes goes by one more removal, from the disk too. */
const expectGone = async (directory: string) => {
  await opening(directory, (blobs) =>
    expectSound(blobs).pipe(
      Effect.andThen(blobs.remove(goners, { thorough: true })),
      Effect.andThen(expectLeft(blobs)),
    ),
  )
  for (const name of packNames(directory)) {
    const bytes = readFileSync(join(directory, "packs", name))
    for (const content of going) expect(bytes.indexOf(content)).toBe(-1)
  }
  dropIndex(directory)
  await opening(directory, expectLeft)
}

const using = async <A>(run: (store: PackStore) => Promise<A>): Promise<A> => {
  const store = await openParts(inside())
  try {
    return await run(store)
  } finally {
    await store.close()
  }
}

/** Calls `see` before each call on a file, and before and after each change of the index. */
const watch = async (store: PackStore, see: (step: string) => void) => {
  const handles = await fileHandles(inside())
  for (const name of ["writev", "datasync", "sync", "truncate"] as const) {
    const call = handles[name] as (...args: Array<unknown>) => Promise<never>
    vi.spyOn(handles, name).mockImplementation(async function (
      this: FileHandle,
      ...args: Array<unknown>
    ): Promise<never> {
      see((await this.stat()).isDirectory() ? `${name} directory` : name)
      return await call.apply(this, args)
    })
  }
  const { rewrite } = store.index
  vi.spyOn(store.index, "rewrite").mockImplementation(async (rewriting) => {
    see(rewriting.marks.length + rewriting.gone.length > 0 ? "index" : "forget")
    await rewrite(rewriting)
    see("indexed")
  })
}

describe("a pack that is emptied", () => {
  it("is moved durably, then indexed, then cut off, slice by slice", async () => {
    await fill()
    await using(async (store) => {
      const row = store.index.blob(digestOf(contents[0] ?? new Uint8Array(0)))
      if (row === undefined || row === "damaged") throw new Error("the blob is not indexed")
      expect(await store.reader.frames([row])).toHaveLength(1)
      const steps: Array<string> = []
      await watch(store, (step) => void steps.push(step))
      await removeBlobs(store, goners)
      const begin = ["forget", "indexed", "writev", "sync directory"]
      const slice = ["writev", "datasync", "index", "indexed", "truncate", "sync"]
      const last = [...slice.slice(0, 4), "sync directory"]
      expect(steps).toEqual([...begin, ...slice, ...slice, ...last])
      expect(packNames(inside())).toEqual(["00000002.pack"])
      expect(openFiles(join(inside(), "packs"))).toEqual([])
    })
  })

  it("takes no more room than one slice", async () => {
    await fill()
    const before = packsSize(inside())
    await using(async (store) => {
      let most = 0
      await watch(store, () => {
        most = Math.max(most, packsSize(inside()))
      })
      const { bytes } = await removeBlobs(store, goners)
      expect(most).toBeGreaterThan(before)
      expect(most).toBeLessThanOrEqual(before + removalSliceBytesMax + packHeaderBytes)
      expect(before - packsSize(inside())).toBe(bytes)
      expect(bytes).toBeGreaterThan(goners.length * each - 10_000)
    })
    await expectGone(inside())
  })

  it("leaves what a later opening completes, whenever it ends", { timeout: 120_000 }, async () => {
    await fill()
    const killed: Array<string> = []
    await using(async (store) => {
      await watch(store, (step) => {
        // What lies on the disk then is what the step before it has left.
        if (["writev", "index", "truncate"].includes(step)) return
        const to = join(temporary(), `${killed.length} before ${step}`)
        snapshot(inside(), to)
        killed.push(to)
      })
      await removeBlobs(store, goners)
    })
    vi.restoreAllMocks()
    expect(killed.length).toBeGreaterThan(9)
    for (const directory of killed) {
      const anew = `${directory}, without an index`
      snapshot(directory, anew)
      dropIndex(anew)
      await opening(anew, expectSound)
      await expectGone(directory)
    }
  })

  it("is left as it is where nothing more goes, or so little that it is not worth it", async () => {
    await fill()
    const before = readFileSync(packFile(inside(), 1))
    // Towards its end, and some that lies before too much of what stays.
    const some = [contents[1], ...contents.slice(80)].flatMap((content) => content ?? [])
    const { removed, bytes } = await useBlobs(inside(), (blobs) => blobs.remove(digests(some)))
    expect([removed, Math.round(bytes / each)]).toEqual([17, 16])
    const [name = "", ...others] = packNames(inside())
    const after = readFileSync(join(inside(), "packs", name))
    expect(others).toEqual(["00000002.pack"])
    expect(before.subarray(0, after.length).equals(after)).toBe(true)
    expect(before.length - after.length - packHeaderBytes).toBe(bytes)
    expect(packSizes(inside())["00000002.pack"]).toBe(packHeaderBytes)
  })

  it("is never written to again, whoever opens it, with its index or without", async () => {
    await fill()
    const last = digests(contents.slice(80))
    await useBlobs(inside(), (blobs) => blobs.remove(last))
    const cut = readFileSync(packFile(inside(), 1))
    for (const isAnew of [false, true]) {
      if (isAnew) dropIndex(inside())
      await useBlobs(inside(), (blobs) => blobs.put(noise(1_000, isAnew ? 201 : 200)))
      expect(packNames(inside())).toEqual(["00000001.pack", "00000002.pack"])
      expect(readFileSync(packFile(inside(), 1)).equals(cut)).toBe(true)
    }
    await useBlobs(inside(), (blobs) =>
      Effect.forEach(contents.slice(0, 80), (content) =>
        Effect.map(collect(blobs.read(digestOf(content))), (bytes) => expectBytes(bytes, content)),
      ),
    )
  })

  it("stops between two slices when it is told to", async () => {
    await fill()
    const [, ...some] = goners
    await using(async (store) => {
      const aborting = new AbortController()
      await watch(store, (step) => {
        if (step === "truncate") aborting.abort(new Error("enough"))
      })
      const { signal } = aborting
      await expect(removeBlobs(store, some, { signal })).rejects.toThrow("enough")
      expect(packNames(inside())).toHaveLength(2)
      expect(openFiles(join(inside(), "packs"))).toEqual([])
    })
    await opening(inside(), expectSound)
    await expectGone(inside())
  })
})

describe("a pack that somebody has under another name", () => {
  const names = ["evidence of its damage", "a copy of the directory"] as const

  it.each(names)("as %s, is not cut, and gives nothing back", async (which) => {
    await fill()
    const [path, copy] = [packFile(inside(), 1), join(temporary(), "other name")]
    if (which === "evidence of its damage")
      flipBit(path, offsetOf(path, contents[5] ?? new Uint8Array(0)) + 7)
    else linkSync(path, copy)
    const bytes = readFileSync(path)
    const quarantine = join(temporary(), "quarantine")
    const options = { quarantine }
    const answer = await useBlobs(
      inside(),
      (blobs) =>
        Effect.gen(function* () {
          yield* Effect.exit(Stream.runDrain(blobs.read(digestOf(contents[5] ?? bytes))))
          return yield* blobs.remove(goners, { thorough: true })
        }),
      options,
    )
    expect(answer).toEqual({ removed: goners.length, bytes: 0, kept: [] })
    const kept = which === "evidence of its damage" ? join(quarantine, "00000001.pack-1") : copy
    expect(readFileSync(kept).equals(bytes)).toBe(true)
    expect(statSync(kept).nlink).toBe(1)
    expect(packNames(inside())).toEqual(["00000002.pack"])
    expect(packSizes(inside())["00000002.pack"]).toBeLessThan(
      bytes.length - goners.length * each + 10_000,
    )
  })

  it("is left alone unless all of it is to go from the disk", async () => {
    await fill()
    linkSync(packFile(inside(), 1), join(temporary(), "other name"))
    const before = packSizes(inside())
    const answer = await useBlobs(inside(), (blobs) => blobs.remove(goners))
    expect(answer).toEqual({ removed: goners.length, bytes: 0, kept: [] })
    expect(packSizes(inside())).toEqual(before)
    await opening(inside(), expectSound)
  })
})

describe("a pack with damage", () => {
  const damaged = contents[6] ?? Buffer.of()
  const quarantine = () => join(temporary(), "quarantine")

  /** All is as it should be, but for what is damaged: that is named, and no other. */
  const lookAt = async (directory: string, isGone: boolean): Promise<void> => {
    const findings: Array<Finding> = []
    const onFinding = (finding: Finding) => void findings.push(finding)
    await useBlobs(
      directory,
      (blobs) =>
        Effect.gen(function* () {
          for (const { state, digests: lost } of findings) {
            expect(state).toBe("damaged")
            expect(lost).toEqual([digestOf(damaged)])
          }
          expect(findings.length).toBeGreaterThan(0)
          if (isGone) yield* blobs.remove(goners, { thorough: true })
          const there = yield* listBlobs(blobs)
          if (isGone) expect(there).toEqual([...digests(staying)].sort())
          for (const content of contents.filter((one) => one !== damaged)) {
            if (!there.includes(digestOf(content))) expect(going).toContain(content)
            else expectBytes(yield* collect(blobs.read(digestOf(content))), content)
          }
          const failure = yield* Effect.flip(Stream.runDrain(blobs.read(digestOf(damaged))))
          expect(failure).toMatchObject({ _tag: "BlobCorrupted", digest: digestOf(damaged) })
          // Whatever became of it, a put stores it anew.
          yield* blobs.put(damaged)
          expectBytes(yield* collect(blobs.read(digestOf(damaged))), damaged)
        }),
      { onFinding, quarantine: quarantine() },
    )
  }

  it("is kept as it was, and what is damaged stays known, whenever it ends", async () => {
    await fill()
    const path = packFile(inside(), 1)
    flipBit(path, offsetOf(path, damaged) + 7)
    const bytes = readFileSync(path)
    const [killed, options]: [Array<string>, object] = [[], { quarantine: quarantine() }]
    // Noticed by a read, and on record.
    await useBlobs(
      inside(),
      (blobs) => Effect.exit(Stream.runDrain(blobs.read(digestOf(damaged)))),
      options,
    )
    const handles = await fileHandles(inside())
    for (const name of ["datasync", "sync"] as const) {
      const call = handles[name]
      vi.spyOn(handles, name).mockImplementation(async function (this: FileHandle) {
        const to = join(temporary(), `${killed.length}`)
        snapshot(inside(), to)
        killed.push(to)
        await call.apply(this)
      })
    }
    await useBlobs(inside(), (blobs) => blobs.remove(goners, { thorough: true }), options)
    vi.restoreAllMocks()
    expect(packNames(inside())).toEqual(["00000002.pack"])
    await lookAt(inside(), true)
    expect(killed.length).toBeGreaterThan(7)
    for (const [at, directory] of killed.entries()) await lookAt(directory, at % 2 === 0)
    for (const name of readdirSync(quarantine()).filter((one) => one.startsWith("00000001")))
      expect(readFileSync(join(quarantine(), name)).equals(bytes)).toBe(true)
  })

  it("keeps bytes that are in no row: they may be somebody's", async () => {
    await fill()
    const path = packFile(inside(), 1)
    // A frame whose header is damaged, found with a new index: nobody knows its end.
    flipBit(path, offsetOf(path, damaged) - 40)
    dropIndex(inside())
    const lost = readFileSync(path)
      .subarray(offsetOf(path, damaged) - 88)
      .subarray(0, 60_000)
    await useBlobs(inside(), (blobs) => blobs.remove(goners), { quarantine: quarantine() })
    const [name = ""] = packNames(inside())
    expect(readFileSync(join(inside(), "packs", name)).includes(lost)).toBe(true)
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        for (const content of staying.filter((one) => one !== damaged))
          expectBytes(yield* collect(blobs.read(digestOf(content))), content)
      }),
    )
  })
})

describe("a pack that is not what it was", () => {
  it("since another one lies in its place, is left alone", async () => {
    await fill()
    await using(async (store) => {
      const other = Buffer.concat([packHeader(), noise(10_000, 99)])
      writeFileSync(packFile(inside(), 1), other)
      expect(await removeBlobs(store, goners)).toMatchObject({ bytes: 0 })
      expect(readFileSync(packFile(inside(), 1)).equals(other)).toBe(true)
    })
  })

  it("since its end was never acknowledged, loses it, though a cut failed before", async () => {
    await fill()
    await using(async (store) => {
      const handles = await fileHandles(inside())
      vi.spyOn(handles, "truncate").mockRejectedValueOnce(new Error("no"))
      await expect(removeBlobs(store, goners)).rejects.toThrow("no")
      // Indexed as moved, and not cut off.
      const { size } = statSync(packFile(inside(), 1))
      appendFileSync(packFile(inside(), 1), noise(1_000, 98))
      const before = packsSize(inside())
      const { bytes } = await removeBlobs(store, [], { thorough: true })
      expect(before - packsSize(inside())).toBe(bytes)
      expect(bytes).toBeGreaterThan(size - removalSliceBytesMax * 4)
      for (const name of packNames(inside())) {
        const pack = readFileSync(join(inside(), "packs", name))
        for (const content of staying) expect(pack.indexOf(content)).toBe(pack.lastIndexOf(content))
      }
    })
    await expectGone(inside())
  })
})
