/**
 * The rules of the house, held against the whole repository. The plan is in .config/house.ts.
 *
 * Each rule is also tried on a small tree that breaks it and nothing else: a rule that found
 * nothing there would find nothing here either.
 */
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { linted } from "../.config/house.js"
import { importRules } from "../.config/import-rules.js"
import { textRules } from "../.config/text-rules.js"
import { readTree, type Tree, treeOf } from "../.config/tree.js"

const root = fileURLToPath(new URL("..", import.meta.url))
const rules = [...importRules, ...textRules]

const opening = "// What this file is.\n//\n// What it refuses to know.\n"

/** A source file with the right share of comments. */
const source = (code: string): string => `${opening}${code}\n${"0\n".repeat(18)}`

const manifest = {
  name: "daybook",
  exports: {
    ".": { default: "./dist/core/index.js" },
    "./http": "./dist/adapters/http/index.js",
    "./package.json": "./package.json",
  },
  bin: { daybook: "./dist/adapters/cli/main.js" },
}

/** A tree that keeps every rule. */
const sound: Readonly<Record<string, string>> = {
  "README.md": "# Daybook\n\n```sh\n# a comment, not a title\n```\n",
  "adapters/README.md": "# Adapters\n\nhttp, cli\n",
  "adapters/cli/main.ts": source('import "daybook"\nimport "daybook/http"\nimport "./words.js"'),
  "adapters/cli/main.test.ts": 'import "./main.js"',
  "adapters/cli/words.ts": source("export type Words = string"),
  "adapters/http/index.ts": source('import { openLedger } from "daybook"'),
  "adapters/http/index.test.ts": 'import "./index.js"',
  "core/index.ts": source('export { openLedger } from "./ledger/ledger.js"'),
  "core/index.test.ts": 'import "daybook"',
  "core/limits.ts": source("export const nameBytesMax = 255"),
  "core/command/all.ts": source('import { tag } from "./tag.js"'),
  "core/command/command.ts": source(
    'import { nameBytesMax } from "../limits.js"\n' +
      'import type { Draft } from "../view/draft.js"\n' +
      "export const command = 1",
  ),
  "core/command/command.test.ts": 'import { Draft } from "../view/draft.js"\nawait 1',
  "core/command/tag.ts": source('import { command } from "./command.js"\nexport const tag = 1'),
  "core/command/tag.test.ts": 'import "./tag.js"',
  "core/ledger/ledger.ts": source(
    'import * as Effect from "effect/Effect"\n' +
      'import { randomBytes } from "node:crypto"\n' +
      'import { commands } from "../command/all.js"\n' +
      'import type { EventLog } from "../log/event-log.js"\n' +
      'import { layer } from "../log/memory.js"\n' +
      "export const openLedger = async () => Date.now()",
  ),
  "core/ledger/ledger.test.ts": 'import { Zip } from "fflate"\nimport "./ledger.js"',
  "core/log/event-log.ts": source("export interface EventLog {}"),
  "core/log/event-log.contract.ts": source(
    'import { it } from "vitest"\nexport const eventLogContract = () => it("holds")',
  ),
  "core/log/memory.ts": source("export const layer = 1"),
  "core/log/memory.test.ts": 'import "./event-log.contract.js"\nimport "./memory.js"',
  "core/view/draft.ts": source("export class Draft {}"),
  "core/view/draft.test.ts": 'import "./draft.js"',
}

const plant = (changes: Readonly<Record<string, string | undefined>>): Tree =>
  treeOf(
    new Map(
      Object.entries({ ...sound, ...changes }).flatMap(([path, text]) =>
        text === undefined ? [] : [[path, text] as const],
      ),
    ),
    manifest,
  )

interface Breach {
  readonly rule: string
  readonly of: string
  readonly files: Readonly<Record<string, string | undefined>>
  /** How the one sentence begins that names it. */
  readonly says: string
}

/** The sound file with more code at its end. */
const adds = (path: string, code: string) => ({
  [path]: `${(sound[path] ?? opening).trimEnd()}\n${code}\n`,
})

const imports = (path: string, specifier: string, names = "thing") =>
  adds(path, `import { ${names} } from "${specifier}"`)

