/**
 * Temporary directories: each its own, and all gone in the end.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it, onTestFinished, vi } from "vitest"
import { Temporary } from "./temporary.js"

describe("temporary directories", () => {
  it("are made when they are asked for, and removed with what is in them", async () => {
    const temporary = new Temporary()
    const [one, two] = await Effect.runPromise(Effect.all([temporary.make, temporary.make]))
    expect(one).not.toBe(two)
    writeFileSync(join(one, "a"), "a")
    // One that is gone already does not matter.
    rmSync(two, { recursive: true })
    await Effect.runPromise(temporary.remove)
    expect([existsSync(one), existsSync(two)]).toEqual([false, false])
    await Effect.runPromise(temporary.remove)
  })

  it("fail where none can be made", async () => {
    vi.stubEnv("TMPDIR", "/dev/null/none")
    onTestFinished(() => void vi.unstubAllEnvs())
    await expect(Effect.runPromise(new Temporary().make)).rejects.toMatchObject({
      _tag: "FileFailure",
      operation: "checkout",
      message: expect.stringContaining("set TMPDIR"),
    })
  })
})
