/**
 * Taking tags off: given these events, when tags are taken off, then these facts or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { commandContract, given } from "./command.contract.js"
import { untag } from "./untag.js"

const story = (ledger: Recorder) => {
  const target = ledger.save("churn", { tags: ["a", "b"] })
  ledger.save("churn", { tags: ["a"] })
  ledger.tag("churn", "c")
  ledger.defineTag("never held")
  return target
}

const ledger = () => given(story)
const recorder = new Recorder()
const target = story(recorder)

commandContract(untag, () => [
  [ledger(), { target: "churn@1", tags: ["a", "b"] }],
  [ledger(), { target: { artifact: "churn" }, tags: "c", expect: { holder: "churn" } }],
  [ledger(), { target: "churn@1", tags: "c" }],
  [ledger(), { target: "chrn", tags: "c" }],
])

describe("untagging", () => {
  it("takes off what is there, and only that, in the order given", () => {
    const tags = ["b", "a"].map((name) => ({ id: recorder.tagId(name), name }))
    const decided = ledger().when(untag, {
      target: "churn@1",
      tags: ["b", "c", "never held", "never named", "a", "b"],
    })
    const subjects = [target.version.id, target.artifact.id, ...tags.map(({ id }) => id)]
    expect(decided).toEqual({
      facts: [{ type: "tags-removed", data: { target, tags }, subjects }],
      result: null,
    })
  })

  it("takes tags of an artifact off the artifact", () => {
    const { artifact } = target
    const tags = [{ id: recorder.tagId("c"), name: "c" }]
    expect(ledger().when(untag, { target: { artifact: "churn" }, tags: ["a", "c"] })).toEqual({
      facts: [
        {
          type: "tags-removed",
          data: { target: { artifact }, tags },
          subjects: [artifact.id, recorder.tagId("c")],
        },
      ],
      result: null,
    })
  })

  it("records what the recorder of tests does by its own means", () => {
    const other = new Recorder()
    other.untag(story(other), "a")
    expect(ledger().done(untag, { target: "churn@1", tags: "a" })).toEqual([other.events.at(-1)])
  })

  it.each([
    [{ target: "churn@2", tags: "b" }],
    [{ target: "churn", tags: ["never held", "never named"] }],
    [{ target: { artifact: "churn" }, tags: "a" }],
    [{ target: "churn", tags: [] }],
  ])("changes nothing for %j", (input) => {
    expect(ledger().when(untag, input)).toEqual({ facts: [], result: null })
  })

  it("reaches what is deleted, which would come back with its tags", () => {
    const situation = given((ledger) => {
      ledger.delete(story(ledger))
      ledger.save("gone", { tags: ["a"] })
      ledger.delete("gone")
    })
    for (const [of, tag] of [
      ["churn@1", "a"],
      [{ id: target.version.id }, "b"],
      ["gone", "a"],
    ])
      expect(situation.done(untag, { target: of, tags: tag })).toMatchObject([
        { type: "tags-removed", data: { tags: [{ name: tag }] } },
      ])
    expect(situation.when(untag, { target: "churn@1", tags: ["a", "b"] })).toMatchObject({
      facts: [],
    })
  })

  it("can be done again, and undone", () => {
    const situation = ledger()
    situation.done(untag, { target: "churn@1", tags: "a" })
    expect(situation.when(untag, { target: "churn@1", tags: "a" })).toMatchObject({ facts: [] })
  })

  it.each([
    [{ target: "churn@3", tags: "a" }, { _tag: "VersionMissing" }],
    [{ target: { artifact: "chrn" }, tags: "a" }, { _tag: "ArtifactMissing" }],
    [{ target: { tag: "a" }, tags: "a" }, { _tag: "InvalidReference" }],
    [{ target: "churn", tags: "a", expect: { latest: "1" } }, { actual: "2" }],
    [{ target: "churn", tags: "b", expect: { holder: null } }, { actual: "1" }],
    [{ target: "churn", tags: ["a", "b"], expect: { holder: null } }, { path: "expect.holder" }],
  ])("is refused for %j", (input, refusal) => {
    expect(ledger().when(untag, input)).toMatchObject(refusal)
  })

  it.each([
    [{ target: "churn" }, "tags"],
    [{ target: "churn", tags: ["a", null] }, "tags[1]"],
    [{ target: "churn", tags: "latest" }, "tags"],
    [{ target: "churn", tags: "a", expect: 7 }, "expect"],
  ])("refuses to understand %j, naming the path", (input, path) => {
    expect(untag.parse(input)).toMatchObject({ _tag: "InvalidInput", path })
  })
})
