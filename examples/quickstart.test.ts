/**
 * The quickstart, run twice as a program of its own in an empty directory. What it leaves behind is
 * looked at through the package, through another reader of zips, and on the disk.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Ledger, openLedger } from "daybook"
import { strFromU8, unzipSync } from "fflate"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const directory = mkdtempSync(join(tmpdir(), "daybook-quickstart-"))
const penguins: ReadonlyArray<object> = JSON.parse(
  readFileSync(path("../node_modules/vega-datasets/data/penguins.json"), "utf8"),
)

/** Runs the program on the sources, as `npm run quickstart` does on the build. */
const run = (): string => {
  const tsx = new URL("../node_modules/tsx/dist/esm/index.mjs", import.meta.url).href
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", tsx, path("quickstart.ts")],
    {
      cwd: directory,
      encoding: "utf8",
      env: { ...process.env, TSX_TSCONFIG_PATH: path("../tsconfig.json") },
    },
  )
  if (status !== 0) throw new Error(`the quickstart ended with ${status}: ${stderr}`)
  return stdout
}

let first = ""
let second = ""
let ledger: Ledger

beforeAll(async () => {
  first = run()
  second = run()
  ledger = await openLedger({ directory: join(directory, "penguins-ledger"), create: false })
})

afterAll(async () => {
  await ledger?.close()
  rmSync(directory, { recursive: true, force: true })
})

describe("quickstart", () => {
  it("keeps three versions, the release with the content of the first", async () => {
    const { entries } = await ledger.listVersions({ sort: { by: "createdAt", order: "asc" } })
    expect(entries.map(({ version, metadata }) => [version, metadata.length])).toEqual([
      ["1", 344],
      ["2", 333],
      ["raw_2023", 344],
    ])
    const [raw, cleaned, release] = entries
    expect(release?.digest).toBe(raw?.digest)
    expect(cleaned?.digest).not.toBe(raw?.digest)
    expect(cleaned?.inputs).toEqual([{ id: raw?.id, artifactId: raw?.artifactId }])
    expect(cleaned?.metadata).toMatchObject({ dropped: 11, review: { by: "ben", passed: true } })
  })

  it("gives the table back as it came", async () => {
    expect(await ledger.load("penguins@raw_2023")).toEqual(penguins)
    expect(await ledger.load("penguins@1")).toEqual(penguins)
  })

  it("moved production from the first version to the second, and knows it", async () => {
    expect((await ledger.get("penguins@production")).version).toBe("2")
    const sentences: Array<string> = []
    let last = 0
    for await (const event of ledger.history({ tag: "production" })) {
      sentences.push(ledger.formatEvent(event))
      last = event.position
    }
    expect(sentences).toEqual([
      "ann defined the exclusive tag production",
      "ann tagged version 1 of penguins with production",
      "ben moved production of penguins from 1 to 2: no gaps left",
    ])
    const before = ledger.asOf(last - 1)
    expect((await before.get("penguins@production")).version).toBe("1")
  })

  it("hands out a zip with the cleaned table", () => {
    const files = unzipSync(readFileSync(join(directory, "penguins.zip")))
    expect(Object.keys(files)).toEqual(["schema.json", "table.jsonl"])
    const lines = strFromU8(files["table.jsonl"] ?? new Uint8Array(0))
      .trimEnd()
      .split("\n")
    const rows: ReadonlyArray<Record<string, unknown>> = lines.map((line) => JSON.parse(line))
    expect(rows).toHaveLength(333)
    expect(rows.flatMap(Object.values)).not.toContain(null)
    expect(JSON.parse(strFromU8(files["schema.json"] ?? new Uint8Array(0)))).toMatchObject({
      rows: 333,
      columns: [{ name: "Species", dtype: "string", nullable: false }, {}, {}, {}, {}, {}, {}],
    })
  })

  it("adds nothing when it is run again", () => {
    expect(ledger.position).toBe(8)
    expect(first).toContain("7 events written")
    expect(second).toContain("All 8 events were there, none was added")
  })

  it("prints no colour where nobody would see it, and no line too wide for a terminal", () => {
    expect(first).not.toContain("\u001b")
    expect(Math.max(...first.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80)
  })

  it("names places that are there", () => {
    const named = first.match(/^ {4}penguins\S+/gm)?.map((line) => line.trim()) ?? []
    const places = named.filter((place) => !place.includes("@"))
    expect(places).toHaveLength(6)
    expect(places.filter((place) => !existsSync(join(directory, place)))).toEqual([])
  })
})
