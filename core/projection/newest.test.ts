/**
 * Newest: the last event of all, whatever its type.
 */
import { expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { newest } from "./newest.js"
import { foldedRows } from "./projection.contract.js"

it("is the event that was seen last, of known types and others alike", () => {
  const recorder = new Recorder()
  expect(foldedRows(newest, recorder.events)).toEqual({})
  recorder.save("churn")
  recorder.record({ type: "roof-closed", data: null, subjects: [] })
  const last = recorder.events.at(-1)
  expect(foldedRows(newest, recorder.events)).toEqual({
    '["event"]': { id: last?.id, position: 2 },
  })
})
