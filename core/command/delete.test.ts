/**
 * Deleting: given these events, when something is deleted, then this fact or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { commandContract, type Given, given } from "./command.contract.js"
import { deletion } from "./delete.js"

/** feed 1 is used by churn 1, churn 1 by churn 2; nothing uses churn 2. */
const story = (ledger: Recorder) => {
  const feed = ledger.save("feed")
  const one = ledger.save("churn", { inputs: [feed] })
  const two = ledger.save("churn", { inputs: [one] })
  ledger.defineTag("production", { exclusive: true })
  ledger.tag(one, "production")
  return { feed, one, two }
}

const ledger = () => given((recorder) => void story(recorder))
const { feed, one, two } = story(new Recorder())
const seen = (id: string, position: number, ...consumers: ReadonlyArray<string>) => ({
  use: { id, position, consumers, held: [] },
})

/** Decides with what a query saw beforehand, which comes to the decision beside the input. */
const decide = (situation: Given, input: object, observed: object = {}) => {
  const parse = (raw: unknown) => {
    const understood = deletion.parse(raw)
    return understood instanceof Error ? understood : { ...understood, ...observed }
  }
  return situation.when({ ...deletion, parse }, input)
}

commandContract(deletion, () => [
  [ledger(), { target: "churn@2" }],
  [ledger(), { target: { artifact: "churn" }, force: true }],
  [ledger(), { target: "churn@1", force: true, expect: { position: 5 } }],
  [ledger(), { target: "feed@1" }],
])

describe("deleting a version", () => {
  it("is a fact about it and its artifact", () => {
    expect(ledger().when(deletion, { target: "churn@2" })).toEqual({
      facts: [
        {
          type: "version-deleted",
          data: { target: two },
          subjects: [two.version.id, two.artifact.id],
        },
      ],
      result: null,
    })
  })

  it.each([
    ["its label", "churn@2"],
    ["latest", "churn@latest"],
    ["its id", two.version.id],
    ["a record", { name: "churn", version: 2 }],
    ["what save gave", { id: two.version.id, name: "churn", version: "2", position: 3 }],
  ])("takes %s", (_, target) => {
    expect(ledger().when(deletion, { target })).toMatchObject({
      facts: [{ data: { target: two } }],
    })
  })

  it("takes an exclusive tag, and leaves it where it is", () => {
    const decided = ledger().when(deletion, { target: "churn@production", force: true })
    expect(decided).toMatchObject({
      facts: [{ type: "version-deleted", data: { target: one, forced: true } }],
    })
  })

  it("refuses a bare name, and says what to say", () => {
    for (const target of ["churn", "chrn"])
      expect(ledger().when(deletion, { target })).toMatchObject({
        _tag: "InvalidReference",
        reference: target,
        message: `${target} is a bare name: say "${target}@latest" or { artifact: "${target}" }`,
      })
  })

  it("records what the recorder of tests does by its own means", () => {
    const recorder = new Recorder()
    recorder.delete(story(recorder).two)
    expect(ledger().done(deletion, { target: "churn@2" })).toEqual([recorder.events.at(-1)])
  })
})

describe("deleting an artifact", () => {
  it("is a fact about it, whatever its own versions make of each other", () => {
    const { artifact } = two
    expect(ledger().when(deletion, { target: { artifact: "churn" } })).toEqual({
      facts: [{ type: "artifact-deleted", data: { artifact }, subjects: [artifact.id] }],
      result: null,
    })
  })

  it("is refused while another artifact's versions use one of its own", () => {
    const { artifact, version } = feed
    const input = { target: { artifact: "feed" } }
    expect(decide(ledger(), input, seen(artifact.id, 5, one.version.id))).toMatchObject({
      _tag: "InUse",
      consumers: [one.version.id],
    })
    expect(decide(ledger(), input, seen(artifact.id, 5))).toMatchObject({ facts: [{}] })
    expect(decide(ledger(), { ...input, force: true })).toMatchObject({
      facts: [{ data: { forced: true } }],
    })
    expect(decide(ledger(), input, seen(version.id, 5))).toMatchObject({ _tag: "InUse" })
  })

  it("cannot be done twice", () => {
    const situation = ledger()
    situation.done(deletion, { target: { artifact: "churn" } })
    for (const target of [{ artifact: "churn" }, "churn@2", two.version.id])
      expect(situation.when(deletion, { target })).toMatchObject({ _tag: "ArtifactMissing" })
  })
})

