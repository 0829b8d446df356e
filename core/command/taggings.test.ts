/**
 * Planning taggings: what is new, what moves, from whom, and when it is too much.
 */
import { describe, expect, it } from "vitest"
import { isRefusal } from "../errors.js"
import type { Recorder } from "../event/recorder.contract.js"
import type { TargetRef, VersionTarget } from "../event/subject.js"
import { freshTestId, Given } from "./command.contract.js"
import { planTaggings, taggingSubjects } from "./taggings.js"

const plan = (
  situation: Given,
  target: TargetRef,
  names: ReadonlyArray<string>,
  held: ReadonlyArray<string> = [],
) => {
  let drawn = 0
  const id = () => {
    drawn += 1
    return freshTestId(drawn)
  }
  return planTaggings(situation.views, target, held, names, { position: 1, time: 0, id })
}

const begin = () => {
  const situation = new Given()
  const recorder: Recorder = situation.recorder
  const one: VersionTarget = recorder.save("churn", { tags: ["plain"] })
  recorder.defineTag("main", { exclusive: true })
  recorder.tag(one, "main")
  recorder.tag("churn", "main")
  return { situation, recorder, one, two: recorder.save("churn"), feed: recorder.save("feed") }
}

describe("a plan of taggings", () => {
  it("creates, adds and moves, in the order given", () => {
    const { situation, recorder, one, two } = begin()
    expect(plan(situation, two, ["new", "main", "plain", "newer"])).toEqual([
      { id: freshTestId(1), name: "new", created: true },
      { id: recorder.tagId("main"), name: "main", exclusive: true, from: one },
      { id: recorder.tagId("plain"), name: "plain" },
      { id: freshTestId(2), name: "newer", created: true },
    ])
  })

  it("leaves out what the target holds", () => {
    const { situation, recorder, one } = begin()
    const held = ["plain", "main"].map((name) => recorder.tagId(name))
    expect(plan(situation, one, ["main", "plain"], held)).toEqual([])
  })

  it("knows the holder of each scope: of an artifact's versions, of all artifacts", () => {
    const { situation, recorder, feed, one } = begin()
    const main = { id: recorder.tagId("main"), name: "main", exclusive: true }
    expect(plan(situation, feed, ["main"])).toEqual([main])
    expect(plan(situation, { artifact: feed.artifact }, ["main"])).toEqual([
      { ...main, from: { artifact: one.artifact } },
    ])
  })

  it("moves a tag also from a holder that was deleted", () => {
    const { situation, recorder, one, two, feed } = begin()
    recorder.delete(one)
    expect(plan(situation, two, ["main"])).toMatchObject([{ from: one }])
    recorder.delete("churn")
    expect(plan(situation, { artifact: feed.artifact }, ["main"])).toMatchObject([
      { from: { artifact: one.artifact } },
    ])
  })

  it("refuses a label of the same artifact, that of the version being saved included", () => {
    const { situation, two } = begin()
    const saved = { ...two, version: { ...two.version, label: "main" } }
    const refused = plan(situation, saved, ["main"])
    expect(isRefusal(refused) && refused).toMatchObject({
      _tag: "NameTaken",
      taken: "main",
      holders: ["churn@main"],
    })
  })
})

describe("what an event with taggings is about", () => {
  it("is each tag, and whoever lost it", () => {
    const { situation, recorder, one, two } = begin()
    const taggings = plan(situation, two, ["main", "plain"])
    expect(isRefusal(taggings) ? [] : taggingSubjects(taggings)).toEqual([
      recorder.tagId("main"),
      one.version.id,
      one.artifact.id,
      recorder.tagId("plain"),
    ])
  })
})
