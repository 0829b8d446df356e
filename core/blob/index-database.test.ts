/**
 * The database of the index: damage in it is never an answer, never outlives the next opening, and
 * is kept; what another process has open, or a disk does not give, is left alone.
 */
import fs, {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Level } from "level"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Unread } from "../disk/damage.js"
import { LevelGuard } from "../disk/level-guard.js"
import { BlobFailure } from "../errors.js"
import { storageReason } from "../model/cause.js"
import { digestOf } from "../model/digest.js"
import { IndexDatabase } from "./index-database.js"
import { diskError, temporaryDirectory, useBlobs } from "./packs.contract.js"
import { collect, expectBytes } from "./samples.contract.js"

const root = temporaryDirectory()
afterEach(() => vi.restoreAllMocks())

const directory = () => join(root(), "index")

const key = (at: number) => Buffer.from(`c${String(at).padStart(6, "0")}`)
const all = { gte: Buffer.from("c"), lt: Buffer.from("d") }

const quarantine = () => join(root(), "quarantine")

const use = async <A>(run: (database: IndexDatabase) => Promise<A>, kept?: string): Promise<A> => {
  const database = await IndexDatabase.open(directory(), kept)
  try {
    return await run(database)
  } finally {
    await database.close()
  }
}

const fill = (count: number) =>
  use((database) => {
    const operations = Array.from({ length: count }, (_, at) => {
      return { type: "put" as const, key: key(at), value: Buffer.alloc(40, at) }
    })
    return database.batch(operations, false)
  })

const keysOf = async (database: IndexDatabase, isLong = false) => {
  const keys: Array<Buffer> = []
  for await (const page of database.pages(all, isLong)) keys.push(...page.map(([one]) => one))
  return keys
}

const largestTable = (at: string): string => {
  const paths = readdirSync(at)
    .filter((name) => name.endsWith(".ldb"))
    .map((name) => join(at, name))
  return paths.sort((a, b) => statSync(b).size - statSync(a).size)[0] ?? ""
}

const flip = (path: string, at: number): void => {
  const byte = readFileSync(path)[at] ?? 0
  const descriptor = openSync(path, "r+")
  writeSync(descriptor, Buffer.of(byte ^ 1), 0, 1, at)
  closeSync(descriptor)
}

describe("the database of the index", () => {
  it("closes its iterators, also for who does not read to the end", async () => {
    await fill(2_500)
    await use(async (database) => {
      const made = vi.spyOn(Level.prototype, "iterator")
      for await (const page of database.pages(all)) if (page.length > 0) break
      const iterator: unknown = made.mock.results[0]?.value
      expect(iterator).toMatchObject({ db: { status: "open" } })
      await expect(Reflect.get(Object(iterator), "next").call(iterator)).rejects.toMatchObject({
        code: "LEVEL_ITERATOR_NOT_OPEN",
      })
    })
  })

  it.each(["EMFILE", "ENFILE", "EIO", "EACCES", "ENOSPC"])(
    "stays as it is when it fails with %s",
    async (code) => {
      await fill(10)
      vi.spyOn(Level.prototype, "open").mockRejectedValueOnce(diskError(code))
      await expect(IndexDatabase.open(directory())).rejects.toMatchObject({ code })
      expect(await use(keysOf)).toHaveLength(10)
    },
  )

  it("gives what was put, in pages too, and after it was closed", async () => {
    expect(await use((database) => Promise.resolve(database.isNew))).toBe(true)
    await fill(2_500)
    await use(async (database) => {
      expect(database.isNew).toBe(false)
      expect(database.get(key(7))).toEqual(Buffer.alloc(40, 7))
      expect(database.get(key(9_999))).toBeUndefined()
      expect(await database.getMany([key(1), key(9_999)])).toEqual([Buffer.alloc(40, 1), undefined])
      for (const isLong of [false, true]) expect(await keysOf(database, isLong)).toHaveLength(2_500)
      await database.renew()
      expect(await keysOf(database)).toEqual([])
    })
    expect(await use((database) => keysOf(database))).toEqual([])
  })

  it("stays as it is when the disk does not give its tables", async () => {
    await fill(3_000)
    await use(() => Promise.resolve())
    const failing = vi.spyOn(fs, "read").mockImplementation((...args: Array<unknown>) => {
      const resume = args.at(-1) as (cause: Error) => void
      resume(diskError("EIO"))
    })
    syncBuiltinESMExports()
    const failed = await IndexDatabase.open(directory(), quarantine()).catch((one: unknown) => one)
    expect(failing).toHaveBeenCalled()
    vi.restoreAllMocks()
    syncBuiltinESMExports()
    expect(failed).toMatchObject({ message: expect.stringMatching(/^[0-9]+\.ldb cannot be read$/) })
    expect(storageReason(failed)).toBe("io")
    expect(existsSync(quarantine())).toBe(false)
    expect(await use(keysOf)).toHaveLength(3_000)
  })

  it("that is damaged is kept as it was found, however often that happens", async () => {
    const before: Array<Buffer> = []
    for (let turn = 0; turn < 2; turn += 1) {
      await fill(3_000)
      await use(() => Promise.resolve())
      const path = largestTable(directory())
      flip(path, 20_000)
      before.push(readFileSync(path))
      const found = await use(
        ({ isNew, isAside }) => Promise.resolve([isNew, isAside]),
        quarantine(),
      )
      expect(found).toEqual([true, true])
    }
    expect(readdirSync(quarantine()).sort()).toEqual(["index-1", "index-2"])
    for (const [at, bytes] of before.entries())
      expect(readFileSync(largestTable(join(quarantine(), `index-${at + 1}`))).equals(bytes)).toBe(
        true,
      )
    expect(await use(({ isAside }) => Promise.resolve(isAside), quarantine())).toBe(false)
  })

  it("that turns out to be damaged is kept when it is begun anew, and only then", async () => {
    await fill(10)
    await use(async (database) => {
      await database.renew()
      expect(existsSync(quarantine())).toBe(false)
      await database.batch([{ type: "put", key: key(7), value: Buffer.alloc(40, 7) }], false)
      vi.spyOn(Level.prototype, "getSync").mockImplementationOnce(() => {
        throw Object.assign(new Error("of a block"), { code: "LEVEL_CORRUPTION" })
      })
      expect(() => database.get(key(7))).toThrow(BlobFailure)
      await database.renew()
      expect(database.isAside).toBe(true)
      expect(await keysOf(database)).toEqual([])
    }, quarantine())
    expect(readdirSync(join(quarantine(), "index-1"))).toContain("damaged")
  })

  it("says of what the disk does not give that it may come again", async () => {
    await fill(10)
    await use((database) => {
      vi.spyOn(LevelGuard.prototype, "checkKey").mockImplementationOnce(() => {
        throw new Unread("000005.ldb", diskError("EIO"))
      })
      expect(() => database.get(key(7))).toThrow(
        expect.objectContaining({
          reason: "io",
          message: expect.stringContaining("look at the disk"),
        }),
      )
      return Promise.resolve()
    })
  })

  it("that is damaged is made anew by opening it", async () => {
    await fill(3_000)
    await use(() => Promise.resolve())
    flip(largestTable(directory()), 20_000)
    const [isNew, found] = await use((database) =>
      Promise.resolve([database.isNew, database.get(key(7))]),
    )
    expect([isNew, found]).toEqual([true, undefined])
  })

  it("that turns out to be damaged answers nothing any more", async () => {
    await fill(3_000)
    await use(() => Promise.resolve())
    await use(async (database) => {
      const spoiled = new Error("Corruption", { cause: new Error("of a block") })
      Object.assign(spoiled, { code: "LEVEL_CORRUPTION" })
      vi.spyOn(Level.prototype, "getSync").mockImplementationOnce(() => {
        throw spoiled
      })
      expect(() => database.get(key(7))).toThrow(BlobFailure)
      const damaged = { reason: "damaged", operation: "read" }
      expect(() => database.get(key(8))).toThrow(expect.objectContaining(damaged))
      await expect(database.getMany([key(8)])).rejects.toMatchObject(damaged)
      await expect(keysOf(database)).rejects.toMatchObject(damaged)
      await expect(keysOf(database, true)).rejects.toMatchObject(damaged)
    })
    expect(readdirSync(directory())).toContain("damaged")
    await use(async (database) => expect(await keysOf(database)).toEqual([]))
    expect(readdirSync(directory())).not.toContain("damaged")
  })

  it("that another has open is left alone, however it looks", async () => {
    await fill(3_000)
    await use(async (database) => {
      const path = largestTable(directory())
      if (path !== "") flip(path, 100)
      rmSync(join(directory(), "CURRENT"))
      const refused = await IndexDatabase.open(directory()).catch((cause: unknown) => cause)
      expect(refused).toMatchObject({ _tag: "BlobFailure", reason: "conflict" })
      expect(database.get(key(7))).toEqual(Buffer.alloc(40, 7))
    })
  })
})

