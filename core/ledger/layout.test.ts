/**
 * The layout: a ledger directory holds what is written here, for its owner only, and nothing else.
 */
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import { describe, expect, it } from "vitest"
import { directoryMode, fileMode } from "../disk/files.js"
import { formatNumber, layoutOf, reserveBytes } from "./layout.js"
import { opened, temporary } from "./places.contract.js"

const modeOf = (path: string): number => lstatSync(path).mode & 0o777

describe("a ledger directory", () => {
  it("has every path below it, each its own", () => {
    const directory = join("some", "where")
    const paths = Object.values(layoutOf(directory))
    expect(new Set(paths).size).toBe(paths.length)
    for (const path of paths)
      expect(relative(directory, path)).toMatch(/^[a-z.]+([/\\](owner|packs))?$/)
  })

  it("holds nothing that the layout does not name, in use and closed", async () => {
    const directory = join(temporary(), "ledger")
    const layout = layoutOf(directory)
    const known = new Set<string>(Object.values(layout))
    const ledger = await opened(directory)
    await ledger.save("a", Buffer.alloc(100_000, "data"), { tags: "t" })
    const strangers = () =>
      readdirSync(directory).filter((name) => !known.has(join(directory, name)))
    expect(strangers()).toEqual([])
    await ledger.close()
    expect(strangers()).toEqual([])
    expect(readdirSync(layout.tmp)).toEqual([])
    expect(readdirSync(layout.quarantine)).toEqual([])
    for (const path of [layout.identity, layout.tip, layout.log, layout.view, layout.blob])
      expect(readdirSync(directory).map((name) => join(directory, name))).toContain(path)
  })

  it.skipIf(process.platform === "win32")("is its owner's alone", async () => {
    const directory = join(temporary(), "ledger")
    const ledger = await opened(directory)
    await ledger.save("a", 1)
    expect(modeOf(directory)).toBe(directoryMode)
    for (const name of readdirSync(directory)) {
      const path = join(directory, name)
      const mode = lstatSync(path).isDirectory() ? directoryMode : fileMode
      expect([name, modeOf(path).toString(8)]).toEqual([name, mode.toString(8)])
    }
    const { owner, packs } = layoutOf(directory)
    expect([owner, packs].map(modeOf)).toEqual([fileMode, directoryMode])
    expect([directoryMode, fileMode]).toEqual([0o700, 0o600])
  })

  it("leaves nothing beside itself, and is made below folders that are not there yet", async () => {
    const parent = temporary()
    const ledger = await opened(join(parent, "not", "there", "ledger"))
    await ledger.save("a", 1)
    await ledger.close()
    expect(readdirSync(parent)).toEqual(["not"])
    expect(readdirSync(join(parent, "not", "there"))).toEqual(["ledger"])
  })

  it("says its format, and keeps room for hard times", async () => {
    const directory = join(temporary(), "ledger")
    await (await opened(directory)).close()
    const { identity, reserve } = layoutOf(directory)
    expect(JSON.parse(readFileSync(identity, "utf8"))).toMatchObject({ format: formatNumber })
    expect(lstatSync(reserve).size).toBe(reserveBytes)
  })
})
