/**
 * The errors of entries: each names the entry, and says what to do.
 */
import { describe, expect, it } from "vitest"
import { drifted, readFailure, sentences } from "./found.js"

describe("an entry that is not what it was", () => {
  it("is named by its errors", () => {
    expect(drifted("a/b", sentences.gone)).toMatchObject({
      _tag: "ContentDrifted",
      path: "a/b",
      message: "a/b is gone by now: register it again when it is at rest",
    })
    const cause = Object.assign(new Error("no"), { code: "EACCES" })
    expect(readFailure("a/b", cause)).toMatchObject({ _tag: "FileFailure", reason: "permission" })
  })
})