describe("blobs whose index is damaged", () => {
  it("are all there again after opening", async () => {
    const contents = Array.from({ length: 400 }, (_, at) => Buffer.from(`content ${at}`))
    await useBlobs(root(), (blobs) => Effect.forEach(contents, (one) => blobs.put(one)))
    await useBlobs(root(), () => Effect.void)
    const path = largestTable(directory())
    for (const at of [100, 5_000, statSync(path).size - 100]) {
      flip(largestTable(directory()), at)
      await useBlobs(root(), (blobs) =>
        Effect.forEach(
          contents,
          Effect.fnUntraced(function* (content) {
            expectBytes(yield* collect(blobs.read(digestOf(content))), content)
          }),
          { discard: true },
        ),
      )
      await useBlobs(root(), () => Effect.void)
    }
  })

  it("fail as damaged, never as missing, until it is opened again", async () => {
    const content = Buffer.from("a blob whose index is damaged")
    await useBlobs(root(), (blobs) => blobs.put(content))
    await useBlobs(root(), (blobs) =>
      Effect.gen(function* () {
        vi.spyOn(Level.prototype, "getSync").mockImplementationOnce(() => {
          throw Object.assign(new Error("of a block"), { code: "LEVEL_CORRUPTION" })
        })
        const damaged = { _tag: "BlobFailure", reason: "damaged" }
        const known = digestOf(content)
        const failures = [
          yield* Effect.flip(blobs.stat(known)),
          yield* Effect.flip(blobs.stat(digestOf(Buffer.from("never stored")))),
          yield* Effect.flip(collect(blobs.read(known))),
          yield* Effect.flip(blobs.put(content)),
          yield* Effect.flip(blobs.put(Buffer.from("other content"))),
          yield* Effect.flip(Stream.runDrain(blobs.list())),
          yield* Effect.flip(blobs.remove([known])),
        ]
        for (const failure of failures) expect(failure).toMatchObject(damaged)
      }),
    )
    await useBlobs(root(), (blobs) =>
      Effect.gen(function* () {
        expectBytes(yield* collect(blobs.read(digestOf(content))), content)
        expect(yield* blobs.stat(digestOf(Buffer.from("never stored")))).toBeUndefined()
        yield* blobs.put(Buffer.from("other content"))
      }),
    )
  })
})
