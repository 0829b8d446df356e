/**
 * What the README shows happens as it says: each part of the tour on a ledger with penguins in it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ArtifactVersion, type Ledger, openLedger } from "daybook"
import { strFromU8, strToU8, unzipSync, zipSync } from "fflate"
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest"
import { greet } from "./effect.js"
import { extended, Model, stations } from "./extend.js"
import * as tour from "./tour.js"

const rows = [
  { species: "Adelie", birds: 152 },
  { species: "Gentoo", birds: 124 },
]

let directory: string
let ledger: Ledger

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "daybook-tour-"))
  ledger = await tour.inMemory()
  const ann = ledger.with({ actor: "ann" })
  await ann.save("penguins", rows)
  await ann.save("penguins", rows.slice(0, 1))
})

afterEach(async () => {
  await ledger.close()
  rmSync(directory, { recursive: true, force: true })
})

describe("tour", () => {
  it("keeps values of many kinds, and gives them back", async () => {
    const path = join(directory, "recording.bin")
    writeFileSync(path, Buffer.alloc(100_000, 7))
    expect(await tour.values(ledger, path)).toEqual(new Map([[7n, new Date(0)]]))
    expect(await ledger.load("note")).toBe("any text")
    expect(await ledger.load("settings")).toEqual({ depth: 4, rate: 0.1 })
    expect(await ledger.load("weights")).toEqual(new Float32Array([0.5, -1.25]))
    expect(await ledger.load("recording")).toEqual(new Uint8Array(100_000).fill(7))
  })

  it("writes a batch as one", async () => {
    const { model, tagged } = await tour.batch(ledger)
    expect(model).toMatchObject({ name: "model", version: "1", type: "model" })
    expect(tagged).toMatchObject({ changed: true, position: ledger.position })
    const { id, tags } = await ledger.get("model")
    expect(tags).toEqual(["candidate"])
    expect((await ledger.artifact("penguins")).metadata).toEqual({ newest_model: id })
  })

  it("lists versions by filters, and every artifact", async () => {
    await ledger.save("puffins", rows, { tags: "candidate" })
    await ledger.save("penguins", "wrong", { tags: "candidate" })
    const { page, names } = await tour.list(ledger)
    expect(page.entries.map(({ version }) => version)).toEqual(["1", "2"])
    expect(page.next).toBeUndefined()
    expect(names).toEqual(["penguins", "puffins"])
  })

  it("says what there is when a name is mistyped", async () => {
    expect(await tour.mistakes(ledger)).toEqual(["missing", "penguins"])
  })

  it("answers a retry with the first result", async () => {
    const { first, second } = await tour.retries(ledger)
    expect(second).toEqual(first)
    expect(first.version).toBe("1")
    expect(ledger.position).toBe(first.position)
  })

  it("counts versions on from the highest number", async () => {
    expect(await tour.labels(ledger)).toEqual({ version: "45", isTaken: true })
    expect(await ledger.load("report@final")).toBe("final")
  })

  it("does not delete what is in use, and restores what was deleted", async () => {
    await tour.batch(ledger)
    const before = ledger.position
    expect(await tour.deletion(ledger)).toEqual(["model@1"])
    expect(await ledger.find("model@1")).toBeUndefined()
    expect(await ledger.asOf(before + 2).find("penguins@2")).toBeUndefined()
    expect((await ledger.get("penguins@2")).version).toBe("2")
  })

  it("does not delete what is held, until it is released", async () => {
    expect(await tour.holding(ledger)).toEqual(["penguins@1"])
    const before = ledger.asOf(ledger.position - 1)
    expect((await before.get("penguins@1")).held).toMatchObject({ reason: "the audit of 2026" })
    expect(await ledger.delete("penguins@1")).toMatchObject({ changed: true })
  })

  it("prunes what was planned, but for what changed since", async () => {
    for (const value of ["a", "b", "c"]) await ledger.save("report", value)
    await ledger.tag("penguins@1", "candidate")
    const lines: Array<string> = []
    const log = vi.spyOn(console, "log").mockImplementation((line) => void lines.push(line))
    onTestFinished(() => log.mockRestore())
    const { plan, count, skipped } = await tour.pruning(ledger, new Date("2999-01-01"))
    expect(lines).toEqual([
      "report@1: 1 bytes, saved before 2999-01-01T00:00:00.000Z, not among the last 2, " +
        "not tagged, not used",
    ])
    expect([plan.done, count, skipped]).toEqual([false, 1, []])
    expect(await ledger.find("report@1")).toBeUndefined()
    expect((await ledger.restore("report@1")).changed).toBe(true)
  })

  it("gives back the room of what was deleted", async () => {
    await ledger.delete("penguins@1")
    const { reclaimable, versions, gone, reasons } = await tour.sweeping(ledger)
    expect([versions, gone]).toEqual([1, "end of the season"])
    expect(reclaimable).toBeGreaterThan(0)
    expect(reasons).toMatchObject([{ kind: "version", name: "penguins", version: "2" }])
    expect(await ledger.usage({ undoDays: 0 })).toMatchObject({ reclaimable: 0 })
  })

  it("reads all that is stored through", async () => {
    const { whole, findings, text } = await tour.verification(ledger)
    expect([whole, findings]).toEqual([true, []])
    expect(text).toMatch(/^read [0-9]+ bytes of content .*: all of it whole$/)
  })

  it("knows an archive before it sends it", async () => {
    const { headers, body, filename } = await tour.archive(ledger)
    expect(body).toHaveLength(Number(headers["content-length"]))
    expect(headers.etag).toMatch(/^".+"$/)
    expect(filename).toBe("penguins-2.zip")
    const files = unzipSync(body)
    expect(strFromU8(files["table.jsonl"] ?? new Uint8Array(0))).toBe(
      `${JSON.stringify(rows[0])}\n`,
    )
  })

  it("takes in an archive of somebody else's", async () => {
    const archive = zipSync({ "notes.txt": strToU8("seen at Dream") })
    const upload = (bytes: Uint8Array) => new Blob([Uint8Array.from(bytes)]).stream()
    const lines: Array<unknown> = []
    const log = vi.spyOn(console, "log").mockImplementation((line) => void lines.push(line))
    onTestFinished(() => log.mockRestore())
    const { content } = await tour.importing(ledger, upload(archive))
    expect(content.entries?.map(({ path }) => path)).toEqual(["notes.txt"])
    expect(lines).toHaveLength(1)
    const large = zipSync({ "notes.txt": new Uint8Array(50_000_001) }, { level: 0 })
    await expect(tour.importing(ledger, upload(large))).rejects.toMatchObject({
      _tag: "LimitExceeded",
    })
  })

  it("tells the history of a version, its deletion included", async () => {
    await ledger.with({ actor: "ben" }).delete("penguins@1", { reason: "superseded" })
    expect(await tour.history(ledger)).toEqual([
      expect.stringMatching(/^ann saved version 1 of penguins/),
      "ben deleted version 1 of penguins: superseded",
    ])
  })

  it("tells what somebody did", async () => {
    await ledger.with({ actor: "ben" }).save("penguins", "other")
    expect(await tour.story(ledger)).toEqual([
      expect.stringMatching(/^2 ann saved version 1 of penguins/),
      expect.stringMatching(/^3 ann saved version 2 of penguins/),
    ])
  })

  it("lets others look on", async () => {
    const path = join(directory, "watched")
    const writer = await openLedger(path)
    await writer.save("penguins", "first")
    const { seen, latest } = await tour.lookOn(path, () => writer.save("penguins", "second"))
    expect([seen, latest]).toEqual(["first", writer.position])
    await writer.close()
  })

  it("is backed up beside its writer", async () => {
    const path = join(directory, "kept")
    const writer = await openLedger(path)
    await writer.save("penguins", "first")
    const to = join(directory, "backup")
    expect(await tour.backedUp(writer, to)).toMatchObject({ position: 2, events: 2 })
    await writer.close()
    const copy = await openLedger({ directory: to, create: false })
    expect(await copy.load("penguins")).toBe("first")
    await copy.close()
  })

  it("is recovered into a new one", async () => {
    const path = join(directory, "damaged")
    const writer = await openLedger(path)
    await writer.save("penguins", "first")
    await writer.close()
    rmSync(join(path, "blob", "packs"), { recursive: true })
    const { ledger: anew, lists } = await tour.recovered(path, join(directory, "anew"))
    const { digest } = await anew.get("penguins")
    expect(digest).toMatch(/^[0-9a-f]{64}$/)
    expect(lists).toMatchObject([[], [], [], [{ artifact: "penguins", version: "1" }]])
    await anew.close()
  })

  it("takes a program's own classes, events, commands and projections", async () => {
    const path = join(directory, "ledger")
    const { ledger: own, position } = await extended(path)
    expect(await own.load("model")).toEqual(new Model([0.5, 2]))
    const { metadata, materializer }: ArtifactVersion = await own.get("model")
    expect({ ...metadata, materializer }).toMatchObject({
      weights: 2,
      materializer: "linear-model@1",
    })
    expect(await own.view(stations).get(["total", "Dream"])).toBe(124)
    const before = own.asOf(position - 1).view(stations)
    expect(await before.get(["total", "Dream"])).toBe(68)
    await own.close()
  })

  it("is a service for users of Effect", async () => {
    expect(await greet(join(directory, "greetings"))).toEqual({ hello: "world" })
  })
})
