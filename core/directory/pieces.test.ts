/**
 * The digests of the pieces of a file.
 */
import { describe, expect, it } from "vitest"
import { sha256 } from "../model/digest.js"
import { digestPieces, pieceBytes } from "./pieces.js"

describe("a file", () => {
  it("of one piece has no digest but its own", () => {
    expect(digestPieces(Buffer.alloc(0))).toBeUndefined()
    expect(digestPieces(Buffer.alloc(pieceBytes))).toBeUndefined()
  })

  it("of several has one for each, the last of which may be short", () => {
    const [first, last] = [Buffer.alloc(pieceBytes, 1), Buffer.from("rest")]
    const digests = Buffer.from(digestPieces(Buffer.concat([first, last])) ?? [])
    expect(digests.equals(Buffer.concat([sha256(first), sha256(last)]))).toBe(true)
  })
})
