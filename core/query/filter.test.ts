/**
 * Filters: each condition, all of them together, and what is no filter at all.
 */
import { describe, expect, it } from "vitest"
import { InvalidInput, TagMissing } from "../errors.js"
import { Recorder } from "../event/recorder.contract.js"
import { shaped } from "../model/input.js"
import { strict } from "../model/schema.js"
import { projections } from "../projection/all.js"
import { FoldedViews } from "../projection/projection.contract.js"
import {
  exactText,
  type TagFilter,
  TagFilterSchema,
  type TextFilter,
  TextFilterSchema,
  tagPredicate,
  textPredicate,
} from "./filter.js"

const refusalOf = (run: () => unknown): unknown => {
  try {
    run()
  } catch (thrown) {
    return thrown
  }
  throw new Error("it was accepted")
}

describe("a filter on a text", () => {
  it.each<[TextFilter, ReadonlyArray<string>, ReadonlyArray<string>]>([
    ["iris", ["iris"], ["Iris", "iris2", ""]],
    [{ eq: "" }, [""], ["a"]],
    [{ ne: "a" }, ["b", "A", ""], ["a"]],
    [{ in: ["a", "b"] }, ["a", "b"], ["c", "ab", ""]],
    [{ in: [] }, [], ["a", ""]],
    [{ notIn: ["a", "b"] }, ["c", ""], ["a", "b"]],
    [{ notIn: [] }, ["a"], []],
    [{ contains: "ri" }, ["iris", "ri"], ["IRIS", "r-i"]],
    [{ contains: ".*" }, ["a.*b"], ["ab"]],
    [{ startsWith: "iris" }, ["iris", "iris_2"], ["an iris"]],
    [{ endsWith: "::out" }, ["a::out"], ["a::out::b"]],
    [{ startsWith: "a", endsWith: "z", ne: "az" }, ["abz"], ["az", "ab", "bz"]],
    [{ eq: "a", ne: "a" }, [], ["a", "b"]],
  ])("%j", (filter, passing, failing) => {
    const passes = textPredicate(shaped(strict(TextFilterSchema), filter, "name"))
    expect(passing.filter(passes)).toEqual(passing)
    expect(failing.filter(passes)).toEqual([])
  })

  it("that is absent lets everything pass", () => {
    expect(["", "a"].every(textPredicate(undefined))).toBe(true)
  })

  it("asks for one text where it does", () => {
    expect(exactText("a")).toBe("a")
    expect(exactText({ eq: "a", startsWith: "b" })).toBe("a")
    for (const filter of [undefined, {}, { in: ["a"] }]) expect(exactText(filter)).toBeUndefined()
  })

  it.each([
    {},
    { eq: undefined },
    { startWith: "a" },
    { eq: 5 },
    { in: "a" },
    { in: [null] },
    { contains: /a/ },
    5,
    null,
    ["a"],
    true,
  ])("%j is none", (filter) => {
    const refused = refusalOf(() => shaped(strict(TextFilterSchema), filter, "name"))
    expect(refused).toBeInstanceOf(InvalidInput)
  })
})

describe("a filter on tags", () => {
  const recorder = new Recorder()
  recorder.save("churn", { tags: ["a", "b", "c"] })
  const views = new FoldedViews(projections)
  views.fold(recorder.events)
  const [a, b, c] = ["a", "b", "c"].map((name) => recorder.tagId(name))
  const sets = [[], [a], [b], [a, b], [a, b, c]].map((set) => set.filter((id) => id !== undefined))
  const passing = (filter: TagFilter): ReadonlyArray<number> => {
    const passes = tagPredicate(views, shaped(strict(TagFilterSchema), filter, "tags"))
    return sets.flatMap((ids, index) => (passes(ids) ? [index] : []))
  }

  it.each<[TagFilter, ReadonlyArray<number>]>([
    ["a", [1, 3, 4]],
    [
      ["a", "b"],
      [3, 4],
    ],
    [[], [0, 1, 2, 3, 4]],
    [{ all: ["a"], none: ["c"] }, [1, 3]],
    [{ any: ["b", "c"] }, [2, 3, 4]],
    [{ any: [] }, []],
    [{ none: ["a", "c"] }, [0, 2]],
    [{ none: [] }, [0, 1, 2, 3, 4]],
    [{ all: ["a"], any: ["b", "c"], none: ["c"] }, [3]],
    [{ all: ["a"], none: ["a"] }, []],
  ])("%j", (filter, expected) => {
    expect(passing(filter)).toEqual(expected)
  })

  it("that is absent lets everything pass", () => {
    expect(sets.every(tagPredicate(views, undefined))).toBe(true)
  })

  it.each(["all", "any", "none"])("on a tag that does not exist is an error: %s", (key) => {
    const refused = refusalOf(() => passing({ [key]: ["a", "nowhere"] }))
    expect(refused).toBeInstanceOf(TagMissing)
    expect(refused).toMatchObject({ tag: "nowhere" })
  })

  it.each<[TagFilter, string]>([
    [["a", "b@c"], "tags.all[1]"],
    [{ any: ["latest"] }, "tags.any[0]"],
    [{ none: ["7"] }, "tags.none[0]"],
  ])("on what can be no tag names its place: %j", (filter, path) => {
    expect(refusalOf(() => passing(filter))).toMatchObject({ _tag: "InvalidInput", path })
  })

  it.each([{}, { all: undefined }, { every: ["a"] }, { all: "a" }, [5], 5, null])(
    "%j is none",
    (filter) => {
      const refused = refusalOf(() => shaped(strict(TagFilterSchema), filter, "tags"))
      expect(refused).toBeInstanceOf(InvalidInput)
    },
  )
})
