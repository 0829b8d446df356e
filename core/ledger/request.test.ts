import { describe, expect, it } from "vitest"
import { logMetadata } from "../command/log-metadata.js"
import { tag } from "../command/tag.js"
import { digestOf } from "../model/digest.js"
import { requestDigest } from "./request.js"

const step = (input: unknown, observed?: object) => ({
  command: tag,
  input,
  ...(observed === undefined ? {} : { observed }),
})

describe("the digest of a request", () => {
  it("is that of its commands and inputs, whatever the order of keys", () => {
    const one = requestDigest([step({ a: 1, b: [1, 2] })], [])
    expect(requestDigest([step({ b: [1, 2], a: 1, c: undefined })], [])).toBe(one)
    expect(requestDigest([step({ b: [2, 1], a: 1 })], [])).not.toBe(one)
    expect(requestDigest([{ command: logMetadata, input: { a: 1, b: [1, 2] } }], [])).not.toBe(one)
    expect(requestDigest([step({ a: 1, b: [1, 2] }), step({})], [])).not.toBe(one)
  })

  it("leaves out what was looked up for one try", () => {
    expect(requestDigest([step({ a: 1 }, { id: "x" })], [])).toBe(
      requestDigest([step({ a: 1 }, { id: "y" })], []),
    )
  })

  it("numbers fresh ids, so that a retry which drew others is the same request", () => {
    const request = (id: string) =>
      requestDigest([step({ target: id, values: { last: id } })], [id])
    expect(request("X1")).toBe(request("X2"))
    expect(request("X1")).not.toBe(requestDigest([step({ target: "X1", values: {} })], ["X1"]))
    const two = (first: string, second: string) =>
      requestDigest([step({ target: first }), step({ target: second })], [first, second])
    expect(two("A", "B")).toBe(two("C", "D"))
    expect(requestDigest([step({ target: "B" }), step({ target: "A" })], ["A", "B"])).not.toBe(
      two("A", "B"),
    )
  })

  it("is refused where an input is not plain data, which has no digest", () => {
    for (const [input, path] of [
      [{ at: new Date(0) }, "input.at"],
      [[new Map([[1, 2]])], "input[0]"],
      [() => 1, "input"],
    ] as const)
      expect(() => requestDigest([step(input)], [])).toThrow(
        expect.objectContaining({ _tag: "InvalidInput", path }),
      )
    expect(requestDigest([step(undefined)], [])).toBe(requestDigest([step(null)], []))
  })

  it("is frozen: events hold it, and retries by later releases must come to the same", () => {
    const input = { target: { kind: "artifact", name: "a" }, tags: ["t"], more: undefined }
    const packed = "92019192a374616782a47461677391a174a6746172676574"
    const target = "82a46b696e64a86172746966616374a46e616d65a161"
    const bytes = Buffer.from(packed + target, "hex")
    expect(requestDigest([step(input)], [])).toBe(digestOf(bytes))
  })
})
