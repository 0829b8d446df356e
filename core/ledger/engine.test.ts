import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { emptyBlobs } from "../blob/memory.js"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import type { LedgerApi } from "./api.js"
import { firstRecord, newIdentity } from "./create.js"
import { MemoryPlace, opened } from "./places.contract.js"

type Api = LedgerApi<"effect">

/** A ledger whose events have these times, in seconds; nobody knows their type. */
const timed = (seconds: ReadonlyArray<number>): MemoryPlace => {
  const recorder = new Recorder()
  const time = (second: number) => timeAt(0) + second * 1_000
  const stranger = { type: "their/stranger", data: null, subjects: [] }
  for (const second of seconds) recorder.record(stranger, { time: time(second) })
  const identity = newIdentity(time(0))
  const later = recorder.events.slice(1).map(makeCodec(catalog).encode)
  const records = [firstRecord(identity, time(seconds[0] ?? 0)), ...later]
  return new MemoryPlace({ identity, records, blobs: emptyBlobs() })
}

const eventsAt = (ledger: Api, moment: number | Date) =>
  Effect.map(Stream.runCollect(ledger.asOf(moment).replay()), ({ length }) => length)

const second = (count: number) => new Date(timeAt(0) + count * 1_000)

describe("a position", () => {
  it("may be any from 0 to the head", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    await ledger.save("a", 2)
    expect(await ledger.asOf(0).find("a")).toBeUndefined()
    expect(await ledger.asOf(0).listArtifacts()).toEqual({ entries: [] })
    expect(await ledger.asOf(2).load("a")).toBe(1)
    expect(await ledger.asOf(ledger.position).load("a")).toBe(2)
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 3])(
    "%d is refused where the ledger has 2 events",
    async (moment) => {
      const ledger = await opened()
      await ledger.save("a", 1)
      await expect(ledger.asOf(moment).get("a")).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "asOf",
      })
    },
  )

  it("beyond the head is one of the ledger as soon as the event is there", async () => {
    const ledger = await opened()
    const reader = ledger.asOf(2)
    await expect(reader.get("a")).rejects.toMatchObject({ path: "asOf" })
    await ledger.save("a", 1)
    await ledger.save("a", 2)
    expect(await reader.load("a")).toBe(1)
  })
})

describe("a date", () => {
  it("is the position of the last event recorded by then", async () => {
    await timed([1, 2, 2, 2, 5]).use(
      Effect.fnUntraced(function* (ledger) {
        const wanted = [0, 1, 4, 4, 4, 5, 5]
        for (const [at, events] of wanted.entries())
          expect(yield* eventsAt(ledger, second(at)), `second ${at}`).toBe(events)
        expect(yield* eventsAt(ledger, new Date(second(2).getTime() - 1))).toBe(1)
        expect(yield* eventsAt(ledger, new Date(8.64e15))).toBe(5)
        expect(yield* eventsAt(ledger, new Date(-8.64e15))).toBe(0)
      }),
    )
  })

  it("that is none is refused", async () => {
    const ledger = await opened()
    const refusal = { _tag: "InvalidInput", path: "asOf" }
    await expect(ledger.asOf(new Date(Number.NaN)).get("a")).rejects.toMatchObject(refusal)
  })

  it("yet to come is pinned at the first question, and the same ever after", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const reader = ledger.asOf(new Date(8.64e15))
    await ledger.save("a", 2)
    const answers = await Promise.all([reader.load("a"), reader.load("a"), reader.load("a@2")])
    expect(answers).toEqual([2, 2, 2])
    await ledger.save("a", 3)
    expect(await reader.load("a")).toBe(2)
    expect(await ledger.load("a")).toBe(3)
  })

  it("is looked up in the log: damage there is named", async () => {
    const place = timed([1, 2, 3])
    await place.use(
      Effect.fnUntraced(function* (ledger) {
        delete place.records[1]
        const failure = yield* Effect.flip(ledger.asOf(second(2)).get("a"))
        expect(failure).toMatchObject({ _tag: "RecordCorrupted", from: 2, to: 2 })
      }),
    )
  })
})

describe("a closed ledger", () => {
  it("answers for no moment", async () => {
    const ledger = await opened()
    const pinned = ledger.asOf(1)
    await pinned.find("a")
    await ledger.close()
    const closed = { _tag: "LedgerClosed", kind: "unavailable" }
    for (const reader of [ledger, pinned, ledger.asOf(1), ledger.asOf(second(1))])
      await expect(reader.find("a")).rejects.toMatchObject(closed)
  })
})
