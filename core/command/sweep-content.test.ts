/**
 * Sweeping content: given these events, which of the versions that were found are given up.
 */
import { describe, expect, it } from "vitest"
import { type Recorder, timeAt } from "../event/recorder.contract.js"
import { digestOf } from "../model/digest.js"
import { commandContract, given } from "./command.contract.js"
import { restore } from "./restore.js"
import { sweepContent } from "./sweep-content.js"

const story = (ledger: Recorder) => {
  const one = ledger.save("churn", { content: "one" })
  const two = ledger.save("churn", { content: "two" })
  const feed = ledger.save("feed", { content: "feed" })
  ledger.delete(one)
  ledger.delete("feed")
  return { one, two, feed }
}

type Told = ReturnType<typeof story>

const told = () => {
  let targets: Told | undefined
  const situation = given((ledger) => {
    targets = story(ledger)
  })
  return { situation, ...(targets as unknown as Told) }
}

const later = timeAt(100)

commandContract(
  sweepContent,
  () => {
    const { situation, one, two } = told()
    return [
      [situation, { versions: [one.version.id, two.version.id], before: later }],
      [situation, { versions: [two.version.id], before: later }],
      [situation, { versions: [], before: later }],
    ]
  },
  { trusting: true },
)

describe("sweeping content", () => {
  it("gives up what is deleted, by itself or with its artifact, and leaves what survives", () => {
    const { situation, one, two, feed } = told()
    const versions = [one, two, feed].map(({ version }) => version.id)
    expect(situation.when(sweepContent, { versions, before: later })).toEqual({
      facts: [
        {
          type: "content-swept",
          data: {
            versions: [
              { ...one, digest: digestOf(Buffer.from("one")) },
              { ...feed, digest: digestOf(Buffer.from("feed")) },
            ],
          },
          subjects: [one.version.id, one.artifact.id, feed.version.id, feed.artifact.id],
        },
      ],
      result: [one.version.id, feed.version.id],
    })
  })

  it("leaves what was deleted at that time or later", () => {
    const { situation, one, feed } = told()
    const versions = [one.version.id, feed.version.id]
    // The version was deleted by event 4, the artifact of the other by event 5.
    expect(situation.when(sweepContent, { versions, before: timeAt(5) })).toMatchObject({
      result: [one.version.id],
    })
    expect(situation.when(sweepContent, { versions, before: timeAt(4) })).toEqual({
      facts: [],
      result: [],
    })
  })

  it("counts from the version's own deletion, whatever became of its artifact later", () => {
    const { situation, one } = told()
    situation.recorder.delete("churn")
    const input = { versions: [one.version.id], before: timeAt(5) }
    expect(situation.when(sweepContent, input)).toMatchObject({ result: [one.version.id] })
  })

  it("passes over what was restored meanwhile, swept before, or never was", () => {
    const { situation, one, feed } = told()
    situation.done(restore, { target: { artifact: "feed" } })
    situation.done(sweepContent, { versions: [one.version.id], before: later })
    const unknown = "01J0TEST000000000000999999"
    const versions = [one.version.id, feed.version.id, unknown]
    expect(situation.when(sweepContent, { versions, before: later })).toEqual({
      facts: [],
      result: [],
    })
  })
})
