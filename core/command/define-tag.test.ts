/**
 * Defining tags: given these events, when a tag is defined, then this fact or this refusal.
 */
import { describe, expect, it } from "vitest"
import { Recorder } from "../event/recorder.contract.js"
import { descriptionBytesMax } from "../limits.js"
import { tagColors } from "../model/tag.js"
import { commandContract, freshTestId, given } from "./command.contract.js"
import { defineTag } from "./define-tag.js"
import { untag } from "./untag.js"

const story = (ledger: Recorder): void => {
  const [one] = [ledger.save("churn", { tags: ["raw"] }), ledger.save("churn", { tags: ["crowd"] })]
  ledger.tag(one, "crowd")
  ledger.save("feed", { label: "best", tags: ["raw"] })
  ledger.defineTag("production", { exclusive: true, color: "green", description: "in use" })
}

const ledger = () => given(story)
const idOf = (name: string): string => {
  const recorder = new Recorder()
  story(recorder)
  return recorder.tagId(name)
}

commandContract(defineTag, () => [
  [ledger(), { name: "new", exclusive: true, color: "red", description: "é" }],
  [ledger(), { name: "raw", exclusive: true }],
  [ledger(), { name: "production" }],
  [ledger(), { name: "crowd", exclusive: true }],
])

describe("defining a tag", () => {
  it("makes one that nobody named before, plain unless told otherwise", () => {
    const id = freshTestId(1)
    const tag = { id, name: "new" }
    expect(ledger().when(defineTag, { name: "new" })).toEqual({
      facts: [
        { type: "tag-defined", data: { tag, created: true, exclusive: false }, subjects: [id] },
      ],
      result: null,
    })
  })

  it.each<[string, object, object]>([
    ["makes a plain tag exclusive", { name: "raw", exclusive: true }, { exclusive: true }],
    [
      "makes an exclusive tag plain, and keeps the rest",
      { name: "production", exclusive: false },
      { exclusive: false, color: "green", description: "in use" },
    ],
    [
      "changes a colour, and keeps the rest",
      { name: "production", color: "blue" },
      { exclusive: true, color: "blue", description: "in use" },
    ],
    [
      "empties a description",
      { name: "production", description: "" },
      { exclusive: true, color: "green", description: "" },
    ],
    ["leaves out what nobody ever said", { name: "raw", color: "grey" }, { color: "grey" }],
  ])("%s", (_, input, meaning) => {
    const name = "name" in input ? String(input.name) : ""
    const tag = { id: idOf(name), name }
    expect(ledger().when(defineTag, input)).toEqual({
      facts: [
        {
          type: "tag-defined",
          data: { exclusive: false, ...meaning, tag },
          subjects: [idOf(name)],
        },
      ],
      result: null,
    })
  })

  it.each([
    [{ name: "raw" }],
    [{ name: "raw", exclusive: false }],
    [{ name: "production", exclusive: true, color: "green", description: "in use" }],
  ])("changes nothing by %j", (input) => {
    expect(ledger().when(defineTag, input)).toEqual({ facts: [], result: null })
  })

  it("records what the recorder of tests does by its own means", () => {
    const recorder = new Recorder()
    story(recorder)
    recorder.defineTag("raw", { color: "teal" })
    expect(ledger().done(defineTag, { name: "raw", color: "teal" })).toEqual([
      recorder.events.at(-1),
    ])
  })
})

