/**
 * A whole ledger whose derived files are damaged, all of those in `view/` and `blob/index/`: every
 * answer is right or an error that says so, nothing that was stored is lost, and opening it again
 * or `rebuild()` is the cure.
 */
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { Level } from "level"
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest"
import { random } from "../disk/level-samples.contract.js"
import { layoutOf } from "./layout.js"
import { opened, temporary } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const count = 120
let root = ""
let right = ""

/** Everything that this ledger was told, asked in one go. */
const answers = async (ledger: PromiseLedger): Promise<string> => {
  const told: Array<unknown> = [ledger.position]
  for (let n = 0; n < count; n += 1) {
    const version = await ledger.get(`artifact ${n % 40}@${Math.floor(n / 40) + 1}`)
    told.push(version.id, version.tags, version.metadata, await ledger.load(version))
  }
  told.push(await ledger.findArtifact("no such artifact"))
  for (const reader of [ledger, ledger.asOf(100)]) {
    const { entries } = await reader.listArtifacts({ limit: 100 })
    told.push(entries.map(({ name }) => name))
  }
  return JSON.stringify(told)
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "daybook-derived-"))
  const ledger = await openLedger(join(root, "ledger"))
  for (let n = 0; n < count; n += 1) {
    const name = `artifact ${n % 40}`
    await ledger.save(name, { n, text: `text of ${n} `.repeat(40) }, { tags: `tag ${n % 7}` })
    await ledger.logMetadata(name, { n, note: `note ${n}` })
  }
  await ledger.close()
  // Opened once more, so that its rows lie in tables.
  const again = await openLedger(join(root, "ledger"))
  right = await answers(again)
  await again.close()
})

afterAll(() => rmSync(root, { recursive: true, force: true }))
afterEach(() => vi.restoreAllMocks())

const copied = (): string => {
  const directory = join(temporary(), "ledger")
  cpSync(join(root, "ledger"), directory, { recursive: true })
  return directory
}

const derivedOf = (directory: string): ReadonlyArray<string> => [
  layoutOf(directory).view,
  join(layoutOf(directory).blob, "index"),
]

/** Files of both databases that LevelDB reads, by their paths. */
const filesOf = (directory: string): ReadonlyArray<string> =>
  derivedOf(directory).flatMap((derived) =>
    readdirSync(derived)
      .filter((name) => /\.ldb$|\.log$|^MANIFEST|^CURRENT$/.test(name))
      .map((name) => join(derived, name)),
  )

const expectRight = async (directory: string, what: string): Promise<void> => {
  for (const turn of ["opened", "opened again"]) {
    const ledger = await openLedger(directory)
    expect(await answers(ledger), `${what}, ${turn}`).toBe(right)
    expect(ledger.trust.damaged).toEqual([])
    await ledger.close()
  }
}

