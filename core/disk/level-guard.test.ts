/**
 * The guard over databases of LevelDB: with any bit of them turned, an answer is right, or there is
 * none; also when LevelDB has rewritten the damaged table, and when nobody was there to see it.
 */
import { spawnSync } from "node:child_process"
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { hasCode } from "../model/cause.js"
import { Damage, Unread } from "./damage.js"
import { LevelGuard } from "./level-guard.js"
import {
  compact,
  filesOf,
  flip,
  openDatabase,
  partsOf,
  random,
  type Sample,
  type SampleDatabase,
  signWell,
  tablesOf,
  useSample,
} from "./level-samples.contract.js"

// One table: with several, LevelDB may rewrite them meanwhile, and abort where they are damaged.
const single = useSample({ sessions: 1, keyCount: 3_000, compression: true })
const plain = useSample({ sessions: 1, keyCount: 3_000, compression: false })
const several = useSample({ sessions: 3, keyCount: 2_000, compression: false })

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

interface Guarded {
  readonly guard: LevelGuard
  readonly database: SampleDatabase
}

const open = async (directory: string, bytesMax: number): Promise<Guarded> => {
  const guard = await LevelGuard.open(directory, bytesMax)
  try {
    const database = await openDatabase(directory)
    guard.begin()
    return { guard, database }
  } catch (cause) {
    guard.close()
    throw cause
  }
}

const close = async ({ guard, database }: Guarded): Promise<void> => {
  await database.close()
  guard.close()
}

const get = ({ guard, database }: Guarded, key: string): string | undefined => {
  guard.checkKey(key)
  const value = database.getSync(key)
  guard.confirm()
  return value
}

const list = async ({ guard, database }: Guarded, gte: string, lt: string, reverse: boolean) => {
  guard.checkRange(gte, lt)
  const rows = await database.iterator({ gte, lt, reverse }).all()
  guard.confirm()
  return rows
}

const isRefusal = (cause: unknown): boolean =>
  cause instanceof Damage || hasCode(cause, "LEVEL_CORRUPTION")

/** Asks for some keys and ranges: how many answers came. All of them must be right. */
const questions = async (
  guarded: Guarded,
  { keys, rows }: Sample,
  below: (n: number) => number,
) => {
  let answers = 0
  const ask = async (question: () => Promise<void> | void) => {
    try {
      await question()
      answers += 1
    } catch (cause) {
      if (!isRefusal(cause)) throw cause
    }
  }
  for (const key of keys.filter(() => below(3) === 0))
    await ask(() => {
      const found = get(guarded, key)
      if (found !== rows.get(key)) throw new Error(`${key} is ${found}`)
    })
  for (let at = 0; at < 4; at += 1) {
    const [gte = "", lt = ""] = [keys[below(keys.length)], keys[below(keys.length)]].sort()
    const reverse = below(2) === 0
    await ask(async () => {
      const found = await list(guarded, gte, lt, reverse)
      const right = [...rows].filter(([key]) => key >= gte && key < lt)
      if (reverse) right.reverse()
      expect(found).toEqual(right)
    })
  }
  return answers
}

