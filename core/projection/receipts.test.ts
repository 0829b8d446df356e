/**
 * Receipts: the events that answered a request, by its idempotency key.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { foldedRows } from "./projection.contract.js"
import { receipts } from "./receipts.js"

describe("receipts", () => {
  it("span the events of one request, of unknown types too, and of no other", () => {
    const recorder = new Recorder()
    const batch = { idempotencyKey: "batch 1", request: "aa" }
    recorder.save("churn")
    recorder.save("churn", {}, { ...batch, step: 0 })
    recorder.record({ type: "roof-closed", data: 1, subjects: [] }, { ...batch, step: 1 })
    recorder.save("feed", {}, { ...batch, step: 2 })
    recorder.save("feed", {}, { idempotencyKey: "once", request: "bb" })
    expect(foldedRows(receipts, recorder.events)).toEqual({
      '["key","batch 1"]': { request: "aa", first: 2, last: 4 },
      '["key","once"]': { request: "bb", first: 5, last: 5 },
    })
  })

  it("are not made of a key without a request", () => {
    const recorder = new Recorder()
    recorder.save("churn", {}, { idempotencyKey: "k" })
    recorder.save("churn", {}, { request: "aa" })
    expect(foldedRows(receipts, recorder.events)).toEqual({})
  })
})
