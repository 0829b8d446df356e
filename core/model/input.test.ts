/**
 * What callers give, parsed or refused: every refusal names the place and is an error of its kind.
 */
import * as Schema from "effect/Schema"
import { describe, expect, it } from "vitest"
import { InvalidInput, InvalidReference, LimitExceeded, ViewFailure } from "../errors.js"
import {
  artifactName,
  checkCount,
  checkOptions,
  directoryPath,
  members,
  metadata,
  metadataKey,
  parsing,
  reference,
  refuse,
  shaped,
  tagName,
  tagNames,
  target,
  text,
} from "./input.js"
import { strict } from "./schema.js"

/** The refusal that a parser throws, as `parsing` gives it to the caller. */
const refusalOf = (parser: () => unknown) => parsing(parser)

describe("parsing", () => {
  it("gives the value, or the first refusal that was thrown", () => {
    expect(parsing(() => 7)).toBe(7)
    const refused = parsing(() => [refuse("a", "is wrong"), refuse("b", "is wrong too")])
    expect(refused).toBeInstanceOf(InvalidInput)
    expect(refused).toMatchObject({ path: "a", message: "a is wrong" })
  })

  it("lets failures of storage and defects pass through as they are", () => {
    const failure = new ViewFailure({
      message: "no",
      operation: "read",
      reason: "io",
      outcome: "none",
    })
    for (const thrown of [failure, new TypeError("a bug")]) {
      const parser = () => {
        throw thrown
      }
      expect(() => parsing(parser)).toThrow(thrown)
    }
  })
})

describe("words", () => {
  it("are text within their bound", () => {
    expect(text("é", "reason", 2)).toBe("é")
    expect(refusalOf(() => text("é", "reason", 1))).toMatchObject({ path: "reason" })
    expect(refusalOf(() => text(5, "reason", 9))).toMatchObject({
      message: "reason is not a string",
    })
  })

  it("are names by the rules of names", () => {
    expect(artifactName("iris", "name")).toBe("iris")
    expect(tagName("production", "tag")).toBe("production")
    expect(artifactName("latest", "name")).toBe("latest")
    for (const value of ["", "a@b", 5, null, undefined]) {
      expect(refusalOf(() => artifactName(value, "name"))).toMatchObject({ path: "name" })
      expect(refusalOf(() => tagName(value, "tag"))).toMatchObject({ path: "tag" })
    }
    expect(refusalOf(() => tagName("latest", "tag"))).toBeInstanceOf(InvalidInput)
  })

  it("are tags, one or several, each once and in order", () => {
    expect(tagNames("a", "tags")).toEqual(["a"])
    expect(tagNames(["b", "a", "b"], "tags")).toEqual(["b", "a"])
    expect(tagNames([], "tags")).toEqual([])
    expect(refusalOf(() => tagNames("7", "tags"))).toMatchObject({ path: "tags" })
    expect(refusalOf(() => tagNames(["a", "7"], "tags"))).toMatchObject({ path: "tags[1]" })
  })
})

describe("the key of metadata", () => {
  it("is a text by the rules of keys", () => {
    expect(metadataKey("a b@c", "key")).toBe("a b@c")
    for (const value of ["", "__proto__", "a\nb", 5, undefined])
      expect(refusalOf(() => metadataKey(value, "keys[1]"))).toMatchObject({ path: "keys[1]" })
  })
})

describe("references and targets", () => {
  it("are taken apart, or refused with what was written", () => {
    expect(reference("iris@7")).toEqual({ by: "selector", name: "iris", selector: "7" })
    expect(target({ artifact: "iris" })).toEqual({ kind: "artifact", name: "iris" })
    for (const parse of [reference, target]) {
      const refused = refusalOf(() => parse("iris@"))
      expect(refused).toBeInstanceOf(InvalidReference)
      expect(refused).toMatchObject({ reference: "iris@", kind: "invalid" })
    }
    expect(refusalOf(() => reference(""))).toMatchObject({ message: "the reference: it is empty" })
  })
})

describe("metadata", () => {
  it("is plain, invalid with its path, or too large with its limit", () => {
    expect(metadata({ a: -0, b: 1n }, "metadata")).toEqual({ a: 0, b: 1n })
    const invalid = refusalOf(() => metadata({ a: [Number.NaN] }, "metadata"))
    expect(invalid).toBeInstanceOf(InvalidInput)
    expect(invalid).toMatchObject({ path: "metadata.a[0]" })
    const large = refusalOf(() => metadata({ a: "x".repeat(20_000) }, "metadata"))
    expect(large).toBeInstanceOf(LimitExceeded)
    expect(large).toMatchObject({ limit: "metadataValueBytesMax", allowed: 16_384 })
  })
})

describe("shapes, counts and options", () => {
  it("are those of a schema", () => {
    const schema = strict(Schema.Struct({ limit: Schema.Int }))
    expect(shaped(schema, { limit: 1 }, "query")).toEqual({ limit: 1 })
    expect(refusalOf(() => shaped(schema, { limit: 0.5 }, "query"))).toMatchObject({
      path: "query.limit",
    })
  })

  it("stop at their limit", () => {
    expect(checkCount("saveTagCountMax", 32, 32)).toBeUndefined()
    const refused = refusalOf(() => checkCount("saveTagCountMax", 32, 33))
    expect(refused).toBeInstanceOf(LimitExceeded)
    expect(refused).toMatchObject({ limit: "saveTagCountMax", allowed: 32, actual: 33 })
  })

  it("hold no option that is not known", () => {
    const options = { tags: [], idempotencyKey: "k" }
    expect(checkOptions(options, ["tags", "idempotencyKey"])).toBe(options)
    expect(refusalOf(() => checkOptions({ tgas: [] }, ["tags"]))).toMatchObject({
      path: "options.tgas",
    })
    for (const value of [null, undefined, 5, "tags"])
      expect(refusalOf(() => checkOptions(value, ["tags"]))).toMatchObject({ path: "options" })
  })

  it("are options that can be read, whatever stands in their place", () => {
    const { proxy: revoked, revoke } = Proxy.revocable({}, {})
    revoke()
    const refused = (options: unknown) => refusalOf(() => checkOptions(options, ["signal"]))
    expect(refused(revoked)).toMatchObject({ _tag: "InvalidInput", path: "options" })
    expect(refused({ signal: revoked })).toMatchObject({ path: "options.signal" })
    expect(refused({ signal: {} })).toMatchObject({ path: "options.signal" })
  })

  it("are members of an object", () => {
    expect(members({ a: 1 })).toEqual({ a: 1 })
    expect(refusalOf(() => members(null))).toMatchObject({ path: "input" })
  })
})

describe("the path of a directory", () => {
  it("is any text that a file system can take", () => {
    for (const path of ["./ledger", "/var/lib/ünï ledger", "@data", "d".repeat(4_096)])
      expect(directoryPath(path, "directory", "of the ledger")).toBe(path)
  })

  it("is refused where it is missing, and where it is none", () => {
    const missing = "directory is missing: name the directory of the ledger"
    for (const [given, message] of [
      [undefined, missing],
      ["", missing],
      [5, "directory is not a string"],
      ["a\0b", "directory contains a null, as no path does"],
      ["d".repeat(4_097), "directory is 4097 bytes long, at most 4096 fit"],
    ] as const) {
      const refusal = refusalOf(() => directoryPath(given, "directory", "of the ledger"))
      expect(refusal).toMatchObject({ _tag: "InvalidInput", path: "directory", message })
    }
  })
})
