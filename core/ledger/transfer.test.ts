/**
 * What comes over of a ledger that is damaged, kind of damage by kind of damage.
 */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { layoutOf } from "./layout.js"
import { largestLog, opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger, recover } from "./promise.js"
import { eventsOf, lived, lose, place, recovered, story } from "./recover.contract.js"

const versionsOf = async (ledger: PromiseLedger): Promise<ReadonlyArray<string>> => {
  const all: Array<string> = []
  for await (const { name, version } of ledger.versions()) all.push(`${name}@${version}`)
  return all.sort()
}

describe("events that are lost", () => {
  it("in the middle: what needs them is left out or altered, and said", async () => {
    const directory = await lived(story)
    await lose(directory, 3)
    const { told, ledger } = await recovered(directory)
    expect(told.lost).toEqual([
      { from: 3, to: 3, text: "event 3 is missing or damaged, between 2 and 4" },
    ])
    expect(told.leftOut).toEqual([
      { position: 5, type: "tags-added", text: "its version is not there by then" },
    ])
    expect(told.altered).toMatchObject([
      { position: 4, type: "version-saved", text: "of its inputs some are not there" },
      { position: 7, type: "tags-added", text: "its tags are not what they were: live" },
    ])
    const [, said] = await eventsOf(ledger)
    expect(said).toMatchObject({
      data: { lost: [{ from: 3, to: 3 }], leftOut: told.leftOut, altered: told.altered },
    })
    expect(await versionsOf(ledger)).toEqual(["a@2", "b@1"])
    expect(await ledger.load("a@live")).toBe("two")
    expect((await ledger.get("b")).inputs).toEqual([])
    expect(await ledger.save("a", "three")).toMatchObject({ version: "3" })
  })

  it("at the beginning: tags and artifacts are made by what comes next", async () => {
    const directory = await lived(story)
    await lose(directory, 1, 2, 3)
    const { told, ledger } = await recovered(directory)
    expect(told.lost).toMatchObject([{ from: 1, to: 3 }])
    expect(told.leftOut.map(({ position }) => position)).toEqual([5])
    expect(await versionsOf(ledger)).toEqual(["a@2", "b@1"])
    // Nobody can say any more what else the tag was.
    expect(await ledger.findTag("live")).toMatchObject({ exclusive: false })
    expect(told.altered).toMatchObject([{ position: 4 }, { position: 7 }])
  })

  it("at the end: as many as are known to have been there", async () => {
    const directory = await lived(story)
    await lose(directory, 7, 8)
    const { told, ledger } = await recovered(directory)
    expect(told.lost).toMatchObject([{ from: 7, to: 8 }])
    expect([told.position, told.leftOut, told.altered]).toEqual([7, [], []])
    expect(await ledger.load("a@live")).toBe("one")
  })

  it("all but the first ones: a table, the manifest, the seal", async () => {
    const directory = place()
    for (let session = 0; session < 4; session += 1) {
      const ledger = await openLedger({ directory })
      for (let n = 0; n < 20; n += 1)
        await ledger.save(`a${session}`, `${session} ${n}`, { metadata: { n } })
      await ledger.close()
    }
    const { log, tip } = layoutOf(directory)
    const tables = readdirSync(log).filter((name) => /\.(ldb|sst)$/.test(name))
    expect(tables.length).toBeGreaterThan(1)
    const copy = join(temporary(), "copy")
    cpSync(directory, copy, { recursive: true })
    rmSync(join(log, tables[1] ?? ""))
    const { told, ledger } = await recovered(directory)
    expect(told.lost.length).toBeGreaterThan(0)
    const lost = told.lost.reduce((sum, { from = 0, to = 0 }) => sum + to - from + 1, 0)
    expect(told.position).toBe(1 + 1 + 80 - lost - told.leftOut.length)
    for await (const { id, metadata } of ledger.versions())
      expect(await ledger.load(id)).toContain(` ${metadata.n}`)
    for (const name of readdirSync(layoutOf(copy).log))
      if (/^(MANIFEST|CURRENT)/.test(name)) rmSync(join(layoutOf(copy).log, name))
    rmSync(layoutOf(copy).tip)
    const whole = await recovered(copy)
    expect(whole.told).toMatchObject({ position: 82, lost: [], leftOut: [] })
    expect(existsSync(tip)).toBe(true)
  })

  it("with one flipped byte in the log's own log", async () => {
    const directory = place()
    const ledger = await openLedger({ directory })
    await story(ledger)
    const copy = join(temporary(), "copy")
    cpSync(directory, copy, { recursive: true })
    await ledger.close()
    const file = largestLog(layoutOf(copy).log)
    const bytes = readFileSync(file)
    const at = bytes.length - 300
    bytes[at] = (bytes[at] ?? 0) ^ 16
    writeFileSync(file, bytes)
    const { told } = await recovered(copy)
    expect(told.lost.length).toBeGreaterThan(0)
  })
})

