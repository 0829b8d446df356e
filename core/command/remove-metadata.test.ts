/**
 * Removing metadata: given these events, when keys are removed, then this fact or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { metadataKeyCountMax } from "../limits.js"
import { commandContract, given } from "./command.contract.js"
import { removeMetadata } from "./remove-metadata.js"

const story = (ledger: Recorder) => {
  const target = ledger.save("churn", { metadata: { a: 1, b: null, "odd key": 3 } })
  ledger.log("churn", { owner: "ann" })
  return target
}
const ledger = () => given((recorder) => void story(recorder))
const target = story(new Recorder())
const { artifact } = target

commandContract(removeMetadata, () => [
  [ledger(), { target: "churn", keys: ["a", "b"] }],
  [ledger(), { target: { artifact: "churn" }, keys: "owner" }],
  [ledger(), { target: "churn", keys: "owner" }],
  [ledger(), { target: "churn@2", keys: "a" }],
])

describe("removing metadata", () => {
  it("removes the keys that are there, each once, in the order given", () => {
    const keys = ["odd key", "absent", "b", "odd key", "constructor"]
    expect(ledger().when(removeMetadata, { target: "churn", keys })).toEqual({
      facts: [
        {
          type: "metadata-removed",
          data: { target, keys: ["odd key", "b"] },
          subjects: [target.version.id, artifact.id],
        },
      ],
      result: null,
    })
  })

  it("removes a key of the artifact from the artifact", () => {
    const input = { target: { artifact: "churn" }, keys: ["owner", "a"] }
    expect(ledger().when(removeMetadata, input)).toEqual({
      facts: [
        {
          type: "metadata-removed",
          data: { target: { artifact }, keys: ["owner"] },
          subjects: [artifact.id],
        },
      ],
      result: null,
    })
  })

  it.each([
    [{ target: "churn", keys: "owner" }],
    [{ target: { artifact: "churn" }, keys: ["a", "b"] }],
    [{ target: "churn", keys: [] }],
  ])("changes nothing by %j", (input) => {
    expect(ledger().when(removeMetadata, input)).toEqual({ facts: [], result: null })
  })

  it("can be done again, and makes room for another value", () => {
    const situation = ledger()
    situation.done(removeMetadata, { target: "churn", keys: "a" })
    expect(situation.when(removeMetadata, { target: "churn", keys: "a" })).toMatchObject({
      facts: [],
    })
    situation.recorder.log(target, { a: 2 })
    expect(situation.when(removeMetadata, { target: "churn", keys: "a" })).toMatchObject({
      facts: [{ data: { keys: ["a"] } }],
    })
  })

  it.each([
    [{ target: "chrn", keys: "a" }, { _tag: "ArtifactMissing" }],
    [{ target: "churn@2", keys: "a" }, { _tag: "VersionMissing" }],
    [{ target: { tag: "x" }, keys: "a" }, { _tag: "InvalidReference" }],
    [{ target: "churn", keys: "a", expect: { position: 2 } }, { actual: 1 }],
  ])("is refused for %j", (input, refusal) => {
    expect(ledger().when(removeMetadata, input)).toMatchObject(refusal)
  })

  it.each([
    [undefined, "keys[0]"],
    [7, "keys[0]"],
    ["", "keys[0]"],
    [["a", "__proto__"], "keys[1]"],
    [["a", "b\u0000"], "keys[1]"],
    [["x".repeat(256)], "keys[0]"],
  ])("refuses the keys %j, naming the path", (keys, path) => {
    expect(removeMetadata.parse({ target: "churn", keys })).toMatchObject({
      _tag: "InvalidInput",
      path,
    })
  })

  it("takes so many keys at most", () => {
    const keys = Array.from({ length: metadataKeyCountMax + 1 }, (_, index) => `k${index}`)
    expect(removeMetadata.parse({ target: "churn", keys: keys.slice(1) })).toMatchObject({
      keys: keys.slice(1),
    })
    expect(removeMetadata.parse({ target: "churn", keys })).toMatchObject({
      _tag: "LimitExceeded",
      limit: "metadataKeyCountMax",
      actual: metadataKeyCountMax + 1,
    })
  })
})
