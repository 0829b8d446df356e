/**
 * Drift of registered folders: what a caller is told, and that a drifted state can be the next
 * version.
 */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { opened, temporary } from "./places.contract.js"

const registered = async () => {
  const folder = join(temporary(), "run")
  mkdirSync(join(folder, "d"), { recursive: true })
  for (const name of ["a", "b", "d/c"]) {
    writeFileSync(join(folder, name), name)
    utimesSync(join(folder, name), 1e9, 1e9)
  }
  const ledger = await opened()
  await ledger.register(folder, { name: "run" })
  return { folder, ledger }
}

describe("the drift of a folder", () => {
  it("is none as long as nothing happens", async () => {
    const { ledger } = await registered()
    for (const check of ["stat", "hash"] as const)
      expect(await ledger.drift("run", { check })).toEqual({
        drifted: false,
        same: 3,
        changed: 0,
        missing: 0,
        extra: 0,
        entries: [],
        text: "3 same, 0 changed, 0 missing, 0 extra",
      })
  })

  it("says what changed; the new state may be the next version", async () => {
    const { folder, ledger } = await registered()
    writeFileSync(join(folder, "a"), "A")
    rmSync(join(folder, "b"))
    writeFileSync(join(folder, "d/new"), "new")
    const drift = await ledger.drift("run")
    expect(drift).toMatchObject({ drifted: true, same: 1, changed: 1, missing: 1, extra: 1 })
    expect(drift.entries).toEqual([
      { path: "a", change: "content" },
      { path: "b", change: "missing" },
      { path: "d/new", change: "extra" },
    ])
    await ledger.register(folder, { name: "run" })
    expect(await ledger.drift("run")).toMatchObject({ drifted: false, same: 3 })
    expect(await ledger.drift("run@1")).toMatchObject({ drifted: true, changed: 1 })
    expect(await ledger.asOf(2).drift("run")).toMatchObject({ drifted: true })
  })

  it("of a single file is that of the file alone", async () => {
    const { folder, ledger } = await registered()
    await ledger.register(join(folder, "a"), { name: "file" })
    writeFileSync(join(folder, "other"), "")
    expect(await ledger.drift("file")).toMatchObject({ drifted: false, same: 1, extra: 0 })
    writeFileSync(join(folder, "a"), "other")
    expect(await ledger.drift("file")).toMatchObject({ drifted: true, changed: 1 })
  })

  it("is an error where the folder is gone, or nothing was left in place", async () => {
    const { folder, ledger } = await registered()
    await ledger.register(folder, { name: "copy", mode: "copy" })
    const refused = { _tag: "InvalidInput", path: "reference" }
    await expect(ledger.drift("copy")).rejects.toMatchObject(refused)
    await expect(ledger.drift("run", { check: "none" } as never)).rejects.toMatchObject({
      _tag: "InvalidInput",
      path: "options.check",
    })
    rmSync(folder, { recursive: true })
    await expect(ledger.drift("run")).rejects.toMatchObject({ _tag: "ContentDrifted" })
  })
})
