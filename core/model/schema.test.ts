/**
 * Parsing at the border: what the schemas of the nouns take, and where a complaint points.
 */
import * as Schema from "effect/Schema"
import type { StandardSchemaV1 } from "effect/StandardSchema"
import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import {
  ArtifactTypeSchema,
  Count,
  DigestSchema,
  IdSchema,
  PathSchema,
  PlainSchema,
  parse,
  SaveTypeSchema,
  strict,
} from "./schema.js"

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
const digest = "0123456789abcdef".repeat(4)

describe("schemas of the nouns", () => {
  const shape = strict(
    Schema.Struct({
      id: IdSchema,
      digest: DigestSchema,
      path: PathSchema,
      count: Count,
      type: ArtifactTypeSchema,
      saveType: SaveTypeSchema,
      plain: PlainSchema,
    }),
  )
  const good = {
    id,
    digest,
    path: "data/table.jsonl",
    count: 0,
    type: "data-analysis",
    saveType: "step-output",
    plain: null,
  }

  it("take what they name", () => {
    expect(parse(shape, good, "input")).toEqual(good)
  })

  it.each([
    ["id", id.toLowerCase()],
    ["id", id.slice(1)],
    ["digest", digest.toUpperCase()],
    ["digest", digest.slice(1)],
    ["path", "../table.jsonl"],
    ["path", ""],
    ["count", -1],
    ["count", 0.5],
    ["count", "1"],
    ["type", "Data"],
    ["saveType", "data"],
    ["plain", undefined],
  ])("refuse another %s: %j", (member, value) => {
    const refused = parse(shape, { ...good, [member]: value }, "input")
    expect(refused).toBeInstanceOf(InvalidInput)
    expect(refused).toMatchObject({ path: `input.${member}`, kind: "invalid" })
  })
})

describe("parsing", () => {
  const nested = strict(
    Schema.Struct({
      rows: Schema.Array(Schema.Struct({ "odd key": Schema.Number })),
      limit: Schema.optionalKey(Schema.Int),
    }),
  )

  it("points to the first complaint, through lists and odd keys", () => {
    const given = { rows: [{ "odd key": 1 }, { "odd key": "2" }] }
    expect(parse(nested, given, "query")).toMatchObject({ path: 'query.rows[1]["odd key"]' })
    expect(parse(nested, 7, "query")).toMatchObject({ path: "query" })
    expect(parse(nested, {}, "query")).toMatchObject({ path: "query.rows" })
  })

  it("refuses a key that the schema does not know, at any depth", () => {
    expect(parse(nested, { rows: [], limti: 1 }, "query")).toMatchObject({ path: "query.limti" })
    const deep = { rows: [{ "odd key": 1, more: 2 }] }
    expect(parse(nested, deep, "query")).toMatchObject({ path: "query.rows[0].more" })
  })

  it("takes the schema of any library, with either form of path", () => {
    const foreign: StandardSchemaV1<unknown, string> = {
      "~standard": {
        version: 1,
        vendor: "another",
        validate: (value) =>
          typeof value === "string"
            ? { value: value.trim() }
            : { issues: [{ message: "not text", path: ["a", { key: 0 }, { key: "b" }, "2"] }] },
      },
    }
    expect(parse(foreign, " text ", "value")).toBe("text")
    expect(parse(foreign, 5, "value")).toMatchObject({
      path: 'value.a[0].b["2"]',
      message: 'value.a[0].b["2"]: not text',
    })
  })

  it("takes no schema that answers later", () => {
    const late: StandardSchemaV1<unknown, string> = {
      "~standard": {
        version: 1,
        vendor: "another",
        validate: (value) => Promise.resolve({ value: String(value) }),
      },
    }
    expect(() => parse(late, 5, "value")).toThrow("the schema of value")
  })
})
