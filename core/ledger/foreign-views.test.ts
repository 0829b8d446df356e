/**
 * Views of another history under a ledger: those of another ledger, or of a copy that went its own
 * way. They fit in every number, and are given up all the same.
 */
import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { opened, temporary } from "./places.contract.js"
import type { PromiseLedger } from "./promise.js"

const fill = async (directory: string, names: ReadonlyArray<string>): Promise<void> => {
  const ledger = await opened(directory)
  for (const name of names) await ledger.save(name, name, { tags: "kept" })
  await ledger.close()
}

const swapViews = (from: string, to: string): void => {
  rmSync(join(to, "view"), { recursive: true })
  cpSync(join(from, "view"), join(to, "view"), { recursive: true })
}

const namesIn = async (ledger: PromiseLedger): Promise<ReadonlyArray<string>> => {
  const { entries } = await ledger.listArtifacts()
  await ledger.close()
  return entries.map(({ name }) => name).sort()
}

describe("views of another history, as long as this one", () => {
  it("are no answer: they are made anew from the log", async () => {
    const [one, other] = [join(temporary(), "one"), join(temporary(), "other")]
    await fill(one, ["a", "b"])
    await fill(other, ["c", "d"])
    swapViews(other, one)
    const reader = await opened({ directory: one, readOnly: true })
    expect(await namesIn(reader)).toEqual(["a", "b"])
    const ledger = await opened(one)
    expect(ledger.trust.repaired).toContain("the view artifacts was built from the log")
    expect(await namesIn(ledger)).toEqual(["a", "b"])
    expect(await namesIn(await opened(one))).toEqual(["a", "b"])
  })

  it("are found out behind the same beginning too, and kept where they fit", async () => {
    const [one, copy] = [join(temporary(), "one"), join(temporary(), "copy")]
    await fill(one, ["a"])
    const ledger = await opened(one)
    await ledger.backup(copy)
    await ledger.close()
    await fill(copy, ["of the copy"])
    await fill(one, ["of the first"])
    const before = join(temporary(), "before")
    cpSync(one, before, { recursive: true })
    swapViews(copy, one)
    expect(await namesIn(await opened(one))).toEqual(["a", "of the first"])
    await fill(before, ["later"])
    swapViews(one, before)
    const older = await opened(before)
    expect(older.trust.repaired).toEqual(["1 events were folded into the views"])
    expect(await namesIn(older)).toEqual(["a", "later", "of the first"])
  })
})
