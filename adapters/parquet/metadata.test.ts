/**
 * What is told of tables stays within the bounds of metadata, so that none of it is lost.
 */
import { type ArtifactVersion, dtype, type Materializer, openLedger } from "daybook"
import { describe, expect, it } from "vitest"
import { type ToldColumn, toldOf } from "./metadata.js"

const column = (name: string, type = "int", nullCount = 0): ToldColumn => ({
  name,
  dtype: type,
  nullCount,
})

/** The metadata as a ledger has it that saved a value of which this is told. */
const kept = async (all: ReadonlyArray<ToldColumn>): Promise<ArtifactVersion["metadata"]> => {
  const ledger = await openLedger({ memory: true })
  const materializer: Materializer<string, string> = {
    name: "told",
    revision: 1,
    accepts: () => true,
    save: (value, out) => out.write("value", value),
    load: (files) => files.text("value"),
    metadata: () => toldOf(3, all),
  }
  const { metadata } = await ledger.save("told", "value", { materializer })
  await ledger.close()
  return metadata
}

describe("metadata", () => {
  it("has the length, the shape, and the dtype and nulls of columns", async () => {
    const metadata = await kept([column("a"), column("b", "Timestamp<SECOND>", 2)])
    expect(metadata).toMatchObject({ length: 3, shape: [3, 2] })
    expect(metadata.columns).toEqual({
      a: { dtype: dtype("int") },
      b: { dtype: dtype("Timestamp<SECOND>"), null_count: 2 },
    })
  })

  it.each([
    ["more than 64 columns", Array.from({ length: 70 }, (_, n) => column(`c${n}`)), 6],
    ["long names", Array.from({ length: 64 }, (_, n) => column(`${n}`.padEnd(255, "é"))), 64],
    [
      "long names that fit",
      Array.from({ length: 64 }, (_, n) => column(`${n}`.padEnd(255, "x"))),
      26,
    ],
    ["long types", Array.from({ length: 64 }, (_, n) => column(`${n}`, "é".repeat(9_999))), 24],
    ["names that no metadata has", ["", "a\n", "\ud800", "x".repeat(256)].map((n) => column(n)), 4],
  ])("leaves out what does not fit: %s", async (_, all, omitted) => {
    const metadata = await kept(all)
    expect(metadata).toMatchObject({ length: 3, shape: [3, all.length], omitted })
    expect(Object.keys(metadata.columns as object)).toHaveLength(all.length - omitted)
  })
})
