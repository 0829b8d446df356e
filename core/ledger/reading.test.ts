/**
 * Ledgers that are only asked: beside their writer, from several readers, without a trace.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { layoutOf } from "./layout.js"
import { killed, largestLog, opened, stamps, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const before = process.env.TMPDIR
const folder = mkdtempSync(join(tmpdir(), "daybook-copies-"))
beforeAll(() => {
  process.env.TMPDIR = folder
})
afterAll(() => {
  if (before === undefined) delete process.env.TMPDIR
  else process.env.TMPDIR = before
  rmSync(folder, { recursive: true, force: true })
})

/** What readers have not given back, beside the directories of these tests. */
const copies = () => readdirSync(folder).filter((name) => !name.startsWith("daybook-ledger-"))

const read = (directory: string): Promise<PromiseLedger> => opened({ directory, readOnly: true })

const made = async (): Promise<string> => {
  const directory = join(temporary(), "ledger")
  const ledger = await openLedger({ directory, actor: "ann" })
  await ledger.defineTag("live", { exclusive: true })
  for (let n = 1; n <= 20; n += 1) await ledger.save("a", `text ${n}`, { metadata: { n } })
  await ledger.save("b", Buffer.alloc(300_000, "large "), { tags: "kept" })
  await ledger.tag("a@3", "live")
  await ledger.close()
  return directory
}

const askEverything = async (ledger: PromiseLedger): Promise<void> => {
  expect(await ledger.load("a@live")).toBe("text 3")
  expect(await ledger.load("a@20")).toBe("text 20")
  expect(await ledger.load("b")).toHaveLength(300_000)
  expect((await ledger.listVersions({ limit: 100 })).entries).toHaveLength(21)
  expect(await ledger.metadataHistory("a@3", "n")).toHaveLength(1)
  await expect(ledger.asOf(23).load("a@live")).rejects.toMatchObject({ kind: "missing" })
  const types: Array<string> = []
  for await (const { type } of ledger.replay({})) types.push(type)
  expect(types).toHaveLength(24)
  const zip = await ledger.zip("b")
  let bytes = 0
  for await (const piece of zip.stream()) bytes += piece.length
  expect(bytes).toBe(zip.size)
  expect(await ledger.stats()).toMatchObject({ position: 24, versions: 21 })
}

describe("a place for copies", () => {
  it("that cannot be used is named, with what to do", async () => {
    const directory = await made()
    process.env.TMPDIR = join(folder, "not there")
    try {
      await expect(openLedger({ directory, readOnly: true })).rejects.toMatchObject({
        _tag: "LogFailure",
        reason: "missing",
        outcome: "none",
        message: expect.stringMatching(/not there .*TMPDIR/),
      })
    } finally {
      process.env.TMPDIR = folder
    }
    expect(copies()).toEqual([])
  })
})

