/**
 * Versions: given these events, these rows.
 */
import { describe, expect, it } from "vitest"
import { Recorder, timeAt } from "../event/recorder.contract.js"
import type { VersionTarget } from "../event/subject.js"
import { digestOf } from "../model/digest.js"
import { FoldedViews } from "./projection.contract.js"
import { backwards, versions } from "./versions.js"

const view = (recorder: Recorder) =>
  new FoldedViews([versions]).fold(recorder.events).view(versions)

const rowOf = (recorder: Recorder, { artifact, version }: VersionTarget) =>
  view(recorder).get(["at", artifact.id, version.ordinal])

describe("a version", () => {
  it("has a row with all that was saved, and is found by id, tail and position", () => {
    const recorder = new Recorder()
    const feed = recorder.save("feed")
    recorder.context = { actor: "ann" }
    const producer = { name: "nightly", run: "17" }
    const target = recorder.save("churn", {
      label: "44",
      tags: ["raw"],
      metadata: { rows: 7 },
      inputs: [feed],
      content: "12345",
      saved: { type: "model", saveType: "step-output", materializer: "x@2", description: "d" },
      producer,
    })
    const { artifact, version } = target
    expect(rowOf(recorder, target)).toEqual({
      id: version.id,
      artifactId: artifact.id,
      ordinal: 1,
      label: "44",
      number: 44,
      type: "model",
      saveType: "step-output",
      materializer: "x@2",
      description: "d",
      content: { digest: digestOf(Buffer.from("12345")), size: 5, count: 1 },
      tags: [recorder.tagId("raw")],
      metadata: { rows: 7 },
      inputs: [{ id: feed.version.id, artifactId: feed.artifact.id }],
      producer,
      createdAt: timeAt(2),
      actor: "ann",
      position: 2,
    })
    const key = [artifact.id, 1]
    expect(view(recorder).get(["id", version.id])).toEqual(key)
    expect(view(recorder).get(["tail", [...version.id].reverse().join("")])).toEqual(key)
    expect(view(recorder).get(["position", 2])).toEqual(key)
  })

  it.each([
    ["7", 7],
    ["007", undefined],
    ["raw_2023", undefined],
    ["9007199254740992", undefined],
  ])("labelled %s has the number %s", (label, number) => {
    const recorder = new Recorder()
    expect(rowOf(recorder, recorder.save("churn", { label }))?.number).toBe(number)
  })

  it("is deleted and restored, and remembers by whom", () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("churn"), recorder.save("churn")]
    recorder.context = { actor: "ann", reason: "wrong data" }
    recorder.delete(one)
    const deleted = { position: 3, time: timeAt(3), actor: "ann", reason: "wrong data" }
    expect(rowOf(recorder, one)).toMatchObject({ deleted, label: "1" })
    expect(rowOf(recorder, two)).not.toHaveProperty("deleted")
    recorder.restore(one)
    expect(rowOf(recorder, one)).not.toHaveProperty("deleted")
  })

  it("is held by whoever said so first, until it is released, and counted", () => {
    const recorder = new Recorder()
    const [one, two, other] = ["churn", "churn", "feed"].map((name) => recorder.save(name))
    if (one === undefined || two === undefined || other === undefined) return
    recorder.context = { actor: "ann", reason: "audit" }
    recorder.hold(one)
    recorder.context = {}
    recorder.hold(one)
    recorder.hold(two)
    recorder.hold(other)
    const held = { position: 4, time: timeAt(4), actor: "ann", reason: "audit" }
    expect(rowOf(recorder, one)).toMatchObject({ held, label: "1" })
    expect(rowOf(recorder, two)?.held).toEqual({ position: 6, time: timeAt(6) })
    const { id } = one.artifact
    expect(view(recorder).get(["holds", id])).toBe(2)
    expect(view(recorder).get(["held", id, 1])).toBe(one.version.id)
    recorder.release(one)
    recorder.release(one)
    expect(rowOf(recorder, one)).not.toHaveProperty("held")
    expect(view(recorder).get(["held", id, 1])).toBeUndefined()
    expect(view(recorder).get(["holds", id])).toBe(1)
    recorder.release(two)
    expect(view(recorder).get(["holds", id])).toBeUndefined()
    expect(view(recorder).get(["holds", other.artifact.id])).toBe(1)
  })

  it("remembers when its content was swept, and why", () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("churn"), recorder.save("churn")]
    recorder.delete(one)
    recorder.context = { reason: "room" }
    recorder.sweep(one)
    const swept = { position: 4, time: timeAt(4), reason: "room" }
    expect(rowOf(recorder, one)).toMatchObject({ swept, deleted: { position: 3 } })
    expect(rowOf(recorder, two)).not.toHaveProperty("swept")
  })

  it("has tags and metadata of its own, beside those of its artifact", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn", { metadata: { a: 1, b: 2 } })
    recorder.tag(target, "x", "y")
    recorder.tag("churn", "z")
    recorder.untag(target, "x")
    recorder.log(target, { b: 3, c: 4 })
    recorder.log("churn", { a: 9 })
    recorder.unlog(target, "a", "absent")
    recorder.unlog("churn", "b")
    expect(rowOf(recorder, target)).toMatchObject({
      tags: [recorder.tagId("y")],
      metadata: { b: 3, c: 4 },
    })
  })

  it("loses an exclusive tag to the version that it moves to, deleted or not", () => {
    const recorder = new Recorder()
    const [one, two] = [recorder.save("churn"), recorder.save("churn")]
    recorder.defineTag("main", { exclusive: true })
    recorder.tag(one, "main")
    recorder.delete(one)
    recorder.tag(two, "main", "raw")
    expect(rowOf(recorder, one)?.tags).toEqual([])
    expect(rowOf(recorder, two)?.tags).toEqual(["main", "raw"].map((tag) => recorder.tagId(tag)))
    const three = recorder.save("churn", { tags: ["main"] })
    expect(rowOf(recorder, two)?.tags).toEqual([recorder.tagId("raw")])
    expect(rowOf(recorder, three)?.tags).toEqual([recorder.tagId("main")])
  })

  it("leaves what was never saved alone", () => {
    const recorder = new Recorder()
    const target = recorder.save("churn")
    const rows = new FoldedViews([versions]).fold(recorder.events.splice(0, 1)).rows(versions)
    const nowhere = { ...target, version: { ...target.version, ordinal: 9 } }
    recorder.log(nowhere, { a: 1 })
    recorder.delete(nowhere)
    expect(new FoldedViews([versions]).fold(recorder.events).rows(versions)).toEqual({})
    expect(Object.keys(rows)).toHaveLength(4)
  })
})

describe("backwards", () => {
  it("turns an id round, and back", () => {
    expect(backwards("01J0TEST")).toBe("TSET0J10")
    expect(backwards(backwards("01J0TEST"))).toBe("01J0TEST")
  })
})
