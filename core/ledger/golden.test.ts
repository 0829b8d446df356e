/**
 * A ledger of format 1 as it was written once: it opens, with its root, and says what it said.
 *
 * golden/format-1.golden.json maps the paths of its files to their bytes in base64, without the
 * lock, the logs of LevelDB for people, and `reserve`, which is zeros. It stays as it is for ever:
 * a program that cannot read it needs a higher format number. As long as the format is not
 * published, it can be made anew, in two sessions, behind which the directory is taken as it is:
 *
 * 1. By `ann`: defineTag "live", exclusive and green. Save "penguins", two rows with a text, a
 *    number and a boolean or null, tagged "raw", with the metadata source "Palmer" and rows 2n.
 *    Save "notes" as "first\n", tagged "live" and "draft", with the description "a note"; then as
 *    "second\n", labelled "two", with the input "penguins"; tag that "live". Save "lines", a stream
 *    of `linesOf(6_000)`.
 * 2. By `bob`: logMetadata of notes@1, score 0.5 and when new Date(0), for the reason "measured";
 *    then score 0.75; removeMetadata "when"; untag "draft"; delete notes@1, restore it by its id.
 *    A batch: save "bytes", [0, 1, 254, 255]; tag it "raw"; save "config", { deep: { list:
 *    [1, "two", null] } }, with bytes as its input "seed". Save "keyed" as "once" under the key
 *    "save once". Tag penguins "raw" once more under the key "tag again". A command of the
 *    program's own that records "shop/order-placed" { goods: "herring", count: 12 }, about
 *    "goods herring". Save "gone", and delete that artifact.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { emptyBlobs } from "../blob/memory.js"
import { eventType } from "../event/event.js"
import { digestOf } from "../model/digest.js"
import * as LevelViews from "../view/level.js"
import * as MemoryViews from "../view/memory.js"
import type { ViewStore } from "../view/view-store.js"
import { layoutOf, reserveBytes } from "./layout.js"
import { rowsOf } from "./ledger.contract.js"
import { leftIn, MemoryPlace, opened, temporary } from "./places.contract.js"

const fixture = new URL("golden/format-1.golden.json", import.meta.url)
const files: Readonly<Record<string, string>> = JSON.parse(readFileSync(fixture, "utf8"))

const id = "01M88H36QDBVZBR2ZMHFGD0MFH"
const root = "a8dd6825b61a49bf7e426326cb3fc4190e8ac1d8a862240e05644f3d50b07920"

/** The ledger in a directory of its own, as it was left. */
const unpacked = (): string => {
  const directory = join(temporary(), "ledger")
  for (const [path, base64] of Object.entries(files)) {
    const file = join(directory, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, Buffer.from(base64, "base64"))
  }
  writeFileSync(layoutOf(directory).reserve, Buffer.alloc(reserveBytes))
  return directory
}

const orderPlaced = eventType({
  type: "shop/order-placed",
  revision: 1,
  schema: Schema.Struct({ goods: Schema.String, count: Schema.Int }),
  sentence: ({ goods, count }) => `ordered ${count} of ${goods}`,
})

const golden = (directory = unpacked()) => opened({ directory, events: [orderPlaced] })

const collect = async <A>(iterable: AsyncIterable<A>): Promise<ReadonlyArray<A>> => {
  const collected: Array<A> = []
  for await (const one of iterable) collected.push(one)
  return collected
}

const linesOf = (count: number): string =>
  Array.from(
    { length: count },
    (_, n) => `line ${n}: there is nothing in it but its number\n`,
  ).join("")

/** What happened, in order: by whom, and of which type. */
const history = [
  "? ledger-created",
  "ann tag-defined",
  "ann version-saved",
  "ann version-saved",
  "ann version-saved",
  "ann tags-added",
  "ann version-saved",
  "bob metadata-logged",
  "bob metadata-logged",
  "bob metadata-removed",
  "bob tags-removed",
  "bob version-deleted",
  "bob version-restored",
  "bob version-saved",
  "bob tags-added",
  "bob version-saved",
  "bob version-saved",
  "bob request-settled",
  "bob shop/order-placed",
  "bob version-saved",
  "bob artifact-deleted",
]

/** What every surviving version holds, by its name and label. */
const contents: Readonly<Record<string, unknown>> = {
  "bytes@1": new Uint8Array([0, 1, 254, 255]),
  "config@1": { deep: { list: [1, "two", null] } },
  "keyed@1": "once",
  "lines@1": new Uint8Array(Buffer.from(linesOf(6_000))),
  "notes@1": "first\n",
  "notes@two": "second\n",
  "penguins@1": [
    { species: "Adelie", mass: 3750, male: true },
    { species: "Gentoo", mass: 5000.5, male: null },
  ],
}

/** Views that are new, or whose revision was raised since: made anew, and nothing else is. */
const revised = ["subjects", "newest"]

