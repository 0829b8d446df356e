/**
 * Tagging: given these events, when tags are put on, then these facts or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { saveTagCountMax, targetTagCountMax } from "../limits.js"
import { commandContract, freshTestId, given } from "./command.contract.js"
import { deletion } from "./delete.js"
import { tag } from "./tag.js"

/** Seven versions of churn, one of feed; production is exclusive and held by version 6. */
const story = (ledger: Recorder) => {
  const versions = Array.from({ length: 7 }, () => ledger.save("churn"))
  const feed = ledger.save("feed", { tags: ["raw"] })
  ledger.defineTag("production", { exclusive: true })
  const [six, seven] = versions.slice(5)
  if (six === undefined || seven === undefined) throw new Error("seven versions")
  ledger.tag(six, "production")
  return { six, seven, feed }
}

const told = () => {
  const ledger = new Recorder()
  return { ledger, ...story(ledger) }
}

const ledger = () => given(story)

commandContract(tag, () => [
  [ledger(), { target: "churn@7", tags: "production" }],
  [ledger(), { target: { artifact: "churn" }, tags: ["new", "raw", "production"] }],
  [ledger(), { target: "churn@6", tags: "production" }],
  [ledger(), { target: "churn@7", tags: ["production"], expect: { holder: 6, latest: "7" } }],
  [ledger(), { target: "churn@9", tags: "production" }],
])

describe("tagging", () => {
  it("makes a tag that nobody named before, plain", () => {
    const { seven } = told()
    const id = freshTestId(1)
    expect(ledger().when(tag, { target: "churn@7", tags: "new" })).toEqual({
      facts: [
        {
          type: "tags-added",
          data: { target: seven, tags: [{ id, name: "new", created: true }] },
          subjects: [seven.version.id, seven.artifact.id, id],
        },
      ],
      result: null,
    })
  })

  it("moves an exclusive tag from its holder, which the event is about too", () => {
    const { ledger: before, six, seven } = told()
    const id = before.tagId("production")
    const decided = ledger().when(tag, { target: "churn@7", tags: "production" })
    expect(decided).toMatchObject({
      facts: [
        {
          data: {
            target: seven,
            tags: [{ id, name: "production", exclusive: true, from: six }],
          },
          subjects: [seven.version.id, seven.artifact.id, id, six.version.id, six.artifact.id],
        },
      ],
    })
  })

  it("moves an exclusive tag of artifacts between artifacts, and leaves versions alone", () => {
    const { six } = told()
    const both = ledger()
    expect(both.done(tag, { target: { artifact: "churn" }, tags: "production" })).toMatchObject([
      { data: { tags: [{ exclusive: true }] } },
    ])
    const [moved] = both.done(tag, { target: { artifact: "feed" }, tags: "production" })
    expect(moved?.data).toMatchObject({ tags: [{ from: { artifact: six.artifact } }] })
    expect(both.when(tag, { target: "churn@6", tags: "production" })).toMatchObject({ facts: [] })
  })

  it("holds an exclusive tag once for each artifact", () => {
    const decided = ledger().when(tag, { target: "feed@1", tags: "production" })
    expect(decided).toMatchObject({ facts: [{ data: { tags: [{ exclusive: true }] } }] })
    expect(decided).not.toHaveProperty("facts.0.data.tags.0.from")
  })

  it("records what the recorder of tests does by its own means", () => {
    const { ledger: recorder, seven } = told()
    recorder.tag(seven, "production", "raw")
    const [decided] = ledger().done(tag, { target: "churn@7", tags: ["production", "raw"] })
    expect(decided).toEqual(recorder.events.at(-1))
  })

  it.each([
    ["a tag that is there", { target: "churn@6", tags: "production" }],
    ["tags that are all there", { target: "feed", tags: ["raw", "raw"] }],
    ["no tag at all", { target: "churn", tags: [] }],
  ])("changes nothing for %s", (_, input) => {
    expect(ledger().when(tag, input)).toEqual({ facts: [], result: null })
  })

  it("adds those that are not there yet, in the order given, each once", () => {
    const decided = ledger().when(tag, { target: "feed", tags: ["b", "raw", "a", "b"] })
    expect(decided).toMatchObject({ facts: [{ data: { tags: [{ name: "b" }, { name: "a" }] } }] })
  })
})

