/**
 * What a sweep says, in its record and in words.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { pack, unpack } from "../model/msgpack.js"
import { testId } from "./recorder.contract.js"
import { decodeSwept, encodeSwept, printSwept, type Swept } from "./swept.js"

const swept = (ordinal: number): Swept["versions"][number] => ({
  artifact: { id: testId(1), name: "churn", ordinal: 1 },
  version: { id: testId(1 + ordinal), label: String(ordinal), ordinal },
  digest: digestOf(Buffer.from(`content ${ordinal}`)),
})

describe("swept content", () => {
  const event = { versions: [swept(1), swept(2), swept(3)] }

  it("is recorded with its digest as bytes, and read back", () => {
    const plain = encodeSwept(event)
    const digest = Buffer.from(event.versions[0]?.digest ?? "", "hex")
    expect(plain).toMatchObject({ versions: [{ digest, version: { label: "1" } }, {}, {}] })
    expect(digest.length).toBe(32)
    expect(decodeSwept(unpack(pack(plain)))).toEqual(event)
  })

  it("is told by its first version and how many more there are", () => {
    expect(printSwept(event)).toBe("swept the content of version 1 of churn and 2 more")
    expect(printSwept({ versions: [swept(4)] })).toBe("swept the content of version 4 of churn")
  })
})
