/**
 * Recovery as it is asked for: of a ledger that is whole, what comes over and can be done with it,
 * and what is refused.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { command } from "../command/command.js"
import { eventType } from "../event/event.js"
import { projection } from "../projection/projection.js"
import { layoutOf } from "./layout.js"
import { opened, stamps, temporary } from "./places.contract.js"
import { openLedger, recover } from "./promise.js"
import { eventsOf, lived, place, recovered, story } from "./recover.contract.js"
import * as door from "./recover.js"

describe("a recovered ledger", () => {
  it("of a whole one has all its events behind what it says of itself", async () => {
    const directory = await lived(story)
    const { told, ledger } = await recovered(directory)
    expect(told).toMatchObject({ position: 9, lost: [], leftOut: [], altered: [], contentLost: [] })
    const [created, said, ...rest] = await eventsOf(ledger)
    const source = await opened({ directory, readOnly: true })
    const [, ...before] = await eventsOf(source)
    expect(created).toMatchObject({ type: "ledger-created", data: { ledger: told.ledger } })
    expect(said).toMatchObject({
      type: "ledger-recovered",
      data: { source: source.trust.ledger, lost: [], leftOut: [], altered: [], contentLost: [] },
    })
    expect([created?.time, said?.time]).toEqual([before[0]?.time, before[0]?.time])
    expect(told.ledger).not.toBe(source.trust.ledger)
    const moved = before.map((event) => ({
      ...event,
      position: event.position + 1,
      subjects: event.subjects.map(({ id, previous }) => {
        return { id, previous: previous === 0 ? 0 : previous + 1 }
      }),
    }))
    expect(rest).toEqual(moved)
  })

  it("can be written on, and answers the retry of an old request", async () => {
    const { ledger, into } = await recovered(await lived(story))
    const { position } = ledger
    const again = { inputs: ["a@1"], idempotencyKey: "b" }
    const first = await ledger.get("a@1")
    const retried = await ledger.save("b", "made of a", { ...again, inputs: [first] })
    expect([retried.version, ledger.position]).toEqual(["1", position])
    expect(await ledger.save("a", "three")).toMatchObject({ version: "3" })
    expect(await ledger.load("a@live")).toBe("two")
    await ledger.close()
    const reopened = await opened(into)
    expect(await reopened.load("a")).toBe("three")
    expect(reopened.trust.damaged).toEqual([])
  })

  it("can be recovered again", async () => {
    const { into, ledger: once } = await recovered(await lived(story))
    await once.close()
    const { told, ledger } = await recovered(into)
    expect(told).toMatchObject({ position: 10, lost: [], leftOut: [] })
    const types = (await eventsOf(ledger)).map(({ type }) => type)
    expect(types.slice(0, 3)).toEqual(["ledger-created", "ledger-recovered", "ledger-recovered"])
    expect(await ledger.load("a@live")).toBe("two")
  })

  it("of one with nothing in it has nothing but its own events", async () => {
    const { told } = await recovered(await lived(async () => undefined))
    expect(told).toMatchObject({ position: 2, lost: [] })
  })
})

const Counted = Schema.Struct({ birds: Schema.Int })
const counted = (revision: number) =>
  eventType({
    type: "birds/counted",
    revision,
    schema: Counted,
    upcasts: { 1: (data) => ({ birds: Number((data as { readonly birds: number }).birds) * 10 }) },
    sentence: ({ birds }) => `counted ${birds}`,
  })
const count = command<number>({
  name: "birds/count",
  parse: Number,
  decide: (birds) => ({
    facts: [{ type: "birds/counted", data: { birds }, subjects: ["the station Dream"] }],
    result: null,
  }),
})
const total = projection<{ readonly total: number }, { "birds/counted": typeof Counted.Type }>()({
  name: "birds/total",
  revision: 1,
  on: {
    "birds/counted": (rows, { data }) =>
      rows.put(["total"], (rows.get(["total"]) ?? 0) + data.birds),
  },
})

describe("events of a program's own", () => {
  it("come over as they were recorded, and are folded by who knows them", async () => {
    const directory = place()
    const own = { commands: [count], projections: [total] }
    const ledger = await openLedger({ directory, events: [counted(1)], ...own })
    for (const birds of [3, 4]) await ledger.execute(count, birds)
    await ledger.close()
    const { told, ledger: without, into } = await recovered(directory)
    expect(told).toMatchObject({ leftOut: [], altered: [], position: 4 })
    expect((await eventsOf(without)).slice(2)).toMatchObject([
      { type: "birds/counted", revision: 1, data: { birds: 3 }, subjects: [{ previous: 0 }] },
      { type: "birds/counted", revision: 1, data: { birds: 4 }, subjects: [{ previous: 3 }] },
    ])
    await without.close()
    const anew = await opened({ directory: into, events: [counted(2)], ...own })
    expect(await anew.view(total).get(["total"])).toBe(70)
  })
})

describe("a recovery that is refused", () => {
  const wrong = { _tag: "WrongLedger", kind: "corrupt" }

  it("has no ledger to recover, or another's log in it", async () => {
    const empty = temporary()
    const into = place()
    await expect(recover(empty, { into })).rejects.toMatchObject({ ...wrong, directory: empty })
    await expect(recover(join(empty, "no"), { into })).rejects.toMatchObject(wrong)
    writeFileSync(join(empty, "notes"), "mine")
    await expect(recover(empty, { into })).rejects.toMatchObject(wrong)
    const [one, other] = [await lived(story), await lived(story)]
    const layout = layoutOf(one)
    writeFileSync(layout.tip, readFileSync(layoutOf(other).tip))
    await expect(recover(one, { into })).rejects.toMatchObject(wrong)
    rmSync(layout.tip)
    writeFileSync(layout.identity, readFileSync(layoutOf(other).identity))
    await expect(recover(one, { into })).rejects.toMatchObject(wrong)
    writeFileSync(layout.identity, "{")
    await expect(recover(one, { into })).rejects.toMatchObject(wrong)
    expect(readdirSync(join(into, ".."))).toEqual([])
  })

  it("has nowhere to go to: a ledger, other files, or the damaged ledger itself", async () => {
    const directory = await lived(story)
    const before = stamps(directory)
    const taken = await lived(story)
    await expect(recover(directory, { into: taken })).rejects.toMatchObject(wrong)
    const files = temporary()
    writeFileSync(join(files, "notes"), "mine")
    await expect(recover(directory, { into: files })).rejects.toMatchObject(wrong)
    expect(readdirSync(files)).toEqual(["notes"])
    const link = join(temporary(), "link")
    symlinkSync(directory, link)
    for (const into of [directory, join(directory, "new", "er"), join(link, "new")])
      await expect(recover(directory, { into })).rejects.toMatchObject({ path: "options.into" })
    expect(stamps(directory)).toEqual(before)
  })

  it("is asked for in a way that cannot be read", async () => {
    const into = place()
    for (const directory of ["", 5, undefined] as unknown as ReadonlyArray<never>)
      await expect(recover(directory, { into })).rejects.toMatchObject({ path: "directory" })
    for (const bad of ["", 5, null] as unknown as ReadonlyArray<never>)
      await expect(recover("x", { into: bad })).rejects.toMatchObject({ path: "options.into" })
    for (const bad of [undefined, null, 5, { into, more: 1 }] as unknown as ReadonlyArray<never>)
      await expect(recover("x", bad)).rejects.toMatchObject({ _tag: "InvalidInput" })
  })
})

describe("a recovery that ends early", () => {
  it("by its signal leaves nothing behind", async () => {
    const directory = await lived(story)
    const into = place()
    const signal = AbortSignal.abort("enough")
    await expect(recover(directory, { into, signal })).rejects.toBe("enough")
    expect(readdirSync(join(into, ".."))).toEqual([])
    const later = new AbortController()
    const going = recover(directory, { into, signal: later.signal })
    setImmediate(() => later.abort("later"))
    await expect(going).rejects.toBe("later")
    expect(readdirSync(join(into, ".."))).toEqual([])
    await recover(directory, { into })
  })

  it("by a kill leaves what is no ledger, and is begun again", async () => {
    const directory = await lived(story)
    const into = place()
    const layout = layoutOf(into)
    mkdirSync(join(layout.tmp, "recovery", "log"), { recursive: true })
    mkdirSync(layout.packs, { recursive: true })
    writeFileSync(layout.making, "")
    writeFileSync(join(layout.packs, "00000009.pack"), "half")
    await expect(openLedger({ directory: into, readOnly: true })).rejects.toMatchObject({
      _tag: "WrongLedger",
    })
    expect(await recover(directory, { into })).toMatchObject({ position: 9 })
    const ledger = await opened(into)
    expect(await ledger.load("a@live")).toBe("two")
  })
})

describe("behind the door of effects", () => {
  it("it is an effect with its failures in the type", async () => {
    const program = door.recover(await lived(story), { into: place() })
    expect(await Effect.runPromise(program)).toMatchObject({ position: 9 })
    const failure = await Effect.runPromise(Effect.flip(door.recover("", { into: "x" })))
    expect(failure).toMatchObject({ _tag: "InvalidInput", path: "directory" })
  })
})
