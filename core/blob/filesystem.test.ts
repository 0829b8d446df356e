/**
 * The file system blobs: the laws of the port, then what packs and their index can suffer. Damage
 * is made in the files, never through the driver; disks fail where a file handle is told to.
 */
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { afterEach, describe, expect, it, vi } from "vitest"
import { BlobFailure } from "../errors.js"
import { type Digest, digestOf } from "../model/digest.js"
import { blobStoreContract, type FreshBlobs } from "./blob-store.contract.js"
import { BlobStore, type BlobStoreShape } from "./blob-store.js"
import { defaultChunking } from "./chunk.js"
import { layer } from "./filesystem.js"
import { packHeader } from "./pack.js"
import {
  diskError,
  dropIndex,
  fileHandles,
  listBlobs,
  openFiles,
  packFile,
  packNames,
  packSizes,
  snapshot,
  temporaryDirectory,
  useBlobs,
} from "./packs.contract.js"
import {
  collect,
  divided,
  expectBytes,
  inflated,
  mixed,
  noise,
  numbers,
  prose,
} from "./samples.contract.js"

const freshBlobs = (options: { durable: boolean; packBytesMax?: number }): FreshBlobs =>
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "daybook-blob-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true })),
  ).pipe(
    Effect.map(
      (parent) => () =>
        layer({ directory: join(parent, "blob"), chunking: defaultChunking, ...options }),
    ),
  )

blobStoreContract("file system, durable", freshBlobs({ durable: true }))
blobStoreContract("file system, small packs", freshBlobs({ durable: false, packBytesMax: 200_000 }))

const temporary = temporaryDirectory()
const inside = () => join(temporary(), "blob")

afterEach(() => vi.restoreAllMocks())

const put = (content: Uint8Array) => (blobs: BlobStoreShape) => blobs.put(content)
const read = (digest: Digest) => (blobs: BlobStoreShape) => collect(blobs.read(digest))

const expectContent = async (content: Uint8Array) =>
  expectBytes(await useBlobs(inside(), read(digestOf(content))), content)

const putEach = (blobs: BlobStoreShape, contents: ReadonlyArray<Uint8Array>) =>
  Effect.forEach(contents, (content) => blobs.put(content), { concurrency: "unbounded" })

describe("the files of a store", () => {
  it("are its owner's only", async () => {
    await useBlobs(inside(), put(prose(100, 1)))
    const mode = (path: string) => statSync(path).mode & 0o777
    for (const name of [".", "packs", "index"]) expect(mode(join(inside(), name))).toBe(0o700)
    expect(mode(packFile(inside(), 1))).toBe(0o600)
  })

  it("are closed with it, whatever reads were cut short", async () => {
    const content = mixed(2_000_000, 1)
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        const { digest } = yield* blobs.put(content)
        yield* Stream.runDrain(Stream.take(blobs.read(digest), 1))
        const fiber = yield* Effect.forkChild(Stream.runDrain(blobs.readDeflated(digest)))
        yield* Effect.yieldNow
        yield* Fiber.interrupt(fiber)
        yield* Stream.runDrain(Stream.take(blobs.list(), 1))
      }),
    )
    expect(openFiles(inside())).toEqual([])
  })

  it("are opened by one process at a time", async () => {
    const options = { directory: inside(), chunking: defaultChunking, durable: true }
    await useBlobs(inside(), () =>
      Effect.gen(function* () {
        const failure = yield* Effect.flip(Effect.scoped(Effect.provide(BlobStore, layer(options))))
        expect(failure).toBeInstanceOf(BlobFailure)
        expect(failure).toMatchObject({ operation: "open", reason: "conflict" })
      }),
    )
  })

  it("grow by a new pack where the bound says so, and stay as they are when closed", async () => {
    const contents = Array.from({ length: 6 }, (_, index) => noise(30_000, index))
    await useBlobs(inside(), (blobs) => putEach(blobs, contents), { packBytesMax: 70_000 })
    expect(packNames(inside())).toEqual(["00000001.pack", "00000002.pack", "00000003.pack"])
    for (const size of Object.values(packSizes(inside()))) expect(size).toBeLessThan(70_000)
    for (const content of contents) await expectContent(content)
    expect(packNames(inside())).toHaveLength(3)
  })

  it("of a format that is not known are left alone", async () => {
    await useBlobs(inside(), put(prose(100, 1)))
    const header = packHeader()
    header.writeUInt32BE(2, 4)
    header.writeUInt32BE(crc32(header.subarray(0, 24)), 24)
    writeFileSync(packFile(inside(), 2), header)
    const failure = await useBlobs(inside(), put(prose(100, 2))).catch((cause: unknown) => cause)
    expect(failure).toBeInstanceOf(BlobFailure)
    expect(failure).toMatchObject({ operation: "open", reason: "conflict" })
    expect(readFileSync(packFile(inside(), 2))).toEqual(header)
  })
})

