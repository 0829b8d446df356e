/**
 * References in all the forms that callers write, and the problem named for every other value.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isProblem, parseReference, parseTarget, printReference } from "./reference.js"

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

const forms: ReadonlyArray<readonly [unknown, object]> = [
  ["iris", { by: "text", text: "iris" }],
  ["a::b::c", { by: "text", text: "a::b::c" }],
  ["Q69G5FAV", { by: "text", text: "Q69G5FAV" }],
  ["latest", { by: "text", text: "latest" }],
  ["7", { by: "text", text: "7" }],
  ["iris@raw_2023", { by: "selector", name: "iris", selector: "raw_2023" }],
  ["iris@7", { by: "selector", name: "iris", selector: "7" }],
  ["iris@007", { by: "selector", name: "iris", selector: "007" }],
  ["iris@production", { by: "selector", name: "iris", selector: "production" }],
  ["iris@latest", { by: "latest", name: "iris" }],
  [id, { by: "id", id }],
  [id.toLowerCase(), { by: "id", id }],
  [{ name: "iris" }, { by: "latest", name: "iris" }],
  [
    { name: "iris", version: undefined },
    { by: "latest", name: "iris" },
  ],
  [
    { name: "iris", version: "latest" },
    { by: "latest", name: "iris" },
  ],
  [
    { name: "iris", version: "7" },
    { by: "selector", name: "iris", selector: "7" },
  ],
  [
    { name: "iris", version: 7 },
    { by: "selector", name: "iris", selector: "7" },
  ],
  [{ id }, { by: "id", id }],
  [{ id: id.toLowerCase() }, { by: "id", id }],
  [
    { id, name: "iris", version: "7", tags: [] },
    { by: "id", id },
  ],
]

const problems: ReadonlyArray<readonly [unknown, string]> = [
  ["", "it is empty"],
  [" iris", "white space"],
  ["iris@", "the version is empty"],
  ["@7", "the name is empty"],
  ["@", "the name is empty"],
  ["a@b@c", "the version contains @"],
  [`iris@${id}`, "the version is shaped like an id"],
  ["iris@9007199254740992", "2^53 - 1"],
  ["a\u0000b", "control"],
  ["a".repeat(256), "256 bytes"],
  [{ name: "" }, "the name is empty"],
  [{ name: "a@b", version: "1" }, "the name contains @"],
  [{ name: "iris", version: "" }, "the version is empty"],
  [{ name: "iris", version: null }, "neither a string nor a number"],
  [{ name: "iris", version: {} }, "neither a string nor a number"],
  [{ name: "iris", label: "7" }, "neither { name, version } nor { id }"],
  [{ name: 7 }, "neither { name, version } nor { id }"],
  [{ id: "iris" }, "not a ULID"],
  [{ id: id.slice(1) }, "not a ULID"],
  [{}, "neither { name, version } nor { id }"],
  [[], "neither a string nor an object"],
  [["iris"], "neither a string nor an object"],
  [null, "neither a string nor an object"],
  [undefined, "neither a string nor an object"],
  [7, "neither a string nor an object"],
  [Symbol("iris"), "neither a string nor an object"],
  [() => "iris", "neither a string nor an object"],
]

/** Any character that UTF-8 can hold: all but the surrogates. */
const character = fc
  .nat({ max: 0x10f7ff })
  .map((n) => String.fromCodePoint(n < 0xd800 ? n : n + 0x800))

const oddities: ReadonlyArray<unknown> = [
  ...[null, undefined, true, 0, -1, 1.5, Number.NaN, 7n, Symbol("iris"), () => "iris"],
  ...[[], {}, Object.create(null), new Date(0), new Map(), new Uint8Array(1), /iris/],
  ...["", "a", "a@b", "latest", id, "constructor", "__proto__"],
]

describe("references", () => {
  it.each(forms)("take apart %j", (reference, parsed) => {
    expect(parseReference(reference)).toEqual(parsed)
  })

  it.each(problems)("name what is wrong with %j", (reference, problem) => {
    const parsed = parseReference(reference)
    expect(parsed).toMatchObject({ problem: expect.stringContaining(problem) })
    expect(parseTarget(reference)).toEqual(parsed)
  })

  it("are never taken for ids because of letters whose upper case looks like one", () => {
    const name = id.replace("S", "\u017f")
    expect(parseReference(name)).toEqual({ by: "text", text: name })
    expect(parseReference({ id: name })).toMatchObject({ problem: "the id is not a ULID" })
  })

  it("of any value at all are parsed or refused, never thrown at", () => {
    const part = fc.oneof(fc.constantFrom(...oddities), fc.string({ unit: character }))
    const keys = fc.constantFrom("id", "name", "version", "artifact", "tag", "other")
    const anything = fc.oneof(part, fc.dictionary(keys, part))
    return fc.assert(
      fc.property(anything, (value) => {
        const parsed = parseReference(value)
        if (isProblem(parsed)) {
          expect(parsed.problem).not.toBe("")
          expect(typeof parsed.reference).toBe("string")
        } else expect(["text", "selector", "latest", "id"]).toContain(parsed.by)
        expect(typeof parseTarget(value)).toBe("object")
      }),
      { numRuns: 300 },
    )
  })
})

describe("targets", () => {
  it("are versions, artifacts or tags", () => {
    expect(parseTarget({ artifact: "iris" })).toEqual({ kind: "artifact", name: "iris" })
    expect(parseTarget({ tag: "production" })).toEqual({ kind: "tag", name: "production" })
    expect(parseTarget("iris@7")).toEqual({
      kind: "version",
      reference: { by: "selector", name: "iris", selector: "7" },
    })
    expect(parseTarget({ id })).toEqual({ kind: "version", reference: { by: "id", id } })
  })

  it("say one thing only", () => {
    for (const target of [
      { artifact: "iris", tag: "a" },
      { artifact: "iris", version: "7" },
      { tag: "a", name: "iris" },
      { artifact: 7 },
      { tag: null },
    ])
      expect(parseTarget(target), JSON.stringify(target)).toHaveProperty("problem")
    expect(parseTarget({ artifact: "a@b" })).toMatchObject({
      problem: expect.stringContaining("the name contains @"),
      reference: "a@b",
    })
  })
})

describe("printed references", () => {
  it.each([
    ["iris@7", "iris@7"],
    [{ name: "iris", version: 7 }, "iris@7"],
    [{ name: "iris" }, "iris"],
    [{ id }, id],
    [{ artifact: "iris" }, "iris"],
    [{ tag: "production" }, "production"],
    [{}, "an object of no known form"],
    [{ name: Object.create(null), version: 1 }, "an object of no known form"],
    [undefined, "undefined"],
    [7n, "7"],
    [() => "iris", "a function"],
  ])("show form %# as a person would write it", (reference, printed) => {
    expect(printReference(reference)).toBe(printed)
  })

  it("are cut short", () => {
    expect(printReference("a".repeat(10_000))).toHaveLength(600)
    expect(printReference({ name: "a".repeat(10_000), version: 1 })).toHaveLength(600)
  })
})
