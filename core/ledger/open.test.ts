/**
 * Opening what is not as it should be: one clear sentence that names the directory, and everything
 * is left as it was, so that putting the cause right puts the ledger right.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { join, relative } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { digestOf } from "../model/digest.js"
import * as LevelViews from "../view/level.js"
import { layoutOf } from "./layout.js"
import { rowsOf } from "./ledger.contract.js"
import { killed, largestLog, leftIn, MemoryPlace, opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger, recover } from "./promise.js"

/** Every file below a directory by its path, with its digest and its mode. */
const snapshot = (directory: string): Readonly<Record<string, string>> => {
  const paths = readdirSync(directory, { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  )
  return Object.fromEntries(
    [directory, ...paths].map((path) => {
      const stat = statSync(path)
      const digest = stat.isFile() ? digestOf(readFileSync(path)) : "directory"
      return [relative(directory, path), `${digest} ${stat.mode}`]
    }),
  )
}

const rowsIn = (directory: string) =>
  Effect.runPromise(
    Effect.provide(rowsOf, LevelViews.layer({ directory: layoutOf(directory).view })),
  )

/** A closed ledger with versions 1 to `count` of `a`. */
const made = async (count = 3): Promise<string> => {
  const directory = join(temporary(), "ledger")
  const ledger = await openLedger(directory)
  for (let n = 1; n <= count; n += 1) await ledger.save("a", n)
  await ledger.close()
  return directory
}

const expectWhole = async (ledger: PromiseLedger, count = 3): Promise<void> => {
  expect(ledger.trust.damaged).toEqual([])
  expect(ledger.position).toBe(count + 1)
  for (let n = 1; n <= count; n += 1) expect(await ledger.load(`a@${n}`)).toBe(n)
}

/** One sentence in lower case that names the directory. */
const expectRefused = async (directory: string, error: object): Promise<void> => {
  const thrown: unknown = await openLedger(directory).then(
    (ledger) => ledger.close(),
    (refusal) => refusal,
  )
  expect(thrown).toMatchObject({ ...error, message: expect.stringContaining(directory) })
  expect(String(thrown)).not.toMatch(/\n|\.$|\. /)
}

const wrong = { _tag: "WrongLedger", kind: "corrupt" }
const unavailable = { _tag: "LogFailure", kind: "unavailable", outcome: "none" }

describe("a place without a ledger", () => {
  it.each([
    ["missing", () => join(temporary(), "ledger")],
    ["empty", temporary],
  ])("that is %s becomes one", async (_, place) => {
    const directory = place()
    const ledger = await opened(directory)
    expect(ledger.trust).toMatchObject({ position: 1, sealed: 1, checked: 0, damaged: [] })
    expect(readdirSync(directory).sort()).toEqual(
      ["blob", "ledger.json", "lock", "log", "quarantine", "reserve", "tip", "tmp", "view"].sort(),
    )
    expect(JSON.parse(readFileSync(layoutOf(directory).identity, "utf8")).id).toBe(
      ledger.trust.ledger,
    )
  })

  it.each([
    ["a file", (place: string) => writeFileSync(join(place, "notes.txt"), "mine")],
    ["a folder", (place: string) => mkdirSync(join(place, "log"))],
    [
      "a ledger whose identity is gone",
      (place: string) =>
        cpSync(join(place, "..", "ledger"), place, {
          recursive: true,
          filter: (path) => !path.endsWith("ledger.json"),
        }),
    ],
  ])("that holds %s is refused, and stays as it is", async (_, fill) => {
    const directory = join(await made(), "..", "other")
    mkdirSync(directory)
    fill(directory)
    const before = snapshot(directory)
    await expectRefused(directory, wrong)
    expect(snapshot(directory)).toEqual(before)
    expect(readdirSync(join(directory, "..")).sort()).toEqual(["ledger", "other"])
  })

  it("that is a file is refused, and stays as it is", async () => {
    const path = join(temporary(), "ledger")
    writeFileSync(path, "mine")
    await expectRefused(path, { kind: "unavailable" })
    expect(readFileSync(path, "utf8")).toBe("mine")
    expect(readdirSync(join(path, ".."))).toEqual(["ledger"])
  })
})

describe("an identity", () => {
  const spoilt = [
    ["that is cut short", (text: string) => text.slice(0, 40)],
    ["that is empty", () => ""],
    ["that is not an object", () => "5"],
    ["of a newer format", (text: string) => text.replace('"format": 1', '"format": 2')],
    ["with another hash", (text: string) => text.replace("sha256", "md5")],
    ["without an id", (text: string) => text.replace('"id"', '"di"')],
    ["that is not text", () => "\ufffd\u0000\ufffd"],
  ] as const

  it.each(spoilt)("%s is refused, and nothing is touched", async (_, spoil) => {
    const directory = await made()
    const { identity } = layoutOf(directory)
    const sound = readFileSync(identity, "utf8")
    writeFileSync(identity, spoil(sound))
    const before = snapshot(directory)
    await expectRefused(directory, { ...wrong, directory })
    expect(snapshot(directory)).toEqual(before)
    writeFileSync(identity, sound)
    await expectWhole(await opened(directory))
  })
})

describe("a log", () => {
  it("of another ledger is refused, and is welcome where it belongs", async () => {
    const [mine, other] = [await made(3), await made(2)]
    const [log, theirs] = [layoutOf(mine).log, layoutOf(other).log]
    const aside = join(mine, "..", "aside")
    renameSync(log, aside)
    renameSync(theirs, log)
    const found = JSON.parse(readFileSync(layoutOf(other).identity, "utf8")).id
    await expectRefused(mine, { ...wrong, directory: mine, found })
    renameSync(log, theirs)
    renameSync(aside, log)
    await expectWhole(await opened(mine), 3)
    await expectWhole(await opened(other), 2)
  })

  it("with an event of a newer revision is refused, by both numbers", async () => {
    const place = new MemoryPlace(0)
    await place.use((ledger) => ledger.save("a", 1))
    const codec = makeCodec(catalog)
    const saved = codec.decode(place.records[1] ?? new Uint8Array(0))
    const later = { ...saved, position: 3, revision: 2, data: { meaning: "other" } }
    place.records.push(codec.encode(later))
    const rows = new Map(place.rows)
    const opening = place.use(() => Effect.void)
    await expect(opening).rejects.toMatchObject({
      ...wrong,
      expected: "version-saved of revision 1",
      found: "version-saved of revision 2",
      message: expect.stringContaining("event 3 "),
    })
    expect(place.rows).toEqual(rows)
    expect(place.records).toHaveLength(3)
  })

  it("that is an older copy is refused, and is welcome with its own seal", async () => {
    const directory = await made(3)
    const older = join(temporary(), "older")
    cpSync(directory, older, { recursive: true })
    const ledger = await openLedger(directory)
    await ledger.save("a", 4)
    await ledger.close()
    // The seal of the longer log comes to the shorter one.
    const { tip } = layoutOf(older)
    const own = readFileSync(tip)
    writeFileSync(tip, readFileSync(layoutOf(directory).tip))
    const views = await rowsIn(older)
    await expectRefused(older, { ...wrong, expected: "5 events", found: "4 events" })
    expect(await rowsIn(older)).toEqual(views)
    expect((await leftIn(older)).records).toHaveLength(4)
    writeFileSync(tip, own)
    await expectWhole(await opened(older), 3)
  })

  it("that is gone is missed, and never begun anew", async () => {
    const directory = await made()
    const { log } = layoutOf(directory)
    const aside = join(directory, "..", "aside")
    renameSync(log, aside)
    await expectRefused(directory, unavailable)
    expect(existsSync(log)).toBe(false)
    mkdirSync(log)
    await expectRefused(directory, unavailable)
    expect(readdirSync(log)).toEqual([])
    rmSync(log, { recursive: true })
    renameSync(aside, log)
    await expectWhole(await opened(directory))
  })
})

describe("a seal", () => {
  const events = 4

  it.each([
    ["that is missing", () => undefined],
    ["that is empty", () => ""],
    ["that is cut short", (text: string) => text.slice(0, -10)],
    ["with another position", (text: string) => text.replace(/"position":\d/, '"position":9')],
    ["with half its lines", (text: string) => text.split("\n")[0]],
  ] as const)("%s is done without: every event is checked", async (_, spoil) => {
    const directory = await made()
    const { tip } = layoutOf(directory)
    const { root } = await reopened(directory)
    const text = spoil(readFileSync(tip, "utf8"))
    if (text === undefined) rmSync(tip)
    else writeFileSync(tip, text)
    const ledger = await openLedger(directory)
    expect(ledger.trust).toMatchObject({ sealed: 0, checked: events, root })
    expect(ledger.trust.repaired).toEqual([expect.stringContaining("seal")])
    await expectWhole(ledger)
    await ledger.close()
    expect((await opened(directory)).trust).toMatchObject({ sealed: events, checked: 0, root })
  })

  it("that is older only has more to check", async () => {
    const directory = await made()
    const { tip } = layoutOf(directory)
    const older = readFileSync(tip)
    const ledger = await openLedger(directory)
    await ledger.save("a", 4)
    await ledger.close()
    const { root } = await reopened(directory)
    writeFileSync(tip, older)
    const again = await opened(directory)
    expect(again.trust).toMatchObject({ sealed: events, checked: 1, root, repaired: [] })
    await expectWhole(again, 4)
  })

  it("of another ledger is refused", async () => {
    const [mine, other] = [await made(), await made()]
    const own = readFileSync(layoutOf(mine).tip)
    writeFileSync(layoutOf(mine).tip, readFileSync(layoutOf(other).tip))
    await expectRefused(mine, { ...wrong, directory: mine })
    writeFileSync(layoutOf(mine).tip, own)
    await expectWhole(await opened(mine))
  })
})

/** What opening proves of a ledger that is closed again. */
const reopened = async (directory: string) => {
  const ledger = await openLedger(directory)
  await ledger.close()
  return ledger.trust
}

describe("what is derived", () => {
  it("is made anew when it was deleted: the views", async () => {
    const directory = await made()
    rmSync(layoutOf(directory).view, { recursive: true })
    const ledger = await openLedger(directory)
    expect(ledger.trust.repaired).toContain("the view versions was built from the log")
    await expectWhole(ledger)
    await ledger.close()
    expect((await reopened(directory)).repaired).toEqual([])
  })

  it("is made anew when it was deleted: the index of the blobs", async () => {
    const directory = await made()
    rmSync(join(layoutOf(directory).blob, "index"), { recursive: true })
    await expectWhole(await opened(directory))
  })

  it("is not needed to be there: empty folders that a copy left out", async () => {
    const directory = await made()
    const { tmp, quarantine } = layoutOf(directory)
    for (const folder of [tmp, quarantine]) rmSync(folder, { recursive: true })
    await expectWhole(await opened(directory))
  })

  it("is emptied: what an earlier process did not finish", async () => {
    const directory = await made()
    const { tmp } = layoutOf(directory)
    mkdirSync(join(tmp, "half"))
    writeFileSync(join(tmp, "half", "done"), "x")
    await expectWhole(await opened(directory))
    expect(readdirSync(tmp)).toEqual([])
  })
})

const keyedSaves = async (ledger: PromiseLedger): Promise<void> => {
  for (let n = 0; n < 150; n += 1) {
    await ledger.save(`artifact ${n}`, n, { idempotencyKey: `save ${n}`, tags: "kept" })
    // A list is of stored rows: so each save has its own commit of the views.
    await ledger.listTags()
  }
}

describe("views", () => {
  it("that lost a stretch before others, as after a power loss, are made anew", async () => {
    const copy = await killed({}, keyedSaves)
    const log = largestLog(layoutOf(copy).view)
    const bytes = readFileSync(log)
    const middle = Math.floor(bytes.length / 2)
    bytes.fill(0, middle, middle + 8_192)
    writeFileSync(log, bytes)
    const ledger = await opened(copy)
    expect(ledger.trust.repaired).toContain(
      "the views were damaged: they were moved to quarantine/",
    )
    expect(ledger.trust.damaged).toEqual([])
    // Had they been believed, a key that is missing would let its save be made a second time.
    await keyedSaves(ledger)
    expect(ledger.position).toBe(151)
    for (let n = 0; n < 150; n += 1) expect(await ledger.load(`artifact ${n}`)).toBe(n)
  })

  it.each([
    ["with a registry that is damaged", "log"],
    ["whose files LevelDB cannot read", "MANIFEST"],
  ])("%s are no reason not to open", async (_, what) => {
    const copy = await killed({}, keyedSaves)
    const { view } = layoutOf(copy)
    const name = readdirSync(view).find((file) => file.startsWith(what))
    const path = name === undefined ? largestLog(view) : join(view, name)
    const bytes = readFileSync(path)
    bytes.fill(0xff, Math.max(0, bytes.length - 3_000))
    writeFileSync(path, bytes)
    const ledger = await opened(copy)
    await keyedSaves(ledger)
    expect(ledger.position).toBe(151)
    expect(await ledger.load("artifact 149")).toBe(149)
    const kept = readdirSync(layoutOf(copy).quarantine)
    expect(kept.filter((file) => file.startsWith("view-"))).toHaveLength(what === "log" ? 0 : 1)
  })
})

describe("a log that the views have seen more of", () => {
  const cut = (copy: string): void => {
    const log = largestLog(layoutOf(copy).log)
    truncateSync(log, Math.floor(statSync(log).size * 0.6))
  }

  it("lost what was durable: read only, and the views are left to prove it", async () => {
    const copy = await killed({}, keyedSaves)
    cut(copy)
    const views = await rowsIn(copy)
    const reader = await openLedger(copy)
    expect(reader.trust).toMatchObject({ readOnly: true, damaged: [{ to: 151 }] })
    await expect(reader.save("a", 1)).rejects.toMatchObject({ _tag: "LedgerReadOnly" })
    await reader.close()
    expect(await rowsIn(copy)).toEqual(views)
    rmSync(layoutOf(copy).view, { recursive: true })
    const ledger = await opened(copy)
    expect(ledger.position).toBeLessThan(151)
    expect(ledger.trust).not.toHaveProperty("lost")
  })

  it("lost what was durable: read only too where the views had stored nothing", async () => {
    const copy = await killed({}, async (ledger) => {
      for (let n = 0; n < 50; n += 1) await ledger.save("a", n)
    })
    cut(copy)
    const reader = await opened(copy)
    expect(reader.trust).toMatchObject({ readOnly: true, damaged: [{ to: 51 }] })
  })

  it("lost what was buffered: opened, and said", async () => {
    const copy = await killed({ durability: "buffered" }, keyedSaves)
    cut(copy)
    const ledger = await opened(copy)
    expect(ledger.trust.lost).toEqual({ from: ledger.position + 1, to: 151 })
    await ledger.close()
    expect(await reopened(copy)).not.toHaveProperty("lost")
    const again = await opened(copy)
    await keyedSaves(again)
    expect(again.position).toBe(151)
  })
})

describe("a directory that is none", () => {
  it.each([
    ["a null", "a\0b"],
    ["too long", "d".repeat(5_000)],
    ["a number", 5],
  ])("%s is refused before the disk is asked", async (_, bad) => {
    const path = bad as string
    const at = (name: string) => ({ _tag: "InvalidInput", path: name })
    await expect(openLedger({ directory: path })).rejects.toMatchObject(at("options.directory"))
    await expect(recover(path, { into: "new" })).rejects.toMatchObject(at("directory"))
    await expect(recover("old", { into: path })).rejects.toMatchObject(at("options.into"))
    const ledger = await opened(join(temporary(), "ledger"))
    await expect(ledger.backup(path)).rejects.toMatchObject(at("directory"))
  })
})
