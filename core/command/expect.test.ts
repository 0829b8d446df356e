/**
 * Expectations: what callers take for granted, understood and compared with what is.
 */
import { describe, expect, it } from "vitest"
import { parsing } from "../model/input.js"
import { findArtifact } from "../projection/resolve.js"
import { given } from "./command.contract.js"
import { checkExpectation, type Expected, expected } from "./expect.js"

describe("an expectation", () => {
  it.each([
    [undefined, {}],
    [{}, { expect: {} }],
    [{ position: 0 }, { expect: { position: 0 } }],
    [{ latest: null }, { expect: { latest: null } }],
    [{ latest: 44 }, { expect: { latest: "44" } }],
    [{ holder: "007" }, { expect: { holder: "007" } }],
    [{ holder: null, latest: undefined }, { expect: { holder: null } }],
  ])("given as %j is understood", (value, understood) => {
    expect(parsing(() => expected(value))).toEqual(understood)
  })

  it.each([
    [null, "expect"],
    ["latest", "expect"],
    [[], "expect"],
    [{ position: "7" }, "expect.position"],
    [{ position: 0.5 }, "expect.position"],
    [{ position: null }, "expect.position"],
    [{ latest: true }, "expect.latest"],
    [{ holder: {} }, "expect.holder"],
    [{ lastest: "7" }, "expect.lastest"],
  ])("given as %j is refused, naming the path", (value, path) => {
    expect(parsing(() => expected(value))).toMatchObject({ _tag: "InvalidInput", path })
  })
})

const situation = given((ledger) => {
  const [, two] = [ledger.save("churn"), ledger.save("churn", { label: "best" })]
  ledger.defineTag("production", { exclusive: true })
  ledger.tag(two, "production", "single")
  ledger.save("churn", { tags: ["crowd"] })
  ledger.save("churn", { tags: ["crowd"] })
  ledger.save("feed")
  ledger.tag("feed", "production")
  for (const target of [ledger.save("empty")]) ledger.delete(target)
})

const churn = findArtifact(situation.views, "churn")
const empty = findArtifact(situation.views, "empty")
const holding = (...tags: ReadonlyArray<string>): Expected => ({ artifact: churn, tags })

describe("what is expected", () => {
  it.each<[string, object | undefined, Expected]>([
    ["nothing", undefined, {}],
    ["nothing in particular", {}, { artifact: churn }],
    ["the position of the last event about the subject", { position: 6 }, { subject: churn?.id }],
    ["no event about a new subject", { position: 0 }, { subject: "new" }],
    ["no event where there is no subject", { position: 0 }, {}],
    ["the latest label", { latest: "4" }, { artifact: churn }],
    ["no latest of an artifact that is new", { latest: null }, {}],
    ["no latest where none survives", { latest: null }, { artifact: empty }],
    ["the holder of an exclusive tag", { holder: "best" }, holding("production")],
    ["the one holder of a plain tag", { holder: "best" }, holding("single")],
    ["no holder where there are several", { holder: null }, holding("crowd")],
    ["no holder of an unknown tag", { holder: null }, holding("unknown")],
    ["no holder where the artifact is new", { holder: null }, { tags: ["production"] }],
    [
      "the artifact that holds a tag",
      { holder: "feed" },
      { ...holding("production"), ofArtifact: true },
    ],
    ["no artifact that holds a tag", { holder: null }, { ...holding("single"), ofArtifact: true }],
  ])("holds for %s", (_, expectation, about) => {
    expect(checkExpectation(situation.views, expectation, about)).toBeUndefined()
  })

  it.each<[object, Expected, object]>([
    [{ position: 7 }, { subject: churn?.id }, { expectation: "position", expected: 7, actual: 6 }],
    [{ position: 1 }, { subject: "new" }, { expectation: "position", expected: 1, actual: 0 }],
    [{ latest: "best" }, { artifact: churn }, { expectation: "latest", actual: "4" }],
    [{ latest: null }, { artifact: churn }, { expectation: "latest", expected: null, actual: "4" }],
    [{ latest: "1" }, { artifact: empty }, { expectation: "latest", expected: "1", actual: null }],
    [{ latest: "1" }, {}, { expectation: "latest", expected: "1", actual: null }],
    [{ holder: "1" }, holding("production"), { expectation: "holder", actual: "best" }],
    [{ holder: null }, holding("production"), { expectation: "holder", actual: "best" }],
    [{ holder: "4" }, holding("crowd"), { expectation: "holder", expected: "4", actual: null }],
    [
      { holder: "churn" },
      { ...holding("production"), ofArtifact: true },
      { expectation: "holder", expected: "churn", actual: "feed" },
    ],
    [
      { holder: "x", latest: "x", position: 1 },
      { ...holding("production"), subject: churn?.id },
      { expectation: "position" },
    ],
    [{ holder: "x", latest: "x" }, holding("production"), { expectation: "latest" }],
  ])("fails for %j, with what is", (expectation, about, refusal) => {
    expect(checkExpectation(situation.views, expectation, about)).toMatchObject({
      _tag: "ExpectationFailed",
      ...refusal,
    })
  })

  it.each<[Expected]>([[{ artifact: churn }], [holding()], [holding("a", "b")]])(
    "of a holder is refused without exactly one tag: %#",
    (about) => {
      for (const holder of [null, "1"])
        expect(checkExpectation(situation.views, { holder }, about)).toMatchObject({
          _tag: "InvalidInput",
          path: "expect.holder",
        })
      expect(checkExpectation(situation.views, { latest: "4" }, about)).toBeUndefined()
    },
  )

  it("says both in words", () => {
    const failed = checkExpectation(situation.views, { latest: null }, { artifact: churn })
    expect(failed?.message).toBe("expected latest none, found 4: look again")
  })
})
