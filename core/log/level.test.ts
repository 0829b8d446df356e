/**
 * The LevelDB log: the laws of the port, then what this technology can do wrong. Damage is made
 * through LevelDB itself or in its files, never through the driver; nothing waits for time.
 */
import { execFile } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Level } from "level"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { LogFailure, RecordCorrupted } from "../errors.js"
import { eventLogContract, type FreshStore } from "./event-log.contract.js"
import { type Durability, EventLog } from "./event-log.js"
import { layer } from "./level.js"

const makeDirectory = () => mkdtempSync(join(tmpdir(), "daybook-log-"))
const removeDirectory = (directory: string) => rmSync(directory, { recursive: true, force: true })

const freshStore = (durability: Durability): FreshStore =>
  Effect.acquireRelease(Effect.sync(makeDirectory), (directory) =>
    Effect.sync(() => removeDirectory(directory)),
  ).pipe(
    Effect.map(
      (parent) => (create: boolean) =>
        layer({ directory: join(parent, "log"), durability, create }),
    ),
  )

eventLogContract("LevelDB, synced", freshStore("synced"))
eventLogContract("LevelDB, buffered", freshStore("buffered"))

let parent: string
let directory: string

beforeEach(() => {
  parent = makeDirectory()
  directory = join(parent, "log")
})
afterEach(() => {
  vi.restoreAllMocks()
  removeDirectory(parent)
})

const use = <A, E>(
  run: (log: EventLog["Service"]) => Effect.Effect<A, E>,
  options: { create?: boolean; durability?: Durability } = {},
): Promise<A> => {
  const { create = false, durability = "synced" } = options
  const opened = layer({ directory, durability, create })
  return Effect.runPromise(Effect.provide(Effect.flatMap(EventLog, run), opened))
}

const openFailure = (create: boolean): Promise<unknown> =>
  use(() => Effect.void, { create }).then(
    () => undefined,
    (error: unknown) => error,
  )

const bodies = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => Buffer.from(`body of ${from + index}`))

const fill = (count: number) => use((log) => log.append(0, bodies(1, count)), { create: true })

const keyOf = (position: number): Buffer => {
  const key = Buffer.alloc(8)
  key.writeBigUInt64BE(BigInt(position))
  return key
}

/** Works on the closed log without the driver, as damage or another program would. */
const tamper = async (run: (store: Level<Buffer, Buffer>) => Promise<unknown>): Promise<void> => {
  const encoding = { keyEncoding: "buffer", valueEncoding: "buffer" } as const
  const store = new Level<Buffer, Buffer>(directory, encoding)
  await run(store)
  await store.close()
}

const alter = (position: number, change: (value: Buffer) => Buffer) =>
  tamper(async (store) => {
    const value = await store.get(keyOf(position))
    if (value === undefined) throw new Error(`there is no record ${position} to alter`)
    await store.put(keyOf(position), change(value))
  })

const flipped = (value: Buffer, byte: number, bit = 1): Buffer => {
  const copy = Buffer.from(value)
  copy.writeUInt8(copy.readUInt8(byte) ^ bit, byte)
  return copy
}

const expectDamage = (from: number, to: number, head = 20) =>
  use((log) =>
    Effect.gen(function* () {
      expect(yield* log.head).toBe(head)
      const failure = yield* Effect.flip(log.read(0, 1_000))
      expect(failure).toBeInstanceOf(RecordCorrupted)
      expect(failure).toMatchObject({ from, to })
      for (let position = from; position <= to; position += 1)
        expect(yield* Effect.flip(log.get([position]))).toMatchObject({ from: position })
      expect(yield* log.read(0, from - 1)).toHaveLength(from - 1)
      expect(yield* log.read(to, 1_000)).toHaveLength(head - to)
    }),
  )

