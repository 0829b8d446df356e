/**
 * Lineage: given these events, who was made from what, and when anything last was.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { lineage } from "./lineage.js"
import { FoldedViews, foldedRows } from "./projection.contract.js"

const view = (recorder: Recorder) => new FoldedViews([lineage]).fold(recorder.events).view(lineage)

describe("lineage", () => {
  it("lists each consumer under each of its inputs, by the position of its save", () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("feed"), recorder.save("feed")]
    const first = recorder.save("churn", { inputs: [one, two] })
    const second = recorder.save("churn", { inputs: [one] })
    expect(foldedRows(lineage, recorder.events)).toEqual({
      [`["consumer","${one.version.id}",3]`]: first.version.id,
      [`["consumer","${one.version.id}",4]`]: second.version.id,
      [`["consumer","${two.version.id}",3]`]: first.version.id,
      [`["used","${one.version.id}"]`]: { by: second.version.id, position: 4 },
      [`["used","${two.version.id}"]`]: { by: first.version.id, position: 3 },
      [`["used","${one.artifact.id}"]`]: { by: second.version.id, position: 4 },
    })
  })

  it("does not count an artifact as used by its own versions", () => {
    const recorder = new Recorder()
    const one = recorder.save("churn")
    const two = recorder.save("churn", { inputs: [one] })
    expect(view(recorder).get(["used", one.version.id])).toEqual({
      by: two.version.id,
      position: 2,
    })
    expect(view(recorder).get(["used", one.artifact.id])).toBeUndefined()
  })

  it("counts a restored version as a use from then on", () => {
    const recorder = new Recorder()
    const feed = recorder.save("feed")
    const churn = recorder.save("churn", { inputs: [feed] })
    recorder.delete(churn)
    const inputs = [{ id: feed.version.id, artifactId: feed.artifact.id }]
    recorder.restore(churn, inputs)
    const used = { by: churn.version.id, position: 4 }
    expect(view(recorder).get(["used", feed.version.id])).toEqual(used)
    expect(view(recorder).get(["used", feed.artifact.id])).toEqual(used)
    expect(view(recorder).get(["consumer", feed.version.id, 2])).toBe(churn.version.id)
  })

  it("notes when an artifact was restored last, since its versions may use anything", () => {
    const recorder = new Recorder()
    recorder.save("churn")
    expect(view(recorder).get(["restored"])).toBeUndefined()
    recorder.delete("churn")
    recorder.restore("churn")
    recorder.delete("churn")
    recorder.restore("churn")
    expect(view(recorder).get(["restored"])).toBe(5)
  })
})
