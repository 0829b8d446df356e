/**
 * Releasing: given these events, when a version is released, then this fact or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { commandContract, given } from "./command.contract.js"
import { deletion } from "./delete.js"
import { release } from "./release.js"

const story = (ledger: Recorder) => {
  const one = ledger.save("churn")
  const two = ledger.save("churn")
  ledger.hold(one)
  return { one, two }
}

const ledger = () => given((recorder) => void story(recorder))
const { one } = story(new Recorder())

commandContract(release, () => [
  [ledger(), { target: "churn@1" }],
  [ledger(), { target: one.version.id, expect: { latest: "2" } }],
  [ledger(), { target: "churn@latest" }],
  [ledger(), { target: "churn@9" }],
])

describe("releasing a version", () => {
  it("is a fact about it and its artifact, and then it can be deleted", () => {
    const situation = ledger()
    const deleting = () => situation.when(deletion, { target: "churn@1", force: true })
    expect(deleting()).toMatchObject({ _tag: "InUse" })
    expect(situation.when(release, { target: "churn@1" })).toEqual({
      facts: [
        {
          type: "hold-released",
          data: { target: one },
          subjects: [one.version.id, one.artifact.id],
        },
      ],
      result: null,
    })
    situation.done(release, { target: "churn@1" })
    expect(deleting()).toMatchObject({ facts: [{ data: { target: one } }] })
  })

  it("changes nothing where it is not held", () => {
    expect(ledger().when(release, { target: "churn@2" })).toEqual({ facts: [], result: null })
  })

  it("records what the recorder of tests does by its own means", () => {
    const recorder = new Recorder()
    recorder.release(story(recorder).one)
    expect(ledger().done(release, { target: "churn@1" })).toEqual([recorder.events.at(-1)])
  })
})
