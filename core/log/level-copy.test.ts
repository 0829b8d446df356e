/**
 * Copies of the log: what a reader sees beside the writer, and of a log that is damaged.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { beforeEach, describe, expect, it } from "vitest"
import { RecordCorrupted } from "../errors.js"
import type { EventLogShape } from "./event-log.js"
import { type LogCopy, openCopy } from "./level-copy.js"
import { bodies, temporary, usesOf } from "./places.contract.js"

let parent = ""
let directory = ""
let copies = ""
beforeEach(() => {
  parent = temporary()
  directory = join(parent, "log")
  copies = join(parent, "copies")
  mkdirSync(copies)
})

const use = usesOf(() => directory)
const fill = (count: number) => use((log) => log.append(0, bodies(1, count)), { create: true })

const look = <A, E>(run: (copy: LogCopy) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(Effect.scoped(Effect.flatMap(openCopy({ directory, temporary: copies }), run)))

/** The positions that can be read, all with their right bodies, and the stretches that cannot. */
const survey = Effect.fnUntraced(function* (log: EventLogShape) {
  const head = yield* log.head
  const lost: Array<readonly [number, number]> = []
  let found = 0
  for (let after = 0; after < head; ) {
    const read = yield* Effect.result(log.read(after, 100))
    if (read._tag === "Failure") {
      const bad = read.failure
      if (!(bad instanceof RecordCorrupted)) return yield* bad
      const before = yield* log.read(after, bad.from - after - 1)
      found += before.length
      // A read names no more than it was asked for.
      const [from] = lost.at(-1)?.[1] === bad.from - 1 ? (lost.pop() ?? []) : []
      lost.push([from ?? bad.from, bad.to])
      after = bad.to
      continue
    }
    for (const { position, body } of read.success)
      expect(Buffer.from(body).toString()).toBe(`body of ${position}`)
    found += read.success.length
    after = read.success.at(-1)?.position ?? head
  }
  return { head, found, lost }
})

describe("a copy of the log", () => {
  it("holds what the log held, takes nothing in, and is gone afterwards", async () => {
    await fill(300)
    await look(({ log, damage }) =>
      Effect.gen(function* () {
        expect(damage).toBeUndefined()
        expect(yield* survey(log)).toEqual({ head: 300, found: 300, lost: [] })
        expect(yield* log.get([7, 300])).toHaveLength(2)
        const refused = yield* Effect.flip(log.append(300, bodies(301, 301)))
        expect(refused).toMatchObject({ reason: "read-only", outcome: "none" })
        expect(yield* log.read(300, 10)).toEqual([])
        yield* log.flush
      }),
    )
    expect(readdirSync(copies)).toEqual([])
    await use((log) => Effect.map(log.head, (head) => expect(head).toBe(300)))
  })

  it("follows a writer when it is renewed, and not before", async () => {
    await fill(10)
    await use((writer) =>
      Effect.scoped(
        Effect.gen(function* () {
          const { log, renew } = yield* openCopy({ directory, temporary: copies })
          for (let head = 10; head < 60; head += 10) {
            yield* writer.append(head, bodies(head + 1, head + 10))
            expect(yield* log.head).toBe(head)
            const reading = yield* Effect.forkChild(survey(log))
            yield* renew
            expect((yield* Fiber.join(reading)).lost).toEqual([])
            expect(yield* survey(log)).toEqual({ head: head + 10, found: head + 10, lost: [] })
          }
          expect(readdirSync(copies)).toHaveLength(1)
        }),
      ),
    )
    expect(readdirSync(copies)).toEqual([])
  })

  it("of what is no log is empty, and makes none", async () => {
    await look(({ log, damage }) =>
      Effect.gen(function* () {
        expect(damage).toBeInstanceOf(Error)
        expect(yield* log.head).toBe(0)
      }),
    )
    expect(readdirSync(parent)).toEqual(["copies"])
    expect(readdirSync(copies)).toEqual([])
  })

  it("that cannot be made fails, and keeps nothing", async () => {
    await fill(10)
    rmSync(copies, { recursive: true })
    const failure = await look(() => Effect.void).catch((error: unknown) => error)
    expect(failure).toMatchObject({ _tag: "LogFailure", operation: "open", reason: "missing" })
  })
})

/** As records of events are: they do not shrink to nothing, so that there are several tables. */
const fillTables = async (): Promise<void> => {
  await fill(0)
  for (let from = 0; from < 40_000; from += 2_000)
    await use((log) => log.append(from, bodies(from + 1, from + 2_000)))
}

describe("a log that LevelDB does not open", () => {
  const cases: Readonly<Record<string, () => void>> = {
    "without CURRENT": () => unlinkSync(join(directory, "CURRENT")),
    "without a manifest": () => {
      for (const name of readdirSync(directory))
        if (name.startsWith("MANIFEST")) unlinkSync(join(directory, name))
    },
    "with a manifest that is scribbled over": () => {
      for (const name of readdirSync(directory))
        if (name.startsWith("MANIFEST"))
          writeFileSync(join(directory, name), readFileSync(join(directory, name)).fill(7))
    },
    "with CURRENT emptied": () => writeFileSync(join(directory, "CURRENT"), ""),
  }
  for (const [title, damage] of Object.entries(cases))
    it(`${title} is read whole all the same`, async () => {
      await fillTables()
      damage()
      const before = readdirSync(directory)
      await look(({ log, damage }) =>
        Effect.gen(function* () {
          expect(damage).toBeInstanceOf(Error)
          expect(yield* survey(log)).toEqual({ head: 40_000, found: 40_000, lost: [] })
        }),
      )
      expect(readdirSync(directory)).toEqual(before)
      expect(readdirSync(copies)).toEqual([])
    })

  it("for want of a table is read around what is lost with it", async () => {
    await fillTables()
    const tables = readdirSync(directory).filter((name) => name.endsWith(".ldb"))
    expect(tables.length).toBeGreaterThan(4)
    const hidden = join(directory, tables[2] ?? "")
    renameSync(hidden, join(parent, "hidden"))
    const seen = await look(({ log }) => survey(log))
    expect(seen.head).toBe(40_000)
    expect(seen.lost).toHaveLength(1)
    const [[from, to] = [0, 0]] = seen.lost
    expect(seen.found).toBe(40_000 - (to - from + 1))
    renameSync(join(parent, "hidden"), hidden)
    expect((await look(({ log }) => survey(log))).lost).toEqual([])
    rmSync(copies, { recursive: true })
  })
})
