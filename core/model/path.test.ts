/**
 * The rules of entry names, each at its boundary, and the forms by which others were escaped from.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { isRelativePath, pathProblem, relativePath, splitPath } from "./path.js"

const deep = (depth: number) => Array(depth).fill("d").join("/")
const long = (bytes: number) =>
  "a"
    .repeat(250)
    .concat("/")
    .repeat(5)
    .slice(0, bytes - 1)
    .concat("z")

const passing: ReadonlyArray<string> = [
  "a",
  "data.json",
  "a/b/c",
  "__proto__",
  "constructor",
  "toString",
  "2",
  "10",
  "...",
  ".hidden",
  "a/..b",
  "a/b..",
  " ",
  "a b",
  "~",
  "-rf",
  "ab:c/C:",
  "%2e%2e",
  "Größe",
  "模型/\u{1f600}",
  "a\u0080b",
  "x".repeat(255),
  "é".repeat(127),
  long(1_024),
  deep(64),
  "con",
  "nul.txt",
  "trailing.",
]

const refused: ReadonlyArray<readonly [string, string]> = [
  ["", "empty"],
  ["/", "absolute"],
  ["/etc/passwd", "absolute"],
  ["C:", "absolute"],
  ["c:/x", "absolute"],
  ["c:x", "absolute"],
  ["\\\\server\\share", "back-slash"],
  ["a\\b", "back-slash"],
  ["..\\..\\x", "back-slash"],
  [".", "component ."],
  ["..", "component .."],
  ["../x", "component .."],
  ["a/../b", "component .."],
  ["a/./b", "component ."],
  ["a/..", "component .."],
  ["a//b", "empty component"],
  ["a/", "empty component"],
  ["a\u0000b", "control"],
  ["a\nb", "control"],
  ["a\u001f", "control"],
  ["a\u007f", "control"],
  ["e\u0301", "normalization form C"],
  ["\ud800/a", "surrogate"],
  ["x".repeat(256), "component above 255 bytes"],
  [`${"é".repeat(127)}ab`, "component above 255 bytes"],
  [long(1_025), "longer than 1024 bytes"],
  [deep(65), "deeper than 64"],
]

describe("a relative path", () => {
  it.each(passing)("may be %j", (path) => {
    expect(pathProblem(path)).toBeUndefined()
    expect(relativePath(path)).toBe(path)
  })

  it.each(refused)("may not be %j", (path, reason) => {
    expect(pathProblem(path)).toContain(reason)
    expect(isRelativePath(path)).toBe(false)
    expect(() => relativePath(path)).toThrow(reason)
  })

  it("stays below where it is resolved, whatever it holds", () => {
    const unit = fc.constantFrom(...["a", "/", ".", "..", "\\", ":", "C", "\u0000", "e\u0301", "~"])
    return fc.assert(
      fc.property(fc.string({ unit, maxLength: 12 }), (text) => {
        fc.pre(isRelativePath(text))
        const base = "https://host/base/"
        // The resolver of URLs is the judge: it knows dots, and back-slashes too.
        expect(new URL(`./${text}`, base).href.startsWith(base)).toBe(true)
      }),
    )
  })
})

describe("a path in two", () => {
  it("is its directory and the name there", () => {
    expect(splitPath("a")).toEqual({ below: "", name: "a" })
    expect(splitPath("a/b/c")).toEqual({ below: "a/b", name: "c" })
  })
})