describe("making a tag exclusive", () => {
  const exclusively = (name: string, tell: (recorder: Recorder) => void) =>
    given(tell).when(defineTag, { name, exclusive: true })

  const refused = { _tag: "NameTaken", taken: "x" }
  const allowed = { facts: [{ data: { exclusive: true } }] }

  it("is refused while two versions of one artifact hold it", () => {
    const decided = exclusively("x", (recorder) => {
      recorder.save("churn", { tags: ["x"] })
      recorder.save("churn", { tags: ["x"] })
    })
    expect(decided).toMatchObject(refused)
  })

  it("is refused while two artifacts hold it", () => {
    const decided = exclusively("x", (recorder) => {
      recorder.save("churn")
      recorder.save("feed")
      recorder.tag("churn", "x")
      recorder.tag("feed", "x")
    })
    expect(decided).toMatchObject(refused)
  })

  it("is refused while an artifact has it as a tag and as a label, deleted or not", () => {
    const decided = exclusively("x", (recorder) => {
      const labelled = recorder.save("churn", { label: "x" })
      recorder.tag(recorder.save("churn"), "x")
      recorder.delete(labelled)
    })
    expect(decided).toMatchObject(refused)
  })

  it("goes through where one version of each artifact holds it", () => {
    const decided = exclusively("x", (recorder) => {
      recorder.save("churn", { tags: ["x"] })
      recorder.save("feed", { tags: ["x"] })
      recorder.tag("feed", "x")
    })
    expect(decided).toMatchObject(allowed)
  })

  it("goes through once all but one have lost it", () => {
    const decided = exclusively("x", (recorder) => {
      const one = recorder.save("churn", { tags: ["x"] })
      recorder.save("churn", { tags: ["x"] })
      recorder.untag(one, "x")
    })
    expect(decided).toMatchObject(allowed)
  })

  it("is refused for a holder that is deleted, which keeps its tags, until it is untagged", () => {
    const situation = given((recorder) => {
      recorder.delete(recorder.save("churn", { tags: ["x"] }))
      recorder.save("churn", { tags: ["x"] })
    })
    const exclusive = { name: "x", exclusive: true }
    expect(situation.when(defineTag, exclusive)).toMatchObject(refused)
    situation.done(untag, { target: "churn@1", tags: "x" })
    expect(situation.when(defineTag, exclusive)).toMatchObject(allowed)
  })

  it("goes through where the label is that of another artifact, or of nobody's tag", () => {
    const decided = exclusively("x", (recorder) => {
      recorder.save("feed", { label: "x" })
      const one = recorder.save("churn", { tags: ["x"] })
      const labelled = recorder.save("gone", { label: "x", tags: ["x"] })
      recorder.untag(labelled, "x")
      recorder.log(one, { a: 1 })
    })
    expect(decided).toMatchObject(allowed)
  })

  it("of one that is exclusive already looks at nobody", () => {
    const situation = given((recorder) => {
      recorder.defineTag("x", { exclusive: true })
      recorder.tag(recorder.save("churn"), "x")
      recorder.save("churn", { label: "x" })
    })
    expect(situation.when(defineTag, { name: "x", exclusive: true, color: "red" })).toMatchObject(
      allowed,
    )
  })
})

describe("a definition", () => {
  it.each([
    [undefined, "options"],
    ["production", "options"],
    [{ name: undefined }, "name"],
    [{ name: "latest" }, "name"],
    [{ name: "7" }, "name"],
    [{ name: "a@b" }, "name"],
    [{ name: "" }, "name"],
    [{ name: "x", exclusive: "yes" }, "options.exclusive"],
    [{ name: "x", color: "pink" }, "options.color"],
    [{ name: "x", colour: "red" }, "options.colour"],
    [{ name: "x", description: 7 }, "options.description"],
    [{ name: "x", description: "\udc00" }, "options.description"],
    [{ name: "x", description: "é".repeat(descriptionBytesMax / 2 + 1) }, "options.description"],
  ])("given as %j is refused, naming the path", (input, path) => {
    expect(defineTag.parse(input)).toMatchObject({ _tag: "InvalidInput", path })
  })

  it("takes the longest description and every colour", () => {
    const description = "é".repeat(descriptionBytesMax / 2)
    for (const color of tagColors) {
      const input = { name: "x", color, description }
      expect(defineTag.parse(input)).toEqual(input)
    }
  })
})
