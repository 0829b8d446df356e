/**
 * Subjects: the last event about each id, of known types and others alike.
 */
import { describe, expect, it } from "vitest"
import { everyEvent, Recorder } from "../event/recorder.contract.js"
import { FoldedViews, foldedRows } from "./projection.contract.js"
import { subjects } from "./subjects.js"

describe("subjects", () => {
  it("are the position of the last event about each id", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn")
    recorder.tag(target, "raw")
    recorder.log("churn", { owner: "ann" })
    recorder.record({ type: "roof-closed", data: null, subjects: [target.version.id, "roof"] })
    expect(foldedRows(subjects, recorder.events)).toEqual({
      [`["last","${target.version.id}"]`]: 4,
      [`["last","${target.artifact.id}"]`]: 3,
      [`["last","${recorder.tagId("raw")}"]`]: 2,
      '["last","roof"]': 4,
    })
  })

  it("say of each event which one it follows", () => {
    const views = new FoldedViews([subjects])
    for (const event of everyEvent()) {
      const last = event.subjects.map(({ id }) => views.view(subjects).get(["last", id]) ?? 0)
      expect(event.subjects.map(({ previous }) => previous)).toEqual(last)
      views.fold([event])
    }
  })
})
