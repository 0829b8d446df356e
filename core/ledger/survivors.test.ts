/**
 * Events that are left, taken into a new ledger: whole requests, new links, and what is noted.
 */
import { describe, expect, it } from "vitest"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import { everyEvent, Recorder, testId } from "../event/recorder.contract.js"
import { recordBytesMax } from "../limits.js"
import { digestOf } from "../model/digest.js"
import { projections } from "../projection/all.js"
import { Draft } from "../view/draft.js"
import { Folding } from "./folding.js"
import { movedBack, Survivors } from "./survivors.js"

const codec = makeCodec(catalog)
const { foldCore } = new Folding(codec, projections, [])

/** Takes events over, page by page; the first event of the ledger is not among them. */
const surviving = (events: ReadonlyArray<Recorded>, page = 1_000) => {
  const draft = new Draft(() => undefined)
  const survivors = new Survivors(codec, foldCore)
  const taken: Array<Recorded> = []
  for (let at = 0; at < events.length; at += page)
    taken.push(...survivors.take(draft, events.slice(at, at + page)).map(({ event }) => event))
  taken.push(...survivors.end(draft).map(({ event }) => event))
  const { leftOut, altered } = survivors
  expect(survivors.position).toBe(taken.length)
  return { taken, leftOut, altered }
}

/** All events with a key are parts of one request. */
const partsOf = (events: ReadonlyArray<Recorded>, count: number): ReadonlyArray<Recorded> => {
  let index = 0
  return events.map((event) =>
    event.idempotencyKey === undefined ? event : { ...event, part: { index: index++, count } },
  )
}

const requestOf = (count: number): ReadonlyArray<Recorded> => {
  const recorder = new Recorder()
  recorder.record({ type: "x/other", data: 1, subjects: [] })
  const key = { idempotencyKey: "once", request: digestOf(Buffer.from("request")) }
  for (let index = 0; index < count; index += 1)
    recorder.save(`a${index}`, {}, { ...key, step: index })
  recorder.record({ type: "x/other", data: 2, subjects: [] })
  return partsOf(recorder.events, count)
}

describe("a ledger that is whole", () => {
  it("comes over event by event, with links to new positions", () => {
    const [, ...events] = everyEvent()
    const { taken, leftOut, altered } = surviving(events)
    expect([leftOut, altered]).toEqual([[], []])
    expect(taken.map((event) => movedBack(event, 1))).toEqual(events)
  })

  it("is the same however it is read", () => {
    const events = everyEvent().slice(1)
    for (const page of [1, 2, 7]) expect(surviving(events, page)).toEqual(surviving(events))
  })

  it("keeps events of others as they are, whatever they are about", () => {
    const recorder = new Recorder()
    const about = [testId(7), testId(8)]
    for (const data of [1, { deep: [Uint8Array.of(1)] }])
      recorder.record({ type: "x/other", data, subjects: about })
    const [first, second] = recorder.events.map((event) => ({ ...event, revision: 7 }))
    const { taken } = surviving([first, second].filter((event) => event !== undefined))
    expect(taken).toEqual([first, second])
    const [only] = surviving([second].filter((event) => event !== undefined)).taken
    expect(only).toMatchObject({
      position: 1,
      subjects: about.map((id) => ({ id, previous: 0 })),
    })
  })
})

describe("a request of several events", () => {
  const events = requestOf(3)

  it("is whole where all of it is there, on whatever pages", () => {
    for (const page of [1, 2, 100]) expect(surviving(events, page).taken).toEqual(events)
  })

  it.each([1, 2, 3])("is none where event %i of it is lost", (lost) => {
    const left = events.filter((_, index) => index !== lost)
    for (const page of [1, 2, 100]) {
      const { taken, leftOut, altered } = surviving(left, page)
      expect(leftOut).toEqual([])
      expect(altered.map(({ position }) => position)).toEqual(
        [2, 3, 4].filter((position) => position !== lost + 1),
      )
      expect(taken).toHaveLength(4)
      for (const event of taken)
        expect(Object.keys(event)).not.toEqual(
          expect.arrayContaining([expect.stringMatching(/^(part|step|request|idempotencyKey)$/)]),
        )
    }
  })

  it("is none where a part of it cannot be taken over", () => {
    const recorder = new Recorder()
    const lost = recorder.save("lost")
    const key = { idempotencyKey: "k" }
    recorder.save("kept", {}, key)
    const target = { artifact: lost.artifact, version: lost.version }
    const logged = { type: "metadata-logged", data: { target, values: { n: 1 } }, subjects: [] }
    recorder.record(logged, key)
    const { taken, leftOut, altered } = surviving(partsOf(recorder.events, 2).slice(1))
    expect(taken).toMatchObject([{ type: "version-saved", position: 1 }])
    expect(taken[0]?.idempotencyKey).toBeUndefined()
    expect(leftOut).toMatchObject([{ position: 3, type: "metadata-logged" }])
    expect(altered).toMatchObject([{ position: 2, type: "version-saved" }])
  })
})

describe("an event at the bound of a record", () => {
  it("is left out where another position might not fit", () => {
    const recorder = new Recorder()
    const event = (length: number) =>
      recorder.record({ type: "x/other", data: "x".repeat(length), subjects: [] })
    const around = codec.encode(event(60_000)).length - 60_000
    const fits = event(recordBytesMax - around - 8)
    const not = event(recordBytesMax - around - 7)
    expect(surviving([fits]).leftOut).toEqual([])
    const { leftOut } = surviving([not])
    expect(leftOut).toMatchObject([{ text: expect.stringContaining("65535 bytes") }])
  })
})