describe("group commit", () => {
  it("takes one fsync for puts that come together; without durability one at the end", async () => {
    const handles = await fileHandles(temporary())
    const contents = Array.from({ length: 50 }, (_, index) => prose(200 + index, index))
    for (const durable of [true, false]) {
      const synced = vi.spyOn(handles, "datasync")
      const directory = join(temporary(), String(durable))
      await useBlobs(
        directory,
        (blobs) =>
          Effect.gen(function* () {
            yield* putEach(blobs, contents)
            expect(synced).toHaveBeenCalledTimes(durable ? 1 : 0)
            yield* putEach(blobs, contents)
            expect(synced).toHaveBeenCalledTimes(durable ? 1 : 0)
          }),
        { durable },
      )
      expect(synced).toHaveBeenCalledTimes(1)
      synced.mockRestore()
    }
  })

  it("is made up for by a flush, once, and never promised after an fsync that failed", async () => {
    const handles = await fileHandles(temporary())
    const [synced, named] = [vi.spyOn(handles, "datasync"), vi.spyOn(handles, "sync")]
    const flushing = Effect.fnUntraced(function* (blobs: BlobStoreShape) {
      yield* blobs.put(prose(300, 1))
      expect([synced.mock.calls.length, named.mock.calls.length]).toEqual([0, 0])
      yield* blobs.flush
      yield* blobs.flush
      // The pack, then its name in the directory.
      expect([synced.mock.calls.length, named.mock.calls.length]).toEqual([1, 1])
      yield* blobs.put(prose(300, 2))
      synced.mockRejectedValueOnce(diskError("EIO"))
      const failure = { _tag: "BlobFailure", operation: "flush", outcome: "unknown" }
      expect(yield* Effect.flip(blobs.flush)).toMatchObject(failure)
      yield* blobs.put(prose(300, 3))
      expect(yield* Effect.flip(blobs.flush)).toMatchObject(failure)
      expect(yield* blobs.stat(digestOf(prose(300, 3)))).toBeDefined()
    })
    await useBlobs(inside(), flushing, { durable: false })
    for (const seed of [1, 2, 3]) await expectContent(prose(300, seed))
    for (const spy of [synced, named]) spy.mockRestore()
  })

  it("lets what comes during an fsync wait for the next, known bytes included", async () => {
    const handles = await fileHandles(temporary())
    const original = handles.datasync
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        const begun = yield* Deferred.make<void>()
        const allowed = yield* Deferred.make<void>()
        const synced = vi.spyOn(handles, "datasync").mockImplementation(async function (
          this: never,
        ) {
          Deferred.doneUnsafe(begun, Effect.void)
          await Effect.runPromise(Deferred.await(allowed))
          return original.call(this)
        })
        const first = yield* Effect.forkChild(blobs.put(prose(300, 1)))
        yield* Deferred.await(begun)
        const others = yield* Effect.forkChild(
          putEach(blobs, [prose(300, 1), prose(300, 2), prose(300, 3)]),
        )
        yield* Effect.yieldNow
        // Not durable yet, so not to be seen.
        expect(yield* blobs.stat(digestOf(prose(300, 1)))).toBeUndefined()
        expect(first.pollUnsafe()).toBeUndefined()
        expect(others.pollUnsafe()).toBeUndefined()
        yield* Deferred.succeed(allowed, undefined)
        const stats = yield* Fiber.join(others)
        expect(stats[0]).toEqual(yield* Fiber.join(first))
        expect(synced).toHaveBeenCalledTimes(2)
      }),
    )
  })

  it("stores bytes once that several puts bring at the same time", async () => {
    const content = mixed(600_000, 2)
    await useBlobs(inside(), (blobs) => putEach(blobs, [content, content, content]))
    const { deflatedSize } = (await useBlobs(inside(), (blobs) =>
      blobs.stat(digestOf(content)),
    )) ?? { deflatedSize: 0 }
    const [size] = Object.values(packSizes(inside()))
    expect(size).toBeLessThan(deflatedSize + 5_000)
  })
})

