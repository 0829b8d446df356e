/**
 * Records as events, and damage as what it is.
 */
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import { everyEvent } from "../event/recorder.contract.js"
import { decodeRecords, knownOnly } from "./records.js"

const codec = makeCodec(catalog)
const events = everyEvent()
const records = events.map((event) => ({ position: event.position, body: codec.encode(event) }))

describe("records", () => {
  it("are read as the events that were recorded, in the order given", () => {
    const read = Effect.runSync(decodeRecords(codec, records.toReversed()))
    expect(read).toEqual(events.toReversed())
    expect(Effect.runSync(decodeRecords(codec, []))).toEqual([])
  })

  const [first, second] = records
  it.each([
    ["is no record", 2, Uint8Array.of(0xc1), /cannot be read/],
    ["is empty", 2, new Uint8Array(0), /cannot be read/],
    ["is cut short", 2, second?.body.subarray(0, -1) ?? new Uint8Array(0), /cannot be read/],
    ["says that it lies elsewhere", 2, first?.body ?? new Uint8Array(0), /says it is event 1/],
  ])("of which one %s are damaged there", (_, position, body, message) => {
    const damaged = records.map((record) =>
      record.position === position ? { position, body } : record,
    )
    const failure = Effect.runSync(Effect.flip(decodeRecords(codec, damaged)))
    expect(failure).toMatchObject({ _tag: "RecordCorrupted", from: position, to: position })
    expect(failure.message).toMatch(message)
  })
})

describe("events that are read for what they mean", () => {
  it("are refused when one is of a newer revision than is known", () => {
    const [first] = events
    const newer = events.with(3, { ...events[3], revision: 7 } as (typeof events)[number])
    expect(Effect.runSync(knownOnly(codec, events))).toBe(events)
    const { position, type } = newer[3] ?? { position: 0, type: first?.type }
    expect(Effect.runSync(Effect.flip(knownOnly(codec, newer)))).toMatchObject({
      _tag: "WrongLedger",
      expected: `${type} of revision 1`,
      found: `${type} of revision 7`,
      message: expect.stringContaining(`event ${position} `),
    })
    const unknown = { ...newer[3], type: "their/event" } as (typeof events)[number]
    expect(Effect.runSync(knownOnly(codec, [unknown]))).toEqual([unknown])
  })
})
