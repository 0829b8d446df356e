/**
 * Totals: what was ever saved and named.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { foldedRows } from "./projection.contract.js"
import { totals } from "./totals.js"

describe("totals", () => {
  it("count versions, their bytes and the tags, each tag once", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn", { content: "12345", tags: ["a", "b"] })
    recorder.save("churn", { content: "12345", tags: ["a"] })
    recorder.save("feed", { content: "" })
    recorder.tag(target, "c", "a")
    recorder.defineTag("d")
    recorder.defineTag("a", { color: "red" })
    expect(foldedRows(totals, recorder.events)).toEqual({
      '["versions"]': 3,
      '["bytes"]': 10,
      '["tags"]': 4,
    })
  })

  it("take nothing back when something is deleted", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn", { content: "12345" })
    const before = foldedRows(totals, recorder.events)
    recorder.delete(target)
    recorder.delete("churn")
    expect(foldedRows(totals, recorder.events)).toEqual(before)
    expect(before).toEqual({ '["versions"]': 1, '["bytes"]': 5 })
  })
})
