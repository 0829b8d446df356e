/**
 * What events are about, in ids and in words.
 */
import { describe, expect, it } from "vitest"
import { testId } from "./recorder.contract.js"
import { printTaggings, printTarget, type Tagging, targetIds } from "./subject.js"

const artifact = { id: testId(1), name: "churn", ordinal: 1 }
const other = { id: testId(2), name: "feed", ordinal: 2 }
const version = (label: string, ordinal: number) => ({ id: testId(ordinal + 10), label, ordinal })
const target = { artifact, version: version("7", 7) }

const tagging = (name: string, more: Partial<Tagging> = {}): Tagging => ({
  id: testId(5),
  name,
  ...more,
})

describe("a target", () => {
  it("is its version and its artifact, or the artifact alone", () => {
    expect(targetIds(target)).toEqual([target.version.id, artifact.id])
    expect(targetIds({ artifact })).toEqual([artifact.id])
  })

  it("is named as people would", () => {
    expect(printTarget(target)).toBe("version 7 of churn")
    expect(printTarget({ artifact })).toBe("churn")
  })
})

describe("taggings", () => {
  it.each<[string, ReadonlyArray<Tagging>, string]>([
    ["are listed", [tagging("a"), tagging("b", { created: true })], "a, b"],
    ["say nothing of a holder where there was none", [tagging("a", { exclusive: true })], "a"],
    [
      "say who held an exclusive tag",
      [
        tagging("a"),
        tagging("b", { exclusive: true, from: { artifact, version: version("6", 6) } }),
      ],
      "a, b (held by 6 before 7)",
    ],
  ])("%s", (_, tags, printed) => {
    expect(printTaggings(tags, target)).toBe(printed)
  })

  it("name artifacts where artifacts compete", () => {
    const moved = tagging("main", { exclusive: true, from: { artifact: other } })
    expect(printTaggings([moved], { artifact })).toBe("main (held by feed before churn)")
  })
})