describe("a crash", () => {
  const [before, during] = [mixed(300_000, 3), mixed(300_000, 4)]

  it("between the append and the index write costs nothing", async () => {
    await useBlobs(inside(), put(before))
    cpSync(join(inside(), "index"), join(temporary(), "old"), { recursive: true })
    await useBlobs(inside(), put(during))
    dropIndex(inside())
    cpSync(join(temporary(), "old"), join(inside(), "index"), { recursive: true })
    for (const content of [before, during]) await expectContent(content)
    expect(packNames(inside())).toEqual(["00000001.pack"])
  })

  it("in the middle of an append leaves a torn tail that is never appended to", async () => {
    await useBlobs(inside(), put(before))
    const whole = statSync(packFile(inside(), 1)).size
    cpSync(join(inside(), "index"), join(temporary(), "old"), { recursive: true })
    await useBlobs(inside(), put(during))
    dropIndex(inside())
    cpSync(join(temporary(), "old"), join(inside(), "index"), { recursive: true })
    const length = statSync(packFile(inside(), 1)).size - whole
    for (const cut of [1, 3, 87, 88, 89, 5_000, length - 1]) {
      const directory = join(temporary(), `cut ${cut}`)
      snapshot(inside(), directory)
      truncateSync(packFile(directory, 1), whole + cut)
      const torn = readFileSync(packFile(directory, 1))
      expect(await useBlobs(directory, listBlobs)).toEqual([digestOf(before)])
      await useBlobs(directory, put(during))
      expectBytes(await useBlobs(directory, read(digestOf(during))), during)
      expectBytes(await useBlobs(directory, read(digestOf(before))), before)
      expect(packNames(directory)).toEqual(["00000001.pack", "00000002.pack"])
      expectBytes(readFileSync(packFile(directory, 1)), torn)
    }
  })

  it("that leaves zeros or a part of a new pack's header does not stop the store", async () => {
    await useBlobs(inside(), put(before))
    appendFileSync(packFile(inside(), 1), Buffer.alloc(3_000))
    writeFileSync(packFile(inside(), 2), Buffer.from([0x89, 0x44]))
    await useBlobs(inside(), put(during))
    for (const content of [before, during]) await expectContent(content)
    expect(packNames(inside())).toHaveLength(3)
  })

  it("of the machine may lose what was not synced, and the store knows", async () => {
    const unsynced = { durable: false }
    let lost = ""
    await useBlobs(
      inside(),
      (blobs) =>
        Effect.gen(function* () {
          yield* blobs.put(before)
          const kept = statSync(packFile(inside(), 1)).size
          yield* blobs.put(during)
          lost = join(temporary(), "lost")
          snapshot(inside(), lost)
          const length = statSync(packFile(lost, 1)).size - kept
          truncateSync(packFile(lost, 1), kept)
          appendFileSync(packFile(lost, 1), Buffer.alloc(length))
        }),
      unsynced,
    )
    expect(await useBlobs(lost, listBlobs, unsynced)).toEqual([digestOf(before)])
    await useBlobs(lost, put(during), unsynced)
    expectBytes(await useBlobs(lost, read(digestOf(during))), during)
  })
})

