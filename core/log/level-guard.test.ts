/**
 * The guard over the log: with any bit of its tables turned, a read is right or names its damage,
 * what is around the damage can be read, and from then on nothing is written.
 */
import { randomBytes } from "node:crypto"
import fs, { existsSync, readdirSync, readFileSync, unlinkSync } from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { Damage } from "../disk/damage.js"
import { tablesAfter } from "../disk/level-manifest.js"
import { currentManifest } from "../disk/level-opening.js"
import { flip, random, tablesOf } from "../disk/level-samples.contract.js"
import { RecordCorrupted } from "../errors.js"
import { openStore } from "./level-copy.js"
import { LogGuard, type LogGuardOptions } from "./level-guard.js"
import { getEach, readRange, type Source } from "./level-records.js"
import { bodies, keyOf, tamperWith, temporary, usesOf } from "./places.contract.js"

const count = 3_000
let directory = ""
beforeEach(() => {
  directory = join(temporary(), "log")
})
afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
})
const use = usesOf(() => directory)

/** Several tables, on more than one level. */
const fill = async (): Promise<void> => {
  await use(() => Effect.void, { create: true })
  for (let from = 0; from < count; from += 500)
    await use((log) => log.append(from, bodies(from + 1, from + 500)))
  await use(() => Effect.void)
}

const opened = async <A>(
  options: Partial<LogGuardOptions>,
  run: (source: Source & { readonly guard: LogGuard }) => Promise<A>,
): Promise<A> => {
  const guard = await LogGuard.open({ directory, ...options })
  try {
    const store = await openStore(directory)
    try {
      return await run({ store, guard })
    } finally {
      await store.close()
    }
  } finally {
    guard.close()
  }
}

const { signal } = new AbortController()

/** Reads all that can be read, in pages; answers with the positions that are named as damaged. */
const readAll = async (source: Source, page: number): Promise<ReadonlyArray<number>> => {
  const named: Array<number> = []
  for (let after = 0; after < count; ) {
    const last = Math.min(after + page, count)
    const read = await readRange(source, after, last, signal).catch((cause: unknown) => cause)
    if (read instanceof RecordCorrupted) {
      const sound = read.from - 1
      if (sound > after)
        expect(await readRange(source, after, sound, signal)).toHaveLength(sound - after)
      for (let position = read.from; position <= read.to; position += 1) named.push(position)
      await expect(getEach(source, [read.to], count)).rejects.toBeInstanceOf(RecordCorrupted)
      // Named is what lies in the block, and nothing beside it.
      for (const beside of [read.from - 1, read.to + 1])
        if (!named.includes(beside) && beside > after && beside <= last - 1)
          expect(source.guard.isSafe(beside)).toBe(true)
      after = read.to
      continue
    }
    if (!Array.isArray(read)) throw read
    for (const { position, body } of read) expect(String(body)).toBe(`body of ${position}`)
    after = last
  }
  return named
}

describe("a log with a damaged table", () => {
  it("is refused before it opens, as far as it is checked ahead", async () => {
    await fill()
    const below = random(1)
    for (const path of tablesOf(directory)) {
      const at = below(readFileSync(path).length - 60)
      flip(path, at, 2)
      await expect(LogGuard.open({ directory })).rejects.toBeInstanceOf(Damage)
      flip(path, at, 2)
    }
    expect(existsSync(join(directory, "damaged"))).toBe(false)
    await opened({}, async (source) => expect(await readAll(source, 500)).toEqual([]))
  })

  it("beyond that is read around it, and the positions are named", async () => {
    await fill()
    const below = random(2)
    const paths = tablesOf(directory)
    let partly = 0
    for (let turn = 0; turn < 30; turn += 1) {
      const path = paths[turn % paths.length] ?? ""
      const size = readFileSync(path).length
      const at = turn % 3 === 0 ? size - 1 - below(200) : below(size)
      flip(path, at, turn % 8)
      await opened({ bytesMax: 0, isCopy: true }, async (source) => {
        const named = await readAll(source, turn % 2 === 0 ? 400 : count)
        // The last bytes of a footer are no part of what is used.
        expect(named.length > 0).toBe(source.guard.damage !== undefined)
        expect(named.length).toBeLessThanOrEqual(500)
        if (named.length > 0 && named.length < 500) partly += 1
      })
      flip(path, at, turn % 8)
    }
    expect(partly).toBeGreaterThan(10)
  })

  it("that its sign tells of is checked as a whole; without damage the sign goes", async () => {
    await fill()
    const [path = ""] = tablesOf(directory)
    flip(path, 100, 1)
    const sign = join(directory, "damaged")
    await opened({ bytesMax: 0 }, ({ guard }) => {
      expect(guard.isSafeToScan(1, count)).toBe(false)
      expect(readFileSync(sign, "utf8")).toBe(`${guard.damage?.message}\n`)
      return Promise.resolve()
    })
    await expect(LogGuard.open({ directory, bytesMax: 0 })).rejects.toBeInstanceOf(Damage)
    flip(path, 100, 1)
    await opened({ bytesMax: 0 }, async (source) => {
      expect(existsSync(sign)).toBe(false)
      expect(await readAll(source, 500)).toEqual([])
    })
  })

  it("of several that overlap is checked as a whole, since LevelDB rewrites them", async () => {
    await fill()
    await tamperWith(directory, (store) => store.put(keyOf(7), Buffer.from("again")))
    await tamperWith(directory, () => Promise.resolve())
    const [path = ""] = tablesOf(directory)
    flip(path, 100, 1)
    await expect(LogGuard.open({ directory, bytesMax: 0 })).rejects.toBeInstanceOf(Damage)
  })
})

