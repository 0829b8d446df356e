/**
 * Backups: the same ledger in another directory, made and brought up to date beside its writers.
 */
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { filesIn } from "./flips.contract.js"
import { layoutOf } from "./layout.js"
import { largestLog, leftIn, opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const place = (): string => join(temporary(), "ledger")

const content = (n: number): Buffer => Buffer.alloc(100_000, `content of ${n} `)

const saves = async (ledger: PromiseLedger, from: number, to: number): Promise<void> => {
  for (let n = from; n <= to; n += 1) {
    await ledger.save("small", n)
    await ledger.save("large", content(n), { tags: `of ${n}` })
  }
}

/** Both say the same, from the first event to the last byte. */
const expectSame = async (ledger: PromiseLedger, directory: string): Promise<void> => {
  const copy = await openLedger({ directory, create: false })
  const { trust, position } = copy
  const events = async (of: PromiseLedger) => {
    const all: Array<unknown> = []
    for await (const event of of.replay({ upTo: position })) all.push(event)
    return all
  }
  expect(trust.damaged).toEqual([])
  expect(trust.sealed).toBe(position)
  expect(await events(copy)).toEqual(await events(ledger))
  const loaded = async (of: PromiseLedger) => {
    const all: Array<unknown> = []
    for await (const { id } of of.versions()) all.push(await of.load(id))
    return all
  }
  expect(await loaded(copy)).toEqual(await loaded(ledger))
  await copy.close()
}

describe("a backup", () => {
  it("opens as the ledger, with the same positions and root", async () => {
    const directory = place()
    const ledger = await openLedger(directory)
    await saves(ledger, 1, 5)
    const to = place()
    const receipt = await ledger.backup(to)
    expect(receipt).toMatchObject({ position: 11, events: 11 })
    expect(receipt.bytes).toBeGreaterThan(1_000)
    await expectSame(ledger, to)
    await ledger.close()
    const [own, copy] = await Promise.all([openLedger(directory), openLedger(to)])
    expect([own.trust.root, copy.trust.root]).toEqual([receipt.root, receipt.root])
    expect(copy.trust).toMatchObject({ ledger: own.trust.ledger, position: 11 })
    await own.close()
    await copy.close()
    expect((await leftIn(to)).records).toEqual((await leftIn(directory)).records)
  })

  it("takes over only what is new", async () => {
    const ledger = await opened(place())
    const to = place()
    await saves(ledger, 1, 3)
    await ledger.backup(to)
    const sizes = () =>
      readdirSync(layoutOf(to).packs).map((name) => statSync(join(layoutOf(to).packs, name)).size)
    const before = sizes().reduce((sum, size) => sum + size, 0)
    expect(await ledger.backup(to)).toMatchObject({ position: 7, events: 0, bytes: 0 })
    await saves(ledger, 4, 5)
    const receipt = await ledger.backup(to)
    expect(receipt).toMatchObject({ position: 11, events: 4 })
    expect(receipt.bytes).toBe(sizes().reduce((sum, size) => sum + size, 0) - before)
    await expectSame(ledger, to)
    // Opened in between, and used to answer.
    await saves(ledger, 6, 6)
    expect(await ledger.backup(to)).toMatchObject({ events: 2 })
    await expectSame(ledger, to)
  })

  it("is one moment of a ledger that is written meanwhile", async () => {
    const ledger = await opened(place())
    const to = place()
    let [isDone, allowed] = [false, 10]
    const write = async (caller: number): Promise<void> => {
      for (let n = 0; !isDone; )
        if (n >= allowed) await new Promise(setImmediate)
        else {
          await ledger.save(`of ${caller}`, `${caller} ${n} `.repeat(500))
          n += 1
        }
    }
    const writing = [1, 2, 3, 4].map(write)
    for (let turn = 0; turn < 5; turn += 1) {
      allowed += 10
      const { position } = await ledger.backup(to)
      const copy = await openLedger({ directory: to, create: false })
      expect(copy.position).toBe(position)
      for await (const { id } of copy.versions())
        expect(typeof (await copy.load(id))).toBe("string")
      await copy.close()
    }
    isDone = true
    await Promise.all(writing)
  })

  it("can be made by a reader, and of a backup", async () => {
    const directory = place()
    const ledger = await opened(directory)
    await saves(ledger, 1, 2)
    const [first, second] = [place(), place()]
    const reader = await opened({ directory, readOnly: true })
    const receipt = await reader.backup(first)
    expect(receipt).toMatchObject({ position: 5, events: 5 })
    const copy = await opened(first)
    expect(await copy.backup(second)).toMatchObject({ root: receipt.root })
    await expectSame(ledger, second)
  })
})

describe("a directory that is no place for a backup", () => {
  const wrong = { _tag: "WrongLedger", kind: "corrupt" }

  it("is left as it is: something else, another ledger, one that went its own way", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 1)
    const files = temporary()
    writeFileSync(join(files, "notes"), "mine")
    await expect(ledger.backup(files)).rejects.toMatchObject(wrong)
    expect(readFileSync(join(files, "notes"), "utf8")).toBe("mine")
    const other = place()
    await (await openLedger(other)).close()
    await expect(ledger.backup(other)).rejects.toMatchObject({ ...wrong, directory: other })
    const to = place()
    await ledger.backup(to)
    const grown = await openLedger(to)
    await grown.save("small", "of the backup")
    await grown.close()
    await expect(ledger.backup(to)).rejects.toMatchObject({ ...wrong, found: "4 events" })
    await ledger.save("small", "of the ledger")
    await expect(ledger.backup(to)).rejects.toMatchObject({ ...wrong, found: "another event 4" })
    expect((await leftIn(to)).records).toHaveLength(4)
  })

  it("is the ledger itself, or lies in it, also for a reader and through a link", async () => {
    const directory = place()
    await saves(await opened(directory), 1, 1)
    const reader = await opened({ directory, readOnly: true })
    const link = place()
    symlinkSync(directory, link)
    const held = () => [...filesIn(directory)].map(([name, bytes]) => [name, digestOf(bytes)])
    const before = held()
    const inside = ["log/backup", "blob/packs/backup", "tmp/backup", "quarantine", "backup"]
    const places = [directory, link, ...inside.map((name) => join(link, name))]
    for (const to of places)
      await expect(reader.backup(to)).rejects.toMatchObject({ kind: "invalid", path: "directory" })
    expect(held()).toEqual(before)
  })

  it("is locked", async () => {
    const ledger = await opened(place())
    const to = place()
    await ledger.backup(to)
    const copy = await openLedger(to)
    await expect(ledger.backup(to)).rejects.toMatchObject({ _tag: "LedgerLocked" })
    await copy.close()
    await ledger.backup(to)
  })

  it("is refused by name", async () => {
    const ledger = await opened(place())
    for (const bad of ["", 5, undefined] as unknown as ReadonlyArray<never>)
      await expect(ledger.backup(bad)).rejects.toMatchObject({ path: "directory" })
    const memory = await opened()
    const to = place()
    await expect(memory.backup(to)).rejects.toMatchObject({ _tag: "InvalidInput" })
    expect(readdirSync(join(to, ".."))).toEqual([])
  })
})

