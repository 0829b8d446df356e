/**
 * The options of a save: what each becomes, and which part of a bad one is named.
 */
import { describe, expect, it } from "vitest"
import {
  descriptionBytesMax,
  metadataKeyCountMax,
  nameBytesMax,
  saveInputCountMax,
  saveTagCountMax,
} from "../limits.js"
import type { SaveOptions } from "./call-options.js"
import { parseSave } from "./save-options.js"

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
const parse = (options: object) => parseSave("a", options as SaveOptions)
const names = (count: number) => Array.from({ length: count }, (_, n) => `t${n}`)

describe("the options of a save", () => {
  it("may be none", () => {
    expect(parse({})).toEqual({
      input: { name: "a", tags: [], metadata: {}, inputs: [] },
      saveType: "manual",
    })
  })

  it("become a plan without what was left out", () => {
    const plan = parse({
      version: 44,
      tags: "t",
      metadata: { n: -0 },
      type: "model",
      saveType: "step-output",
      inputs: ["b@1", { version: { id }, as: "base" }],
      producer: "train",
      description: "é",
      reuse: "content",
      expect: { latest: null, position: 0 },
    })
    expect(plan).toMatchObject({
      input: { label: "44", tags: ["t"], metadata: { n: 0 }, reuse: true },
      type: "model",
      saveType: "step-output",
      description: "é",
      producer: { name: "train" },
    })
    expect(plan.input.inputs).toHaveLength(2)
    expect(plan.input.inputs[0]).not.toHaveProperty("as")
    expect(plan.input.inputs[1]).toMatchObject({ as: "base" })
    expect(plan.input.expect).toEqual({ latest: null, position: 0 })
  })

  it("keep each tag once, and of a producer what is known", () => {
    const producer = { name: "p", run: "r", step: undefined }
    const plan = parse({ tags: ["b", "a", "b"], producer })
    expect(plan.input.tags).toEqual(["b", "a"])
    expect(plan.producer).toEqual({ name: "p", run: "r" })
  })

  it("take the label as it is written, and a number as its canonical text", () => {
    for (const [version, label] of [
      [1, "1"],
      ["007", "007"],
      ["raw_2023", "raw_2023"],
      [Number.MAX_SAFE_INTEGER, "9007199254740991"],
      [String(Number.MAX_SAFE_INTEGER), "9007199254740991"],
    ] as const)
      expect(parse({ version }).input.label).toBe(label)
  })
})

const bad: ReadonlyArray<readonly [path: string, options: object]> = [
  ...[0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1e21].map(
    (version) => ["options.version", { version }] as const,
  ),
  ...["", " 1", "a@b", "latest", id, "9007199254740992", "\ud800", null, true, ["1"], 1n].map(
    (version) => ["options.version", { version }] as const,
  ),
  ["options.tags", { tags: 5 }],
  ["options.tags", { tags: "latest" }],
  ["options.tags[1]", { tags: ["a", "7"] }],
  ["options.tags[0]", { tags: [["a"]] }],
  ["metadata.a.b[1]", { metadata: { a: { b: [1, Number.NaN] } } }],
  ["metadata", { metadata: [] }],
  ["options.type", { type: "pickle" }],
  ["options.type", { type: null }],
  ["options.saveType", { saveType: "auto" }],
  ["options.inputs", { inputs: "b" }],
  ["options.inputs", { inputs: null }],
  ["options.inputs[1].as", { inputs: ["b", { version: "b", as: 5 }] }],
  ["options.inputs[0].as", { inputs: [{ version: "b", as: undefined }] }],
  ["options.inputs[0].as", { inputs: [{ version: "b", as: "r".repeat(nameBytesMax + 1) }] }],
  ["options.producer", { producer: 5 }],
  ["options.producer", { producer: null }],
  ["options.producer.name", { producer: {} }],
  ["options.producer.run", { producer: { name: "p", run: 7 } }],
  ["options.producer.rnu", { producer: { name: "p", rnu: "r" } }],
  ["options.description", { description: "é".repeat(descriptionBytesMax / 2 + 1) }],
  ["options.reuse", { reuse: true }],
  ["options.tag", { tag: "t" }],
  ["options.Version", { Version: 1 }],
]

describe("an option that is not as it should be", () => {
  it.each(bad)("is refused at %s: %o", (path, options) => {
    const refusal = expect.objectContaining({ _tag: "InvalidInput", kind: "invalid", path })
    expect(() => parse(options)).toThrow(refusal)
  })

  it("is refused by its reference where that is what is wrong", () => {
    for (const inputs of [[""], ["a@"], [{}], [null], [{ version: 5, as: "r" }]])
      expect(() => parse({ inputs })).toThrow(expect.objectContaining({ kind: "invalid" }))
  })

  it("is refused by its limit just above it", () => {
    const keys = (count: number) => Object.fromEntries(names(count).map((key) => [key, 1]))
    expect(parse({ tags: names(saveTagCountMax) }).input.tags).toHaveLength(saveTagCountMax)
    const inputs = names(saveInputCountMax)
    expect(parse({ inputs }).input.inputs).toHaveLength(saveInputCountMax)
    for (const [limit, options] of [
      ["saveTagCountMax", { tags: names(saveTagCountMax + 1) }],
      ["saveInputCountMax", { inputs: names(saveInputCountMax + 1) }],
      ["metadataKeyCountMax", { metadata: keys(metadataKeyCountMax + 1) }],
    ] as const)
      expect(() => parse(options)).toThrow(
        expect.objectContaining({ _tag: "LimitExceeded", kind: "exceeded", limit }),
      )
  })

  it("comes after the name, which is looked at with the same care", () => {
    for (const name of [undefined, 5, "", " a", "a@1", id, "e\u0301", "x".repeat(256)])
      expect(() => parseSave(name, {})).toThrow(expect.objectContaining({ path: "name" }))
  })
})
