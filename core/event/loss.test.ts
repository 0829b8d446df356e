/**
 * What a recovered ledger says of the one before, in its record and in words.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { pack, unpack } from "../model/msgpack.js"
import { decodeRecovery, encodeRecovery, printRecovery, type Recovery } from "./loss.js"
import { testId } from "./recorder.contract.js"

const digest = digestOf(Buffer.from("content"))
const recovery: Recovery = {
  source: testId(1),
  recoveredAt: 7,
  lost: [
    { from: 1, to: 1 },
    { from: 3, to: 5 },
  ],
  leftOut: [{ position: 6, type: "tags-added", text: "its version is not there" }],
  altered: [],
  contentLost: [{ digest, artifact: "a", version: "1" }],
}

describe("what was lost", () => {
  it("is recorded with digests as bytes, and read back", () => {
    const plain = encodeRecovery(recovery)
    expect(plain).toMatchObject({ contentLost: [{ digest: Buffer.from(digest, "hex") }] })
    expect(decodeRecovery(unpack(pack(plain)))).toEqual(recovery)
  })

  it("is told in numbers of events", () => {
    const numbers = "(events lost: 4, contents lost: 1, left out: 1, altered: 0)"
    expect(printRecovery(recovery)).toBe(`recovered the ledger ${testId(1)} ${numbers}`)
  })
})
