/**
 * The palette of tags: stored events name its colours.
 */
import { describe, expect, it } from "vitest"
import { tagColors } from "./tag.js"

describe("tag colours", () => {
  it("are ZenML's eleven, once each", () => {
    expect([...tagColors].sort((a, b) => (a < b ? -1 : 1))).toEqual([
      ...["blue", "green", "grey", "lime", "magenta", "orange", "purple", "red", "teal"],
      ...["turquoise", "yellow"],
    ])
  })
})