describe("a ledger of format 1", () => {
  it("opens whole, with its root, and nothing in it has to be mended", async () => {
    const { trust } = await golden()
    const repaired = revised.map((name) => `the view ${name} was built from the log`)
    const checked = { sealed: 21, checked: 0, readOnly: false, repaired }
    const whole = { ...checked, damaged: [], viewsDamaged: false, damagedContent: [] }
    expect(trust).toEqual({ ledger: id, position: 21, root, ...whole })
  })

  it("says what happened, what the program's own event says too", async () => {
    const ledger = await golden()
    const events = await collect(ledger.replay())
    expect(events.map(({ actor = "?", type }) => `${actor} ${type}`)).toEqual(history)
    expect(events[0]?.data).toMatchObject({ ledger: id, format: 1, hash: "sha256" })
    expect(events[5]?.data).toMatchObject({
      tags: [{ name: "live", from: { version: { label: "1" } } }],
    })
    expect(events[7]).toMatchObject({ reason: "measured", data: { values: { score: 0.5 } } })
    expect(events[16]).toMatchObject({ idempotencyKey: "save once" })
    expect(events[17]).toMatchObject({ idempotencyKey: "tag again" })
    expect(events[18]).toMatchObject({
      subjects: [{ id: "goods herring", previous: 0 }],
      data: { goods: "herring", count: 12 },
    })
  })

  it("holds what was saved, under its names, and can tell it from the past", async () => {
    const ledger = await golden()
    const versions = await collect(ledger.versions({ sort: { by: "name" } }))
    const names = versions.map(({ name, version }) => `${name}@${version}`)
    expect(names.toSorted()).toEqual(Object.keys(contents))
    for (const [name, value] of Object.entries(contents))
      expect(await ledger.load(name), name).toEqual(value)
    const { metadata, description, tags } = await ledger.get("notes@1")
    expect([metadata.score, metadata.when, description, tags]).toEqual([
      0.75,
      undefined,
      "a note",
      [],
    ])
    expect((await ledger.get("notes@live")).version).toBe("two")
    expect((await ledger.asOf(5).get("notes@live")).version).toBe("1")
    expect((await ledger.get("penguins")).metadata).toMatchObject({ source: "Palmer", rows: 2n })
    expect((await ledger.get("config")).inputs).toMatchObject([{ as: "seed" }])
    expect(await ledger.findTag("live")).toMatchObject({ exclusive: true, color: "green" })
    expect(await ledger.findArtifact("gone")).toBeUndefined()
  })

  it("is sent as the same bytes as ever", async () => {
    const ledger = await golden()
    const { size, etag, filename, stream } = await ledger.zip("lines")
    expect({ size, etag, filename }).toEqual({
      size: 15_876,
      etag: '"dfbf92a65ca65f0100e27940813ac3fd4dcd06a693827819beb17499c3efbc2d"',
      filename: "lines-1.zip",
    })
    expect(digestOf(...(await collect(stream())))).toBe(
      "297ee2c2f7672ded669c94131c6a8c3c57240c2868a118a272d0dc09659a5ac1",
    )
  })

  it("has the views that its log makes", async () => {
    const directory = unpacked()
    const rows = <E>(store: Layer.Layer<ViewStore, E>) =>
      Effect.runPromise(Effect.provide(rowsOf, store))
    const inDirectory = () => rows(LevelViews.layer({ directory: layoutOf(directory).view }))
    const others = (all: ReadonlyMap<string, unknown>) =>
      [...all].filter(([key]) => !revised.some((name) => key.split(" ")[0] === name))
    const kept = await inDirectory()
    const left = await leftIn(directory)
    expect([left.identity.id, left.records.length]).toEqual([id, 21])
    const anew = new MemoryPlace({ ...left, blobs: emptyBlobs() })
    await anew.use(() => Effect.void, { events: [orderPlaced] })
    const made = await rows(MemoryViews.layerWith({ rows: anew.rows }))
    expect(others(kept)).toEqual(others(made))
    expect([kept.size, others(kept).length]).toEqual([162, 119])
    await (await golden(directory)).close()
    expect(await inDirectory()).toEqual(made)
  })

  it("goes on: a retry gets its first answer, and what is new is there ever after", async () => {
    const directory = unpacked()
    const ledger = await golden(directory)
    const again = await ledger.save("keyed", "once", { idempotencyKey: "save once" })
    expect([again.position, ledger.position]).toEqual([17, 21])
    expect(await ledger.save("notes", "third\n", { tags: "live" })).toMatchObject({
      position: 22,
      version: "2",
    })
    await ledger.close()
    const reopened = await golden(directory)
    expect(reopened.trust).toMatchObject({ ledger: id, position: 22, sealed: 22, repaired: [] })
    expect(await reopened.load("notes@live")).toBe("third\n")
    expect(await reopened.load("lines")).toEqual(contents["lines@1"])
  })
})
