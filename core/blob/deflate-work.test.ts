/**
 * Deflating as work: the same stored forms as one by one, and raw chunks do not travel back.
 */
import { describe, expect, it } from "vitest"
import { storedForm } from "./deflate.js"
import { answer } from "./deflate-work.js"
import { expectBytes, noise, prose } from "./samples.contract.js"

describe("chunks that are deflated together", () => {
  it("are what they are by themselves, in their order", () => {
    const chunks = [prose(40_000, 1), noise(30_000, 2), prose(5_000, 3), prose(1, 4)]
    const bytes = Buffer.concat(chunks) as Buffer<ArrayBuffer>
    const { value, transfer } = answer({ bytes, sizes: chunks.map(({ length }) => length) })
    const alone = chunks.map((chunk) => storedForm(chunk))
    expect(value.forms).toEqual(
      alone.map(({ form, stored }) => ({ form, storedSize: stored.length })),
    )
    const deflated = alone.filter(({ form }) => form === "deflate")
    expectBytes(value.bytes, Buffer.concat(deflated.map(({ stored }) => stored)))
    expect(transfer).toEqual([value.bytes.buffer])
  })
})
