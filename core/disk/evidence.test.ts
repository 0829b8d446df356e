/**
 * Evidence: what LevelDB's opening does to a directory can be undone, to the last byte.
 */
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import promises from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Level } from "level"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { isSameEvidence, keepFile, moveAside, putBack, setAside } from "./evidence.js"
import { noteSyncs } from "./syncs.contract.js"

let parent = ""
let directory = ""
let aside = ""
beforeEach(async () => {
  parent = mkdtempSync(join(tmpdir(), "daybook-evidence-"))
  directory = join(parent, "database")
  aside = join(parent, "aside")
  await fill(0)
  await fill(1_000)
})
afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
  rmSync(parent, { recursive: true })
})

const fill = async (from: number): Promise<void> => {
  const store = new Level(directory)
  for (let key = from; key < from + 1_000; key += 1) await store.put(`key ${key}`, "x".repeat(100))
  await store.close()
}

/** Every file of a directory but the lock, with its bytes. */
const seen = (path: string): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(path)
      .filter((name) => name !== "LOCK")
      .map((name) => [name, readFileSync(join(path, name)).toString("base64")]),
  )

const reopen = async (): Promise<void> => {
  const store = new Level(directory, { createIfMissing: false })
  await store.open()
  await store.close()
}

const damageLog = (): void => {
  const [name = ""] = readdirSync(directory).filter((one) => one.endsWith(".log"))
  const bytes = readFileSync(join(directory, name))
  bytes.fill(0xff, bytes.length >> 1, (bytes.length >> 1) + 8)
  writeFileSync(join(directory, name), bytes)
}

describe("a database that was set aside", () => {
  it("is put back as it was, after LevelDB has dropped what it found damaged", async () => {
    damageLog()
    const before = seen(directory)
    await setAside(directory, aside)
    expect(seen(aside)).toEqual(before)
    await reopen()
    expect(seen(directory)).not.toEqual(before)
    expect(seen(aside)).toEqual(before)
    await putBack(aside, directory)
    expect(seen(directory)).toEqual(before)
    expect(seen(aside)).toEqual(before)
  })

  it("is put back where it is gone, and where putting it back was cut short", async () => {
    const before = seen(directory)
    await setAside(directory, aside)
    rmSync(directory, { recursive: true })
    await putBack(aside, directory)
    expect(seen(directory)).toEqual(before)
    await reopen()
    for (const fail of [1, 2, 3]) {
      let renames = 0
      const rename = promises.rename
      vi.spyOn(promises, "rename").mockImplementation((...names) => {
        renames += 1
        return renames === fail ? Promise.reject(new Error("cut short")) : rename(...names)
      })
      syncBuiltinESMExports()
      await expect(putBack(aside, directory)).rejects.toThrow("cut short")
      vi.restoreAllMocks()
      syncBuiltinESMExports()
      // Whatever is there now is a database, and leads to the same in the end.
      if (fail === 2) await reopen()
      await putBack(aside, directory)
      expect(seen(directory)).toEqual(before)
      await reopen()
    }
  })

  it("takes no room: its files are the same ones, under second names", async () => {
    await setAside(directory, aside)
    for (const name of readdirSync(aside))
      expect(statSync(join(aside, name)).ino).toBe(statSync(join(directory, name)).ino)
    expect(await isSameEvidence(aside, directory)).toBe(false) // The lock is not evidence.
    await setAside(aside, join(parent, "again"))
    expect(await isSameEvidence(aside, join(parent, "again"))).toBe(true)
  })

  it("is copied where the disk knows no second names", async () => {
    const refuse = Object.assign(new Error("EPERM"), { code: "EPERM" })
    vi.spyOn(promises, "link").mockRejectedValue(refuse)
    syncBuiltinESMExports()
    await setAside(directory, aside)
    expect(seen(aside)).toEqual(seen(directory))
    const full = Object.assign(new Error("ENOSPC"), { code: "ENOSPC" })
    vi.spyOn(promises, "link").mockRejectedValue(full)
    syncBuiltinESMExports()
    await expect(setAside(directory, join(parent, "again"))).rejects.toBe(full)
  })

  it("survives a power loss when it is there, and again when it is put back", async () => {
    const calls = await noteSyncs(parent)
    await setAside(directory, aside)
    expect(calls).toEqual(["sync directory"])
    const refuse = Object.assign(new Error("EPERM"), { code: "EPERM" })
    vi.spyOn(promises, "link").mockRejectedValue(refuse)
    syncBuiltinESMExports()
    const copies = join(parent, "copies")
    await setAside(aside, copies)
    const files = readdirSync(copies).map(() => "sync file" as const)
    expect(calls.splice(0)).toEqual(["sync directory", ...files, "sync directory"])
    await putBack(copies, directory)
    const names = files.flatMap((synced) => [synced, "rename" as const])
    expect(calls).toEqual([...names, "sync directory"])
  })

  it("is not the same evidence once a file of it is another one, or is missing", async () => {
    await setAside(directory, aside)
    const again = join(parent, "again")
    await setAside(aside, again)
    const [name = ""] = readdirSync(again)
    rmSync(join(again, name))
    expect(await isSameEvidence(aside, again)).toBe(false)
    writeFileSync(join(again, name), readFileSync(join(aside, name)))
    expect(await isSameEvidence(aside, again)).toBe(false)
  })

  it("may be empty, or of a directory that is missing", async () => {
    await setAside(join(parent, "none"), aside)
    expect(readdirSync(aside)).toEqual([])
    await expect(setAside(directory, aside)).rejects.toMatchObject({ code: "EEXIST" })
    truncateSync(join(directory, "CURRENT"), 0)
  })
})

