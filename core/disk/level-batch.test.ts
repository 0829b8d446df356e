/**
 * Batches as LevelDB writes them into its log, and bytes that are none.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it, onTestFinished } from "vitest"
import { Damage } from "./damage.js"
import { writesIn } from "./level-batch.js"
import { readJournal } from "./level-journal.js"
import { filesOf, openDatabase } from "./level-samples.contract.js"

describe("a batch", () => {
  it("has the puts and deletions that were written, in order", async () => {
    const directory = mkdtempSync(join(tmpdir(), "daybook-batch-"))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const database = await openDatabase(directory)
    const value = "v".repeat(300)
    await database.batch([
      { type: "put", key: "a", value },
      { type: "del", key: "b" },
      { type: "put", key: "c", value: "" },
    ])
    await database.close()
    const [path = ""] = filesOf(directory, /\.log$/)
    const [record] = readJournal(readFileSync(path), "x").records
    const writes = writesIn(record?.body ?? Buffer.alloc(0), "x")
    expect(writes.map((one) => [String(one.key), one.value && String(one.value)])).toEqual([
      ["a", value],
      ["b", undefined],
      ["c", ""],
    ])
  })

  it.each([
    ["has a kind that there is not", [7, 1, 97]],
    ["ends in a key", [0, 5, 97]],
    ["ends before its value", [1, 1, 97, 2, 98]],
  ])("that %s is damage", (_, bytes) => {
    const batch = Buffer.concat([Buffer.alloc(12), Buffer.from(bytes)])
    expect(() => writesIn(batch, "x")).toThrow(Damage)
  })
})