describe("with one bit turned", () => {
  it.each([
    ["compressed", single, 21],
    ["uncompressed", plain, 22],
  ] as const)(
    "every answer out of a table is right, or there is none: %s",
    async (_, sample, seed) => {
      const below = random(seed)
      const source = tablesOf(sample.get().directory)[0] ?? ""
      const { size } = statSync(source)
      const edges = sample === plain ? partsOf(readFileSync(source)) : []
      const places = [
        ...edges.filter((_end, at) => at % 6 === 0 || at > edges.length - 5).map((at) => at - 1),
        ...Array.from({ length: 40 }, () => below(size)),
        ...Array.from({ length: 20 }, () => size - 1 - below(6_000)),
      ]
      let refused = 0
      for (const at of places) {
        const directory = sample.copy()
        signWell(directory)
        flip(tablesOf(directory)[0] ?? "", at, below(8))
        const guarded = await open(directory, 0)
        const answers = await questions(guarded, sample.get(), below)
        const found = await guarded.guard.checkAll().catch((cause: unknown) => cause)
        await close(guarded)
        if (found === undefined) {
          // The padding of the footer: nothing was wrong, and nothing was refused.
          expect(answers, `turned at ${at}`).toBeGreaterThan(900)
          continue
        }
        expect(found).toBeInstanceOf(Damage)
        await expect(LevelGuard.open(directory, 0)).rejects.toThrow(Damage)
        refused += 1
        rmSync(directory, { recursive: true })
      }
      expect(refused).toBeGreaterThan(places.length - 8)
    },
  )

  it("is found before the database opens, where it is small", async () => {
    for (const sample of [single, several]) {
      const directory = sample.copy()
      signWell(directory)
      flip(tablesOf(directory)[0] ?? "", 10_000, 3)
      const before = readdirSync(directory)
      await expect(LevelGuard.open(directory)).rejects.toThrow("is damaged at")
      expect(readdirSync(directory)).toEqual(before)
    }
  })

  it("is found by itself in time, and noted for the next opening", async () => {
    const directory = plain.copy()
    signWell(directory)
    flip(tablesOf(directory)[0] ?? "", 10_000, 3)
    const guarded = await open(directory, 0)
    while (guarded.guard.damage === undefined) await nextTurn()
    expect(() => get(guarded, "anything")).toThrow(Damage)
    expect(() => guarded.guard.confirm()).toThrow(Damage)
    await expect(guarded.guard.checkAll()).rejects.toThrow(Damage)
    const noted = readFileSync(join(directory, "damaged"), "utf8")
    expect(noted).toBe(`${guarded.guard.damage.message}\n`)
    await close(guarded)
    await expect(LevelGuard.open(directory)).rejects.toThrow(noted.trimEnd())
  })
})

/** Turns a bit of a value, which LevelDB then copies as it is. */
const spoil = (directory: string): void => {
  const path = tablesOf(directory)[0] ?? ""
  flip(path, readFileSync(path).indexOf("in 0 ") + 1, 0)
}

describe("tables that LevelDB rewrites", () => {
  it("are checked as a whole before anything else is answered", async () => {
    const directory = several.copy()
    signWell(directory)
    spoil(directory)
    const guard = await LevelGuard.open(directory, 0)
    const database = await openDatabase(directory)
    await compact(database)
    // Only now, so that it cannot have been found in between.
    guard.begin()
    expect(tablesOf(directory)).not.toEqual(tablesOf(several.get().directory))
    const last = several.get().keys.at(-1) ?? ""
    expect(() => get({ guard, database }, last)).toThrow("is damaged at")
    await close({ guard, database })
    await expect(LevelGuard.open(directory)).rejects.toThrow("is damaged at")
  })

  it("are checked when it is closed, whatever was asked", async () => {
    const directory = several.copy()
    signWell(directory)
    spoil(directory)
    const guard = await LevelGuard.open(directory, 0)
    const database = await openDatabase(directory)
    await compact(database)
    await database.close()
    guard.begin()
    // At once: nobody else comes to look.
    guard.close()
    await expect(LevelGuard.open(directory)).rejects.toThrow("is damaged at")
  })

  it("are damage when the process was killed before", async () => {
    const directory = several.copy()
    signWell(directory)
    const guard = await LevelGuard.open(directory, 0)
    const database = await openDatabase(directory)
    await compact(database)
    const copy = `${directory}-killed`
    cpSync(directory, copy, { recursive: true })
    await expect(LevelGuard.open(copy)).rejects.toThrow("not yet checked")
    guard.begin()
    guard.confirm()
    rmSync(copy, { recursive: true })
    cpSync(directory, copy, { recursive: true })
    const again = await LevelGuard.open(copy, 0)
    again.close()
    await close({ guard, database })
  })

  it("can be rewritten freely once all was checked", async () => {
    const directory = several.copy()
    signWell(directory)
    const guarded = await open(directory, 0)
    expect(guarded.guard.whole).toBe(false)
    await guarded.guard.checkAll()
    expect(guarded.guard.whole).toBe(true)
    await compact(guarded.database)
    const copy = `${directory}-killed`
    cpSync(directory, copy, { recursive: true })
    const { keys, rows } = several.get()
    for (const key of keys) expect(get(guarded, key)).toBe(rows.get(key))
    await close(guarded)
    for (const one of [directory, copy]) {
      const again = await open(one, 0)
      for (const key of keys) expect(get(again, key)).toBe(rows.get(key))
      await close(again)
    }
  })
})