describe("an exclusive tag and the label of a version", () => {
  const labelled = () =>
    given((recorder) => {
      recorder.save("churn", { label: "best" })
      recorder.save("churn")
      recorder.save("feed")
      recorder.defineTag("best", { exclusive: true })
    })

  it.each(["churn@best", "churn@2"])("share one namespace: %s", (target) => {
    expect(labelled().when(tag, { target, tags: "best" })).toMatchObject({
      _tag: "NameTaken",
      taken: "best",
      holders: ["churn@best"],
    })
  })

  it("share it also when that version is deleted", () => {
    const situation = labelled()
    situation.done(deletion, { target: "churn@best" })
    expect(situation.when(tag, { target: "churn@2", tags: "best" })).toMatchObject({
      _tag: "NameTaken",
    })
  })

  it("do not meet on other artifacts, nor on artifacts themselves", () => {
    for (const target of ["feed", { artifact: "churn" }])
      expect(labelled().when(tag, { target, tags: "best" })).toMatchObject({
        facts: [{ type: "tags-added" }],
      })
  })

  it("do not meet while the tag is plain", () => {
    const plain = given((recorder) => {
      recorder.save("churn", { label: "best" })
      recorder.defineTag("best")
    })
    expect(plain.when(tag, { target: "churn", tags: "best" })).toMatchObject({
      facts: [{ type: "tags-added" }],
    })
  })
})

describe("tagging is refused", () => {
  it.each([
    [
      { target: "chrn", tags: "a" },
      { _tag: "ArtifactMissing", artifact: "chrn" },
    ],
    [
      { target: "churn@8", tags: "a" },
      { _tag: "VersionMissing", selector: "8" },
    ],
    [{ target: { artifact: "chrn" }, tags: "a" }, { _tag: "ArtifactMissing" }],
    [
      { target: "feed@raw", tags: "a" },
      { _tag: "InvalidReference", reference: "feed@raw" },
    ],
    [
      { target: { tag: "raw" }, tags: "a" },
      { _tag: "InvalidReference", reference: "raw" },
    ],
    [
      { target: "churn@7", tags: "production", expect: { holder: null } },
      { _tag: "ExpectationFailed", expectation: "holder", expected: null, actual: "6" },
    ],
    [
      { target: "churn@7", tags: ["production", "a"], expect: { holder: "6" } },
      { _tag: "InvalidInput", path: "expect.holder" },
    ],
    [
      { target: "churn@7", tags: [], expect: { holder: "6" } },
      { _tag: "InvalidInput", path: "expect.holder" },
    ],
  ])("for %j", (input, refusal) => {
    expect(ledger().when(tag, input)).toMatchObject(refusal)
  })

  it.each([
    [{ tags: "a" }, "InvalidReference"],
    [{ target: 7, tags: "a" }, "InvalidReference"],
    [{ target: "churn@", tags: "a" }, "InvalidReference"],
    [{ target: { name: "churn", version: true }, tags: "a" }, "InvalidReference"],
  ])("for the target of %j", (input, tagOf) => {
    expect(tag.parse(input)).toMatchObject({ _tag: tagOf })
  })

  it.each([
    [undefined, "tags"],
    [7, "tags"],
    ["", "tags"],
    ["latest", "tags"],
    ["44", "tags"],
    ["a@b", "tags"],
    [" a", "tags"],
    ["01J0TEST000000000000000001", "tags"],
    [["a", 7], "tags[1]"],
    [["a", "b", "e\u0301"], "tags[2]"],
    [["\ud800"], "tags[0]"],
  ])("for the tags %j, naming the path", (tags, path) => {
    expect(tag.parse({ target: "churn", tags })).toMatchObject({ _tag: "InvalidInput", path })
  })

  it("beyond so many tags in one call", () => {
    const tags = Array.from({ length: saveTagCountMax + 1 }, (_, index) => `t${index}`)
    const parsed = tag.parse({ target: "churn", tags: tags.slice(1) })
    expect(parsed).toMatchObject({ tags: tags.slice(1) })
    expect(tag.parse({ target: "churn", tags })).toMatchObject({
      _tag: "LimitExceeded",
      limit: "saveTagCountMax",
      allowed: saveTagCountMax,
      actual: saveTagCountMax + 1,
    })
  })

  it("beyond so many tags on one target", () => {
    const tags = Array.from({ length: targetTagCountMax - 1 }, (_, index) => `t${index}`)
    const full = given((recorder) => {
      recorder.save("churn")
      recorder.tag("churn", ...tags)
    })
    const target = { artifact: "churn" }
    expect(full.when(tag, { target, tags: "last" })).toMatchObject({ facts: [{}] })
    expect(full.when(tag, { target, tags: ["last", "t0"] })).toMatchObject({ facts: [{}] })
    expect(full.when(tag, { target, tags: ["last", "too many"] })).toMatchObject({
      _tag: "LimitExceeded",
      limit: "targetTagCountMax",
      allowed: targetTagCountMax,
      actual: targetTagCountMax + 1,
    })
    expect(full.when(tag, { target: "churn", tags: ["last", "t0"] })).toMatchObject({
      facts: [{}],
    })
  })
})
