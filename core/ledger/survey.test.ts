/**
 * Surveys of logs that could not be proven: what is left, and where the rest was.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { Recorder, testId, timeAt } from "../event/recorder.contract.js"
import { EventLog } from "../log/event-log.js"
import { layerWith } from "../log/memory.js"
import { appendLeaf, type Edge, emptyEdge, leafHash } from "../proof/merkle.js"
import { firstRecord, newIdentity } from "./create.js"
import { survey } from "./survey.js"
import type { Tip } from "./tip.js"
import { printRoot } from "./trust.js"

const identity = newIdentity(timeAt(1))
const codec = makeCodec(catalog)

const logOf = (count: number): Array<Uint8Array> => {
  const recorder = new Recorder()
  const { id, chunking } = identity
  recorder.record({ type: "ledger-created", data: { ledger: id, chunking }, subjects: [] })
  const target = { artifact: { id: testId(1), name: "a" } }
  const logged = { type: "metadata-logged", data: { target, values: {} }, subjects: [] }
  while (recorder.events.length < count) recorder.record(logged)
  return [firstRecord(identity, timeAt(1)), ...recorder.events.slice(1).map(codec.encode)]
}

const edgeOf = (records: ReadonlyArray<Uint8Array>): Edge =>
  records.reduce<Edge>((edge, body) => appendLeaf(edge, leafHash(body)), emptyEdge)

const sealOf = (records: ReadonlyArray<Uint8Array>, size: number): Tip => ({
  ledger: identity.id,
  edge: edgeOf(records.slice(0, size)),
})

/** Loses these positions. */
const without = (records: ReadonlyArray<Uint8Array>, from: number, to: number) => {
  const left = records.slice()
  for (let position = from; position <= to; position += 1) delete left[position - 1]
  return left
}

const surveyed = (records: Array<Uint8Array>, tip?: Tip, end = 0) =>
  Effect.provide(
    EventLog.use((log) => survey({ log, codec, identity, tip, directory: "/here" }, end)),
    layerWith({ records }),
  )

const run = (...given: Parameters<typeof surveyed>) => Effect.runPromise(surveyed(...given))

const texts = async (...given: Parameters<typeof surveyed>) =>
  (await run(...given)).damaged.map(({ text }) => text)

describe("a survey", () => {
  const records = logOf(2_600)

  it("of a log that is whole has the tree over it, and nothing to say", async () => {
    const { edge, lastTime, damaged } = await run(records, sealOf(records, 2_000))
    expect(edge && printRoot(edge)).toBe(printRoot(edgeOf(records)))
    expect([lastTime, damaged]).toEqual([timeAt(2_600), []])
  })

  it("names every stretch that is missing, between what is left", async () => {
    const holes = without(without(records, 181, 196), 300, 300)
    expect(await texts(holes)).toEqual([
      "events 181 to 196 are missing or damaged, between 180 and 197",
      "event 300 is missing or damaged, between 299 and 301",
    ])
    expect(await texts(without(records, 1, 7))).toEqual([
      "events 1 to 7 are missing or damaged, at the beginning",
    ])
    // Wider than a page.
    expect(await texts(without(records, 900, 2_300))).toEqual([
      "events 900 to 2300 are missing or damaged, between 899 and 2301",
    ])
  })

  it("names what is missing at the end, as far as it is known to have been there", async () => {
    const short = records.slice(0, 350)
    const end = ["events 351 to 500 are missing or damaged, behind 350, at the end"]
    expect(await texts(short, undefined, 500)).toEqual(end)
    const { damaged, edge } = await run(without(short, 20, 20), sealOf(records, 500), 500)
    expect(damaged).toMatchObject([
      { from: 20, to: 20 },
      { from: 351, to: 500 },
    ])
    expect(edge).toBeUndefined()
    expect(await texts([], undefined, 4)).toEqual([
      "events 1 to 4 are missing or damaged, at the beginning",
    ])
  })

  it("has the tree where a seal covers all damage, and none where it does not", async () => {
    const root = printRoot(edgeOf(records))
    const covered = await run(without(records, 181, 196), sealOf(records, 500))
    expect(covered.edge && printRoot(covered.edge)).toBe(root)
    const bare = await run(without(records, 501, 501), sealOf(records, 500))
    expect([bare.edge, bare.lastTime]).toEqual([undefined, timeAt(2_600)])
  })

  it("refuses a log that is not this ledger's, or not what was sealed", async () => {
    const other = newIdentity(timeAt(2))
    const foreign = without([firstRecord(other, timeAt(1)), ...records.slice(1)], 100, 120)
    const refusal = await Effect.runPromise(Effect.flip(surveyed(foreign)))
    expect(refusal).toMatchObject({ _tag: "WrongLedger", expected: identity.id, found: other.id })
    const tip = sealOf(logOf(40).toReversed(), 40)
    const otherwise = await Effect.runPromise(Effect.flip(surveyed(without(records, 60, 60), tip)))
    expect(otherwise).toMatchObject({ _tag: "WrongLedger", expected: printRoot(tip.edge) })
  })
})

describe("what a survey hands out", () => {
  it("is all that is left, in order, around what cannot be read as an event", async () => {
    const records = logOf(1_200)
    const seen: Array<number> = []
    // Under the right number, and yet another event.
    records[30] = records[99] ?? Uint8Array.of()
    const log = layerWith({ records: without(records, 7, 9) })
    const claim = { codec, identity, tip: undefined, directory: "/here" }
    const visited = EventLog.use((events) =>
      survey({ ...claim, log: events }, 0, (left) =>
        Effect.sync(() => seen.push(...left.map(({ position }) => position))),
      ),
    )
    const { damaged } = await Effect.runPromise(Effect.provide(visited, log))
    expect(damaged).toMatchObject([
      { from: 7, to: 9 },
      { from: 31, to: 31 },
    ])
    const lost = [7, 8, 9, 31]
    const all = Array.from({ length: 1_200 }, (_, index) => index + 1)
    expect(seen).toEqual(all.filter((position) => !lost.includes(position)))
  })
})
