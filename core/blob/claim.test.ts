/**
 * Names of frames: a blob of one chunk has the digest of that chunk, and they must not be mixed up.
 */
import { expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { nameOf } from "./claim.js"

it("names tell the recipe of a digest from its chunk", () => {
  const [one, two] = [digestOf(Buffer.from("one")), digestOf(Buffer.from("two"))]
  const names = (["chunk", "recipe"] as const).flatMap((kind) =>
    [one, two].map((digest) => nameOf({ kind, digest })),
  )
  expect(new Set(names).size).toBe(4)
  expect(nameOf({ kind: "chunk", digest: one })).toBe(names[0])
})