describe("the stored form", () => {
  it("is key, format byte, checksum and body, byte for byte", async () => {
    await use((log) => log.append(0, [Buffer.from("a"), Buffer.of()]), { create: true })
    await tamper(async (store) => {
      const entries = await store.iterator().all()
      expect(
        entries.map(([key, value]) => `${key.toString("hex")} ${value.toString("hex")}`),
      ).toEqual(
        // Checksums from Python: zlib.crc32(position.to_bytes(8, "big") + body).
        ["0000000000000001 01c5a7742161", "0000000000000002 018b2cbe45"],
      )
    })
  })
})

describe("what LevelDB does not notice", () => {
  it("a flipped bit anywhere in a value", async () => {
    const size = 5 + "body of 10".length
    await fill(10 + 2 * size)
    // The n-th byte of every second record, so that each one has sound neighbours.
    const damaged = Array.from({ length: size }, (_, byte) => 10 + 2 * byte)
    await tamper(async (store) => {
      for (const [byte, position] of damaged.entries()) {
        const value = (await store.get(keyOf(position))) ?? Buffer.of()
        await store.put(keyOf(position), flipped(value, byte, 1 << (byte % 8)))
      }
    })
    await use((log) =>
      Effect.gen(function* () {
        for (const position of damaged) {
          const failure = yield* Effect.flip(log.read(position - 2, 2))
          expect(failure).toMatchObject({ _tag: "RecordCorrupted", from: position, to: position })
          expect(yield* Effect.flip(log.get([position]))).toMatchObject({ from: position })
          expect(yield* log.read(position, 1)).toHaveLength(1)
        }
      }),
    )
  })

  it("a value cut short, or with a byte more, or empty", async () => {
    await fill(20)
    let kept: Buffer = Buffer.of()
    await alter(7, (value) => {
      kept = value
      return value.subarray(0, -1)
    })
    await expectDamage(7, 7)
    await alter(7, () => Buffer.concat([kept, Buffer.of(0)]))
    await expectDamage(7, 7)
    await alter(7, () => kept.subarray(0, 4))
    await expectDamage(7, 7)
    await alter(7, () => Buffer.of())
    await expectDamage(7, 7)
  })

  it("a record moved to the key of another", async () => {
    await fill(20)
    let ninth: Buffer = Buffer.of()
    await alter(9, (value) => {
      ninth = value
      return value
    })
    await alter(4, () => ninth)
    await expectDamage(4, 4)
  })

  it("a format that this driver does not know", async () => {
    await fill(20)
    await alter(20, (value) => Buffer.concat([Buffer.of(2), value.subarray(1)]))
    await expectDamage(20, 20)
  })

  it.each([
    [[11], 11, 11],
    [[8, 9, 10, 11], 8, 11],
    [[5, 6, 9], 5, 6],
    [[1], 1, 1],
    [[1, 2, 3], 1, 3],
  ])("holes at %j, of which the first is %i to %i", async (holes, from, to) => {
    await fill(20)
    await tamper((store) => store.batch(holes.map((at) => ({ type: "del", key: keyOf(at) }))))
    const failure = await use((log) => Effect.flip(log.read(0, 20)))
    expect(failure).toMatchObject({ _tag: "RecordCorrupted", from, to })
    expect(await use((log) => log.read(0, from - 1))).toHaveLength(from - 1)
  })

  it("a hole beside a damaged record: one stretch, and of it what was asked for", async () => {
    await fill(20)
    await tamper((store) => store.del(keyOf(8)))
    await alter(9, (value) => flipped(value, 6))
    await expectDamage(8, 9)
    const failure = await use((log) => Effect.flip(log.read(5, 3)))
    expect(failure).toMatchObject({ _tag: "RecordCorrupted", from: 8, to: 8 })
  })

  it("a key that is no position", async () => {
    await fill(20)
    await tamper((store) => store.put(Buffer.concat([keyOf(7), Buffer.of(0)]), Buffer.of(1)))
    const failure = await use((log) => Effect.flip(log.read(0, 20)))
    expect(failure).toMatchObject({ _tag: "RecordCorrupted", from: 8, to: 8 })
    await tamper((store) => store.put(Buffer.from("zebra"), Buffer.of(1)))
    expect(await openFailure(false)).toMatchObject({ _tag: "LogFailure", operation: "open" })
  })

  it("a table scribbled over, wherever it is", async () => {
    const texts = Array.from({ length: 120 }, (_, index) =>
      `${index + 1} `.repeat(40 + (index % 7)),
    )
    await use((log) => log.append(0, texts.map(Buffer.from)), { create: true })
    await use(() => Effect.void)
    const table = readdirSync(directory).find((name) => name.endsWith(".ldb")) ?? ""
    const path = join(directory, table)
    const sound = readFileSync(path)
    const width = Math.floor(sound.length / 24)
    const answers: Array<string> = []
    for (let at = 0; at + width <= sound.length; at += width) {
      writeFileSync(path, Buffer.from(sound).fill(0xff, at, at + width))
      const answer = await use((log) => readEach(log, texts)).catch((error: unknown) => error)
      if (answer instanceof LogFailure) expect(answer.operation).toBe("open")
      else expect(answer).toEqual(expect.any(Number))
      answers.push(answer instanceof LogFailure ? "refused" : answer === 0 ? "whole" : "named")
    }
    writeFileSync(path, sound)
    expect(await use((log) => readEach(log, texts))).toBe(0)
    expect(new Set(answers)).toEqual(new Set(["named", "refused", "whole"]))
  })
})