describe("a request of which a part is lost", () => {
  it("is no request any more: its events have neither its key nor its parts", async () => {
    const directory = await lived(async (ledger) => {
      await ledger.batch(
        (b) => {
          b.save("a", "one") // 2
          b.save("b", "two") // 3
          b.logMetadata({ artifact: "a" }, { n: 1 }) // 4
        },
        { idempotencyKey: "once" },
      )
      await ledger.saveAll(
        [
          { name: "c", value: 1 },
          { name: "d", value: 2 },
        ],
        {
          idempotencyKey: "twice",
        },
      ) // 5, 6
    })
    await lose(directory, 3)
    const { told, ledger } = await recovered(directory)
    const text = "the other events of its request are not there: it was one of 3"
    expect(told.altered).toEqual([
      { position: 2, type: "version-saved", text },
      { position: 4, type: "metadata-logged", text },
    ])
    const events = await eventsOf(ledger)
    const keyed = events.map(({ idempotencyKey, part, step }) => [idempotencyKey, part, step])
    const twice = (index: number) => ["twice", { index, count: 2 }, index]
    const nothing = [undefined, undefined, undefined]
    expect(keyed.slice(2)).toEqual([nothing, nothing, twice(0), twice(1)])
  })
})

describe("what is not the log", () => {
  const large = (n: number) => Buffer.alloc(100_000, `content ${n} `)
  const saves = async (ledger: PromiseLedger) => {
    for (const n of [1, 2, 3]) await ledger.save(`a${n}`, large(n))
  }

  it("damaged content stays named by its version, and is never handed out", async () => {
    const directory = await lived(saves)
    const pack = join(layoutOf(directory).packs, "00000001.pack")
    const bytes = readFileSync(pack)
    const at = Math.floor(bytes.length / 2)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(pack, bytes)
    const { told, ledger } = await recovered(directory)
    expect(told).toMatchObject({ lost: [], leftOut: [], altered: [], position: 5 })
    expect(told.contentLost).toHaveLength(1)
    const [{ artifact, version, digest } = { artifact: "", version: "", digest: "" }] =
      told.contentLost
    const corrupted = { _tag: "BlobCorrupted", digest, artifact, version }
    await expect(ledger.load(artifact)).rejects.toMatchObject(corrupted)
    await expect(ledger.zip(artifact)).rejects.toMatchObject(corrupted)
    for (const n of [1, 2, 3])
      if (artifact !== `a${n}`) expect(Buffer.from(await load(ledger, n))).toEqual(large(n))
    // Saved once more it is there again.
    const n = Number(artifact.slice(1))
    expect(digest).toBe(digestOf(large(n)))
    await ledger.save("again", large(n))
    expect(Buffer.from(await load(ledger, n))).toEqual(large(n))
  })

  const load = async (ledger: PromiseLedger, n: number) =>
    (await ledger.load(`a${n}`)) as Uint8Array

  it("a lost pack, all packs or the index take no event with them", async () => {
    const directory = await lived(saves)
    const copy = join(temporary(), "copy")
    cpSync(directory, copy, { recursive: true })
    const { packs, blob } = layoutOf(directory)
    rmSync(join(packs, "00000001.pack"))
    const lost = ["a1", "a2", "a3"].map((artifact) => ({ artifact, version: "1" }))
    expect((await recovered(directory)).told).toMatchObject({ position: 5, contentLost: lost })
    rmSync(packs, { recursive: true })
    expect((await recovered(directory)).told).toMatchObject({ position: 5, contentLost: lost })
    rmSync(blob, { recursive: true })
    expect((await recovered(directory)).told).toMatchObject({ position: 5, contentLost: lost })
    rmSync(join(layoutOf(copy).blob, "index"), { recursive: true })
    const { told, ledger } = await recovered(copy)
    expect(told.contentLost).toEqual([])
    expect(Buffer.from(await load(ledger, 2))).toEqual(large(2))
  })

  it("lost or damaged views are not missed", async () => {
    const directory = await lived(story)
    const { view } = layoutOf(directory)
    for (const name of readdirSync(view)) writeFileSync(join(view, name), "not what it was")
    expect((await recovered(directory)).told).toMatchObject({ position: 9, lost: [] })
    rmSync(view, { recursive: true })
    expect((await recovered(directory)).told).toMatchObject({ position: 9, lost: [] })
  })

  it("without any event there is nothing to recover", async () => {
    const directory = await lived(story)
    rmSync(layoutOf(directory).log, { recursive: true })
    const into = place()
    const nothing = { _tag: "RecordCorrupted", from: 1, to: 8 }
    await expect(recover(directory, { into })).rejects.toMatchObject(nothing)
    expect(readdirSync(join(into, ".."))).toEqual([])
  })
})

describe("a recovery that is killed", () => {
  it("makes nothing that opens before it is done, and can be begun again there", async () => {
    const directory = await lived(async (ledger) => {
      for (let n = 0; n < 10; n += 1) await ledger.save("a", Buffer.alloc(50_000, `${n} `))
    })
    const into = place()
    const states: Array<string> = []
    let isDone = false
    const going = recover(directory, { into }).finally(() => {
      isDone = true
    })
    while (!isDone) {
      await new Promise(setImmediate)
      const { making, identity } = layoutOf(into)
      if (states.length === 3 || !existsSync(making) || existsSync(identity)) continue
      const state = join(temporary(), "state")
      if (copied(into, state)) states.push(state)
    }
    const { position } = await going
    expect(states.length).toBeGreaterThan(0)
    for (const state of states) {
      rmSync(layoutOf(state).owner, { force: true })
      const reading = openLedger({ directory: state, readOnly: true })
      await expect(reading).rejects.toMatchObject({ _tag: "WrongLedger" })
      expect(await recover(directory, { into: state })).toMatchObject({ position })
      expect((await opened(state)).trust.damaged).toEqual([])
    }
  })

  /** Files come and go meanwhile. */
  const copied = (from: string, to: string): boolean => {
    try {
      cpSync(from, to, { recursive: true })
      return true
    } catch {
      rmSync(to, { recursive: true, force: true })
      return false
    }
  }
})
