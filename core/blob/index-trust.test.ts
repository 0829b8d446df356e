/**
 * The sign of an index: given, taken away by the first failure, and hard where that fails too.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it, vi } from "vitest"
import { IndexTrust } from "./index-trust.js"
import { diskError, fileHandles, temporaryDirectory } from "./packs.contract.js"

const directory = temporaryDirectory()
const failing = () => Promise.reject(diskError("EIO"))
const working = () => Promise.resolve()

afterEach(() => vi.restoreAllMocks())

describe("trust in an index", () => {
  it("is a file that outlives it", async () => {
    const trust = new IndexTrust(directory())
    expect(await trust.holds()).toBe(false)
    await trust.give()
    expect(existsSync(join(directory(), "whole"))).toBe(true)
    await trust.write(working)
    expect(await new IndexTrust(directory()).holds()).toBe(true)
  })

  it("ends with the first write that fails; others go on", async () => {
    const trust = new IndexTrust(directory())
    await trust.give()
    await expect(trust.write(failing)).rejects.toMatchObject({ code: "EIO" })
    expect(await trust.holds()).toBe(false)
    await trust.write(working)
    await expect(trust.write(failing)).rejects.toMatchObject({ code: "EIO" })
    await trust.write(working)
    expect(await trust.holds()).toBe(false)
  })

  it("that cannot be taken away stops every write", async () => {
    const handles = await fileHandles(directory())
    const trust = new IndexTrust(directory())
    await trust.give()
    vi.spyOn(handles, "sync").mockRejectedValueOnce(diskError("EIO"))
    await expect(trust.write(failing)).rejects.toMatchObject({ code: "EIO" })
    await expect(trust.write(working)).rejects.toMatchObject({ reason: "stopped" })
  })
})
