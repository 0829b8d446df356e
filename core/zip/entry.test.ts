/**
 * Which names cannot lie beside each other in an archive.
 */
import { describe, expect, it } from "vitest"
import { findClash } from "./entry.js"

const clashOf = (...names: ReadonlyArray<string>) => {
  const clash = findClash(names.map((name) => ({ name })))
  return clash && [clash.named.name, clash.above?.name]
}

describe("a clash", () => {
  it("is a name that comes twice, or one below what is no directory", () => {
    expect(clashOf("a", "b", "b")).toEqual(["b", undefined])
    expect(clashOf("a/", "a/")).toEqual(["a/", undefined])
    expect(clashOf("a", "a-b", "a.c/", "a/b/c")).toEqual(["a/b/c", "a"])
    expect(clashOf("a", "a-", "a-/x", "b")).toEqual(["a-/x", "a-"])
  })

  it("is not where names only begin alike", () => {
    expect(clashOf("a/", "a/b", "a/b.c/d", "a/bc", "ab/c")).toBeUndefined()
    expect(clashOf()).toBeUndefined()
  })
})