/** Pages through the log past all damage; counts the damaged records, after checking the others. */
const readEach = (log: EventLog["Service"], texts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const head = yield* log.head
    expect(head).toBe(texts.length)
    let damaged = 0
    for (let after = 0; after < head; ) {
      const read = yield* Effect.catchTag(log.read(after, 50), "RecordCorrupted", Effect.succeed)
      const page =
        read instanceof RecordCorrupted ? yield* log.read(after, read.from - after - 1) : read
      for (const { position, body } of page)
        expect(Buffer.from(body).toString()).toBe(texts[position - 1])
      after += page.length
      if (!(read instanceof RecordCorrupted)) continue
      for (let position = read.from; position <= read.to; position += 1)
        expect(yield* Effect.flip(log.get([position]))).toMatchObject({ from: position })
      damaged += read.to - after
      after = read.to
    }
    return damaged
  })

describe("opening", () => {
  it("refuses a second opener, and leaves the first one alone", async () => {
    await fill(20)
    await use((log) =>
      Effect.gen(function* () {
        const failure = yield* Effect.promise(() => openFailure(false))
        expect(failure).toBeInstanceOf(LogFailure)
        expect(failure).toMatchObject({ operation: "open", outcome: "none" })
        expect(failure).toMatchObject({ cause: { cause: { code: "LEVEL_LOCKED" } } })
        yield* log.append(20, bodies(21, 21))
        expect(yield* log.read(0, 100)).toHaveLength(21)
      }),
    )
  })

  it("never makes a log where one was expected", async () => {
    expect(await openFailure(false)).toMatchObject({ operation: "open", reason: "missing" })
    expect(existsSync(directory)).toBe(false)
    mkdirSync(directory)
    expect(await openFailure(false)).toMatchObject({ operation: "open", reason: "missing" })
    expect(readdirSync(directory)).toEqual([])
  })

  it("touches nothing of a log whose file CURRENT is lost", async () => {
    await fill(20)
    rmSync(join(directory, "CURRENT"))
    const before = readdirSync(directory)
    expect(await openFailure(false)).toMatchObject({ operation: "open", reason: "missing" })
    expect(readdirSync(directory)).toEqual(before)
  })

  it("never makes a log over an existing one", async () => {
    await fill(20)
    const failure = await openFailure(true)
    expect(failure).toMatchObject({ operation: "open", reason: "conflict", outcome: "none" })
    expect(await use((log) => log.read(0, 100))).toHaveLength(20)
  })

  it("says so when the directory is a file", async () => {
    writeFileSync(directory, "not a directory")
    expect(await openFailure(false)).toMatchObject({ _tag: "LogFailure", reason: "missing" })
    expect(await openFailure(true)).toMatchObject({ _tag: "LogFailure", operation: "open" })
    expect(readFileSync(directory, "utf8")).toBe("not a directory")
  })
})