const breaches: ReadonlyArray<Breach> = [
  {
    rule: "rooms import downward only",
    of: "a room that looks up",
    files: imports("core/log/memory.ts", "../ledger/ledger.js"),
    says: "core/log/memory.ts imports core/ledger/ledger.ts: log may import limits,",
  },
  {
    rule: "rooms import downward only",
    of: "storage that knows other storage",
    files: imports("core/log/memory.ts", "../view/draft.js"),
    says: "core/log/memory.ts imports core/view/draft.ts: log may import limits,",
  },
  {
    rule: "rooms import downward only",
    of: "a value where the type alone is free",
    files: imports("core/command/tag.ts", "../view/draft.js", "type Draft, open"),
    says: "core/command/tag.ts imports core/view/draft.ts: command may import",
  },
  {
    rule: "rooms import downward only",
    of: "a test that looks up",
    files: imports("core/log/memory.test.ts", "../command/tag.js"),
    says: "core/log/memory.test.ts imports core/command/tag.ts: log may import",
  },
  {
    rule: "rooms import downward only",
    of: "core that knows an adapter",
    files: imports("core/index.ts", "daybook/http"),
    says: "core/index.ts imports adapters/http/index.ts: index may import",
  },
  {
    rule: "rooms import downward only",
    of: "a re-export",
    files: adds("core/view/draft.ts", 'export type { EventLog } from "../log/event-log.js"'),
    says: "core/view/draft.ts imports core/log/event-log.ts: view may import",
  },
  {
    rule: "rooms import downward only",
    of: "a room that the house does not have",
    files: { "core/service/start.ts": source("export const start = 1") },
    says: 'core/service/start.ts: no room "service"',
  },
  {
    rule: "adapters, examples and benchmarks come in by the doors",
    of: "an adapter that climbs in",
    files: imports("adapters/http/index.ts", "../../core/index.js"),
    says: "adapters/http/index.ts imports ../../core/index.js: import it from daybook",
  },
  {
    rule: "adapters, examples and benchmarks come in by the doors",
    of: "an adapter that knows another",
    files: imports("adapters/cli/words.ts", "daybook/http"),
    says: "adapters/cli/words.ts imports daybook/http: only a face's main.ts",
  },
  {
    rule: "adapters, examples and benchmarks come in by the doors",
    of: "an example that climbs in",
    files: { "examples/start.ts": 'import "../core/ledger/ledger.js"' },
    says: "examples/start.ts imports ../core/ledger/ledger.js: import it from a door",
  },
  {
    rule: "Effect comes by sub-path, and not into pure rooms",
    of: "the barrel",
    files: imports("core/log/memory.ts", "effect"),
    says: "core/log/memory.ts: import effect/Effect",
  },
  {
    rule: "Effect comes by sub-path, and not into pure rooms",
    of: "an effect in a pure room",
    files: imports("core/command/tag.ts", "effect/Effect"),
    says: "core/command/tag.ts imports effect/Effect: a pure file",
  },
  {
    rule: "Effect comes by sub-path, and not into pure rooms",
    of: "the barrel in an adapter",
    files: imports("adapters/http/index.ts", "effect"),
    says: "adapters/http/index.ts: import effect/Effect",
  },
  {
    rule: "Effect comes by sub-path, and not into pure rooms",
    of: "a platform package",
    files: imports("core/ledger/ledger.ts", "@effect/platform-node"),
    says: "core/ledger/ledger.ts: core needs no @effect/platform-node",
  },
  {
    rule: "what threads load knows no Effect",
    of: "work that is led to it by another file",
    files: {
      ...adds("core/log/memory.ts", 'import "./sort.js"\nexport const answer = 1'),
      "core/log/sort.ts": source('import * as Effect from "effect/Effect"\nexport const sort = 1'),
      "core/log/sort.test.ts": 'import "./sort.js"',
    },
    says: "core/log/sort.ts imports effect/Effect, which each thread would hold",
  },
  {
    rule: "a foreign package has one importer",
    of: "a second importer",
    files: imports("core/log/memory.ts", "msgpackr"),
    says: "core/log/memory.ts imports thing of msgpackr: leave that to core/model/msgpack.ts",
  },
  {
    rule: "a foreign package has one importer",
    of: "a package without an importer",
    files: imports("core/log/memory.ts", "@scope/surprise/deep"),
    says: "core/log/memory.ts imports @scope/surprise: give it one importer",
  },
  {
    rule: "a foreign package has one importer",
    of: "a second SHA-256",
    files: imports("core/log/memory.ts", "node:crypto", "randomBytes, createHash"),
    says: "core/log/memory.ts imports randomBytes, createHash of node:crypto: leave that to",
  },
  {
    rule: "a foreign package has one importer",
    of: "a test runner in a source",
    files: imports("core/log/memory.ts", "vitest"),
    says: "core/log/memory.ts imports thing of vitest: leave that to tests and contracts",
  },
  {
    rule: "an adapter's packages are optional peers",
    of: "an adapter that cannot do without a package",
    files: imports("adapters/http/index.ts", "@scope/server/deep"),
    says: "adapters/http/index.ts imports @scope/server: make it an optional peer",
  },
  {
    rule: "imports stand at the top of the file",
    of: "a type imported in passing",
    files: adds("core/ledger/ledger.ts", 'type Hidden = import("../limits.js").Hidden'),
    says: "core/ledger/ledger.ts: a type is imported in the middle",
  },
  {
    rule: "imports stand at the top of the file",
    of: "a type imported in passing by an adapter",
    files: adds("adapters/cli/words.ts", 'type Hidden = import("daybook").Ledger'),
    says: "adapters/cli/words.ts: a type is imported in the middle",
  },
  {
    rule: "there is no cycle, type-only imports included",
    of: "a cycle of types",
    files: {
      ...imports("core/command/command.ts", "./tag.js", "type Tag"),
    },
    says: "core/command/tag.ts -> core/command/command.ts -> core/command/tag.ts: move what",
  },
  {
    rule: "every file has an importer",
    of: "a file that only its test knows",
    files: { "core/log/lost.ts": source("0"), "core/log/lost.test.ts": 'import "./lost.js"' },
    says: "core/log/lost.ts: nothing but tests imports it",
  },
  {
    rule: "every command, projection and query is on its list",
    of: "a command that is not listed",
    files: {
      "core/command/untag.ts": source('import { command } from "./command.js"'),
    },
    says: "core/command/untag.ts: add it to core/command/all.ts",
  },
  {
    rule: "every command, projection and query is on its list",
    of: "a query that is not listed",
    files: { "core/query/versions.ts": source("export const listVersions = 1") },
    says: "core/query/versions.ts: add it to core/query/all.ts",
  },
  {
    rule: "every door leads somewhere, every adapter has a door",
    of: "a door to nowhere",
    files: { "core/index.ts": undefined },
    says: "package.json exports core/index.ts: write the file",
  },
  {
    rule: "every door leads somewhere, every adapter has a door",
    of: "an adapter without a door",
    files: {
      "adapters/nats/index.ts": source("0"),
      "adapters/README.md": "# Adapters\n\nhttp, cli, nats\n",
    },
    says: "adapters/nats: add its line to the exports",
  },
  {
    rule: "every door leads somewhere, every adapter has a door",
    of: "an adapter that is not drawn",
    files: { "adapters/README.md": "# Adapters\n\ncli\n" },
    says: "adapters/http: say in adapters/README.md",
  },
  {
    rule: "files and lines stay short",
    of: "a long source",
    files: adds("core/log/memory.ts", "0\n".repeat(300)),
    says: "core/log/memory.ts: 323 lines, 300 allowed",
  },
  {
    rule: "files and lines stay short",
    of: "a long test",
    files: adds("core/log/memory.test.ts", "0\n".repeat(500)),
    says: "core/log/memory.test.ts: 503 lines, 500 allowed",
  },
  {
    rule: "files and lines stay short",
    of: "a wide line",
    files: adds("core/limits.ts", "0".repeat(101)),
    says: "core/limits.ts, line 23: over 100 columns",
  },
  {
    rule: "every file opens with what it is and what it refuses to know",
    of: "a file that does not say",
    files: { "core/limits.ts": "export const nameBytesMax = 255\n// Too late.\n" },
    says: "core/limits.ts: its opening comment has 0 lines",
  },
  {
    rule: "every file opens with what it is and what it refuses to know",
    of: "a file that says too much",
    files: { "core/limits.ts": `/*${"\n".repeat(8)}*/\nexport const nameBytesMax = 255\n` },
    says: "core/limits.ts: its opening comment has 9 lines",
  },
  {
    rule: "comments say why, and leave room for the code",
    of: "a core that talks too much",
    files: adds("core/limits.ts", "// More.\n".repeat(20)),
    says: "core: 21 % of its lines are comments",
  },
  {
    rule: "comments say why, and leave room for the code",
    of: "a file that is silent",
    files: {
      ...adds("core/limits.ts", "0\n".repeat(100)),
      ...adds("core/command/all.ts", "// More.\n".repeat(10)),
    },
    says: "core/limits.ts: 2 % comments",
  },
  {
    rule: "comments say why, and leave room for the code",
    of: "an adapter's file that is silent",
    files: adds("adapters/cli/words.ts", "0\n".repeat(100)),
    says: "adapters/cli/words.ts: 2 % comments",
  },
  {
    rule: "names are field words in kebab-case",
    of: "another case",
    files: { "core/log/memoryLog.ts": source("0") },
    says: "core/log/memoryLog.ts: call it by small words",
  },
  {
    rule: "names are field words in kebab-case",
    of: "a file whose name says nothing",
    files: { "core/log/log-helpers.ts": source("0") },
    says: 'core/log/log-helpers.ts: "helpers" says nothing',
  },
  {
    rule: "names are field words in kebab-case",
    of: "an export whose name says nothing",
    files: adds("core/limits.ts", "export interface UserData {}"),
    says: 'core/limits.ts exports UserData: "data" says nothing',
  },
  {
    rule: "names are field words in kebab-case",
    of: "a barrel",
    files: { "core/log/index.ts": source("0") },
    says: "core/log/index.ts: a room has no barrel",
  },
  {
    rule: "every file has its test beside it",
    of: "a file without one",
    files: { "core/log/memory.test.ts": undefined },
    says: "core/log/memory.ts: write core/log/memory.test.ts",
  },
  {
    rule: "every file has its test beside it",
    of: "an excuse that is no longer needed",
    files: { "core/limits.test.ts": "" },
    says: "core/limits.ts: it has a test",
  },
  {
    rule: "every driver passes the contract of its port",
    of: "a driver that does not",
    files: { "core/log/memory.test.ts": 'import "./memory.js"' },
    says: "core/log/memory.ts: call the contract of core/log/event-log.contract.ts",
  },
  {
    rule: "pure files know no clock, no chance and no promise",
    of: "a clock",
    files: adds("core/command/tag.ts", "export const now = () => Date.now()"),
    says: 'core/command/tag.ts: "Date.now(" is the world',
  },
  {
    rule: "pure files know no clock, no chance and no promise",
    of: "a promise",
    files: adds("core/view/draft.ts", "export const later = async () => 1"),
    says: 'core/view/draft.ts: "async" is the world',
  },
  {
    rule: "nothing is left for later",
    of: "a promise to the reader",
    files: adds("core/log/memory.test.ts", `// ${["TO", "DO"].join("")}: everything`),
    says: "core/log/memory.test.ts, line 3: do it now",
  },
  {
    rule: "no rule is silenced",
    of: "a gag",
    files: adds("core/limits.ts", "// @ts-ignore"),
    says: "core/limits.ts, line 23: change the code",
  },
  {
    rule: "nothing is decided by the text of a message",
    of: "a search in a message",
    files: adds("core/log/memory.ts", 'export const is = (e: Error) => e.message.includes("full")'),
    says: "core/log/memory.ts: decide by",
  },
  {
    rule: "nothing is decided by the text of a message",
    of: "a search in a message of an adapter",
    files: adds("adapters/cli/words.ts", 'export const is = (e: Error) => e.message.match("full")'),
    says: "adapters/cli/words.ts: decide by",
  },
  {
    rule: "tests do not sleep",
    of: "a test that does",
    files: imports("core/log/memory.test.ts", "node:timers/promises"),
    says: "core/log/memory.test.ts: wait for what happens",
  },
  {
    rule: "a document has one title and points to names",
    of: "a second title",
    files: { "README.md": "# Daybook\n\n# Again\n" },
    says: 'README.md: 2 lines begin with "# "',
  },
  {
    rule: "a document has one title and points to names",
    of: "a line number",
    files: { "README.md": "# Daybook\n\nSee core/limits.ts:12.\n" },
    says: "README.md: name the function, not its line",
  },
]

