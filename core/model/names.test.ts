/**
 * The rules of names, each as a pair: the last string that passes, the first that does not.
 */
import { describe, expect, it } from "vitest"
import {
  artifactNameProblem,
  isId,
  isIdPart,
  labelNumber,
  memberPath,
  metadataKeyProblem,
  shortId,
  tagNameProblem,
  textProblem,
  toId,
  utf8Bytes,
  versionLabelProblem,
} from "./names.js"

const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

const rules = [
  ["an artifact", artifactNameProblem],
  ["a version", versionLabelProblem],
  ["a tag", tagNameProblem],
] as const

const passing: ReadonlyArray<string> = [
  "a",
  "iris_dataset",
  "pipeline::step::output",
  "a/b",
  "a b",
  "a\u200bb",
  "Größe",
  "模型",
  "\u{1f600}",
  "a".repeat(255),
  "é".repeat(127),
  "constructor",
  "toString",
  "__proto__x",
  "007",
  "1.0",
  "-1",
  "0",
  "1e3",
  "..",
  "\\",
  "NaN",
  "Latest",
  id.slice(1),
  `${id}0`,
  `8${id.slice(1)}`,
  id.replace("A", "I"),
]

const refused: ReadonlyArray<readonly [string, string]> = [
  ["", "empty"],
  ["a".repeat(256), "256 bytes"],
  [`${"é".repeat(127)}ab`, "256 bytes"],
  ["Gro\u0308ße", "normalization form C"],
  ["\u212b", "normalization form C"],
  ["a\u0000b", "control"],
  ["a\tb", "control"],
  ["a\u001fb", "control"],
  ["a\u007fb", "control"],
  ["a\u0085b", "control"],
  ["a\u009fb", "control"],
  ["a\u2028b", "line separator"],
  ["a\u2029b", "line separator"],
  [" a", "white space"],
  ["a ", "white space"],
  ["\u00a0a", "white space"],
  ["a\u3000", "white space"],
  [" ", "white space"],
  ["a@b", "@"],
  ["@", "@"],
  ["\ud800", "surrogate"],
  ["a\udc00b", "surrogate"],
  [id, "id"],
  [id.toLowerCase(), "id"],
  ["7ZZZZZZZZZZZZZZZZZZZZZZZZZ", "id"],
  ["__proto__", "reserved"],
]

describe.each(rules)("the name of %s", (_, problem) => {
  it.each(passing)("may be %j", (name) => {
    expect(problem(name)).toBeUndefined()
  })

  it.each(refused)("may not be %j", (name, reason) => {
    expect(problem(name)).toContain(reason)
  })
})

describe("version labels", () => {
  it("are numbers when they are canonical integers in the safe range", () => {
    expect(labelNumber("1")).toBe(1)
    expect(labelNumber("44")).toBe(44)
    expect(labelNumber("9007199254740991")).toBe(Number.MAX_SAFE_INTEGER)
    for (const label of ["0", "007", "-1", "+1", "1.0", "1e3", " 1", "1 ", "", "x", "١"])
      expect(labelNumber(label), label).toBeUndefined()
  })

  it("stop at the last safe integer", () => {
    expect(versionLabelProblem("9007199254740991")).toBeUndefined()
    expect(versionLabelProblem("9007199254740992")).toContain("2^53 - 1")
    expect(labelNumber("9007199254740992")).toBeUndefined()
    expect(versionLabelProblem("9".repeat(255))).toContain("2^53 - 1")
  })

  it("cannot be latest", () => {
    expect(versionLabelProblem("latest")).toContain("reserved")
  })
})

describe("tags", () => {
  it("cannot be latest or an integer", () => {
    expect(tagNameProblem("latest")).toContain("reserved")
    expect(tagNameProblem("1")).toContain("integer")
    expect(tagNameProblem("9007199254740992")).toContain("integer")
    expect(artifactNameProblem("latest")).toBeUndefined()
    expect(artifactNameProblem("1")).toBeUndefined()
    expect(versionLabelProblem("1")).toBeUndefined()
  })
})

describe("metadata keys", () => {
  it.each([" a ", "a@b", id, "latest", "1", "e\u0301", "a".repeat(255), "constructor", "2"])(
    "may be %j",
    (key) => {
      expect(metadataKeyProblem(key)).toBeUndefined()
    },
  )

  it.each([
    ["", "empty"],
    ["__proto__", "reserved"],
    ["a".repeat(256), "256 bytes"],
    ["a\nb", "control"],
    ["a\u2028b", "line separator"],
    ["\udfff", "surrogate"],
  ])("may not be %j", (key, reason) => {
    expect(metadataKeyProblem(key)).toContain(reason)
  })
})

describe("text", () => {
  it("is measured in bytes of UTF-8", () => {
    expect(utf8Bytes("a")).toBe(1)
    expect(utf8Bytes("é")).toBe(2)
    expect(utf8Bytes("€")).toBe(3)
    expect(utf8Bytes("\u{1f600}")).toBe(4)
    expect(textProblem("€", 3)).toBeUndefined()
    expect(textProblem("€", 2)).toContain("3 bytes long, at most 2")
    expect(textProblem("", 0)).toBeUndefined()
  })
})

describe("ids", () => {
  it("are 26 characters of Crockford's base 32, of 128 bits", () => {
    expect(isId(id)).toBe(true)
    expect(isId("7ZZZZZZZZZZZZZZZZZZZZZZZZZ")).toBe(true)
    expect(isId("8ZZZZZZZZZZZZZZZZZZZZZZZZZ")).toBe(false)
    for (const letter of ["I", "L", "O", "U", "a", " ", "-"])
      expect(isId(letter + id.slice(1)) || isId(id.slice(0, 25) + letter), letter).toBe(false)
    expect(isId(id.slice(1))).toBe(false)
    expect(isId(`${id}0`)).toBe(false)
    expect(isId(`${id}\n`)).toBe(false)
  })

  it("are read in either case of letters, and in no other letters", () => {
    expect(toId(id.toLowerCase())).toBe(id)
    expect(toId(id)).toBe(id)
    // The upper case of these is S and SS: an artifact may have such a name.
    const longS = id.replace("S", "\u017f")
    const sharpS = `${id.slice(0, 24)}ß`
    for (const name of [longS, sharpS]) {
      expect(toId(name), name).toBeUndefined()
      expect(artifactNameProblem(name)).toBeUndefined()
    }
  })

  it("have parts of 1 to 25 of their characters", () => {
    expect(isIdPart("0")).toBe(true)
    expect(isIdPart(id.slice(0, 25))).toBe(true)
    expect(isIdPart(shortId(id).toLowerCase())).toBe(true)
    for (const text of ["", id, "I", "a-b", "ü"]) expect(isIdPart(text), text).toBe(false)
  })

  it("are shown short by their end, which is not the clock", () => {
    expect(shortId(id)).toBe("Q69G5FAV")
  })
})

describe("the path of a member", () => {
  it.each([
    ["a", "metadata.a"],
    ["_a$1", "metadata._a$1"],
    ["2", 'metadata["2"]'],
    ["a b", 'metadata["a b"]'],
    ["a.b", 'metadata["a.b"]'],
    ['a"b', 'metadata["a\\"b"]'],
    ["é", 'metadata["é"]'],
    ["", 'metadata[""]'],
  ])("of %j is %s", (name, where) => {
    expect(memberPath("metadata", name)).toBe(where)
  })
})