describe("a backup that is damaged", () => {
  /** An earlier backup, and its log, the last events of which lie in the write-ahead log. */
  const earlier = async (ledger: PromiseLedger) => {
    const to = place()
    await ledger.backup(to)
    await (await openLedger(to)).close()
    await saves(ledger, 4, 5)
    await ledger.backup(to)
    return { to, path: largestLog(layoutOf(to).log) }
  }

  it("is not said to be one, and not a damaged byte is removed", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 3)
    const { to, path } = await earlier(ledger)
    const whole = readFileSync(path)
    const spoiled = [
      whole.map((byte, at) => (at === 9 ? byte ^ 4 : byte)),
      whole.subarray(0, whole.length / 2),
      new Uint8Array(whole.length),
      new Uint8Array(0),
    ]
    for (const bytes of spoiled) {
      const copy = place()
      cpSync(to, copy, { recursive: true })
      const damaged = path.replace(to, copy)
      writeFileSync(damaged, bytes)
      const message = expect.stringContaining(copy)
      await expect(ledger.backup(copy)).rejects.toMatchObject({ message })
      expect(new Uint8Array(readFileSync(damaged))).toEqual(new Uint8Array(bytes))
      const { damaged: found, sealed } = (await opened(copy)).trust
      expect([sealed, found.at(-1)?.to]).toEqual([11, 11])
    }
  })

  it("in its seal keeps that, and is brought up to date", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 3)
    const { to } = await earlier(ledger)
    const { tip, quarantine } = layoutOf(to)
    writeFileSync(tip, "spoiled")
    expect(await ledger.backup(to)).toMatchObject({ position: 11, events: 0 })
    expect([...filesIn(quarantine).values()].map(String)).toEqual(["spoiled"])
    await expectSame(ledger, to)
  })

  it("by an older copy of its log is refused", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 3)
    const to = place()
    await ledger.backup(to)
    const older = place()
    cpSync(layoutOf(to).log, older, { recursive: true })
    await (await openLedger(to)).close()
    await saves(ledger, 4, 5)
    await ledger.backup(to)
    rmSync(layoutOf(to).log, { recursive: true })
    cpSync(older, layoutOf(to).log, { recursive: true })
    await expect(ledger.backup(to)).rejects.toMatchObject({
      _tag: "WrongLedger",
      expected: "11 events",
      found: "7 events",
    })
  })
})

