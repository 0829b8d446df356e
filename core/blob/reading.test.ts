/**
 * Reading the blobs of somebody else: what was put can be read, what is being put cannot yet.
 */
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import type { FileHandle } from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { beforeEach, describe, expect, it, vi } from "vitest"
import { removalSliceBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { type BlobBytes, BlobStore } from "./blob-store.js"
import { defaultChunking } from "./chunk.js"
import { layer } from "./filesystem.js"
import { encodeFrame } from "./frame.js"
import { packPath } from "./pack-files.js"
import { fileHandles, temporaryDirectory } from "./packs.contract.js"
import { type BlobReading, openReading } from "./reading.js"
import { expectBytes, noise } from "./samples.contract.js"

const parent = temporaryDirectory()
let directory = ""
let temporary = ""
beforeEach(() => {
  directory = join(parent(), "blob")
  temporary = parent()
})

const text = (name: string): Uint8Array => Buffer.from(`content of ${name} `.repeat(2_000))

const write = <A, E>(act: (blobs: BlobStore["Service"]) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    Effect.provide(
      BlobStore.use(act),
      layer({ directory, chunking: defaultChunking, durable: true }),
    ),
  )

const put = (...names: ReadonlyArray<string>) =>
  write((blobs) => Effect.forEach(names, (name) => blobs.put(text(name)), { discard: true }))

const read = <A, E>(act: (reading: BlobReading) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(openReading({ directory, temporary }), act)))

const all = (bytes: BlobBytes) => Effect.map(Stream.runCollect(bytes), (got) => Buffer.concat(got))

const expectThere = Effect.fnUntraced(function* ({ blobs }: BlobReading, name: string) {
  const content = text(name)
  const digest = digestOf(content)
  expect(yield* blobs.stat(digest)).toMatchObject({ digest, size: content.length })
  expect(Buffer.compare(yield* all(blobs.read(digest)), content)).toBe(0)
})

const packsAsTheyAre = (): ReadonlyArray<string> =>
  readdirSync(join(directory, "packs")).map((name) => {
    const path = join(directory, "packs", name)
    return `${name} ${statSync(path).ctimeMs} ${digestOf(readFileSync(path))}`
  })

describe("blobs that are only read", () => {
  it("are those that were put, through a copy of the index or one of its own", async () => {
    await put("a", "b")
    const before = packsAsTheyAre()
    for (const hasIndex of [true, false]) {
      if (!hasIndex) rmSync(join(directory, "index"), { recursive: true })
      await read((reading) =>
        Effect.gen(function* () {
          yield* expectThere(reading, "a")
          yield* expectThere(reading, "b")
          expect(yield* Stream.runCollect(reading.blobs.list())).toHaveLength(2)
          expect(reading.findings).toEqual([])
        }),
      )
    }
    expect(packsAsTheyAre()).toEqual(before)
    expect(readdirSync(directory)).toEqual(["packs"])
  })

  it("take nothing in and give nothing away", async () => {
    await put("a")
    await read(({ blobs }) =>
      Effect.gen(function* () {
        const refused = { _tag: "BlobFailure", reason: "read-only", outcome: "none" }
        expect(yield* Effect.flip(blobs.put(text("b")))).toMatchObject(refused)
        expect(yield* Effect.flip(blobs.remove([digestOf(text("a"))]))).toMatchObject(refused)
        yield* blobs.flush
      }),
    )
  })

  it("are seen when they came meanwhile, after a renewal", async () => {
    await put("a")
    await read((reading) =>
      Effect.gen(function* () {
        for (const name of ["b", "c", "d"]) {
          yield* Effect.promise(() => put(name))
          expect(yield* reading.blobs.stat(digestOf(text(name)))).toBeUndefined()
          yield* reading.renew
          yield* expectThere(reading, name)
        }
      }),
    )
  })
})

