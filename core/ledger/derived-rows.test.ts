/**
 * Rows of the views that vanished, are others or were never written, in files that are whole: none
 * of them is an answer, nothing is decided out of them, and opening again or `rebuild()` cures it.
 */
import { randomBytes } from "node:crypto"
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { Level } from "level"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { nameOf } from "../disk/database.js"
import { tablesAfter } from "../disk/level-manifest.js"
import { currentManifest } from "../disk/level-opening.js"
import { flip, signWell } from "../disk/level-samples.contract.js"
import { encodeRow } from "../view/row.js"
import { layoutOf } from "./layout.js"
import { opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

type Rows = Level<string, Uint8Array>

let root = ""

/** `few` are gone through before the ledger is open, `many` are not. */
const counts = { few: 5, many: 1_500 } as const
type Size = keyof typeof counts

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "daybook-rows-"))
  for (const [size, count] of Object.entries(counts)) {
    const ledger = await openLedger(join(root, size))
    await Promise.all(Array.from({ length: count }, (_, n) => ledger.save(`a${n}`, "same")))
    await ledger.save("a3", "other", { version: "gold", idempotencyKey: "one" })
    await ledger.close()
  }
}, 60_000)
afterAll(() => rmSync(root, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

const copied = (size: Size): string => {
  const directory = join(temporary(), "ledger")
  cpSync(join(root, size), directory, { recursive: true })
  return directory
}

/** The rows of artifacts by name: the text in it is in the key. */
const nameKey = async (rows: Rows, name: string): Promise<string> => {
  const end = `name\u0000${name}\u0000`
  const keys = await rows.keys({ gte: "n", lt: "o" }).all()
  const key = keys.find((one) => one.endsWith(`\u0000${end}`))
  if (key === undefined) throw new Error(`there is no row of the name ${name}`)
  return key
}

const spoil = async (directory: string, act: (rows: Rows) => Promise<void>): Promise<void> => {
  const { view } = layoutOf(directory)
  const rows: Rows = new Level(view, { valueEncoding: "view" })
  await rows.open()
  await act(rows)
  await rows.close()
}

const spoils: Readonly<Record<string, (rows: Rows) => Promise<void>>> = {
  vanished: async (rows) => rows.del(await nameKey(rows, "a3")),
  "was overwritten": async (rows) => {
    const [from, to] = [await nameKey(rows, "a4"), await nameKey(rows, "a3")]
    await rows.put(to, encodeRow(to, [2, 0, "another"]))
    expect(from).not.toBe(to)
  },
  "was added": async (rows) => {
    const key = (await nameKey(rows, "a3")).replace("a3", "b3")
    await rows.put(key, encodeRow(key, [2, 0, "nobody"]))
  },
}

const expectRight = async (ledger: PromiseLedger, size: Size): Promise<void> => {
  expect(await ledger.findArtifact("a3")).toMatchObject({ name: "a3" })
  expect(await ledger.findArtifact("b3")).toBeUndefined()
  expect(await ledger.find("a3@gold")).toBeDefined()
  const { entries } = await ledger.listArtifacts({ limit: 1_000 })
  expect(entries.map(({ name }) => name)).toContain("a3")
  expect(await ledger.stats()).toMatchObject({ artifacts: counts[size] })
}

const damaged = { _tag: "ViewFailure", kind: "unavailable", reason: "damaged" }

describe.each(Object.keys(spoils))("a row that %s", (what) => {
  it.each(["few", "many"] as const)("by another program, of %s, is never seen", async (size) => {
    const directory = copied(size)
    await spoil(directory, spoils[what] ?? (() => Promise.resolve()))
    const reader = await opened({ directory, readOnly: true })
    await expectRight(reader, size)
    const ledger = await opened(directory)
    expect(ledger.trust.repaired).toContain(
      "the views were damaged: they were moved to quarantine/",
    )
    expect(ledger.trust.viewsDamaged).toBe(false)
    await expectRight(ledger, size)
    await expect(ledger.save("a3", 1, { version: "gold" })).rejects.toMatchObject({
      _tag: "VersionExists",
    })
    expect((await ledger.save("a3", 1)).version).not.toBe("1")
    expect(readdirSync(layoutOf(directory).quarantine)).toHaveLength(1)
    await ledger.close()
    expect((await opened(directory)).trust.repaired).toEqual([])
  })

  it("and nobody knows by whom is noticed, answers nothing then, and is cured", async () => {
    const directory = copied("many")
    await spoil(directory, spoils[what] ?? (() => Promise.resolve()))
    signWell(layoutOf(directory).view)
    const ledger = await opened(directory)
    expect(ledger.trust).toMatchObject({ repaired: [], viewsDamaged: false })
    // Held in memory from now on, stored or not.
    const hot = await ledger.get("a7")
    const held = await ledger.save("a8", "more")
    await vi.waitFor(() => expect(ledger.trust.viewsDamaged).toBe(true), 20_000)
    const position = ledger.position
    for (const refused of [
      ledger.findArtifact("a3"),
      ledger.get("a7"),
      ledger.get(held),
      ledger.asOf(position).get("a8"),
      ledger.listArtifacts(),
      ledger.stats(),
      ledger.save("a3", "wrong"),
      ledger.tag("a7", "wrong"),
    ])
      await expect(refused).rejects.toMatchObject(damaged)
    expect(ledger.position).toBe(position)
    expect(await ledger.rebuild()).toEqual({ events: position })
    expect(ledger.trust.viewsDamaged).toBe(false)
    await expectRight(ledger, "many")
    expect((await ledger.get("a7")).id).toBe(hot.id)
    expect((await ledger.get("a8")).id).toBe(held.id)
    expect((await ledger.save("a3", "other again")).version).not.toBe("1")
    expect(readdirSync(layoutOf(directory).quarantine)).toHaveLength(1)
    await ledger.close()
    const again = await opened(directory)
    expect(again.trust.repaired).toEqual([])
    await expectRight(again, "many")
  })
})

describe("views found damaged while they are in use", () => {
  it("are sealed over on closing, and made anew by the next opening", async () => {
    const directory = copied("many")
    await spoil(directory, async (rows) => rows.del(await nameKey(rows, "a3")))
    signWell(layoutOf(directory).view)
    const ledger = await opened(directory)
    await ledger.save("a8", "more")
    await vi.waitFor(() => expect(ledger.trust.viewsDamaged).toBe(true), 20_000)
    await ledger.close()
    const again = await opened(directory)
    expect(again.trust).toMatchObject({ sealed: again.position, checked: 0, damaged: [] })
    expect(again.trust.repaired[0]).toBe("the views were damaged: they were moved to quarantine/")
    await expectRight(again, "many")
  })
})

/** More in the views than is checked before they open. */
const fillWidely = async (directory: string): Promise<void> => {
  const ledger = await openLedger({ directory, durability: "buffered" })
  for (let n = 0; n < 36; n += 1) {
    await ledger.save(`wide ${n}`, n)
    for (let key = 0; key < 12; key += 1)
      await ledger.logMetadata(`wide ${n}`, { [`k${key}`]: randomBytes(12_000).toString("base64") })
  }
  await ledger.close()
  // Opened once more, so that all rows lie in tables.
  await (await openLedger(directory)).close()
}

/** The table that is checked last. */
const lastTable = (directory: string): string => {
  const tables = tablesAfter(currentManifest(directory).edits).toSorted(
    (a, b) => a.level - b.level || Buffer.compare(a.smallest, b.smallest),
  )
  const bytes = tables.reduce((sum, { size }) => sum + size, 0)
  expect(bytes - (tables.at(-1)?.size ?? 0)).toBeGreaterThan(16_777_216)
  return join(directory, nameOf(tables.at(-1)?.number ?? 0, "ldb"))
}

describe("files of the views that are damaged", () => {
  it("are found beside everything else, and a rebuild cures it", async () => {
    const directory = join(temporary(), "ledger")
    const { view, quarantine } = layoutOf(directory)
    await fillWidely(directory)
    const path = lastTable(view)
    flip(path, Math.floor(statSync(path).size / 2), 3)
    const bytes = readFileSync(path)
    const ledger = await opened(directory)
    expect(ledger.trust).toMatchObject({ repaired: [], viewsDamaged: false })
    await vi.waitFor(() => expect(ledger.trust.viewsDamaged).toBe(true), 20_000)
    await expect(ledger.get("wide 3")).rejects.toMatchObject(damaged)
    await expect(ledger.save("wide 3", "wrong")).rejects.toMatchObject(damaged)
    expect(await ledger.rebuild()).toEqual({ events: ledger.position })
    expect(ledger.trust.viewsDamaged).toBe(false)
    for (let n = 0; n < 36; n += 1) expect((await ledger.get(`wide ${n}`)).version).toBe("1")
    expect((await ledger.save("wide 3", "right")).version).toBe("2")
    const [aside = ""] = readdirSync(quarantine)
    expect(readdirSync(join(quarantine, aside))).toContain(basename(path))
    expect(readFileSync(join(quarantine, aside, basename(path))).equals(bytes)).toBe(true)
    await ledger.close()
    const again = await opened(directory)
    expect(again.trust.repaired).toEqual([])
    expect((await again.get("wide 3")).version).toBe("2")
  }, 60_000)
})
