/**
 * Holding: given these events, when a version is held, then this fact or this refusal. What it has
 * in common with releasing is tested there.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { commandContract, given } from "./command.contract.js"
import { hold } from "./hold.js"

const story = (ledger: Recorder) => {
  const one = ledger.save("churn")
  const two = ledger.save("churn", { label: "best" })
  ledger.hold(one)
  return { one, two }
}

const ledger = () => given((recorder) => void story(recorder))
const { two } = story(new Recorder())

commandContract(hold, () => [
  [ledger(), { target: "churn@best" }],
  [ledger(), { target: "churn@best", expect: { position: 2 } }],
  [ledger(), { target: "churn@1" }],
  [ledger(), { target: "churn" }],
])

describe("holding a version", () => {
  it("is a fact about it and its artifact", () => {
    expect(ledger().when(hold, { target: "churn@best" })).toEqual({
      facts: [
        {
          type: "hold-placed",
          data: { target: two },
          subjects: [two.version.id, two.artifact.id],
        },
      ],
      result: null,
    })
  })

  it("changes nothing where it is held already", () => {
    expect(ledger().when(hold, { target: "churn@1" })).toEqual({ facts: [], result: null })
  })

  it("records what the recorder of tests does by its own means", () => {
    const recorder = new Recorder()
    recorder.hold(story(recorder).two)
    expect(ledger().done(hold, { target: "churn@best" })).toEqual([recorder.events.at(-1)])
  })
})