describe("a disk that does not give a table", () => {
  const failing = () => {
    vi.spyOn(fs, "readSync").mockImplementation(() => {
      throw Object.assign(new Error("EIO"), { code: "EIO" })
    })
    syncBuiltinESMExports()
  }

  it("fails the opening, and is no damage", async () => {
    await fill()
    const before = readdirSync(directory)
    failing()
    const failure = await use(() => Effect.void).catch((cause: unknown) => cause)
    expect(failure).toMatchObject({ _tag: "LogFailure", operation: "open", reason: "io" })
    expect(failure).toMatchObject({ cause: { message: /^[0-9]+\.ldb cannot be read$/ } })
    expect(readdirSync(directory)).toEqual(before)
    vi.restoreAllMocks()
    syncBuiltinESMExports()
    expect(await use((log) => log.read(0, count))).toHaveLength(count)
  })
})

describe("a large log", () => {
  /** The table that is checked last. */
  const lastTable = (): string => {
    const tables = tablesAfter(currentManifest(directory).edits)
    const sorted = tables.toSorted(
      (a, b) => a.level - b.level || Buffer.compare(a.smallest, b.smallest),
    )
    return join(directory, `${String(sorted.at(-1)?.number).padStart(6, "0")}.ldb`)
  }

  it("of which a table turns out to be damaged takes no appends from then on", async () => {
    await use(
      (log) =>
        Effect.gen(function* () {
          for (let head = 0; head < 640; head += 80)
            yield* log.append(
              head,
              Array.from({ length: 80 }, () => randomBytes(60_000)),
            )
        }),
      { create: true },
    )
    await use(() => Effect.void)
    const path = lastTable()
    const wait = () => new Promise<void>((resolve) => setImmediate(resolve))
    await use((log) =>
      Effect.gen(function* () {
        flip(path, 1_000, 3)
        yield* log.append(640, [Buffer.from("before it was found")])
        // Nobody reads it: it is found beside everything else.
        while (!existsSync(join(directory, "damaged"))) yield* Effect.promise(wait)
        const refused = yield* Effect.flip(log.append(641, [Buffer.from("after")]))
        expect(refused).toMatchObject({ reason: "damaged", outcome: "none" })
        const bad = yield* Effect.flip(log.read(0, 641))
        expect(bad).toBeInstanceOf(RecordCorrupted)
        expect(yield* log.read(640, 1)).toHaveLength(1)
      }),
    )
    const again = await use(() => Effect.void).catch((cause: unknown) => cause)
    expect(again).toMatchObject({ _tag: "LogFailure", operation: "open", reason: "damaged" })
    flip(path, 1_000, 3)
    await use((log) => log.append(641, [Buffer.from("restored")]))
    unlinkSync(path)
    const gone = await use(() => Effect.void).catch((cause: unknown) => cause)
    expect(gone).toMatchObject({ _tag: "LogFailure", operation: "open", reason: "damaged" })
  })
})
