/**
 * Events in the form that callers see.
 */
import { describe, expect, it } from "vitest"
import { uri } from "../model/metadata.js"
import type { Recorded } from "./event.js"
import { published } from "./published.js"
import { Recorder } from "./recorder.contract.js"

const values = { at: new Date(7), home: uri("a:b"), bytes: Uint8Array.of(1), nested: { n: 5n } }

const recorder = new Recorder()
const target = recorder.save("churn", { metadata: values })
recorder.log(target, values)
recorder.tag(target, "raw")
recorder.unlog(target, "at")

const eventAt = (position: number): Recorded => {
  const event = recorder.events[position - 1]
  if (event === undefined) throw new Error(`no event ${position}`)
  return event
}

describe("a published event", () => {
  it("has metadata as values, whether saved or logged", () => {
    expect(published(eventAt(1))).toEqual({
      ...eventAt(1),
      data: { ...(eventAt(1).data as object), metadata: values },
    })
    expect(published(eventAt(2))).toEqual({ ...eventAt(2), data: { target, values } })
  })

  it("leaves the recorded one, which folds see, as it was", () => {
    const before = structuredClone(eventAt(2))
    published(eventAt(2))
    expect(eventAt(2)).toEqual(before)
    expect(eventAt(2).data).toMatchObject({ values: { at: { "": "date", value: 7 } } })
  })

  it("is the recorded one where there is no metadata, and where the type is unknown", () => {
    expect(published(eventAt(3))).toBe(eventAt(3))
    expect(published(eventAt(4))).toBe(eventAt(4))
    const unknown = recorder.record({ type: "roof-closed", data: { values: 1 }, subjects: [] })
    expect(published(unknown)).toBe(unknown)
  })

  it("keeps the data of a newer revision as it is", () => {
    for (const position of [1, 2]) {
      const newer = { ...eventAt(position), revision: 2, data: { other: "form" } }
      expect(published(newer)).toBe(newer)
    }
  })
})
