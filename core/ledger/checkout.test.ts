/**
 * Checking out any version, and loading those that are paths.
 */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { folder } from "./folder.contract.js"
import { opened, temporary } from "./places.contract.js"

describe("checking out", () => {
  it("writes the files of a version that was saved as a value", async () => {
    const ledger = await opened({ memory: true, materializers: [folder] })
    const files = { "a.txt": "a", "d/b.txt": "b", "d/e/constructor": "c" }
    await ledger.save("tree", files)
    const target = join(temporary(), "out")
    expect(await ledger.checkout("tree", target)).toEqual({ path: target, count: 3, size: 3 })
    for (const [path, text] of Object.entries(files))
      expect(readFileSync(join(target, path), "utf8")).toBe(text)
    await ledger.save("value", "text")
    await ledger.checkout("value", join(target, "value"))
    expect(readdirSync(join(target, "value"))).toEqual(["data.txt"])
  })

  it("refuses a place that is taken, and a version that is not there", async () => {
    const ledger = await opened()
    await ledger.save("value", { x: 1 })
    const target = temporary()
    writeFileSync(join(target, "mine"), "mine")
    await expect(ledger.checkout("value", target)).rejects.toMatchObject({ _tag: "TargetExists" })
    const other = join(target, "other")
    await expect(ledger.checkout("gone", other)).rejects.toMatchObject({ _tag: "ArtifactMissing" })
    await expect(ledger.checkout("value", other, { checks: 1 } as never)).rejects.toMatchObject({
      _tag: "InvalidInput",
    })
    expect(readdirSync(target)).toEqual(["mine"])
  })

  it("leaves nothing when its signal is aborted", async () => {
    const ledger = await opened({ memory: true, materializers: [folder] })
    const files = Array.from({ length: 500 }, (_, at) => [`f${at}`, `content ${at}`])
    await ledger.save("tree", Object.fromEntries(files))
    const target = temporary()
    const signal = AbortSignal.timeout(1)
    const attempt = ledger.checkout("tree", join(target, "out"), { signal })
    await expect(attempt).rejects.toMatchObject({ name: "TimeoutError" })
    expect(readdirSync(target)).toEqual([])
  })
})

describe("a version that is a path", () => {
  it("is loaded anew each time, for its caller alone, as long as the ledger is open", async () => {
    const source = temporary()
    writeFileSync(join(source, "a.txt"), "a")
    const ledger = await opened()
    await ledger.register(source, { name: "x", mode: "copy" })
    const [one, two] = [await ledger.load("x"), await ledger.load("x")] as [string, string]
    expect(one).not.toBe(two)
    writeFileSync(join(one, "a.txt"), "changed by the caller")
    expect(readFileSync(join(two, "a.txt"), "utf8")).toBe("a")
    expect(statSync(join(one, "..")).mode & 0o077).toBe(0)
    await ledger.close()
    expect([one, two].map((path) => existsSync(path))).toEqual([false, false])
  })
})
