import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { generationOf, isLog, isTable, isTold, namesIn } from "./database.js"

let directory = ""
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "daybook-database-"))
})
afterEach(() => rmSync(directory, { recursive: true }))

const write = (name: string, text = ""): void => writeFileSync(join(directory, name), text)

describe("the files of a database", () => {
  it("are told apart by their names", () => {
    const names = ["000005.ldb", "000007.sst", "000008.log", "CURRENT", "LOG", "LOG.old", "LOCK"]
    expect(names.filter(isTable)).toEqual(["000005.ldb", "000007.sst"])
    expect(names.filter(isLog)).toEqual(["000008.log"])
    expect(names.filter(isTold)).toEqual(["LOG", "LOG.old"])
  })

  it("are listed in order; of a directory that is missing there are none", async () => {
    mkdirSync(join(directory, "@eaDir"))
    write("000010.ldb")
    write("000009.log")
    expect(await namesIn(directory)).toEqual(["000009.log", "000010.ldb"])
    expect(await namesIn(join(directory, "none"))).toEqual([])
    await expect(namesIn(join(directory, "000010.ldb"))).rejects.toMatchObject({ code: "ENOTDIR" })
  })
})

describe("the generation of a database", () => {
  it("is the number of the manifest that is in use", async () => {
    write("MANIFEST-000012")
    write("CURRENT", "MANIFEST-000012\n")
    expect(await generationOf(directory)).toBe(12)
  })

  it("is not known where no manifest can be found", async () => {
    expect(await generationOf(join(directory, "none"))).toBeUndefined()
    expect(await generationOf(directory)).toBeUndefined()
    write("CURRENT", "MANIFEST-000012\n")
    expect(await generationOf(directory)).toBeUndefined()
    write("MANIFEST-000012")
    for (const text of [
      "",
      "MANIFEST-000012",
      "MANIFEST-\n",
      "../MANIFEST-000012\n",
      "\0".repeat(16),
    ]) {
      write("CURRENT", text)
      expect(await generationOf(directory)).toBeUndefined()
    }
  })

  it("is asked of the disk, whose errors are not taken for an answer", async () => {
    mkdirSync(join(directory, "CURRENT"))
    await expect(generationOf(directory)).rejects.toMatchObject({ code: "EISDIR" })
  })
})