describe("blobs whose owner removes others", () => {
  const names = Array.from({ length: 40 }, (_, at) => `${at}`)
  const content = (name: string): Uint8Array => noise(20_000 + Number(name), Number(name))
  const digest = (name: string) => digestOf(content(name))
  const [gone, left] = [0, 1].map((odd) => names.filter((name) => Number(name) % 2 === odd))
  const remove = (some: ReadonlyArray<string> = []) =>
    write(({ remove: removing }) => removing(some.map(digest), { thorough: true }))

  beforeEach(() =>
    write((blobs) => Effect.forEach(names, (name) => blobs.put(content(name)), { discard: true })),
  )

  const expectLeft = Effect.fnUntraced(function* ({ blobs }: BlobReading) {
    for (const name of left ?? []) {
      expect(yield* blobs.stat(digest(name))).toMatchObject({ size: 20_000 + Number(name) })
      expectBytes(yield* all(blobs.read(digest(name))), content(name))
    }
    const parts = (left ?? []).map((name) => ({
      digest: digest(name),
      sent: "content" as const,
      into: new Uint8Array(20_000 + Number(name)),
    }))
    yield* blobs.readInto(parts)
    for (const [at, { into }] of parts.entries()) expectBytes(into, content(left?.[at] ?? "0"))
  })

  /** Copies of the index that were made. */
  const copies = () => readdirSync(temporary).filter((name) => name.startsWith("index-"))

  it("are read where they lie by now, and those that were removed are not there", async () => {
    await read((reading) =>
      Effect.gen(function* () {
        yield* Effect.promise(() => remove(gone))
        const before = packsAsTheyAre()
        yield* expectLeft(reading)
        for (const name of gone ?? []) {
          const failure = yield* Effect.flip(all(reading.blobs.read(digest(name))))
          expect(failure).toMatchObject({ _tag: "BlobCorrupted", digest: digest(name) })
          expect(failure.message).toContain("is not in the store")
        }
        expect(reading.findings).toEqual([])
        expect(packsAsTheyAre()).toEqual(before)
        expect(readdirSync(directory).sort()).toEqual(["index", "packs"])
        // One copy in the place of another, for all of them.
        expect(copies()).toEqual(["index-2"])
      }),
    )
  })

  it("are read on, however often they are moved, while many read them", async () => {
    await read((reading) =>
      Effect.gen(function* () {
        const owner = Effect.forEach(gone ?? [], (name) => Effect.promise(() => remove([name])))
        const readers = Effect.repeat(expectLeft(reading), { times: 12 })
        yield* Effect.all([owner, readers, readers], { concurrency: "unbounded" })
        yield* expectLeft(reading)
      }),
    )
  })

  it("are found where they come to lie while a renewal looks for them", async () => {
    const handles = await fileHandles(parent())
    const { read: original } = handles
    // Several slices: that with what is new is cut off before the pack is removed.
    await write((blobs) => blobs.put(noise(2 * removalSliceBytesMax, 100)))
    await read((reading) =>
      Effect.gen(function* () {
        yield* Effect.promise(() => put("new"))
        const looking = vi.spyOn(handles, "read")
        looking.mockImplementationOnce(async function (this: FileHandle, ...args) {
          looking.mockRestore()
          await remove(gone)
          return await original.apply(this, args)
        })
        yield* reading.renew
        expect(vi.isMockFunction(handles.read)).toBe(false)
        yield* expectThere(reading, "new")
        yield* expectLeft(reading)
      }),
    )
  })

  it("are found where they come to lie while they are opened", async () => {
    const handles = await fileHandles(parent())
    const { read: original } = handles
    await write((owner) => owner.put(noise(2 * removalSliceBytesMax, 100)))
    await write((owner) =>
      Effect.gen(function* () {
        // Its owner has not written to the index yet where this lies.
        yield* owner.put(text("new"))
        const looking = vi.spyOn(handles, "read")
        looking.mockImplementationOnce(async function (this: FileHandle, ...args) {
          looking.mockRestore()
          await Effect.runPromise(owner.remove((gone ?? []).map(digest), { thorough: true }))
          return await original.apply(this, args)
        })
        const expectAll = Effect.fnUntraced(function* (reading: BlobReading) {
          expect(vi.isMockFunction(handles.read)).toBe(false)
          yield* expectThere(reading, "new")
          yield* expectLeft(reading)
        })
        yield* Effect.promise(() => read(expectAll))
      }),
    )
  })

  it("leave no copy of their index where the disk fails at the end of a look", async () => {
    const handles = await fileHandles(parent())
    const { read: original } = handles
    const packs = join(directory, "packs")
    await write((owner) =>
      Effect.promise(async () => {
        // Its owner has not written to the index yet where this lies: the end of the pack is read.
        await Effect.runPromise(owner.put(text("new")))
        const before = readdirSync(temporary)
        const looking = vi.spyOn(handles, "read")
        looking.mockImplementationOnce(async function (this: FileHandle, ...args) {
          looking.mockRestore()
          renameSync(packs, `${packs}-aside`)
          writeFileSync(packs, "no directory")
          return await original.apply(this, args)
        })
        await expect(read(() => Effect.void)).rejects.toMatchObject({ _tag: "BlobFailure" })
        rmSync(packs)
        renameSync(`${packs}-aside`, packs)
        expect(vi.isMockFunction(handles.read)).toBe(false)
        expect(readdirSync(temporary)).toEqual(before)
      }),
    )
  })

  it("are followed by a renewal, with what was put meanwhile", async () => {
    await read((reading) =>
      Effect.gen(function* () {
        yield* Effect.promise(() => remove(gone))
        yield* Effect.promise(() => put("new"))
        yield* reading.renew
        expect(yield* reading.blobs.stat(digest("0"))).toBeUndefined()
        yield* expectThere(reading, "new")
        yield* expectLeft(reading)
        expect(copies()).toEqual(["index-2"])
        yield* Effect.promise(() => put("newer"))
        yield* reading.renew
        yield* expectThere(reading, "newer")
        expect(copies()).toEqual(["index-2"])
      }),
    )
  })

  it("and are damaged are looked for when anything has changed, and no more", async () => {
    const path = packPath(join(directory, "packs"), 1)
    const bytes = readFileSync(path)
    const at = bytes.indexOf(content("5").subarray(0, 100)) + 3
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await read((reading) =>
      Effect.gen(function* () {
        writeFileSync(path, bytes)
        for (const copy of [1, 1, 2, 2]) {
          if (copy === 2 && copies()[0] === "index-1") yield* Effect.promise(() => put("more"))
          const failure = yield* Effect.flip(all(reading.blobs.read(digest("5"))))
          expect(failure).toMatchObject({ _tag: "BlobCorrupted", where: { pack: "00000001.pack" } })
          expect(copies()).toEqual([`index-${copy}`])
        }
      }),
    )
  })

  it("are told from removed packs by what their index says", async () => {
    await read((reading) =>
      Effect.gen(function* () {
        const before = yield* Effect.promise(() => reading.marks())
        expect([...(before?.keys() ?? [])]).toEqual([1])
        yield* Effect.promise(() => remove(gone))
        const after = yield* Effect.promise(() => reading.marks())
        expect([...(after?.keys() ?? [])]).toEqual([2])
        rmSync(join(directory, "index"), { recursive: true })
        expect(yield* Effect.promise(() => reading.marks())).toBeUndefined()
      }),
    )
  })
})