describe("a process that LevelDB aborts, since it met damage first", () => {
  it("is the last one: the next opening finds the damage", async () => {
    const directory = several.copy()
    signWell(directory)
    const [path = ""] = tablesOf(directory)
    // The first letter of a key that is written out: it now belongs before all others.
    flip(path, readFileSync(path).indexOf("n00", 8_000), 6)
    const script = `
      const { Level } = require("level")
      const database = new Level(process.argv[1])
      database.open().then(() => database.compactRange("a", "z", { keyEncoding: "utf8" }))`
    const { signal } = spawnSync(process.execPath, ["-e", script, directory])
    // A build without assertions would have compacted it, and ended.
    expect(["SIGABRT", null]).toContain(signal)
    expect(existsSync(join(directory, "damaged"))).toBe(false)
    await expect(LevelGuard.open(directory, 0)).rejects.toThrow(Damage)
  })
})

describe("the guard", () => {
  it("checks as much as it may before the database opens, and all after a kill", async () => {
    const directory = several.copy()
    const sizes = tablesOf(directory).map((path) => statSync(path).size)
    const all = sizes.reduce((sum, size) => sum + size, 0)
    const isWhole = async (bytesMax: number) => {
      const guard = await LevelGuard.open(directory, bytesMax)
      guard.close()
      return guard
    }
    expect(await isWhole(0)).toMatchObject({ whole: true })
    signWell(directory)
    const opened = await LevelGuard.open(directory, all - 1)
    expect(opened.whole).toBe(false)
    opened.close()
    const whole = await LevelGuard.open(directory, all)
    expect(whole.whole).toBe(true)
    whole.close()
  })

  it("of a new database has nothing to check, and says so", async () => {
    const directory = join(single.copy(), "new")
    const guarded = await open(directory, 0)
    expect(guarded.guard.whole).toBe(true)
    expect(get(guarded, "x")).toBeUndefined()
    await close(guarded)
    expect(existsSync(join(directory, "checked"))).toBe(true)
  })

  it("knows whether anybody without one had the database open since", async () => {
    const directory = single.copy()
    const isOurs = async () => {
      const guarded = await open(directory, 0)
      await close(guarded)
      return guarded.guard.isOurs
    }
    expect([await isOurs(), await isOurs()]).toEqual([false, true])
    const guarded = await open(directory, 0)
    const killed = `${directory}-killed`
    cpSync(directory, killed, { recursive: true })
    await close(guarded)
    await (await openDatabase(directory)).close()
    expect([await isOurs(), await isOurs()]).toEqual([false, true])
    const again = await open(killed, 0)
    expect(again.guard.isOurs).toBe(true)
    await close(again)
    // There is nothing that anybody could have changed.
    const anew = await open(join(directory, "new"), 0)
    expect(anew.guard.isOurs).toBe(true)
    await close(anew)
  })

  it("refuses what the disk does not give, and leaves it to the next opening to try", async () => {
    const directory = single.copy()
    const guarded = await open(directory, 0)
    const unread = guarded.guard.note(new Unread("000005.ldb", new Error("EIO")))
    expect(guarded.guard.damage).toBe(unread)
    expect(() => get(guarded, "anything")).toThrow(Unread)
    await close(guarded)
    expect(existsSync(join(directory, "damaged"))).toBe(false)
    await close(await open(directory, 0))
  })

  it("does not mix up two processes that open one after the other", async () => {
    const directory = single.copy()
    signWell(directory)
    const guard = await LevelGuard.open(directory, 0)
    for (const value of ["first", "second"]) {
      const other = await openDatabase(directory)
      await other.batch([{ type: "put", key: "x", value }])
      await other.close()
    }
    const database = await openDatabase(directory)
    expect(() => guard.begin()).toThrow("by another process")
    await close({ guard, database })
  })

  it("answers right while LevelDB writes, rewrites and removes", async () => {
    const directory = several.copy()
    signWell(directory)
    const guarded = await open(directory, 0)
    const rows = new Map(several.get().rows)
    for (let round = 0; round < 6; round += 1) {
      for (const key of several.get().keys.slice(0, 300)) {
        await guarded.database.put(key, `round ${round}`)
        rows.set(key, `round ${round}`)
      }
      if (round === 3) await compact(guarded.database)
      expect(await list(guarded, "a", "z", false)).toEqual(
        [...rows].sort(([a], [b]) => (a < b ? -1 : 1)),
      )
    }
    await close(guarded)
    expect(filesOf(directory, /^damaged$/)).toEqual([])
  })
})