const mebibyte = Array.from({ length: 16 }, (_, index) => Buffer.alloc(65_535, index))

/** LevelDB keeps 4 MiB before it starts another log file, which needs its directory. */
const fillBuffer = (log: EventLog["Service"]) =>
  Effect.gen(function* () {
    for (let batch = 0; batch < 5; batch += 1) yield* log.append(batch * 16, mebibyte)
    return 5 * 16
  })

describe("a write that fails", () => {
  it("has an unknown outcome, stops the log, and shows on reopening", async () => {
    const away = join(parent, "away")
    const head = await use(
      (log) =>
        Effect.gen(function* () {
          yield* log.append(0, mebibyte)
          renameSync(directory, away)
          let failure: LogFailure | undefined
          let stored = 16
          while (failure === undefined && stored < 400) {
            const outcome = yield* Effect.exit(log.append(stored, mebibyte))
            if (outcome._tag === "Success") stored += 16
            else failure = yield* Effect.flip(outcome)
          }
          expect(failure).toMatchObject({ operation: "append", reason: "io", outcome: "unknown" })
          expect(yield* log.head).toBe(stored)
          const next = yield* Effect.flip(log.append(stored, bodies(1, 1)))
          expect(next).toMatchObject({ reason: "stopped", outcome: "none" })
          expect(yield* log.read(0, 1_000)).toHaveLength(stored)
          renameSync(away, directory)
          return stored
        }),
      { create: true },
    )
    await use((log) =>
      Effect.gen(function* () {
        const found = yield* log.head
        expect([head, head + 16]).toContain(found)
        yield* log.append(found, bodies(1, 1))
        expect(yield* log.read(0, 1_000)).toHaveLength(found + 1)
      }),
    )
  })
})

const buffered = { create: true, durability: "buffered" } as const

describe("a buffered flush", () => {
  it("goes on while LevelDB starts and drops log files beside it", async () => {
    await use(
      (log) =>
        Effect.gen(function* () {
          const flushes = Effect.forever(Effect.andThen(log.flush, Effect.yieldNow))
          const fiber = yield* Effect.forkChild(flushes)
          const head = yield* fillBuffer(log)
          yield* Fiber.interrupt(fiber)
          // Listed, and gone when it is opened: as a log file whose records went to a table.
          symlinkSync("nowhere", join(directory, "000000.log"))
          yield* log.flush
          expect(yield* log.read(0, 1_000)).toHaveLength(head)
        }),
      buffered,
    )
  })

  it("that fails stops the log, since the pages it lost are not written again", async () => {
    const away = join(parent, "away")
    await use(
      (log) =>
        Effect.gen(function* () {
          yield* log.append(0, bodies(1, 2))
          renameSync(directory, away)
          const failure = yield* Effect.flip(log.flush)
          expect(failure).toMatchObject({ operation: "flush", outcome: "unknown" })
          renameSync(away, directory)
          const next = yield* Effect.flip(log.append(2, bodies(3, 3)))
          expect(next).toMatchObject({ reason: "stopped", outcome: "none" })
        }),
      buffered,
    )
    expect(await use((log) => log.read(0, 10))).toHaveLength(2)
  })

  it("keeps the lock against other processes", async () => {
    const level = createRequire(import.meta.url).resolve("level")
    const script = `
      const { Level } = require(${JSON.stringify(level)})
      const store = new Level(${JSON.stringify(directory)}, { createIfMissing: false })
      store.open().then(() => console.log("open"), (error) => console.log(error.cause.code))`
    const elsewhere = async () =>
      (await promisify(execFile)(process.execPath, ["-e", script])).stdout.trim()
    await use(
      (log) =>
        Effect.gen(function* () {
          yield* log.append(0, bodies(1, 2))
          yield* log.flush
          expect(yield* Effect.promise(elsewhere)).toBe("LEVEL_LOCKED")
        }),
      buffered,
    )
    expect(await elsewhere()).toBe("open")
  })
})

