/**
 * Asking threads: what they say becomes listings, files, or errors that name what they are of.
 */
import { lstatSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"
import { InvalidInput } from "../errors.js"
import { digestOf } from "../model/digest.js"
import { attemptOn, failureAt, failureOf, listAll, readAll, readRegistered } from "./asked.js"
import { temporaryDirectory, write } from "./folders.contract.js"
import { Listing } from "./listing.js"
import { toFound } from "./look.js"
import { type OpenDirectory, openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()

const using = async (act: (root: OpenDirectory) => Promise<void>): Promise<void> => {
  const root = await openDirectory(directory())
  await act(root).finally(() => root.release())
}

const file = (path: string) => toFound(lstatSync(join(directory(), path), { bigint: true }))

describe("what threads are asked for", () => {
  it("are listings, each or why there is none", () =>
    using(async (root) => {
      write(directory(), { "d/a": "a" })
      const asked = [{ path: "d" }, { path: "none" }]
      const [there, none] = await Effect.runPromise(listAll(root, asked))
      expect(there instanceof Listing && there.count).toBe(1)
      expect(none).toMatchObject({ _tag: "ContentDrifted", path: join(directory(), "none") })
    }))

  it("are files, all of them or the first that something is wrong with", () =>
    using(async (root) => {
      write(directory(), { "d/a": "a", "d/b": "b" })
      const files = ["a", "b"].map((name) => ({ name, found: file(`d/${name}`) }))
      const reading = { root, below: { path: "d" }, files }
      const taken = await Effect.runPromise(readAll(reading))
      expect(taken.map(({ digest }) => digest)).toEqual(
        ["a", "b"].map((text) => digestOf(Buffer.from(text))),
      )
      write(directory(), { "d/b": "longer" })
      await expect(Effect.runPromise(readAll(reading))).rejects.toMatchObject({
        _tag: "ContentDrifted",
        path: join(directory(), "d/b"),
        message: expect.stringContaining("changed while it was read"),
      })
    }))
})

describe("files that were registered", () => {
  const wanted = (path: string, text: string) => {
    const bytes = Buffer.from(text)
    return { path, size: bytes.length, digest: digestOf(bytes) }
  }

  it("are read one behind the other, or the first that is not what it was is named", () =>
    using(async (root) => {
      write(directory(), { a: "one", "d/b": "", "d/c": "three" })
      const files = [wanted("a", "one"), wanted("d/b", ""), wanted("d/c", "three")]
      const bytes = await Effect.runPromise(readRegistered(root, files))
      expect(Buffer.from(bytes).toString()).toBe("onethree")
      write(directory(), { "d/c": "THREE" })
      await expect(Effect.runPromise(readRegistered(root, files))).rejects.toMatchObject({
        _tag: "ContentDrifted",
        path: "d/c",
        message: expect.stringContaining("d/c is not what was registered"),
      })
    }))
})

describe("an error", () => {
  it("is ours as it is, and of any other says which file it was", async () => {
    const ours = new InvalidInput({ message: "no", path: "x" })
    expect(failureOf("a", ours)).toBe(ours)
    const foreign = Object.assign(new Error("no"), { code: "EACCES" })
    expect(failureOf("a", foreign)).toMatchObject({ _tag: "FileFailure", reason: "permission" })
    const failing = Effect.runPromise(attemptOn("a", () => Promise.reject(foreign)))
    await expect(failing).rejects.toMatchObject({ _tag: "FileFailure", cause: foreign })
  })

  it("of a thread is one of ours, or has the code of the system", () => {
    expect(failureAt("a/b", { sentence: "shorter" })).toMatchObject({
      _tag: "ContentDrifted",
      path: "a/b",
    })
    const denied = failureAt("a/b", { message: "no", code: "EACCES" })
    expect(denied).toMatchObject({ _tag: "FileFailure", reason: "permission" })
    expect(denied.message).toContain("a/b cannot be read")
  })
})
