/**
 * What must be on the disk before something is said or named: the order of writes, syncs and names
 * of the ledger's own files, of a new ledger, and of downloads.
 */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { replaceFile, syncDirectory, writeNew } from "../disk/files.js"
import { beginLedger, finishLedger } from "./create.js"
import { type Deed, deedsIn, told } from "./deeds.contract.js"
import { download } from "./download.js"
import { lock } from "./lock.js"
import { opened, temporary } from "./places.contract.js"
import { openLedger } from "./promise.js"

// Windows cannot open a directory as a file, and keeps names in its journal anyway.
const hasNames = process.platform !== "win32"

describe.runIf(hasNames)("a file of the ledger", () => {
  it("that is new is synced before its name is", async () => {
    const directory = temporary()
    const deeds = await deedsIn(directory, () => writeNew(join(directory, "one"), "text"))
    expect(told(deeds)).toEqual(["name one", "write one", "sync one", "sync ."])
  })

  it("that is replaced is synced before it takes the name, and the name after it", async () => {
    const directory = temporary()
    const tmp = join(directory, "tmp")
    mkdirSync(tmp)
    const replacing = () => replaceFile(join(directory, "tip"), "text", tmp)
    expect(told(await deedsIn(directory, replacing))).toEqual([
      "name tmp/*",
      "write tmp/*",
      "sync tmp/*",
      "sync tmp",
      "name tip",
      "sync .",
    ])
  })

  it("lies in a directory whose names are synced by a word", async () => {
    const directory = temporary()
    const deeds = await deedsIn(directory, () => syncDirectory(directory))
    expect(told(deeds)).toEqual(["sync ."])
  })

  it("is replaced so by every seal", async () => {
    const directory = join(temporary(), "ledger")
    const ledger = await opened(directory)
    await ledger.save("a", 1)
    const lines = told(await deedsIn(directory, () => ledger.close()))
    const seal = ["write tmp/*", "sync tmp/*", "sync tmp", "name tip", "sync ."]
    expect(lines.filter((line) => seal.includes(line))).toEqual(seal)
  })
})

describe("a download", () => {
  const stream = () => Stream.make(Buffer.from("abc"), Buffer.from("def"))
  const archive = { size: 6, etag: '"x"', filename: "x.zip", stream }
  const written = ["name .daybook-*", "write .daybook-*", "write .daybook-*", "sync .daybook-*"]

  it.each([false, true])("is synced before it takes its name, overwrite: %s", async (overwrite) => {
    const directory = temporary()
    const path = join(directory, "x.zip")
    const downloading = () => Effect.runPromise(download(archive, path, { overwrite }))
    const lines = told(await deedsIn(directory, downloading))
    expect(lines.slice(0, 5)).toEqual([...written, "name x.zip"])
  })
})

const making = Effect.fnUntraced(function* (directory: string) {
  yield* beginLedger(directory)
  yield* lock(directory)
  yield* finishLedger(directory)
})

const folderOf = (path: string): string => path.replace(/(^|\/)[^/]*$/, "") || "."

/** Names that no sync of their directory came behind, until then. */
const unsynced = (deeds: ReadonlyArray<Deed>): ReadonlyArray<string> =>
  deeds.flatMap(({ does, path }, at) => {
    const isSynced = deeds.some(
      (later, index) => index > at && later.does === "sync" && later.path === folderOf(path),
    )
    return does === "name" && path !== "." && !isSynced ? [path] : []
  })

describe.runIf(hasNames)("a new ledger", () => {
  const made = async (): Promise<ReadonlyArray<Deed>> => {
    const home = temporary()
    const directory = join(home, "deep", "in", "ledger")
    const deeds = await deedsIn(home, () => Effect.runPromise(Effect.scoped(making(directory))))
    // Who holds the lock is told to the living alone.
    return deeds.filter(({ path }) => !path.endsWith("/lock/owner"))
  }

  it("has every name on the disk before it is one, its own and those above it too", async () => {
    const deeds = await made()
    const isNamed = deeds.findIndex(({ path }) => path === "deep/in/ledger/ledger.json")
    const before = deeds.slice(0, isNamed)
    const names = before.filter(({ does }) => does === "name").map(({ path }) => path)
    const own = ["log", "blob", "blob/packs", "tip"].map((name) => `deep/in/ledger/${name}`)
    expect(names).toEqual(expect.arrayContaining(["deep", "deep/in", "deep/in/ledger", ...own]))
    expect(unsynced(before)).toEqual([])
    expect(told(before)).toContain("sync deep/in/ledger/log")
    expect(told(before)).toContain("sync deep/in/ledger/tip")
    expect(told(before)).toContain("sync deep/in/ledger/tmp/ledger.json")
  })

  it("is marked on the disk before anything else is made in it", async () => {
    const lines = told(await made())
    const marked = lines.indexOf("name deep/in/ledger/making")
    expect(lines[marked - 1]).toBe("sync deep/in")
    expect(lines.slice(marked + 1, marked + 3)).toEqual([
      "sync deep/in/ledger",
      "name deep/in/ledger/lock",
    ])
  })

  it("has the name of its identity on the disk before it is answered with", async () => {
    expect(unsynced(await made())).toEqual([])
  })
})

describe.runIf(hasNames)("a ledger that is opened", () => {
  it("has the names on the disk that LevelDB gave, before it is handed out", async () => {
    const directory = join(temporary(), "ledger")
    await (await openLedger(directory)).close()
    const deeds = await deedsIn(directory, () => opened(directory))
    expect(told(deeds)).toContain("sync log")
  })
})