describe("an index", () => {
  const contents = [mixed(300_000, 5), prose(10, 5), noise(20_000, 5), new Uint8Array(0)]

  const expectAll = async () => {
    const digests = contents.map((content) => digestOf(content))
    expect(await useBlobs(inside(), listBlobs)).toEqual(digests.sort())
    for (const content of contents) await expectContent(content)
  }

  it("that was deleted is made anew from the packs", async () => {
    const options = { packBytesMax: 100_000 }
    const stats = await useBlobs(inside(), (blobs) => putEach(blobs, contents), options)
    dropIndex(inside())
    await expectAll()
    const again = await useBlobs(inside(), (blobs) => putEach(blobs, contents), options)
    expect(again).toEqual(stats)
  })

  it("that lost a stretch before others, as after a power loss, is made anew", async () => {
    const many = Array.from({ length: 400 }, (_, n) => prose(200, n))
    const copy = join(temporary(), "copy")
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        for (const content of many) yield* blobs.put(content)
        // As the files of a killed process are.
        snapshot(inside(), copy)
      }),
    )
    const index = join(copy, "index")
    const logs = readdirSync(index).filter((name) => name.endsWith(".log"))
    const log = join(index, logs.at(-1) ?? "")
    const bytes = readFileSync(log)
    const middle = Math.floor(bytes.length / 2)
    bytes.fill(0, middle, middle + 8_192)
    writeFileSync(log, bytes)
    expect(await useBlobs(copy, listBlobs)).toEqual(many.map((content) => digestOf(content)).sort())
  })

  it("that LevelDB cannot open is made anew", async () => {
    await useBlobs(inside(), (blobs) => putEach(blobs, contents))
    for (const name of readdirSync(join(inside(), "index")))
      if (name.startsWith("MANIFEST")) rmSync(join(inside(), "index", name))
    await expectAll()
  })

  it("that knows more than the packs hold says what they have lost", async () => {
    const [first = Buffer.of(), ...others] = contents
    await useBlobs(inside(), put(first))
    const { size } = statSync(packFile(inside(), 1))
    await useBlobs(inside(), (blobs) => putEach(blobs, others))
    truncateSync(packFile(inside(), 1), size)
    await useBlobs(inside(), (blobs) =>
      Effect.gen(function* () {
        for (const content of others) {
          const bytes = blobs.read(digestOf(content))
          if (content.length > 0)
            expect(yield* Effect.flip(Stream.runDrain(bytes))).toMatchObject({
              _tag: "BlobCorrupted",
              where: { pack: "00000001.pack" },
            })
        }
        yield* putEach(blobs, others)
      }),
    )
    expect(packNames(inside())).toEqual(["00000001.pack", "00000002.pack"])
    await expectAll()
  })
})

describe("a history", () => {
  // Small chunks and packs, so that little content has many of both.
  const chunking = {
    ...defaultChunking,
    maskBits: [9, 7],
    min: 64,
    average: 256,
    max: 1_024,
  } as const
  const parts = Array.from({ length: 30 }, (_, index) =>
    index % 3 === 0 ? prose(100 + index * 19, index) : noise(100 + index * 19, index),
  )

  const expectSame = Effect.fnUntraced(function* (
    blobs: BlobStoreShape,
    model: ReadonlyMap<Digest, Uint8Array>,
  ) {
    expect(yield* listBlobs(blobs)).toEqual([...model.keys()].sort())
    for (const [digest, content] of model) {
      expectBytes(yield* collect(blobs.read(digest)), content)
      expectBytes(inflated(yield* collect(blobs.readDeflated(digest))), content)
    }
  })

  const session = Effect.fnUntraced(function* (
    blobs: BlobStoreShape,
    model: Map<Digest, Uint8Array>,
    next: (bound: number) => number,
  ) {
    for (let step = 0; step < 4; step += 1) {
      const contents = Array.from({ length: next(5) }, () =>
        Buffer.concat(Array.from({ length: next(10) }, () => parts[next(30)] ?? new Uint8Array(0))),
      )
      const puts = contents.map((content) =>
        blobs.put(next(2) === 0 ? content : Stream.fromIterable(divided(content, step + 1, 500))),
      )
      const put = new Set(contents.map((content) => digestOf(content)))
      const removed = [...model.keys()].filter((digest) => next(4) === 0 && !put.has(digest))
      yield* Effect.all([...puts, blobs.remove(removed, { thorough: true })], {
        concurrency: "unbounded",
      })
      for (const digest of removed) model.delete(digest)
      for (const content of contents) model.set(digestOf(content), content)
    }
    yield* expectSame(blobs, model)
  })

  it("of puts, removals, kills and lost indexes ends as a map would", async () => {
    for (const seed of [1, 2]) {
      const next = numbers(seed)
      const model = new Map<Digest, Uint8Array>()
      let directory = join(temporary(), `${seed}`)
      for (let opening = 0; opening < 4; opening += 1) {
        const options = { directory, chunking, durable: next(2) === 0, packBytesMax: 4_000 }
        const killed = join(temporary(), `${seed} ${opening}`)
        const program = Effect.gen(function* () {
          const blobs = yield* BlobStore
          yield* expectSame(blobs, model)
          yield* session(blobs, model, next)
          snapshot(directory, killed)
        })
        await Effect.runPromise(Effect.provide(program, layer(options)))
        if (next(2) === 0) directory = killed
        if (next(3) === 0) dropIndex(directory)
      }
    }
  })
})
