import { describe, expect, it } from "vitest"
import { WrongLedger } from "../errors.js"
import { newIdentity } from "./create.js"
import { decodeIdentity, encodeIdentity } from "./identity.js"

const identity = newIdentity(Date.UTC(2026, 0, 1))
const cutting = (how: object): string =>
  JSON.stringify({ ...identity, chunking: { ...identity.chunking, ...how } })

const refusal = (text: string): WrongLedger => {
  const decoded = decodeIdentity(text, "/ledgers/one")
  if (!(decoded instanceof WrongLedger)) throw new Error("was not refused")
  return decoded
}

describe("the identity", () => {
  it("comes back from its text", () => {
    expect(decodeIdentity(encodeIdentity(identity), "/ledgers/one")).toEqual(identity)
  })

  it("is frozen as text: other readers may go by it", () => {
    const fixed = { ...identity, id: "01J0TEST000000000000000001" as typeof identity.id }
    expect(encodeIdentity(fixed)).toBe(`{
  "format": 1,
  "id": "01J0TEST000000000000000001",
  "createdAt": "2026-01-01T00:00:00.000Z",
  "hash": "sha256",
  "chunking": {
    "algorithm": "fastcdc",
    "gear": "daybook gear 1",
    "maskBits": [
      18,
      14
    ],
    "min": 16384,
    "average": 65536,
    "max": 262144
  }
}
`)
  })

  it("names the hash and how content is cut", () => {
    expect(JSON.parse(encodeIdentity(identity))).toMatchObject({
      format: 1,
      createdAt: "2026-01-01T00:00:00.000Z",
      hash: "sha256",
      chunking: { algorithm: "fastcdc" },
    })
  })

  it("of a newer format is refused by its number, whatever else it says", () => {
    const { message, found, expected } = refusal(JSON.stringify({ format: 2, more: true }))
    expect(message).toBe("/ledgers/one has format 2, newer than 1: update daybook")
    expect([found, expected]).toEqual(["2", "1"])
  })

  it.each([
    ["", "ledger.json"],
    ["{", "ledger.json"],
    ["null", "ledger.json"],
    ["[]", "ledger.json"],
    [JSON.stringify({ ...identity, id: "one" }), "ledger.json.id"],
    [JSON.stringify({ ...identity, hash: "md5" }), "ledger.json.hash"],
    [JSON.stringify({ ...identity, chunking: {} }), "ledger.json.chunking.algorithm"],
    [JSON.stringify({ ...identity, format: 0 }), "ledger.json.format"],
    [cutting({ min: 0 }), "chunks of 0 to"],
    [cutting({ max: 1 }), "chunks of 16384 to 1 bytes"],
    [cutting({ max: 26_214_400 }), "26214400 bytes"],
    [cutting({ maskBits: [33, 1] }), "masks of 33,1 bits"],
  ])("that is damaged is refused: %s", (text, where) => {
    const { message, directory } = refusal(text)
    expect(message).toContain(where)
    expect(directory).toBe("/ledgers/one")
  })
})
