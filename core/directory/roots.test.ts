/**
 * Roots: a path belongs to one by its components, whatever its text says, and is found again below
 * it only.
 */
import { renameSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { findRoots, linkOf, openLink, pathOf } from "./roots.js"

const directory = temporaryDirectory()
const at = (...names: ReadonlyArray<string>): string => join(directory(), ...names)

const sample = () =>
  write(directory(), {
    "data/runs/one/a.txt": "a",
    "data-secrets/key.txt": "k",
    "data/deep/inner/b.txt": "b",
  })

const refused = { _tag: "InvalidInput" }

describe("a path", () => {
  it("is kept by the name of its root, and opened from there", async () => {
    sample()
    const roots = await findRoots({ data: at("data"), deep: at("data", "deep") })
    expect(await linkOf(roots, at("data", "runs", "one"))).toEqual({
      root: "data",
      path: "runs/one",
    })
    expect(await linkOf(roots, at("data"))).toEqual({ root: "data", path: "." })
    // The innermost root.
    expect(await linkOf(roots, at("data", "deep", "inner"))).toEqual({
      root: "deep",
      path: "inner",
    })
    const before = await openFileCount()
    const { directory: opened, name } = await openLink(roots, { root: "data", path: "runs/one" })
    expect([await opened.look("a.txt"), name]).toMatchObject([{ size: 1 }, undefined])
    await opened.release()
    const file = await openLink(roots, { root: "data", path: "runs/one/a.txt", file: true })
    expect([file.directory.shown, file.name]).toEqual([at("data", "runs", "one"), "a.txt"])
    await file.directory.release()
    expect(await openFileCount()).toBe(before)
    expect(pathOf(roots, { root: "data", path: "runs/one" })).toBe(at("data", "runs", "one"))
    expect(pathOf(roots, { root: "data", path: "." })).toBe(at("data"))
  })

  it("is outside though its text begins like a root, or dots or links lead there", async () => {
    sample()
    symlinkSync(at("data-secrets"), at("data", "way"))
    const roots = await findRoots({ data: at("data") })
    for (const path of [
      at("data-secrets"),
      `${at("data")}/../data-secrets`,
      at("data", "way"),
      at("data", "way", "key.txt"),
      "/",
    ])
      await expect(linkOf(roots, path)).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining("lies in none of the roots data"),
      })
  })

  it("without roots is whole", async () => {
    sample()
    symlinkSync("runs", at("data", "way"))
    const link = await linkOf(undefined, at("data", "way", "one"))
    expect(link).toEqual({ path: at("data", "runs", "one") })
    const { directory: opened } = await openLink(undefined, link)
    expect(await opened.look("a.txt")).toMatchObject({ size: 1 })
    await opened.release()
  })

  it("is not opened through a link that came later, nor below another such root", async () => {
    sample()
    const roots = await findRoots({ data: at("data") })
    const link = await linkOf(roots, at("data", "runs", "one"))
    renameSync(at("data", "runs"), at("data", "old"))
    symlinkSync(at("data", "old"), at("data", "runs"))
    await expect(openLink(roots, link)).rejects.toMatchObject({ _tag: "ContentDrifted" })
    renameSync(at("data"), at("elsewhere"))
    write(directory(), { "data/runs/one/a.txt": "forged" })
    await expect(openLink(roots, link)).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("another directory than when the ledger was opened"),
    })
  })

  it("of a root that is not given, or of none where roots are given, is not opened", async () => {
    sample()
    const roots = await findRoots({ other: at("data", "runs") })
    const links = [{ root: "data", path: "runs" }, { path: at("data", "runs") }]
    for (const link of links) {
      await expect(openLink(roots, link)).rejects.toMatchObject(refused)
      await expect(openLink(undefined, { root: "data", path: "runs" })).rejects.toMatchObject(
        refused,
      )
    }
    expect(() => pathOf(roots, { root: "data", path: "runs" })).toThrow("name it in { roots }")
  })
})

describe("a place that is stored", () => {
  it("is not believed where it climbs out of its root, or begins nowhere", async () => {
    sample()
    const roots = await findRoots({ data: at("data") })
    const climbing = ["../data-secrets", "runs/../../data-secrets", "..", "runs\u0000/one"]
    for (const path of climbing) {
      await expect(openLink(roots, { root: "data", path })).rejects.toMatchObject(refused)
      expect(() => pathOf(roots, { root: "data", path }), path).toThrow("tampered with")
    }
    for (const path of ["data", "./data", `${at("data")}/../data-secrets`, ""]) {
      await expect(openLink(undefined, { path })).rejects.toMatchObject(refused)
      expect(() => pathOf(undefined, { path }), path).toThrow("tampered with")
    }
    expect(pathOf(roots, { root: "data", path: "/runs//one" })).toBe(at("data", "runs", "one"))
  })
})

describe("a root", () => {
  it("must be a directory that is there", async () => {
    sample()
    for (const path of [at("gone"), at("data", "runs", "one", "a.txt")])
      await expect(findRoots({ data: path })).rejects.toMatchObject({
        ...refused,
        path: "options.roots.data",
      })
  })
})