const tree = readTree(root)

describe.each(rules)("$name", ({ name, find }) => {
  it("holds for the whole repository", () => {
    expect(find(tree)).toEqual([])
  })

  it("finds nothing in a sound tree", () => {
    expect(find(plant({}))).toEqual([])
  })

  it.each(breaches.filter(({ rule }) => rule === name))("notices $of", ({ files, says }) => {
    expect(find(plant(files))).toEqual([expect.stringContaining(says)])
  })
})

describe("the rules that other tools keep", () => {
  const linter = JSON.parse(readFileSync(`${root}.biome.json`, "utf8")).linter.rules

  it.each(linted)("%s/%s is an error of the linter", (group, rule) => {
    const level = linter[group]?.[rule]
    expect(typeof level === "string" ? level : level?.level).toBe("error")
  })

  it("lets no function be longer than 70 lines", () => {
    expect(linter.complexity.noExcessiveLinesPerFunction.options).toEqual({ maxLines: 70 })
  })

  it("has a lock file that names no host", () => {
    expect(readFileSync(`${root}package-lock.json`, "utf8")).not.toMatch(/"resolved": "https?:/)
  })
})

it("tries every rule", () => {
  expect(new Set(breaches.map(({ rule }) => rule))).toEqual(new Set(rules.map(({ name }) => name)))
})
