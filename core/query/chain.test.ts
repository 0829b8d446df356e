/**
 * Chains: walked backwards, told forwards, and noticed when a link is missing.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import type { Recorded } from "../event/event.js"
import { everyEvent, Recorder } from "../event/recorder.contract.js"
import { layer as logLayer, layerWith as logLayerWith } from "../log/memory.js"
import { layer as viewLayer } from "../view/memory.js"
import { chain } from "./chain.js"
import { momentsOf } from "./moment.contract.js"
import type { Moment } from "./query.js"

const stores = Layer.mergeAll(logLayer, viewLayer)
const open = (events: ReadonlyArray<Recorded>) =>
  Effect.runPromise(Effect.provide(momentsOf(events), stores))

/** The moment, and the positions of the records that are read at it. */
const counted = (moment: Moment) => {
  const read: Array<number> = []
  const get: Moment["log"]["get"] = (positions) => {
    read.push(...positions)
    return moment.log.get(positions)
  }
  return { read, moment: { ...moment, log: { ...moment.log, get } } }
}

const told = async (moment: Moment, id: string, after?: number) => {
  const events = await Effect.runPromise(Stream.runCollect(chain(moment, id, after)))
  return events.map(({ position }) => position)
}

describe("a chain", () => {
  const events = everyEvent()
  const ids = [...new Set(events.flatMap(({ subjects }) => subjects.map(({ id }) => id)))]
  const naive = (id: string, upTo: number) =>
    events
      .filter(({ position }) => position <= upTo)
      .filter(({ subjects }) => subjects.some((subject) => subject.id === id))
      .map(({ position }) => position)

  it("is every event about an id, in order, at every moment", async () => {
    const { at } = await open(events)
    for (const id of ids)
      for (const upTo of [0, 1, 7, 12, events.length])
        expect(await told(at(upTo), id)).toEqual(naive(id, upTo))
    expect(ids.length).toBeGreaterThan(5)
  })

  it("begins behind a position where one is given", async () => {
    const { at } = await open(events)
    for (const id of ids)
      for (const after of [1, 5, 12, events.length])
        expect(await told(at(), id, after)).toEqual(
          naive(id, events.length).filter((position) => position > after),
        )
  })

  it("of an id that nothing is about is empty", async () => {
    const { at } = await open(events)
    expect(await told(at(), "nobody")).toEqual([])
  })

  it("may be longer than one page of it", async () => {
    const recorder = new Recorder()
    const target = recorder.save("churn")
    for (let nth = 0; nth < 300; nth += 1) {
      recorder.log(target, { nth })
      if (nth % 3 === 0) recorder.record({ type: "between", data: null, subjects: ["other"] })
    }
    const { at } = await open(recorder.events)
    const positions = await told(at(), target.version.id)
    expect(positions).toHaveLength(301)
    expect(positions).toEqual(positions.toSorted((a, b) => a - b))
  })
})

describe("what a chain reads", () => {
  const length = 1_400
  const recorder = new Recorder()
  const target = recorder.save("churn")
  for (let nth = 1; nth < length; nth += 1) recorder.log(target, { nth })
  const every = recorder.events.map(({ position }) => position)
  const id = target.version.id

  it("is nothing that came later than the moment", async () => {
    const { at } = await open(recorder.events)
    for (const then of [1, 2, 700]) {
      const { read, moment } = counted(at(then))
      const after = Math.max(0, then - 2)
      expect(await told(moment, id, after)).toEqual(every.slice(after, then))
      expect(Math.max(...read)).toBe(then)
    }
  })

  it("is nothing up to the position behind which it begins", async () => {
    const { at } = await open(recorder.events)
    const { read, moment } = counted(at())
    expect(await told(moment, id, length - 3)).toEqual(every.slice(-3))
    expect(read).toEqual(every.slice(-3).toReversed())
  })

  it.each([1, 256, 257, 511])("is each record once where there are %d", async (count) => {
    const { at } = await open(recorder.events)
    const { read, moment } = counted(at(count))
    expect(await told(moment, id)).toEqual(every.slice(0, count))
    expect(read).toHaveLength(count)
  })

  it("is only the newer records again where it is long", async () => {
    const { at } = await open(recorder.events)
    for (const count of [512, 513, 767, 768, 1_024, length]) {
      const { read, moment } = counted(at(count))
      expect(await told(moment, id)).toEqual(every.slice(0, count))
      expect(read.length).toBeLessThanOrEqual(count * 2 - 256)
    }
  })
})

describe("a chain that is broken", () => {
  /** The events with other subjects at one position, under views that know the true ones. */
  const broken = async (position: number, subjects: Recorded["subjects"]) => {
    const records: Array<Uint8Array> = []
    const recorder = new Recorder()
    const target = recorder.save("churn")
    for (let nth = 0; nth < 5; nth += 1) recorder.log(target, { nth })
    const layers = Layer.mergeAll(logLayerWith({ records }), viewLayer)
    const { at } = await Effect.runPromise(Effect.provide(momentsOf(recorder.events), layers))
    const event = recorder.events[position - 1]
    const forged = event && at().codec.encode({ ...event, subjects })
    if (forged !== undefined) records[position - 1] = forged
    return Effect.runPromise(Effect.flip(Stream.runCollect(chain(at(), target.version.id))))
  }

  it("names the event that should be about the id and is not", async () => {
    expect(await broken(3, [])).toMatchObject({ _tag: "RecordCorrupted", from: 3, to: 3 })
    expect(await broken(6, [{ id: "other", previous: 5 }])).toMatchObject({ from: 6, to: 6 })
  })

  it("does not go round in a circle", async () => {
    const recorder = new Recorder()
    const { id } = recorder.save("churn").version
    for (const previous of [3, 4])
      expect(await broken(3, [{ id, previous }])).toMatchObject({ from: 3, to: 3 })
  })
})
