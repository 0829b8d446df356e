/**
 * The failure of a caller's file: its reason is that of the system.
 */
import { expect, it } from "vitest"
import { fileFailure } from "./file-failure.js"

it("says what was done, why it failed, and that nothing of it is stored", () => {
  const cause = Object.assign(new Error("no room"), { code: "ENOSPC" })
  expect(fileFailure("read", "a cannot be read", cause)).toMatchObject({
    _tag: "FileFailure",
    message: "a cannot be read",
    operation: "read",
    reason: "full",
    outcome: "none",
    cause,
  })
})