describe("what is on the disk", () => {
  it.each([
    ["synced", true],
    ["buffered", false],
  ] as const)(
    "of a log that is %s is each append that was answered: %s",
    async (durability, sync) => {
      const batch = vi.spyOn(Level.prototype, "batch")
      await use((log) => log.append(0, bodies(1, 2)), { create: true, durability })
      expect(batch.mock.calls).toEqual([[[expect.anything(), expect.anything()], { sync }]])
    },
  )

  it("are the names that LevelDB gave when it opened, and its log file after a flush", async () => {
    const handle = await open(parent, "r")
    await handle.close()
    const opening = vi.spyOn(Level.prototype, "open")
    const synced: Array<unknown> = []
    vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, "sync").mockImplementation(() => {
      synced.push(opening.mock.settledResults[0]?.type)
      return Promise.resolve()
    })
    const opened = await use((log) => Effect.as(log.flush, synced.length), buffered)
    expect([opened, ...synced]).toEqual([1, "fulfilled", "fulfilled", "fulfilled"])
  })
})

describe("an iterator of LevelDB", () => {
  it("is closed after every read, however it ends, before the log is", async () => {
    const attached = vi.spyOn(Level.prototype, "attachResource")
    const detached = vi.spyOn(Level.prototype, "detachResource")
    await fill(20)
    await alter(7, (value) => flipped(value, 6))
    const ready = attached.mock.calls.length
    await use((log) =>
      Effect.gen(function* () {
        yield* log.read(0, 6)
        yield* Effect.flip(log.read(0, 20))
        for (let turn = 0; turn < 8; turn += 1) {
          const fiber = yield* Effect.forkChild(log.read(7, 13))
          for (let wait = 0; wait < turn; wait += 1) yield* Effect.yieldNow
          yield* Fiber.interrupt(fiber)
        }
        // What an interrupted read has begun ends on its own, soon after.
        while (attached.mock.calls.length > detached.mock.calls.length)
          yield* Effect.promise(() => new Promise(setImmediate))
        expect(attached.mock.calls.length - ready).toBeGreaterThan(3)
        expect(yield* log.read(7, 100)).toHaveLength(13)
        yield* Effect.forkChild(log.read(7, 13))
        yield* Effect.yieldNow
      }),
    )
    expect(detached).toHaveBeenCalledTimes(attached.mock.calls.length)
  })
})

describe("looking for the end of damage", () => {
  it("ends with the read that wanted to know", async () => {
    await fill(2_000)
    const holes = Array.from({ length: 1_998 }, (_, index) => keyOf(index + 2))
    await tamper((store) => store.batch(holes.map((key) => ({ type: "del", key }))))
    const get = vi.spyOn(Level.prototype, "get")
    await use((log) =>
      Effect.gen(function* () {
        const fiber = yield* Effect.forkChild(log.read(0, 2_000))
        while (get.mock.calls.length < 3) yield* Effect.promise(() => new Promise(setImmediate))
        yield* Fiber.interrupt(fiber)
        const asked = get.mock.calls.length
        for (let turn = 0; turn < 50; turn += 1) yield* log.get([1])
        expect(get).toHaveBeenCalledTimes(asked)
        expect(yield* Effect.flip(log.read(0, 2_000))).toMatchObject({ from: 2, to: 1_999 })
      }),
    )
  })
})
