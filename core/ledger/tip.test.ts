import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { appendLeaf, type Edge, emptyEdge, leafHash } from "../proof/merkle.js"
import { freshId } from "./id.js"
import { temporary } from "./places.contract.js"
import { decodeTip, encodeTip, readTip } from "./tip.js"

const edgeOf = (size: number): Edge => {
  let edge = emptyEdge
  for (let leaf = 0; leaf < size; leaf += 1) edge = appendLeaf(edge, leafHash(Buffer.from([leaf])))
  return edge
}

const ledger = freshId(1_700_000_000_000)
const text = encodeTip({ ledger, edge: edgeOf(13) })

describe("the tip", () => {
  it.each([0, 1, 2, 13, 64])("of %i events comes back from its text", (size) => {
    const tip = { ledger, edge: edgeOf(size) }
    expect(decodeTip(encodeTip(tip))).toEqual(tip)
  })

  it("is read from a file, where there is one that adds up", async () => {
    const path = join(temporary(), "tip")
    expect(await readTip(path)).toBeUndefined()
    writeFileSync(path, text)
    expect(await readTip(path)).toEqual({ ledger, edge: edgeOf(13) })
    writeFileSync(path, text.slice(1))
    expect(await readTip(path)).toBeUndefined()
  })

  it("is JSON and its SHA-256, for operators", () => {
    const [line = "", sum] = text.split("\n")
    expect(JSON.parse(line)).toMatchObject({ ledger, position: 13 })
    expect(JSON.parse(line).edge).toHaveLength(3)
    expect(sum).toMatch(/^[0-9a-f]{64}$/)
  })

  it("with any bit flipped is no tip", () => {
    const bytes = Buffer.from(text)
    // The line feed at the very end says nothing: without it, or with another, all is still there.
    for (let bit = 0; bit < (bytes.length - 1) * 8; bit += 1) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeTip(flipped.toString("utf8")), `bit ${bit}`).toBeUndefined()
    }
  })

  it("cut short anywhere is no tip", () => {
    for (let length = 0; length < text.length - 1; length += 1)
      expect(decodeTip(text.slice(0, length))).toBeUndefined()
  })

  it.each(["", "{", "null", "[]", '{"ledger":"x"}', "[".repeat(20_000)])(
    "that says %.20j is no tip, even with a good checksum",
    (line) => expect(decodeTip(`${line}\n${digestOf(Buffer.from(line))}\n`)).toBeUndefined(),
  )

  it("with the hashes of a tree of another size is no tip, even with a good checksum", () => {
    const wrong = encodeTip({ ledger, edge: { size: 13, hashes: edgeOf(12).hashes } })
    expect(decodeTip(wrong)).toBeUndefined()
  })
})