describe("a ledger that is only read", () => {
  it("answers everything, and not a byte nor a time stamp of it changes", async () => {
    const directory = await made()
    const writer = await openLedger(directory)
    const { root } = writer.trust
    await writer.close()
    const seen = stamps(directory)
    const ledger = await openLedger({ directory, readOnly: true })
    expect(ledger.trust).toMatchObject({ position: 24, root, readOnly: true, damaged: [] })
    await askEverything(ledger)
    expect(await ledger.refresh()).toEqual({ position: 24 })
    await askEverything(ledger)
    await ledger.close()
    expect(stamps(directory)).toEqual(seen)
    expect(copies()).toEqual([])
  })

  it("that is damaged is read around it, and nothing of it changes either", async () => {
    const directory = await killed({}, async (ledger) => {
      for (let n = 1; n <= 50; n += 1) await ledger.save("a", Buffer.alloc(5_000, `${n} `))
    })
    const { log, packs, view } = layoutOf(directory)
    const [pack = ""] = readdirSync(packs)
    for (const path of [largestLog(log), largestLog(view), join(packs, pack)]) {
      const bytes = readFileSync(path)
      const middle = Math.floor(bytes.length / 2)
      bytes[middle] = (bytes[middle] ?? 0) ^ 1
      writeFileSync(path, bytes)
    }
    const seen = stamps(directory)
    const ledger = await openLedger({ directory, readOnly: true })
    expect(ledger.trust).toMatchObject({ readOnly: true, damaged: [{ from: expect.any(Number) }] })
    let failedCount = 0
    for await (const { id } of ledger.versions())
      await ledger.load(id).catch((error) => {
        expect(error).toMatchObject({ _tag: "BlobCorrupted" })
        failedCount += 1
      })
    for await (const _ of ledger.replay({ after: ledger.trust.damaged[0]?.to ?? 0 }));
    await ledger.refresh()
    await ledger.close()
    expect(failedCount).toBeGreaterThan(0)
    expect(stamps(directory)).toEqual(seen)
    expect(copies()).toEqual([])
  })

  it("that was killed is read as it is, by as many as wish", async () => {
    const directory = await killed({}, async (ledger) => {
      for (let n = 1; n <= 50; n += 1) await ledger.save("a", n)
    })
    const seen = stamps(directory)
    const readers = await Promise.all([1, 2, 3].map(() => read(directory)))
    for (const ledger of readers) {
      expect(ledger.trust).toMatchObject({ position: 51, sealed: 1, checked: 50, damaged: [] })
      expect(await ledger.load("a")).toBe(50)
    }
    for (const ledger of readers) await ledger.close()
    expect(stamps(directory)).toEqual(seen)
  })

  it("refuses every write, and says what to do", async () => {
    const directory = await made()
    const ledger = await read(directory)
    const refused = { _tag: "LedgerReadOnly", kind: "unavailable", directory }
    const writes: ReadonlyArray<() => Promise<unknown>> = [
      () => ledger.save("a", 1),
      () => ledger.save("a", 1, { idempotencyKey: "k", expect: { latest: "20" } }),
      () => ledger.saveAll([{ name: "a", value: 1 }]),
      () => ledger.tag("a", "t"),
      () => ledger.untag("a@3", "live"),
      () => ledger.defineTag("t"),
      () => ledger.logMetadata("a", { n: 1 }),
      () => ledger.removeMetadata("a", "n"),
      () => ledger.delete("a@1"),
      () => ledger.restore("a@1"),
      () => ledger.batch((b) => void b.save("a", 1)),
      () => ledger.rebuild(),
      () => ledger.with({ actor: "ben" }).tag("a", "t"),
    ]
    for (const write of writes) await expect(write()).rejects.toMatchObject(refused)
    await expect(ledger.save("a", 1)).rejects.toThrow("without")
    expect(ledger.position).toBe(24)
  })

  it("without views or an index of the blobs makes its own", async () => {
    const directory = await made()
    for (const path of [layoutOf(directory).view, join(layoutOf(directory).blob, "index")])
      rmSync(path, { recursive: true })
    const seen = stamps(directory)
    const ledger = await read(directory)
    await askEverything(ledger)
    await ledger.close()
    expect(stamps(directory)).toEqual(seen)
  })

  it("must be there, and other options have no meaning", async () => {
    const empty = temporary()
    await expect(read(empty)).rejects.toMatchObject({ _tag: "WrongLedger", directory: empty })
    await expect(read(join(empty, "none"))).rejects.toMatchObject({ _tag: "WrongLedger" })
    expect([readdirSync(empty), copies()]).toEqual([[], []])
    for (const other of [{ memory: true }, { create: true }, { durability: "synced" }] as const) {
      const [name] = Object.keys(other)
      const mixed = openLedger({ directory: empty, readOnly: true, ...other })
      await expect(mixed).rejects.toMatchObject({ _tag: "InvalidInput", path: `options.${name}` })
    }
    mkdirSync(join(empty, "other"))
    await expect(read(empty)).rejects.toMatchObject({ _tag: "WrongLedger" })
  })
})

describe("a reader beside a writer", () => {
  it("sees what it saw until it refreshes, then what the writer did", async () => {
    const directory = await made()
    const writer = await opened(directory)
    const reader = await read(directory)
    for (let round = 1; round <= 5; round += 1) {
      const { position } = reader
      const { id } = await writer.save("a", `round ${round}`, { tags: `round ${round}` })
      await writer.save("b", Buffer.alloc(200_000, `content of ${round} `))
      await writer.tag(id, "live")
      expect(reader.position).toBe(position)
      await expect(reader.get(id)).rejects.toMatchObject({ kind: "missing" })
      expect(await reader.refresh()).toEqual({ position: position + 3 })
      expect(await reader.load("a@live")).toBe(`round ${round}`)
      expect(await reader.load("b")).toHaveLength(200_000)
      expect(await reader.asOf(position).load("a@live")).toBe(
        round === 1 ? "text 3" : `round ${round - 1}`,
      )
    }
    expect(await writer.refresh()).toEqual({ position: writer.position })
  })

  it("is never ahead of itself, however busy the writer is", async () => {
    const directory = await made()
    const writer = await opened(directory)
    let [isDone, allowed] = [false, 0]
    const write = async (caller: number): Promise<void> => {
      for (let n = 0; !isDone; )
        if (n >= allowed) await new Promise(setImmediate)
        else {
          await writer.save(`of ${caller}`, `${caller} ${n}`)
          n += 1
        }
    }
    const writing = [1, 2, 3, 4].map(write)
    for (let look = 0; look < 6; look += 1) {
      allowed += 10
      const reader = await openLedger({ directory, readOnly: true })
      expect(reader.trust.damaged).toEqual([])
      const loaded: Array<unknown> = []
      for await (const { id } of reader.versions()) loaded.push(await reader.load(id))
      expect(loaded).toHaveLength((await reader.stats()).versions)
      const { position } = await reader.refresh()
      expect(position).toBeGreaterThanOrEqual(loaded.length)
      for (const name of ["of 1", "of 2", "of 3", "of 4"])
        if ((await reader.findArtifact(name)) !== undefined)
          expect(await reader.load(name)).toContain(name.slice(-1))
      await reader.close()
    }
    isDone = true
    await Promise.all(writing)
  })
})
