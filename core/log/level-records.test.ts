/**
 * Records of the log in LevelDB: what LevelDB does not notice is noticed here.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { Level } from "level"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { LogFailure, RecordCorrupted } from "../errors.js"
import type { EventLog } from "./event-log.js"
import {
  bodies,
  flipped,
  keyOf,
  makeDirectory,
  removeDirectory,
  tamperWith,
  usesOf,
} from "./places.contract.js"

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

const tamper: (run: Parameters<typeof tamperWith>[1]) => Promise<void> = (run) =>
  tamperWith(directory, run)

const alter = (position: number, change: (value: Buffer) => Buffer) =>
  tamper(async (store) => {
    const value = await store.get(keyOf(position))
    if (value === undefined) throw new Error(`there is no record ${position} to alter`)
    await store.put(keyOf(position), change(value))
  })

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
    expect(await use(() => Effect.void).catch((error: unknown) => error)).toMatchObject({
      _tag: "LogFailure",
      operation: "open",
    })
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
    expect(new Set(answers)).toEqual(new Set(["refused"]))
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
    const bad = Array.from({ length: 1_998 }, (_, index) => keyOf(index + 2))
    const value = Buffer.from("not a record")
    await tamper((store) => store.batch(bad.map((key) => ({ type: "put", key, value }))))
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

  it("takes one step over a hole, however wide", async () => {
    await fill(2_000)
    const holes = Array.from({ length: 1_997 }, (_, index) => keyOf(index + 3))
    await tamper((store) => store.batch(holes.map((key) => ({ type: "del", key }))))
    const get = vi.spyOn(Level.prototype, "get")
    const failure = await use((log) => Effect.flip(log.read(0, 2_000)))
    expect(failure).toMatchObject({ from: 3, to: 1_999 })
    expect(get.mock.calls.length).toBeLessThan(4)
  })
})
