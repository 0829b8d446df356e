/**
 * The writer of packs: order, group commit, and what a disk that fails costs: its own puts, never
 * the others, and never a recipe without its chunks.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it, vi } from "vitest"
import { BlobFailure } from "../errors.js"
import { digestOf } from "../model/digest.js"
import type { Claim, Handed } from "./claim.js"
import { encodeFrame } from "./frame.js"
import { headerCheck, packHeader, packHeaderBytes } from "./pack.js"
import {
  diskError,
  dropIndex,
  fileHandles,
  frameOf,
  openFiles,
  openParts,
  packFile,
  packNames,
  packSizes,
  readBlob,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import { expectBytes, noise, prose } from "./samples.contract.js"

const directory = temporaryDirectory()

afterEach(() => vi.restoreAllMocks())

const handed = (content: Uint8Array): Handed => {
  const frame = frameOf(content)
  const { digest, storedSize, storedDigest } = frame
  const row = { kind: "chunk", digest, storedSize, storedDigest } as const
  return { claim: { row, state: "waiting" }, frame }
}

const contents = Array.from({ length: 5 }, (_, index) => noise(1_000, index))

describe("the queue", () => {
  it("writes entries in the order in which they came, and indexes them", async () => {
    const store = await openParts(directory())
    const frames = contents.map(handed)
    const appended = frames.map((frame) => store.writer.append([frame], [], true))
    const [first] = frames
    expect(store.writer.claimOn(frameOf(contents[0] ?? Buffer.of()))).toBe(first?.claim)
    expect(await Promise.all(appended)).toEqual(frames.map(() => undefined))
    const bytes = readFileSync(packFile(directory(), 1)).subarray(packHeaderBytes)
    expectBytes(bytes, Buffer.concat(frames.map(({ frame }) => encodeFrame(frame))))
    for (const [at, content] of contents.entries()) {
      expect(store.index.chunk(digestOf(content))?.offset).toBe(packHeaderBytes + at * 1_088)
      expect(store.writer.claimOn(frameOf(content))).toBeUndefined()
      expect(frames[at]?.claim.state).toBe("stored")
    }
    await store.close()
  })

  it("keeps what is only written out of the index until something durable follows", async () => {
    const store = await openParts(directory())
    const handles = await fileHandles(directory())
    const synced = vi.spyOn(handles, "datasync")
    const [one, two] = contents.map(handed)
    if (one === undefined || two === undefined) throw new Error("two contents were expected")
    await store.writer.append([one], [], false)
    expect(one.claim.state).toBe("waiting")
    expect(store.index.chunk(one.claim.row.digest)).toBeUndefined()
    expect(synced).not.toHaveBeenCalled()
    await store.writer.append([two], [one.claim], true)
    expect(store.index.chunk(one.claim.row.digest)).toBeDefined()
    expect(synced).toHaveBeenCalledTimes(1)
    await store.writer.append([], [], true)
    expect(synced).toHaveBeenCalledTimes(1)
    await store.close()
  })

  it("indexes at the end what nothing followed", async () => {
    const store = await openParts(directory())
    await store.writer.append(contents.map(handed), [], false)
    await store.close()
    const again = await openParts(directory())
    for (const content of contents) expect(again.index.chunk(digestOf(content))).toBeDefined()
    await again.close()
  })

  it("runs tasks alone, behind what came before", async () => {
    const store = await openParts(directory())
    const [one, two] = contents
    const before = store.writer.append([handed(one ?? noise(1, 1))], [], false)
    const seen = store.writer.exclusively(() =>
      Promise.resolve(store.index.chunk(digestOf(one ?? noise(1, 1)))),
    )
    const after = store.writer.append([handed(two ?? noise(1, 2))], [], true)
    expect(await seen).toBeDefined()
    await Promise.all([before, after])
    await expect(
      store.writer.exclusively(() => Promise.reject(new Error("a task"))),
    ).rejects.toThrow("a task")
    expect(await store.writer.append(contents.slice(2).map(handed), [], true)).toBeUndefined()
    await store.close()
  })

  it("takes nothing more once it is closed", async () => {
    const store = await openParts(directory())
    const before = store.writer.append(contents.slice(0, 1).map(handed), [], true)
    await store.close()
    expect(await before).toBeUndefined()
    const after = await store.writer.append(contents.slice(1).map(handed), [], true)
    expect(after).toMatchObject({ _tag: "BlobFailure", reason: "stopped" })
    await expect(store.writer.roll()).rejects.toMatchObject({ reason: "stopped" })
    expect(openFiles(directory())).toEqual([])
  })

  it("rolls over to a pack of a number that nobody has", async () => {
    const store = await openParts(directory())
    await store.writer.append(contents.slice(0, 1).map(handed), [], true)
    expect(await store.writer.roll()).toBe(2)
    expect(store.writer.nextPack()).toBe(2)
    expect(await store.writer.roll()).toBe(3)
    await store.writer.append(contents.slice(1).map(handed), [], true)
    expect(packNames(directory())).toEqual(["00000001.pack", "00000003.pack"])
    await store.close()
  })
})

const [kept, lost, later] = [noise(3_000, 10), noise(5_000, 11), noise(7_000, 12)]

describe("a pack that somebody else has written", () => {
  it("is gone on with, unless one is begun or adopted already", async () => {
    const store = await openParts(directory())
    const put = (at: number) => store.writer.append([handed(contents[at] ?? Buffer.of())], [], true)
    const header = packHeader()
    writeFileSync(packFile(directory(), 7), header)
    const last = { pack: 7, size: packHeaderBytes, header: headerCheck(header) }
    expect(await store.writer.adopt(last)).toBe(true)
    expect(await store.writer.adopt(last)).toBe(false)
    await put(0)
    expect(await store.writer.adopt(last)).toBe(false)
    expect(packSizes(directory())).toEqual({ "00000007.pack": packHeaderBytes + 1_088 })
    expect((await store.index.marks()).get(7)).toMatchObject({ header: headerCheck(header) })
    expect(await store.writer.roll()).toBe(1)
    await put(1)
    expect(packNames(directory())).toEqual(["00000001.pack", "00000007.pack"])
    await store.close()
  })
})

describe("a disk that fails", () => {
  const failures = [
    ["writev", "ENOSPC", "full"],
    ["writev", "EROFS", "read-only"],
    ["datasync", "EIO", "io"],
  ] as const

  for (const [call, code, reason] of failures)
    it(`at ${call} with ${code} fails the put, of which nothing stays, and no other`, async () => {
      const handles = await fileHandles(directory())
      await useBlobs(directory(), (blobs) =>
        Effect.gen(function* () {
          yield* blobs.put(kept)
          const before = packSizes(directory())
          vi.spyOn(handles, call).mockRejectedValueOnce(diskError(code))
          const failure = yield* Effect.flip(blobs.put(lost))
          expect(failure).toBeInstanceOf(BlobFailure)
          expect(failure).toMatchObject({ operation: "put", reason, outcome: "none" })
          expect(yield* blobs.stat(digestOf(lost))).toBeUndefined()
          expect(packSizes(directory())).toEqual(before)
          yield* blobs.put(later)
          yield* blobs.put(lost)
        }),
      )
      // The pack that failed was given up, even though it could have been written to again.
      expect(packNames(directory())).toEqual(["00000001.pack", "00000002.pack"])
      for (const index of ["as it is", "made anew"]) {
        if (index === "made anew") dropIndex(directory())
        await useBlobs(directory(), (blobs) =>
          Effect.gen(function* () {
            for (const content of [kept, later, lost])
              expectBytes(yield* readBlob(blobs, content), content)
          }),
        )
      }
    })

  it("and takes no new pack either leaves none behind", async () => {
    const handles = await fileHandles(directory())
    const writev = vi.spyOn(handles, "writev").mockRejectedValue(diskError("ENOSPC"))
    await useBlobs(directory(), (blobs) =>
      Effect.gen(function* () {
        for (let attempt = 0; attempt < 3; attempt += 1)
          expect(yield* Effect.flip(blobs.put(lost))).toMatchObject({ reason: "full" })
        expect(packNames(directory())).toEqual([])
        writev.mockRestore()
        yield* blobs.put(lost)
        expectBytes(yield* readBlob(blobs, lost), lost)
      }),
    )
  })

  it("in the middle of a long put fails it, and a put that shares its chunks", async () => {
    const handles = await fileHandles(directory())
    const long = noise(3_500_000, 13)
    const original = handles.writev
    let writes = 0
    vi.spyOn(handles, "writev").mockImplementation(function (this: never, ...given) {
      writes += 1
      return writes === 4 ? Promise.reject(diskError("ENOSPC")) : original.apply(this, given)
    })
    await useBlobs(directory(), (blobs) =>
      Effect.gen(function* () {
        const both = [Stream.make(long), Stream.make(Buffer.concat([long, later]))]
        const exits = yield* Effect.forEach(both, (source) => Effect.exit(blobs.put(source)), {
          concurrency: "unbounded",
        })
        expect(exits.some(Exit.isFailure)).toBe(true)
        const contents = [long, Buffer.concat([long, later])]
        for (const [at, exit] of exits.entries()) {
          const content = contents[at] ?? long
          const stat = yield* blobs.stat(digestOf(content))
          expect(stat === undefined).toBe(Exit.isFailure(exit))
        }
        for (const content of contents) {
          yield* blobs.put(content)
          expectBytes(yield* readBlob(blobs, content), content)
        }
      }),
    )
    dropIndex(directory())
    await useBlobs(directory(), (blobs) =>
      Effect.map(readBlob(blobs, long), (found) => expectBytes(found, long)),
    )
  })

  it("at the index fails the put, and its bytes do not come back", async () => {
    const store = await openParts(directory())
    vi.spyOn(store.index, "add").mockRejectedValueOnce(diskError("EIO"))
    const frames = contents.map(handed)
    const failure = await store.writer.append(frames, [], true)
    expect(failure).toMatchObject({ reason: "io" })
    expect(existsSync(packFile(directory(), 1))).toBe(false)
    for (const { claim } of frames) expect(claim.state).toBe(failure)
    expect(await store.writer.append(contents.map(handed), [], true)).toBeUndefined()
    await store.close()
  })
})

describe("needs", () => {
  it("that failed fail what relies on them, before it is written", async () => {
    const store = await openParts(directory())
    const failure = new BlobFailure({
      message: "gone",
      operation: "put",
      reason: "io",
      outcome: "none",
    })
    const row = handed(kept).claim.row
    const failed: Claim = { row, state: failure }
    const frames = [handed(lost)]
    expect(await store.writer.append(frames, [failed], true)).toBe(failure)
    expect(frames[0]?.claim.state).toBe(failure)
    expect(store.index.chunk(digestOf(lost))).toBeUndefined()
    const bytes = packNames(directory()).map((name) => packSizes(directory())[name])
    expect(bytes.every((size) => size === packHeaderBytes)).toBe(true)
    await store.close()
  })

  it("are waited for", async () => {
    const store = await openParts(directory())
    const need = handed(prose(100, 1))
    const first = store.writer.append([need], [], false)
    await store.writer.append([], [need.claim], true)
    expect(need.claim.state).toBe("stored")
    expect(await first).toBeUndefined()
    await store.close()
  })
})
