/**
 * Reading files on a thread: what they are, and what is wrong with each that is not as it was
 * listed; nothing stays open.
 */
import { appendFileSync, lstatSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { describe, expect, it } from "vitest"
import { digestOf } from "../model/digest.js"
import { openFileCount, temporaryDirectory, write } from "./folders.contract.js"
import { toFound } from "./look.js"
import { digestPieces, pieceBytes } from "./pieces.js"
import { answer, readEach } from "./read-work.js"
import { openDirectory } from "./safe-path.js"

const directory = temporaryDirectory()
const at = (name: string): string => join(directory(), "d", name)
const file = (name: string) => ({
  name,
  found: toFound(lstatSync(at(name), { bigint: true })),
})

const jobOf = async (...names: ReadonlyArray<string>) => {
  const root = await openDirectory(directory())
  const files = names.map((name) => file(name))
  return { root, job: { root: root.place, below: { path: "d" }, files } }
}

describe("files that are read", () => {
  it("are told what they are, with a digest of each piece where they are long", async () => {
    const long = Buffer.alloc(pieceBytes + 1, 7)
    write(directory(), { "d/a": "aa", "d/none": "" })
    writeFileSync(at("long"), long)
    const before = await openFileCount()
    const { root, job } = await jobOf("a", "none", "long")
    const { value } = answer(job)
    await root.release()
    expect(value).toEqual([
      { digest: digestOf(Buffer.from("aa")), crc32: crc32("aa") },
      { digest: digestOf(Buffer.of()), crc32: 0 },
      { digest: digestOf(long), crc32: crc32(long), pieces: digestPieces(long) },
    ])
    expect(await openFileCount()).toBe(before)
  })

  it("are refused where they are not what was listed, each by itself", async () => {
    write(directory(), { "d/gone": "1", "d/grown": "2", "d/link": "3", "d/whole": "4" })
    const { root, job } = await jobOf("gone", "grown", "link", "whole")
    rmSync(at("gone"))
    appendFileSync(at("grown"), "more")
    rmSync(at("link"))
    symlinkSync("whole", at("link"))
    const { value } = answer(job)
    await root.release()
    expect(value).toEqual([
      { problem: { sentence: "other" } },
      { problem: { sentence: "changed" } },
      { problem: { sentence: "other" } },
      { digest: digestOf(Buffer.from("4")), crc32: crc32("4") },
    ])
  })

  it("are refused where they change while they are read", async () => {
    write(directory(), { "d/a": "1", "d/b": "2" })
    const { root, job } = await jobOf("a", "b")
    const read: Array<string> = []
    const results = readEach(job, (bytes) => {
      read.push(bytes.toString())
      writeFileSync(at("b"), "3")
      return { digest: "" }
    })
    await root.release()
    expect([read, results[1]]).toEqual([["1"], { problem: { sentence: "changed" } }])
  })
})