describe("damage", () => {
  const lost = (name: string) => ({ _tag: "BlobCorrupted", digest: digestOf(text(name)) })

  it("is told as its owner would, known or not, and nothing is put on record", async () => {
    await put("a")
    await write(({ flush }) => flush)
    const path = packPath(join(directory, "packs"), 1)
    const bytes = readFileSync(path)
    rmSync(path)
    const missing = { pack: 1, from: 0, to: bytes.length, state: "missing" }
    for (const isOnRecord of [false, true]) {
      if (isOnRecord) await write(() => Effect.void)
      const before = readdirSync(directory).sort()
      await read((reading) =>
        Effect.gen(function* () {
          expect(reading.findings).toEqual([{ ...missing, digests: [digestOf(text("a"))] }])
          const failure = yield* Effect.flip(all(reading.blobs.read(digestOf(text("a")))))
          expect(failure).toMatchObject(lost("a"))
          expect(failure.message).toContain("00000001.pack is missing")
          yield* reading.renew
          const again = yield* Effect.flip(all(reading.blobs.read(digestOf(text("a")))))
          expect(again).toMatchObject(lost("a"))
        }),
      )
      expect(readdirSync(directory).sort()).toEqual(before)
      expect(before.includes("damaged")).toBe(isOnRecord)
    }
    writeFileSync(path, bytes)
    await read((reading) =>
      Effect.gen(function* () {
        expect(reading.findings).toEqual([])
        yield* expectThere(reading, "a")
      }),
    )
  })

  it("that a read comes upon is named, and other content is read", async () => {
    await put("a", "b")
    const path = packPath(join(directory, "packs"), 1)
    const bytes = readFileSync(path)
    bytes[200] = (bytes[200] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const before = packsAsTheyAre()
    await read((reading) =>
      Effect.gen(function* () {
        const failure = yield* Effect.flip(all(reading.blobs.read(digestOf(text("a")))))
        expect(failure).toMatchObject({ ...lost("a"), where: { pack: "00000001.pack", from: 28 } })
        yield* expectThere(reading, "b")
      }),
    )
    expect(packsAsTheyAre()).toEqual(before)
    expect(readdirSync(directory).sort()).toEqual(["index", "packs"])
  })
})

describe("a pack that is being written", () => {
  it("ends where its whole frames end, and goes on when the next one is whole", async () => {
    await put("a")
    const pack = packPath(join(directory, "packs"), 1)
    const stored = Buffer.from("chunk of somebody")
    const digest = digestOf(stored)
    const frame = encodeFrame({
      kind: "chunk",
      form: "raw",
      size: stored.length,
      storedSize: stored.length,
      digest,
      storedDigest: digest,
      crc32: 0,
      stored,
    })
    await read((reading) =>
      Effect.gen(function* () {
        for (const end of [1, 50, frame.length - 1]) {
          const whole = readFileSync(pack)
          appendFileSync(pack, frame.subarray(0, end))
          yield* reading.renew
          yield* expectThere(reading, "a")
          writeFileSync(pack, whole)
        }
        appendFileSync(pack, frame)
        yield* reading.renew
        yield* expectThere(reading, "a")
      }),
    )
    await put("b")
    await read((reading) => expectThere(reading, "b"))
  })
})
