/**
 * What holding and releasing have in common: what they may be about, and what they are refused for.
 */
import { describe, expect, it } from "vitest"
import { Recorder, testId } from "../event/recorder.contract.js"
import { given } from "./command.contract.js"
import { hold } from "./hold.js"
import { release } from "./release.js"

const story = (ledger: Recorder) => {
  const one = ledger.save("churn")
  const two = ledger.save("churn")
  const gone = ledger.save("churn")
  ledger.defineTag("production", { exclusive: true })
  ledger.tag(one, "production", "raw")
  ledger.delete(gone)
  ledger.save("feed")
  ledger.delete("feed")
  return { one, two, gone }
}

const { one, two, gone } = story(new Recorder())

describe.each([hold, release])("the command $name", (command) => {
  /** What it is about is held where that is to be released. */
  const ledger = () =>
    given((recorder) => {
      const targets = story(recorder)
      if (command === release)
        for (const target of [targets.one, targets.two]) recorder.hold(target)
    })

  it.each([
    ["a label", "churn@1", one],
    ["latest", "churn@latest", two],
    ["an exclusive tag", "churn@production", one],
    ["a record", { name: "churn", version: 2 }, two],
    ["an id", two.version.id, two],
    ["what save gave", { id: one.version.id, name: "churn", version: "1", position: 1 }, one],
  ])("takes %s", (_, target, meant) => {
    expect(ledger().when(command, { target })).toMatchObject({
      facts: [{ data: { target: meant } }],
    })
  })

  it("refuses a bare name, and says what to say", () => {
    for (const target of ["churn", { name: "churn" }])
      expect(ledger().when(command, { target })).toMatchObject({
        _tag: "InvalidReference",
        reference: "churn",
        message: 'churn is a bare name: say "churn@latest", or which version',
      })
  })

  it.each([
    [{ artifact: "churn" }, "churn"],
    [{ tag: "raw" }, "raw"],
  ])("refuses %j: it is about one version", (target, reference) => {
    expect(ledger().when(command, { target })).toMatchObject({
      _tag: "InvalidReference",
      reference,
      message: "a hold is about one version: name it, by its label or its id",
    })
  })

  it.each([
    ["churn@9", { _tag: "VersionMissing", selector: "9" }],
    [gone.version.id, { _tag: "VersionMissing" }],
    ["churn@3", { _tag: "VersionMissing", selector: "3" }],
    ["feed@1", { _tag: "ArtifactMissing", artifact: "feed" }],
    ["churn@raw", { _tag: "InvalidReference" }],
    [testId(9_999), { _tag: "VersionMissing" }],
  ])("refuses %s, which does not survive", (target, refusal) => {
    expect(ledger().when(command, { target })).toMatchObject(refusal)
  })

  it.each([
    [{ position: 1 }, { expectation: "position" }],
    [{ latest: "1" }, { expectation: "latest", actual: "2" }],
    [{ holder: "1" }, { _tag: "InvalidInput", path: "expect.holder" }],
  ])("refuses what is not as expected: %j", (expect_, refusal) => {
    expect(ledger().when(command, { target: "churn@1", expect: expect_ })).toMatchObject(refusal)
  })

  it.each([
    [{}, { _tag: "InvalidReference" }],
    [{ target: "churn@@1" }, { _tag: "InvalidReference" }],
    [{ target: "churn@1", expect: 5 }, { path: "expect" }],
  ])("refuses an input of %j", (input, refusal) => {
    expect(command.parse(input)).toMatchObject(refusal)
  })
})
