/**
 * What the README of `daybook/parquet` shows happens as it says.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { tableFromArrays } from "apache-arrow"
import { InvalidInput, type Ledger } from "daybook"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { flights, mixed, openWithParquet } from "./parquet.js"

const directory = mkdtempSync(join(tmpdir(), "daybook-parquet-"))
let ledger: Ledger
beforeAll(async () => {
  ledger = await openWithParquet(directory)
})
afterAll(async () => {
  await ledger.close()
  rmSync(directory, { recursive: true, force: true })
})

const rows = [
  { origin: "OSL", delay: 5, departed: new Date("2026-11-23T06:00:00Z"), seats: null },
  { origin: "TRF", delay: null, departed: new Date("2026-11-23T07:30:00Z"), seats: 180n },
]

describe("tables as Parquet", () => {
  it("are chosen by name, and come back as they were", async () => {
    const { saved, again } = await flights(ledger, rows)
    expect(saved.materializer).toBe("parquet@1")
    expect(saved.content.entries?.map(({ path }) => path)).toEqual(["table.parquet"])
    expect(again).toStrictEqual(rows)
  })

  it("are refused by the path of a cell", async () => {
    const before = ledger.position
    const refused = await mixed(ledger)
    expect(refused).toBeInstanceOf(InvalidInput)
    expect(refused.message).toContain("value[1].delay is of kind string in a column of kind int")
    expect(ledger.position).toBe(before)
  })

  it("are left to the built-in tables where nothing is chosen", async () => {
    expect((await ledger.save("plain", [{ a: 1 }])).materializer).toBe("table@1")
  })
})

it("tables of Arrow need no name", async () => {
  const table = tableFromArrays({ delay: Int32Array.of(5, 7) })
  const saved = await ledger.save("in arrow", table)
  expect(saved.materializer).toBe("arrow@1")
  expect([...((await ledger.load(saved)).getChild("delay") ?? [])]).toEqual([5, 7])
})
