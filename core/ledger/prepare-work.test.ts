/**
 * Preparing files on a thread: what comes of it is what the files are, packed for the way.
 */
import { lstatSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { realpath } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { defaultChunking, fastcdc } from "../blob/chunk.js"
import { prepare } from "../blob/prepared.js"
import { mixed, noise, prose } from "../blob/samples.contract.js"
import { toFound } from "../directory/look.js"
import { openDirectory } from "../directory/safe-path.js"
import { answer, preparedOf } from "./prepare-work.js"

let directory = ""
beforeEach(async () => {
  directory = await realpath(mkdtempSync(join(tmpdir(), "daybook-prepare-")))
})
afterEach(() => rmSync(directory, { recursive: true }))

const answered = async (contents: Readonly<Record<string, Uint8Array>>, then?: () => void) => {
  const files = Object.entries(contents).map(([name, bytes]) => {
    const path = join(directory, name)
    writeFileSync(path, bytes)
    return { name, found: toFound(lstatSync(path, { bigint: true })) }
  })
  const root = await openDirectory(directory)
  then?.()
  const job = { root: root.place, below: { path: "" }, files, chunking: defaultChunking }
  const { value, transfer } = answer(job)
  await root.release()
  return { ...structuredClone(value, { transfer: [...(transfer ?? [])] }) }
}

describe("files that are prepared", () => {
  it("are what they are when their bytes are prepared here", async () => {
    const contents = {
      empty: new Uint8Array(0),
      noise: noise(100_000, 1),
      prose: prose(3_000, 2),
      mixed: mixed(600_000, 3),
    }
    const { results, bytes } = await answered(contents)
    const outlines = results.flatMap((result) => ("problem" in result ? [] : [result]))
    const prepared = preparedOf(outlines, bytes)
    const cuts = fastcdc(defaultChunking)
    for (const [at, content] of Object.values(contents).entries()) {
      const expected = prepare(cuts, content)
      expect(prepared[at]).toMatchObject({ digest: expected.digest, crc32: expected.crc32 })
      const stored = Buffer.concat(expected.chunks.map((chunk) => chunk.stored))
      const found = Buffer.concat(prepared[at]?.chunks.map((chunk) => chunk.stored) ?? [])
      expect(found.equals(stored)).toBe(true)
      const headers = expected.chunks.map(({ stored: _, ...header }) => header)
      expect(prepared[at]?.chunks.map(({ stored: _, ...header }) => header)).toEqual(headers)
    }
  })

  it("leave out one that changed, and nothing of its bytes is sent", async () => {
    const contents = { a: prose(500, 1), b: prose(600, 2) }
    const { results, bytes } = await answered(contents, () =>
      writeFileSync(join(directory, "a"), "another"),
    )
    const [a, b] = results
    expect(a).toEqual({ problem: { sentence: "changed" } })
    expect(b && "chunks" in b && b.chunks[0]?.storedSize).toBe(bytes.length)
  })
})
