/**
 * The LevelDB log: the laws of the port, then what this technology can do wrong. Damage is made
 * through LevelDB itself or in its files, never through the driver; nothing waits for time.
 */
import { execFile } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { promisify } from "node:util"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Level } from "level"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { LogFailure } from "../errors.js"
import { eventLogContract, type FreshStore } from "./event-log.contract.js"
import type { Durability, EventLog } from "./event-log.js"
import { layer } from "./level.js"
import { bodies, makeDirectory, removeDirectory, usesOf } from "./places.contract.js"

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

const use = usesOf(() => directory)

const fill = (count: number) => use((log) => log.append(0, bodies(1, count)), { create: true })

const openFailure = (create: boolean): Promise<unknown> =>
  use(() => Effect.void, { create }).then(
    () => undefined,
    (error: unknown) => error,
  )

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
          const again = yield* Effect.flip(log.flush)
          expect(again).toMatchObject({ reason: "stopped", outcome: "none" })
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
      const other = new Level(join(parent, "other"))
      await other.open()
      const write = vi.spyOn(Object.getPrototypeOf(other.batch()), "write")
      await other.close()
      await use((log) => log.append(0, bodies(1, 2)), { create: true, durability })
      expect(write.mock.calls).toEqual([[{ sync }]])
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