describe("what is used as an input", () => {
  const input = { target: "feed@1" }
  const { id } = feed.version

  it("is not deleted while a consumer was seen, or none was looked for", () => {
    expect(decide(ledger(), input, seen(id, 5, one.version.id))).toMatchObject({
      _tag: "InUse",
      consumers: [one.version.id],
    })
    expect(decide(ledger(), input)).toMatchObject({ _tag: "InUse", consumers: [one.version.id] })
  })

  it("is deleted where no consumer survives", () => {
    expect(decide(ledger(), input, seen(id, 2))).toMatchObject({ facts: [{}] })
  })

  it("is deleted by force, which the event says", () => {
    expect(decide(ledger(), { ...input, force: true })).toMatchObject({
      facts: [{ data: { forced: true } }],
    })
    expect(decide(ledger(), { ...input, force: false }, seen(id, 2))).not.toHaveProperty(
      "facts.0.data.forced",
    )
  })

  it("is not deleted when a consumer came after the look", () => {
    const situation = ledger()
    const late = situation.recorder.save("late", { inputs: [feed] })
    expect(decide(situation, input, seen(id, 5))).toMatchObject({
      _tag: "InUse",
      consumers: [late.version.id],
    })
    expect(decide(situation, input, seen(id, 6))).toMatchObject({ facts: [{}] })
  })

  it("is not deleted when a consumer was restored after the look", () => {
    const situation = ledger()
    const { recorder } = situation
    recorder.delete(one)
    const inputs = [{ id, artifactId: feed.artifact.id }]
    recorder.restore(one, inputs)
    expect(decide(situation, input, seen(id, 6))).toMatchObject({
      _tag: "InUse",
      consumers: [one.version.id],
    })
    expect(decide(situation, input, seen(id, 7))).toMatchObject({ facts: [{}] })
  })

  it("is not deleted when an artifact was restored after the look: it may use anything", () => {
    const situation = ledger()
    situation.recorder.delete("churn")
    situation.recorder.restore("churn")
    expect(decide(situation, input, seen(id, 6))).toMatchObject({ _tag: "InUse", consumers: [] })
    expect(decide(situation, input, seen(id, 7))).toMatchObject({ facts: [{}] })
  })

  it("was looked up for another thing when the reference moved meanwhile", () => {
    const situation = ledger()
    const moving = { target: "feed@latest" }
    const next = situation.recorder.save("feed")
    situation.recorder.save("late", { inputs: [next] })
    expect(decide(situation, moving, seen(id, 99))).toMatchObject({ _tag: "InUse" })
  })
})

describe("what is held", () => {
  const held = () => {
    const situation = ledger()
    situation.recorder.context = { actor: "ann", reason: "audit" }
    situation.recorder.hold(two)
    situation.recorder.context = {}
    return situation
  }

  it("is not deleted, not by force either, and is said with who holds it and why", () => {
    for (const force of [true, false])
      expect(held().when(deletion, { target: "churn@2", force })).toMatchObject({
        _tag: "InUse",
        message: "version 2 of churn is held by ann (audit): release it first",
        consumers: [],
        held: [two.version.id],
      })
    expect(held().when(deletion, { target: "churn@1", force: true })).toMatchObject({
      facts: [{}],
    })
  })

  it("keeps its artifact, as long as any of it is held", () => {
    const situation = held()
    situation.recorder.hold(one)
    const input = { target: { artifact: "churn" }, force: true }
    const { id } = two.artifact
    const message = "version 1 of churn is held, and 1 more: release them first"
    const ids = [one.version.id, two.version.id]
    const use = { id, position: 7, consumers: [], held: ids }
    expect(decide(situation, input, { use })).toMatchObject({ _tag: "InUse", message, held: ids })
    // Listed for another thing, or not at all: that some are held is known all the same.
    for (const observed of [{}, { use: { ...use, id: feed.artifact.id } }])
      expect(decide(situation, input, observed)).toMatchObject({
        _tag: "InUse",
        message: "churn has versions that are held: release them first",
        held: [],
      })
    situation.recorder.release(one)
    // Released since it was listed.
    expect(decide(situation, input, { use })).toMatchObject({ _tag: "InUse", held: ids })
    situation.recorder.release(two)
    expect(decide(situation, input, { use })).toMatchObject({ facts: [{}] })
    expect(decide(held(), { target: { artifact: "feed" }, force: true })).toMatchObject({
      facts: [{}],
    })
  })

  it("is told before who uses it: that can be passed over", () => {
    const situation = ledger()
    situation.recorder.hold(feed)
    expect(decide(situation, { target: "feed@1" })).toMatchObject({
      consumers: [],
      held: [feed.version.id],
    })
  })
})

describe("deleting is refused", () => {
  it.each([
    [{ target: "churn@9" }, { _tag: "VersionMissing" }],
    [{ target: { artifact: "chrn" } }, { _tag: "ArtifactMissing" }],
    [{ target: { tag: "production" } }, { _tag: "InvalidReference" }],
    [
      { target: "churn@2", expect: { position: 9 } },
      { _tag: "ExpectationFailed", actual: 3 },
    ],
    [
      { target: "churn@2", expect: { latest: "1" } },
      { _tag: "ExpectationFailed", actual: "2" },
    ],
    [
      { target: { artifact: "churn" }, expect: { position: 3 } },
      { _tag: "ExpectationFailed", actual: 5 },
    ],
  ])("for %j", (input, refusal) => {
    expect(ledger().when(deletion, input)).toMatchObject(refusal)
  })

  it("for what is deleted already", () => {
    const situation = ledger()
    situation.done(deletion, { target: "churn@2" })
    for (const target of ["churn@2", two.version.id])
      expect(situation.when(deletion, { target })).toMatchObject({ _tag: "VersionMissing" })
    expect(situation.when(deletion, { target: "churn@latest", force: true })).toMatchObject({
      facts: [{ data: { target: one } }],
    })
  })

  it.each([
    [{ target: undefined }, { _tag: "InvalidReference" }],
    [{ target: "churn@@2" }, { _tag: "InvalidReference", reference: "churn@@2" }],
    [{ target: { id: "short" } }, { _tag: "InvalidReference" }],
    [{ target: { name: "churn" } }, { _tag: "InvalidReference", reference: "churn" }],
    [{ target: "churn@2", expect: { latest: 1.5 } }, { path: "expect.latest" }],
    [{ target: "churn@2", force: "yes" }, { path: "options.force" }],
    [{ target: "churn@2", force: null }, { path: "options.force" }],
  ])("for an input of %j", (input, refusal) => {
    expect(deletion.parse(input)).toMatchObject(refusal)
  })
})
