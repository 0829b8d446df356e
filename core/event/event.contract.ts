/**
 * The laws of event types: what is recorded can be read back for ever, byte for byte, and rendered
 * as one sentence. For the ledger's own and for callers' own; each is called with samples of its
 * data. Knows neither logs nor views.
 */
import { describe, expect, it } from "vitest"
import { recordBytesMax } from "../limits.js"
import { parse, strict } from "../model/schema.js"
import { makeCodec } from "./codec.js"
import type { AnyEventType, Recorded } from "./event.js"
import { Recorder } from "./recorder.contract.js"
import { formatEvent } from "./sentence.js"

/** A deep copy whose maps have their keys the other way round, and whose bytes are no `Buffer`. */
export const turned = <A>(value: A): A => {
  if (Array.isArray(value)) return value.map(turned) as A
  if (value instanceof Uint8Array) return new Uint8Array(value) as A
  if (typeof value !== "object" || value === null) return value
  const entries = Object.entries(value).reverse()
  return Object.fromEntries(entries.map(([key, member]) => [key, turned(member)])) as A
}

/** The suite. `samples` makes data of the newest revision; together they show every member. */
export const eventTypeContract = <Type extends AnyEventType>(
  type: Type,
  samples: () => ReadonlyArray<Type["schema"]["Type"]>,
): void => {
  const codec = makeCodec([type])
  const recorded = (data: unknown): Recorded =>
    new Recorder([type]).record({ type: type.type, data, subjects: [] })

  describe(`the event type ${type.type}`, () => {
    it("has a name in kebab-case, a revision from 1, and an upcast from each older one", () => {
      expect(type.type).toMatch(/^([a-z]+(-[a-z]+)*\/)*[a-z]+(-[a-z]+)*$/)
      expect(Number.isSafeInteger(type.revision) && type.revision >= 1).toBe(true)
      const older = Array.from({ length: type.revision - 1 }, (_, index) => String(index + 1))
      expect(Object.keys(type.upcasts ?? {})).toEqual(older)
    })

    it("has a schema that takes its data as it is", () => {
      expect(samples().length).toBeGreaterThan(0)
      for (const data of samples()) expect(parse(strict(type.schema), data, "data")).toEqual(data)
    })

    it("is read back as it was recorded", () => {
      for (const data of samples()) {
        const event = recorded(data)
        expect(turned(codec.decode(codec.encode(event)))).toEqual(turned(event))
      }
    })

    it("has the same bytes whatever the order of its keys, and fits a record", () => {
      for (const data of samples()) {
        const bytes = codec.encode(recorded(data))
        expect(Buffer.compare(codec.encode(turned(recorded(data))), bytes)).toBe(0)
        expect(bytes.length).toBeLessThanOrEqual(recordBytesMax)
      }
    })

    it("is rendered as one sentence", () => {
      for (const data of samples())
        expect(formatEvent(codec, recorded(data))).toMatch(/^someone \S.*\S$/)
    })
  })
}
