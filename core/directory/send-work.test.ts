/**
 * Sending small files on a thread: bytes that are what was registered, or which of them are not.
 */
import { appendFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { openDirectory } from "./safe-path.js"
import { answer, type RegisteredFile } from "./send-work.js"

const directory = temporaryDirectory()
const at = (path: string): string => join(directory(), path)

const becomeLink = (path: string, target: string): void => {
  rmSync(at(path), { recursive: true })
  symlinkSync(target, at(path))
}

const texts = { a: "one", "d/b": "two", "d/e/c": "", "d/z": "last" }

/** As they were registered. */
const all: ReadonlyArray<RegisteredFile> = Object.entries(texts).map(([path, text]) => ({
  path,
  size: text.length,
  digest: digestOf(Buffer.from(text)),
}))

const answered = async () => {
  const root = await openDirectory(directory())
  try {
    return answer({ root: root.place, files: all })
  } finally {
    await root.release()
  }
}

describe("files that are sent", () => {
  it("come one behind the other, and are handed over", async () => {
    write(directory(), texts)
    const before = await openFileCount()
    const { value, transfer } = await answered()
    expect("bytes" in value && Buffer.from(value.bytes).toString()).toBe("onetwolast")
    expect(transfer).toEqual("bytes" in value && [value.bytes.buffer])
    expect(await openFileCount()).toBe(before)
  })

  it.each<[string, () => void, object]>([
    ["gone", () => rmSync(at("d/b")), { sentence: "other" }],
    ["longer", () => appendFileSync(at("d/b"), "s"), { sentence: "content" }],
    ["of other bytes", () => writeFileSync(at("d/b"), "TWO"), { sentence: "content" }],
    ["a symlink", () => becomeLink("d/b", "z"), { sentence: "other" }],
  ])("are said not to be what they were: one is %s", async (_, change, problem) => {
    write(directory(), texts)
    const before = await openFileCount()
    change()
    expect((await answered()).value).toEqual({ at: 1, problem })
    expect(await openFileCount()).toBe(before)
  })

  it("are not read through a directory that became a symlink", async () => {
    write(directory(), { ...texts, "elsewhere/b": "two" })
    becomeLink("d", "elsewhere")
    expect((await answered()).value).toEqual({ at: 1, problem: { sentence: "other" } })
  })
})
