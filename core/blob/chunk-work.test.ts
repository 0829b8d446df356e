/**
 * Chunks as work: hashed, and in their stored forms, each where it lay.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { answer, chunksIn } from "./chunk-work.js"
import { storedForm } from "./deflate.js"
import { frameOf } from "./prepared.js"
import { noise, prose } from "./samples.contract.js"

const chunks = [prose(40_000, 1), noise(30_000, 2), prose(5_000, 3), prose(1, 4)]
const sizes = chunks.map(({ length }) => length)

const asked = (isStored: boolean) => {
  const bytes = Uint8Array.from(Buffer.concat(chunks))
  const { value, transfer } = answer({ bytes, sizes, isStored })
  expect(transfer).toEqual([value.bytes.buffer])
  return chunksIn(value, sizes).map((chunk) => structuredClone(chunk))
}

describe("the chunks of a stretch", () => {
  it("are given as frames, which are those of each by itself", () => {
    const alone = chunks.map((raw) => frameOf(raw, digestOf(raw), storedForm(raw)))
    expect(alone.map(({ form }) => form)).toContain("deflate")
    expect(asked(true)).toEqual(
      alone.map((frame) => ({ ...frame, stored: Uint8Array.from(frame.stored) })),
    )
  })

  it("are given as they are where their frames are not wanted", () => {
    expect(asked(false)).toEqual(
      chunks.map((raw) => ({ digest: digestOf(raw), raw: Uint8Array.from(raw) })),
    )
  })
})
