/**
 * What the system says of entries: told apart and compared.
 */
import { lstatSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { temporaryDirectory } from "./folders.contract.js"
import { isGone, isSameEntry, isUnchanged, prefixOf, toFound } from "./look.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), name)
const found = (name: string) => toFound(lstatSync(at(name), { bigint: true }))

describe("an entry", () => {
  it("is a file, a directory or a symlink, and special otherwise", () => {
    writeFileSync(at("file"), "four", { mode: 0o640 })
    mkdirSync(at("directory"))
    symlinkSync("file", at("link"))
    expect(found("file")).toMatchObject({ kind: "file", size: 4, mode: 0o640 })
    expect(found("directory").kind).toBe("directory")
    expect(found("link")).toMatchObject({ kind: "symlink", size: 4 })
    expect(toFound(lstatSync("/dev/null", { bigint: true })).kind).toBe("special")
  })

  it("shows a change by what the system says of it, and stays the same entry", () => {
    writeFileSync(at("a"), "one")
    const before = found("a")
    expect(isUnchanged(before, found("a"))).toBe(true)
    writeFileSync(at("a"), "two")
    utimesSync(at("a"), 1, 1)
    expect([isUnchanged(before, found("a")), isSameEntry(before, found("a"))]).toEqual([
      false,
      true,
    ])
    writeFileSync(at("b"), "two")
    expect(isSameEntry(before, found("b"))).toBe(false)
  })

  it("is gone where a code of the system says so", () => {
    const coded = (code: string) => Object.assign(new Error("no"), { code })
    expect([isGone(coded("EACCES")), isGone(coded("ELOOP"))]).toEqual([false, true])
  })

  it("is found behind a prefix that ends in a slash", () => {
    expect(prefixOf(7, directory()).endsWith("/")).toBe(true)
  })
})
