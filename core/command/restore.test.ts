/**
 * Restoring: given these events, when something is brought back, then this fact or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder, testId, timeAt } from "../event/recorder.contract.js"
import { digestOf } from "../model/digest.js"
import { commandContract, given } from "./command.contract.js"
import { restore } from "./restore.js"
import { tag } from "./tag.js"

const story = (ledger: Recorder) => {
  const feed = ledger.save("feed")
  const one = ledger.save("churn", { inputs: [feed], tags: ["raw"] })
  const two = ledger.save("churn", { label: "best" })
  ledger.defineTag("production", { exclusive: true })
  ledger.tag(one, "production")
  ledger.delete(one)
  ledger.delete("feed")
  return { feed, one, two }
}

const ledger = () => given((recorder) => void story(recorder))
const { feed, one, two } = story(new Recorder())

commandContract(restore, () => [
  [ledger(), { target: "churn@1" }],
  [ledger(), { target: { artifact: "feed" }, expect: { position: 7 } }],
  [ledger(), { target: "churn@best" }],
  [ledger(), { target: "feed@1" }],
])

describe("restoring what an artifact answered", () => {
  it("says that its id is not that of a version", () => {
    const { id } = feed.artifact
    expect(ledger().when(restore, { target: { id, name: "feed" } })).toMatchObject({
      _tag: "VersionMissing",
      artifact: "feed",
      message: expect.stringContaining(`${id} is the id of the artifact feed`),
    })
  })
})

describe("restoring a version", () => {
  const fact = {
    type: "version-restored",
    data: { target: one, inputs: [{ id: feed.version.id, artifactId: feed.artifact.id }] },
    subjects: [one.version.id, one.artifact.id],
  }

  it.each([
    ["its label", "churn@1"],
    ["its number", { name: "churn", version: 1 }],
    ["its id", one.version.id],
    ["what save gave", { id: one.version.id, name: "churn", version: "1", tags: [] }],
  ])("takes %s, and brings its inputs into use again", (_, target) => {
    expect(ledger().when(restore, { target })).toEqual({ facts: [fact], result: null })
  })

  it("gives it back its place and its tags", () => {
    const situation = ledger()
    situation.done(restore, { target: "churn@1" })
    expect(situation.when(tag, { target: "churn@1", tags: ["raw", "production"] })).toMatchObject({
      facts: [],
    })
    expect(situation.when(tag, { target: "churn", tags: "new" })).toMatchObject({
      facts: [{ data: { target: two } }],
    })
  })

  it("leaves an exclusive tag with the one that took it meanwhile", () => {
    const situation = ledger()
    situation.done(tag, { target: "churn@best", tags: "production" })
    situation.done(restore, { target: "churn@1" })
    expect(situation.when(tag, { target: "churn@1", tags: "production" })).toMatchObject({
      facts: [{ data: { tags: [{ from: two }] } }],
    })
  })

  it("changes nothing where it was not deleted", () => {
    for (const target of ["churn@best", two.version.id])
      expect(ledger().when(restore, { target })).toEqual({ facts: [], result: null })
  })

  it("of a deleted artifact waits for the artifact", () => {
    for (const target of ["feed@1", feed.version.id])
      expect(ledger().when(restore, { target })).toMatchObject({
        _tag: "ArtifactMissing",
        artifact: "feed",
      })
  })
})

describe("restoring an artifact", () => {
  it("is a fact about it, with its versions as they were", () => {
    const { artifact } = feed
    expect(ledger().when(restore, { target: { artifact: "feed" } })).toEqual({
      facts: [{ type: "artifact-restored", data: { artifact }, subjects: [artifact.id] }],
      result: null,
    })
  })

  it("changes nothing where it was not deleted", () => {
    expect(ledger().when(restore, { target: { artifact: "churn" } })).toEqual({
      facts: [],
      result: null,
    })
  })

  it("does not restore a version that was deleted for itself", () => {
    const situation = ledger()
    situation.recorder.delete("churn")
    situation.done(restore, { target: { artifact: "churn" } })
    expect(situation.when(tag, { target: "churn@1", tags: "x" })).toMatchObject({
      _tag: "VersionMissing",
    })
  })
})

describe("restoring what was swept", () => {
  const swept = (tell: (recorder: Recorder, told: ReturnType<typeof story>) => void) =>
    given((recorder) => {
      const told = story(recorder)
      recorder.context = { actor: "ann", reason: "the disk is full" }
      tell(recorder, told)
    })

  it("is refused for a version, with when, by whom and why", () => {
    const situation = swept((recorder, told) => recorder.sweep(told.one))
    expect(situation.when(restore, { target: "churn@1" })).toMatchObject({
      _tag: "ContentGone",
      digest: digestOf(Buffer.from("churn 1")),
      position: 8,
      time: timeAt(8),
      actor: "ann",
      reason: "the disk is full",
      message: expect.stringMatching(/^the content of version 1 of churn .* \(the disk is full\)/),
    })
  })

  it("is refused for an artifact, whose version it names", () => {
    const situation = swept((recorder, told) => recorder.sweep(told.feed))
    expect(situation.when(restore, { target: { artifact: "feed" } })).toMatchObject({
      _tag: "ContentGone",
      digest: digestOf(Buffer.from("feed 1")),
      message: expect.stringContaining("version 1 of feed"),
    })
  })

  it("is no matter to an artifact where the version had been deleted for itself", () => {
    const situation = swept((recorder, told) => {
      recorder.sweep(told.one)
      recorder.delete("churn")
    })
    const { artifact } = one
    expect(situation.when(restore, { target: { artifact: "churn" } })).toMatchObject({
      facts: [{ type: "artifact-restored", data: { artifact } }],
    })
  })
})

describe("restoring is refused", () => {
  it.each([
    [{ target: "churn" }, { _tag: "InvalidReference", reference: "churn" }],
    [{ target: { name: "churn" } }, { _tag: "InvalidReference", reference: "churn@latest" }],
    [{ target: "churn@latest" }, { _tag: "InvalidReference", reference: "churn@latest" }],
    [{ target: { tag: "raw" } }, { _tag: "InvalidReference", reference: "raw" }],
    [{ target: "churn@production" }, { _tag: "VersionMissing", selector: "production" }],
    [{ target: "churn@9" }, { _tag: "VersionMissing", artifact: "churn", selector: "9" }],
    [{ target: testId(9_999) }, { _tag: "VersionMissing", selector: testId(9_999) }],
    [{ target: "chrn@1" }, { _tag: "ArtifactMissing", artifact: "chrn" }],
    [{ target: { artifact: "chrn" } }, { _tag: "ArtifactMissing", artifact: "chrn" }],
    [
      { target: "churn@1", expect: { position: 5 } },
      { expectation: "position", actual: 6 },
    ],
    [
      { target: "churn@1", expect: { latest: "1" } },
      { expectation: "latest", actual: "best" },
    ],
    [{ target: { artifact: "feed" }, expect: { position: 1 } }, { actual: 7 }],
  ])("for %j", (input, refusal) => {
    expect(ledger().when(restore, input)).toMatchObject(refusal)
  })

  it.each([
    [{}, { _tag: "InvalidReference" }],
    [{ target: "" }, { _tag: "InvalidReference" }],
    [{ target: "churn@1", expect: [] }, { path: "expect" }],
  ])("for an input of %j", (input, refusal) => {
    expect(restore.parse(input)).toMatchObject(refusal)
  })
})