describe("a directory that is moved aside", () => {
  it("is gone from where it was, durably, with all of its files", async () => {
    const before = seen(directory)
    const calls = await noteSyncs(parent)
    await moveAside(directory, aside)
    expect(calls).toEqual(["rename", "sync directory", "sync directory"])
    expect(seen(aside)).toEqual(before)
    expect(readdirSync(parent)).toEqual(["aside"])
  })

  it("may lie on another disk", async () => {
    const before = seen(directory)
    for (const call of ["rename", "link"] as const)
      vi.spyOn(promises, call).mockRejectedValueOnce(
        Object.assign(new Error("EXDEV"), { code: "EXDEV" }),
      )
    syncBuiltinESMExports()
    await moveAside(directory, aside)
    expect(seen(aside)).toEqual(before)
    expect(readdirSync(parent)).toEqual(["aside"])
  })

  it("may not be there, and takes no other one's place", async () => {
    await moveAside(join(parent, "none"), aside)
    mkdirSync(aside)
    writeFileSync(join(aside, "kept"), "before")
    await expect(moveAside(directory, aside)).rejects.toMatchObject({ code: "ENOTEMPTY" })
    expect(readdirSync(aside)).toEqual(["kept"])
    await reopen()
  })
})

describe("a damaged file", () => {
  const kept = () =>
    Object.fromEntries(
      readdirSync(aside)
        .sort()
        .map((name) => [name, readFileSync(join(aside, name), "utf8")]),
    )

  it("is kept once, under its name and a number, without a copy", async () => {
    mkdirSync(aside)
    const path = join(parent, "tip")
    writeFileSync(path, "damaged")
    const calls = await noteSyncs(parent)
    await keepFile(path, aside)
    await keepFile(path, aside)
    expect(kept()).toEqual({ "tip-1": "damaged" })
    expect(calls).toEqual(["sync file", "sync directory"])
    rmSync(path)
    writeFileSync(path, "damaged again")
    await keepFile(path, aside)
    expect(kept()).toEqual({ "tip-1": "damaged", "tip-2": "damaged again" })
    expect(statSync(join(aside, "tip-2")).nlink).toBe(2)
  })

  it("is copied where it can have one name only, once for each state of it", async () => {
    mkdirSync(aside)
    const path = join(parent, "pack")
    const refused = Object.assign(new Error("EPERM"), { code: "EPERM" })
    vi.spyOn(promises, "link").mockRejectedValue(refused)
    syncBuiltinESMExports()
    for (const text of ["damaged", "damaged", "damagee", "damagee"]) {
      writeFileSync(path, text)
      await keepFile(path, aside)
    }
    expect(kept()).toEqual({ "pack-1": "damaged", "pack-2": "damagee" })
    expect(statSync(join(aside, "pack-1")).nlink).toBe(1)
  })

  it("that cannot be copied whole is not kept in part", async () => {
    mkdirSync(aside)
    const path = join(parent, "pack")
    writeFileSync(path, "damaged")
    vi.spyOn(promises, "link").mockRejectedValue(Object.assign(new Error("no"), { code: "EPERM" }))
    vi.spyOn(promises, "copyFile").mockImplementation((_, to) => {
      writeFileSync(String(to), "dam")
      return Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }))
    })
    syncBuiltinESMExports()
    await expect(keepFile(path, aside)).rejects.toMatchObject({ code: "ENOSPC" })
    expect(kept()).toEqual({})
  })
})
