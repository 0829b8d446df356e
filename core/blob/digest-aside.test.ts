/**
 * A digest that is made elsewhere is that which is made here.
 */
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { digestAside } from "./digest-aside.js"
import { noise } from "./samples.contract.js"

describe("a digest made on another thread", () => {
  it.each([0, 1, 63, 64, 65, 100_000])(
    "of %i bytes is the same, also within a buffer",
    async (size) => {
      const bytes = noise(size + 7, size + 1)
      expect(await digestAside(bytes)).toBe(digestOf(bytes))
      const part = bytes.subarray(3, size + 3)
      expect(await digestAside(part)).toBe(digestOf(part))
    },
  )
})
