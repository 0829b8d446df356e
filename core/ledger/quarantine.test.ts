/**
 * The quarantine: evidence is there from before the log is opened, is kept once, and never lost.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeEach, describe, expect, it } from "vitest"
import { type Layout, layoutOf } from "./layout.js"
import { temporary } from "./places.contract.js"
import { beginOpening, endOpening, giveUpOpening, keepOpening } from "./quarantine.js"

let layout: Layout
beforeEach(() => {
  layout = layoutOf(temporary())
  for (const path of [layout.log, layout.tmp, layout.quarantine]) mkdirSync(path)
  write("000005.ldb", "table")
  write("000006.log", "log")
  write("CURRENT", "MANIFEST-000004\n")
})

const write = (name: string, text: string): void => writeFileSync(join(layout.log, name), text)

const seen = (directory: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]),
  )

/** What LevelDB does when it opens: a new manifest, and the old log is gone. */
const openAsLevelDb = (): void => {
  for (const name of ["000006.log", "CURRENT"]) rmSync(join(layout.log, name))
  write("000008.log", "")
  write("CURRENT", "MANIFEST-000007\n")
}

describe("a log that is opened", () => {
  it("leaves nothing behind when it was proven", async () => {
    await beginOpening(layout)
    expect(readdirSync(layout.quarantine)).toEqual(["log-opening"])
    openAsLevelDb()
    const opened = seen(layout.log)
    await endOpening(layout)
    expect(seen(layout.log)).toEqual(opened)
    expect([readdirSync(layout.quarantine), readdirSync(layout.tmp)]).toEqual([[], []])
  })

  it("is what it was when opening failed for another reason", async () => {
    const before = seen(layout.log)
    await beginOpening(layout)
    openAsLevelDb()
    await giveUpOpening(layout)
    expect(seen(layout.log)).toEqual(before)
    expect([readdirSync(layout.quarantine), readdirSync(layout.tmp)]).toEqual([[], []])
  })

  it("is what it was when it was found damaged, and kept once for each state of it", async () => {
    const before = seen(layout.log)
    const kept: Array<string> = []
    for (let turn = 0; turn < 3; turn += 1) {
      await beginOpening(layout)
      openAsLevelDb()
      kept.push(await keepOpening(layout))
      expect(seen(layout.log)).toEqual(before)
    }
    write("000006.log", "changed")
    rmSync(join(layout.log, "000005.ldb"))
    await beginOpening(layout)
    kept.push(await keepOpening(layout))
    const path = (name: string) => join(layout.quarantine, name)
    expect(kept).toEqual([path("log-1"), path("log-1"), path("log-1"), path("log-2")])
    expect(readdirSync(layout.quarantine)).toEqual(["log-1", "log-2"])
    expect(Object.keys(seen(path("log-1")))).toEqual(["000005.ldb", "000006.log", "CURRENT"])
    expect(readdirSync(layout.tmp)).toEqual([])
  })

  it("is what it was when an earlier opening was cut short", async () => {
    const before = seen(layout.log)
    await beginOpening(layout)
    openAsLevelDb()
    await beginOpening(layout)
    expect(seen(layout.log)).toEqual(before)
    expect(seen(join(layout.quarantine, "log-opening"))).toEqual(before)
  })
})
