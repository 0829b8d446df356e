/**
 * Drift of registered folders: what a caller is told, and that a drifted state can be the next
 * version.
 */
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import type { Recorded } from "../event/event.js"
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

const lastOf = async (events: AsyncIterable<Recorded>): Promise<Recorded> => {
  let last: Recorded | undefined
  for await (const event of events) last = event
  if (last === undefined) throw new Error("there is no event")
  return last
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

  it("is recorded on request, in the history of its version", async () => {
    const { folder, ledger } = await registered()
    const none = await ledger.observeDrift("run", { reason: "weekly" })
    expect(none).toMatchObject({ drifted: false, position: 3 })
    writeFileSync(join(folder, "a"), "A")
    for (let at = 0; at < 900; at += 1) writeFileSync(join(folder, `${"n".repeat(90)}${at}`), "")
    const some = await ledger.observeDrift("run", { idempotencyKey: "second look" })
    expect(some).toMatchObject({ drifted: true, changed: 1, extra: 900, position: 4 })
    const events: Array<{ readonly type: string; readonly reason?: string }> = []
    for await (const event of ledger.history("run")) {
      events.push(event)
      if (event.position < 3) continue
      const { entries } = event.data as { readonly entries: ReadonlyArray<object> }
      // As many as a record has room for.
      expect(entries.length).toBe(event.position === 3 ? 0 : 288)
    }
    expect(events.map(({ type, reason }) => [type, reason])).toEqual([
      ["version-saved", undefined],
      ["drift-observed", "weekly"],
      ["drift-observed", undefined],
    ])
    const [, event] = await Promise.all([ledger.get("run"), lastOf(ledger.history("run"))])
    expect(ledger.formatEvent(event)).toContain(
      "found version 1 of run drifted: 1 changed, 0 missing, 900 extra, 2 the same",
    )
    await ledger.rebuild()
    expect(await ledger.get("run")).toMatchObject({ version: "1" })
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
