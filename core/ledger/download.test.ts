/**
 * Downloads: the whole archive under the name that was asked for, or the folder as it was.
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { strFromU8, unzipSync } from "fflate"
import { describe, expect, it } from "vitest"
import { BlobFailure } from "../errors.js"
import type { ArchiveOf } from "./archive.js"
import type { Bytes } from "./content.js"
import { checkTarget, download, type Progress } from "./download.js"
import { opened, temporary } from "./places.contract.js"

const broken = new BlobFailure({
  message: "the disk is gone",
  operation: "read",
  reason: "io",
  outcome: "none",
})

const archive = (stream: Bytes): ArchiveOf<Bytes> => ({
  size: 6,
  etag: '"x"',
  filename: "x.zip",
  stream: () => stream,
})

const whole = archive(Stream.make(Buffer.from("abc"), Buffer.from("def")))
const failing = archive(Stream.concat(Stream.make(Buffer.from("abc")), Stream.fail(broken)))

describe("a download", () => {
  it("is the archive of the version", async () => {
    const ledger = await opened()
    await ledger.save("a", "text")
    const path = join(temporary(), "a.ZIP")
    const seen: Array<Progress> = []
    const onProgress = (progress: Progress) => void seen.push(progress)
    const { size } = await ledger.zip("a")
    expect(await ledger.download("a", path, { onProgress })).toEqual({ path, size })
    const bytes = readFileSync(path)
    expect(bytes).toHaveLength(size)
    expect(strFromU8(unzipSync(bytes)["data.txt"] ?? new Uint8Array(0))).toBe("text")
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).toSorted())
    expect(seen.at(-1)).toEqual({ done: size, total: size })
  })

  it("leaves nothing beside it, under the longest name that a folder takes", async () => {
    const directory = temporary()
    const path = join(directory, `${"n".repeat(251)}.zip`)
    await Effect.runPromise(download(whole, path, {}))
    expect(readdirSync(directory)).toEqual([`${"n".repeat(251)}.zip`])
    expect(readFileSync(path, "utf8")).toBe("abcdef")
  })

  it("replaces a file only when it may, and then as a whole", async () => {
    const ledger = await opened()
    await ledger.save("a", "text")
    const directory = temporary()
    const path = join(directory, "x.zip")
    writeFileSync(path, "old")
    const exists = { _tag: "TargetExists", kind: "conflict", path }
    await expect(ledger.download("a", path)).rejects.toMatchObject(exists)
    expect(readFileSync(path, "utf8")).toBe("old")
    await ledger.download("a", path, { overwrite: true })
    expect(unzipSync(readFileSync(path))["data.txt"]).toBeDefined()
    expect(readdirSync(directory)).toEqual(["x.zip"])
  })

  it("does not replace a file that came while it was written", async () => {
    const directory = temporary()
    const path = join(directory, "x.zip")
    const onProgress = () => writeFileSync(path, "faster")
    const refused = Effect.runPromise(Effect.flip(download(whole, path, { onProgress })))
    expect(await refused).toMatchObject({ _tag: "TargetExists", path })
    expect(readFileSync(path, "utf8")).toBe("faster")
    expect(readdirSync(directory)).toEqual(["x.zip"])
  })

  it("does not follow a link that leads nowhere", async () => {
    const directory = temporary()
    symlinkSync(join(directory, "elsewhere.zip"), join(directory, "x.zip"))
    const refused = Effect.flip(download(whole, join(directory, "x.zip"), {}))
    expect(await Effect.runPromise(refused)).toMatchObject({ _tag: "TargetExists" })
    expect(readdirSync(directory)).toEqual(["x.zip"])
  })
})

describe("a download that fails", () => {
  it("leaves the folder as it was", async () => {
    const directory = temporary()
    const fresh = Effect.flip(download(failing, join(directory, "new.zip"), {}))
    expect(await Effect.runPromise(fresh)).toBe(broken)
    expect(readdirSync(directory)).toEqual([])
    writeFileSync(join(directory, "old.zip"), "old")
    const over = download(failing, join(directory, "old.zip"), { overwrite: true })
    expect(await Effect.runPromise(Effect.flip(over))).toBe(broken)
    expect(readdirSync(directory)).toEqual(["old.zip"])
    expect(readFileSync(join(directory, "old.zip"), "utf8")).toBe("old")
  })

  it("names the folder that is not there, and the directory that is in its way", async () => {
    const directory = temporary()
    const nowhere = Effect.flip(download(whole, join(directory, "no", "x.zip"), {}))
    const missing = { _tag: "FileFailure", reason: "missing", outcome: "none" }
    expect(await Effect.runPromise(nowhere)).toMatchObject(missing)
    mkdirSync(join(directory, "d.zip", "kept"), { recursive: true })
    const onto = Effect.flip(download(whole, join(directory, "d.zip"), { overwrite: true }))
    expect(await Effect.runPromise(onto)).toMatchObject({ _tag: "FileFailure" })
    expect(readdirSync(directory)).toEqual(["d.zip"])
    expect(readdirSync(join(directory, "d.zip"))).toEqual(["kept"])
  })

  it("because it was aborted leaves nothing, and rejects with the reason", async () => {
    const ledger = await opened()
    await ledger.save("a", Buffer.alloc(300_000, "0123456789"))
    const directory = temporary()
    const stop = new AbortController()
    const reason = new Error("enough")
    const onProgress = () => stop.abort(reason)
    const options = { signal: stop.signal, onProgress }
    await expect(ledger.download("a", join(directory, "a.zip"), options)).rejects.toBe(reason)
    expect(readdirSync(directory)).toEqual([])
  })

  it("because its caller threw leaves nothing", async () => {
    const ledger = await opened()
    await ledger.save("a", 1)
    const directory = temporary()
    const own = new RangeError("mine")
    const onProgress = () => {
      throw own
    }
    const thrown = ledger.download("a", join(directory, "a.zip"), { onProgress })
    await expect(thrown).rejects.toBe(own)
    expect(readdirSync(directory)).toEqual([])
  })
})

describe("the name of the file", () => {
  it("must end in .zip, and is looked at first", async () => {
    const ledger = await opened()
    const directory = temporary()
    for (const name of ["x", "x.zip.txt", "zip", "x.tar", ""])
      await expect(ledger.download("missing", join(directory, name))).rejects.toMatchObject({
        _tag: "InvalidInput",
        path: "path",
      })
    for (const path of [undefined, null, 5, {}, Object.create(null), Symbol("x.zip")])
      expect(await Effect.runPromise(Effect.flip(checkTarget(path, false)))).toMatchObject({
        _tag: "InvalidInput",
        path: "path",
      })
  })

  it("with a null byte in it is no name", async () => {
    const refused = Effect.flip(checkTarget(join(temporary(), "a\u0000.zip"), true))
    expect(await Effect.runPromise(refused)).toMatchObject({ _tag: "InvalidInput", path: "path" })
  })
})