describe("a backup that was cut short", () => {
  it("while it was opened is what it was before that, and is brought up to date", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 3)
    const to = place()
    await ledger.backup(to)
    const { log, quarantine } = layoutOf(to)
    cpSync(log, join(quarantine, "log-opening"), { recursive: true })
    await saves(ledger, 4, 5)
    await ledger.backup(to)
    await expectSame(ledger, to)
  })

  it("by a signal leaves nothing new behind, and an old one whole", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 3)
    const to = place()
    const aborted = AbortSignal.abort("enough")
    await expect(ledger.backup(to, { signal: aborted })).rejects.toBe("enough")
    expect(readdirSync(join(to, ".."))).toEqual([])
    await ledger.backup(to)
    await saves(ledger, 4, 5)
    await expect(ledger.backup(to, { signal: aborted })).rejects.toBe("enough")
    const copy = await openLedger(to)
    expect(copy.position).toBe(7)
    await copy.close()
    await ledger.backup(to)
    await expectSame(ledger, to)
  })

  it("between packs, events and seal is one of an earlier moment, and is completed", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 3)
    const to = place()
    await ledger.backup(to)
    const { tip, packs } = layoutOf(to)
    const [seal, before] = [readFileSync(tip), digestOf(readFileSync(join(packs, "00000001.pack")))]
    await saves(ledger, 4, 5)
    await ledger.backup(to)
    expect(digestOf(readFileSync(join(packs, "00000001.pack")))).not.toBe(before)
    writeFileSync(tip, seal)
    expect((await openLedger(to)).trust).toMatchObject({ sealed: 7, checked: 4, damaged: [] })
  })

  it("while it was begun is begun again", async () => {
    const ledger = await opened(place())
    await saves(ledger, 1, 2)
    const to = place()
    mkdirSync(to)
    writeFileSync(layoutOf(to).making, "")
    mkdirSync(layoutOf(to).packs, { recursive: true })
    writeFileSync(join(layoutOf(to).packs, "00000009.pack"), "half")
    await ledger.backup(to)
    await expectSame(ledger, to)
    rmSync(to, { recursive: true })
  })
})
