/**
 * The tables of the design note that say what shows what: every file and every test that they name
 * is there, and the commands beside them run all of it, at full length where there is one.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"

const core = fileURLToPath(new URL("..", import.meta.url))
const note = readFileSync(`${core}README.md`, "utf8")
const script = readFileSync(new URL("../../.config/nightly.mjs", import.meta.url), "utf8")
/** By what each suite that runs at full length is called. */
const nightly = new Map(
  [...script.matchAll(/name: "([^"]+)",\s*file: "([^"]+)"/g)].map(([, name = "", path]) => [
    path,
    name,
  ]),
)

const suites = readdirSync(core, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .map((path) => `core/${path}`)

/** The cells of each row of the table behind a title, its head left out. */
const rowsBehind = (title: string): ReadonlyArray<ReadonlyArray<string>> => {
  const [, section = ""] = note.split(`\n## ${title}\n`)
  const [table = ""] = section.split("\n## ")
  const lines = table.split("\n").filter((line) => line.startsWith("| "))
  return lines.slice(1).map((line) => line.slice(2, -2).split(" | "))
}

/** The files that a cell names, each with the titles of tests in brackets behind it. */
const namedIn = (cell: string) =>
  [...cell.matchAll(/`([^`]+\.ts)`(?: \(([^)]*)\))?/g)].map(([, path = "", titles = ""]) => ({
    path,
    titles: [...titles.matchAll(/"([^"]+)"/g)].map(([, title = ""]) => title),
  }))

/** What lacks of what a cell names. */
const lacking = (cell: string): ReadonlyArray<string> =>
  namedIn(cell).flatMap(({ path, titles }) => {
    if (!existsSync(core + path)) return [path]
    const text = readFileSync(core + path, "utf8")
    return titles.filter((title) => !text.includes(title))
  })

const commandIn = (cell: string, begin: string): ReadonlyArray<string> => {
  const command = [...cell.matchAll(/`([^`]+)`/g)].find(([, text = ""]) => text.startsWith(begin))
  return command?.[1]?.slice(begin.length).trim().split(" ") ?? []
}

const faults = rowsBehind("Faults").map(([fault = "", , shown = "", command = ""]) => ({
  fault,
  shown,
  command,
}))

const attacks = rowsBehind("Attacks").map(([attack = "", shown = "", command = ""]) => ({
  attack,
  shown,
  command,
}))

/** What a row names is there, and its command runs all of it, at full length where there is one. */
const isShown = (shown: string, command: string): void => {
  expect(namedIn(shown)).not.toEqual([])
  expect(lacking(shown)).toEqual([])
  const filters = commandIn(command, "npm test --")
  const met = (filter: string) => suites.filter((path) => path.includes(filter))
  expect(filters.filter((filter) => met(filter).length !== 1)).toEqual([])
  const run = filters.flatMap(met)
  const tests = namedIn(shown)
    .map(({ path }) => `core/${path}`)
    .filter((path) => path.endsWith(".test.ts"))
  expect(run).toEqual(expect.arrayContaining(tests))
  // Laws are run by the tests of those that keep them.
  if (tests.length === namedIn(shown).length) expect(run).toHaveLength(tests.length)
  const long = tests.flatMap((path) => nightly.get(path) ?? [])
  expect(commandIn(command, "npm run nightly --")).toEqual(long)
}

describe("what is promised to be survived", () => {
  it("is a table that can be read", () => {
    expect(nightly.size).toBeGreaterThan(10)
    expect(faults.length).toBeGreaterThan(30)
    expect(faults.flatMap(({ shown }) => namedIn(shown)).length).toBeGreaterThan(60)
    expect(faults.flatMap(({ shown }) => namedIn(shown)[0]?.titles ?? []).length).toBeGreaterThan(5)
  })

  it.each(faults)("when $fault, is shown by tests that are there", ({ shown, command }) =>
    isShown(shown, command),
  )
})

describe("what is promised to be refused", () => {
  it("is a table that can be read, and names every attack that is tried", () => {
    expect(attacks.length).toBeGreaterThan(15)
    const own = attacks.flatMap(({ shown }) =>
      namedIn(shown).flatMap(({ path, titles }) =>
        path === "ledger/attacks.test.ts" ? titles : [],
      ),
    )
    const text = readFileSync(`${core}ledger/attacks.test.ts`, "utf8")
    const tried = [...text.matchAll(/\bit(?:\.each\([^\n]*\))?\("([^"]+)"/g)].map(
      ([, title = ""]) => title,
    )
    expect(tried.length).toBeGreaterThan(15)
    expect(tried.filter((title) => !own.some((name) => title.includes(name)))).toEqual([])
  })

  it.each(attacks)("when $attack, is shown by tests that are there", ({ shown, command }) =>
    isShown(shown, command),
  )
})

describe("what always holds", () => {
  const invariants = rowsBehind("Invariants").map(([number, , tested = ""]) => ({ number, tested }))

  it.each(invariants)("by number $number, is tested by files that are there", ({ tested }) => {
    expect(lacking(tested)).toEqual([])
  })

  it("is numbered without a gap", () => {
    expect(invariants.map(({ number }) => Number(number))).toEqual(
      invariants.map((_, at) => at + 1),
    )
    expect(invariants.length).toBeGreaterThan(10)
  })
})