describe("derived files of a closed ledger", () => {
  it("with any bit turned are made anew, and every answer is right", async () => {
    const below = random(5)
    const files = filesOf(join(root, "ledger")).filter((path) => statSync(path).size > 0)
    let anew = 0
    for (let turn = 0; turn < 20; turn += 1) {
      const directory = copied()
      const path = filesOf(directory).filter((one) => statSync(one).size > 0)[turn % files.length]
      if (path === undefined) throw new Error("there is nothing to damage")
      const bytes = readFileSync(path)
      const at = turn % 2 === 0 ? below(bytes.length) : bytes.length - 1 - below(bytes.length / 8)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
      writeFileSync(path, bytes)
      await expectRight(directory, `${basename(path)} turned at ${at}`)
      anew += readdirSync(layoutOf(directory).quarantine).length
      rmSync(directory, { recursive: true })
    }
    expect(anew).toBeGreaterThan(5)
  })

  it.each([
    ["cut", (path: string) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ["empty", (path: string) => truncateSync(path, 0)],
    ["zeroed", (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
    ["deleted", (path: string) => rmSync(path)],
  ])(
    "that are %s, each by itself, are made anew, and every answer is right",
    async (what, spoil) => {
      for (const at of filesOf(join(root, "ledger")).keys()) {
        const directory = copied()
        const path = filesOf(directory)[at] ?? ""
        spoil(path)
        await expectRight(directory, `${basename(path)} ${what}`)
        rmSync(directory, { recursive: true })
      }
    },
  )

  it.each([
    ["the views were damaged: they were moved to quarantine/", 0],
    ["the blob index was damaged: it was moved to quarantine/, and made anew from the packs", 1],
  ])("are kept as they were, and it is said: %s", async (text, which) => {
    const directory = copied()
    const derived = derivedOf(directory)[which] ?? ""
    const { quarantine } = layoutOf(directory)
    const isTable = (path: string) => path.startsWith(derived) && path.endsWith(".ldb")
    const table = filesOf(directory).find(isTable) ?? ""
    const bytes = readFileSync(table)
    bytes[100] = (bytes[100] ?? 0) ^ 1
    writeFileSync(table, bytes)
    const before = readdirSync(derived)
    const ledger = await opened(directory)
    expect(ledger.trust.repaired).toContain(text)
    const [aside = ""] = readdirSync(quarantine)
    expect(readdirSync(join(quarantine, aside))).toEqual(before)
    expect(readFileSync(join(quarantine, aside, basename(table)))).toEqual(bytes)
    expect(await answers(ledger)).toBe(right)
    await ledger.close()
    expect((await opened(directory)).trust.repaired).toEqual([])
  })

  it.each([
    [
      "the blob index was missing: it was made anew from the packs",
      (index: string) => rmSync(index, { recursive: true }),
    ],
    [
      "rows of the blob index were lost: it was made anew from the packs",
      (index: string) => rmSync(join(index, "whole")),
    ],
  ])("that were lost are made anew, and it is said: %s", async (text, lose) => {
    const directory = copied()
    lose(derivedOf(directory)[1] ?? "")
    const ledger = await opened(directory)
    expect(ledger.trust.repaired).toEqual([text])
    expect(readdirSync(layoutOf(directory).quarantine)).toEqual([])
    expect(await answers(ledger)).toBe(right)
  })
})

/** The next read of one row meets damage, as LevelDB reports it. */
const spoilNextRead = () =>
  vi.spyOn(Level.prototype, "getSync").mockImplementationOnce(() => {
    throw Object.assign(new Error("bad block"), { code: "LEVEL_CORRUPTION" })
  })

const damaged = { _tag: "ViewFailure", kind: "unavailable", reason: "damaged" }

describe("views that turn out to be damaged", () => {
  it("answer nothing, decide nothing, and are as before after a rebuild", async () => {
    const directory = copied()
    const ledger = await opened(directory)
    const past = ledger.asOf(100)
    const position = ledger.position
    spoilNextRead()
    await expect(ledger.get("artifact 1")).rejects.toMatchObject(damaged)
    await expect(ledger.get("artifact 2")).rejects.toMatchObject(damaged)
    await expect(ledger.findArtifact("no such artifact")).rejects.toMatchObject(damaged)
    await expect(ledger.listArtifacts()).rejects.toMatchObject(damaged)
    await expect(past.get("artifact 3")).rejects.toMatchObject(damaged)
    const save = ledger.save("artifact 1", 1, { idempotencyKey: "one" })
    await expect(save).rejects.toMatchObject(damaged)
    expect(ledger.position).toBe(position)
    const meanwhile: Array<Promise<unknown>> = []
    const rebuilt = ledger.rebuild()
    for (let n = 0; n < 20; n += 1)
      meanwhile.push(
        ledger.get(`artifact ${n}`).then(
          ({ name }) => expect(name).toBe(`artifact ${n}`),
          (cause) => expect(cause).toMatchObject(damaged),
        ),
      )
    expect(await rebuilt).toEqual({ events: position })
    await Promise.all(meanwhile)
    expect(await answers(ledger)).toBe(right)
    expect((await past.get("artifact 3")).version).toBe("2")
    const saved = await ledger.save("artifact 1", 1, { idempotencyKey: "one" })
    expect(saved.version).toBe("4")
    expect((await ledger.save("artifact 1", 1, { idempotencyKey: "one" })).id).toBe(saved.id)
    expect(await ledger.rebuild()).toEqual({ events: ledger.position })
    await ledger.close()
    expect(readdirSync(layoutOf(directory).quarantine)).toHaveLength(1)
    const again = await opened(directory)
    expect((await again.get("artifact 1")).id).toBe(saved.id)
    expect(again.trust.repaired).toEqual([])
  })

  it("are made anew by opening the ledger again", async () => {
    const directory = copied()
    const ledger = await openLedger(directory)
    spoilNextRead()
    await expect(ledger.get("artifact 1")).rejects.toMatchObject(damaged)
    await ledger.close()
    await expectRight(directory, "after damage was met")
    expect(readdirSync(layoutOf(directory).quarantine)).toHaveLength(1)
  })
})
