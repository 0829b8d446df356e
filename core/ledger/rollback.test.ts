/**
 * Older copies that are put back: what the ledger notices by itself, and what only those notice who
 * have noted elsewhere where it was.
 */
import { cpSync, rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"

/** What there is to note: where a ledger was when it was opened. */
const noted = async (directory: string) => {
  const ledger = await openLedger({ directory, create: false })
  const { position, root, damaged, lost } = ledger.trust
  await ledger.close()
  expect([damaged, lost]).toEqual([[], undefined])
  return { position, root }
}

const save = async (directory: string, value: string): Promise<void> => {
  const ledger = await openLedger(directory)
  await ledger.save("a", value)
  await ledger.close()
}

/** A ledger of today, and a copy of it of yesterday. */
const copied = async () => {
  const [directory, copy] = [join(temporary(), "ledger"), join(temporary(), "copy")]
  await save(directory, "yesterday")
  cpSync(directory, copy, { recursive: true })
  await save(directory, "today")
  return { directory, copy }
}

const putBack = (copy: string, directory: string): void => {
  rmSync(directory, { recursive: true })
  cpSync(copy, directory, { recursive: true })
}

describe("yesterday's copy", () => {
  it("of everything opens as of yesterday, which shows by where the ledger was", async () => {
    const { directory, copy } = await copied()
    const today = await noted(directory)
    putBack(copy, directory)
    const back = await noted(directory)
    expect(back.position).toBe(today.position - 1)
    await save(directory, "another today")
    const other = await noted(directory)
    expect(other.position).toBe(today.position)
    expect(other.root).not.toBe(today.root)
  })

  it("of the log alone is refused, since the seal beside it is newer", async () => {
    const { directory, copy } = await copied()
    putBack(join(copy, "log"), join(directory, "log"))
    await expect(openLedger(directory)).rejects.toMatchObject({
      _tag: "WrongLedger",
      expected: expect.stringContaining("3"),
      found: expect.stringContaining("2"),
    })
  })
})
