/**
 * The plan of the house as data: its rooms, who may import whom, how long things may be, which
 * words are not used. core/README.md says why; this page is what the tests go by.
 *
 * Knows no file of the tree but those that have a rule of their own.
 */

/** Lines of a file, and columns of a line. Functions are measured by the linter. */
export const caps = { sourceLines: 300, testLines: 500, columns: 100 }

/** Lines of the comment that opens a file, its delimiters included. */
export const openingLines = { min: 3, max: 8 }

/** Lines with a comment on them, in percent: of all sources of core together, and of any one. */
export const commentShare = { min: 10, max: 18, fileMin: 4, fileMax: 50, fileLinesMin: 50 }

export interface Room {
  /** Tests may also import what lies on lower levels. */
  readonly level: number
  /** Rooms, and single files, that it may import. */
  readonly may: ReadonlyArray<string>
  /** Files of which it may import types alone. */
  readonly types?: ReadonlyArray<string>
}

const ground = ["limits", "errors", "model"]
const pure = ["event", "proof", "projection", "command"]
const storage = ["log", "view", "blob", "directory"]
const below = [...ground, "disk", "thread", ...pure, ...storage, "zip", "materializer", "query"]

const eventLog = "core/log/event-log.ts"
const viewStore = "core/view/view-store.ts"
const blobStore = "core/blob/blob-store.ts"
const draft = "core/view/draft.ts"
const registry = "core/view/registry.ts"

export const rooms: Readonly<Record<string, Room>> = {
  limits: { level: 0, may: [] },
  errors: { level: 0, may: ["limits"] },
  model: { level: 0, may: ["limits", "errors"] },

  disk: { level: 1, may: ground },
  thread: { level: 1, may: ground },

  event: { level: 1, may: ground },
  proof: { level: 1, may: ground },
  log: { level: 1, may: [...ground, "disk"] },
  view: { level: 1, may: [...ground, "disk"] },
  blob: { level: 1, may: [...ground, "disk", "thread"] },
  directory: { level: 1, may: [...ground, "disk", "thread"] },

  projection: { level: 2, may: [...ground, "event"], types: [draft, registry] },
  zip: { level: 2, may: ground, types: [blobStore] },
  materializer: { level: 2, may: ground },

  command: { level: 3, may: [...ground, "event", "projection"], types: [draft] },
  query: {
    level: 3,
    may: [
      ...ground,
      "event",
      "projection",
      eventLog,
      viewStore,
      blobStore,
      "core/view/moment.ts",
      "core/view/views.ts",
    ],
    types: [draft, registry],
  },

  ledger: { level: 4, may: below },

  index: { level: 5, may: [...below, "ledger", "effect"] },
  effect: { level: 5, may: [...below, "ledger"] },
  testing: { level: 5, may: [...below, "ledger"] },
}

/** Where no Effect value is made, and nothing depends on clock, chance or the world outside. */
export const isPure = (path: string): boolean =>
  ["model", ...pure].some((room) => path.startsWith(`core/${room}/`)) ||
  ["core/zip/layout.ts", "core/view/key.ts", draft].includes(path)

export interface Importers {
  /** Only these names of the package; all of them where it is absent. */
  readonly names?: ReadonlyArray<string>
  /** Files of core. Their tests may import it too. */
  readonly files: ReadonlyArray<string>
  /** Whether every test may, since it is an independent witness there. */
  readonly tests?: true
}

/** Every package that core may import besides Effect, and the files that do. */
export const packages: Readonly<Record<string, Importers>> = {
  level: {
    files: [
      "core/log/level.ts",
      "core/log/level-records.ts",
      "core/log/level-copy.ts",
      "core/view/level.ts",
      "core/blob/index-database.ts",
      "core/disk/level-lock.ts",
      "core/ledger/lock.ts",
      "core/log/places.contract.ts",
    ],
    tests: true,
  },
  msgpackr: { files: ["core/model/msgpack.ts"] },
  fflate: { files: ["core/zip/inflate.ts"], tests: true },
  ulid: { files: ["core/ledger/id.ts"] },
  vitest: { files: [], tests: true },
  "fast-check": { files: [], tests: true },
  "@duckdb/node-api": { files: [], tests: true },
}

const signing = ["sign", "verify", "createPrivateKey", "createPublicKey", "generateKeyPairSync"]

/** Parts of Node's own modules that have one place. */
export const primitives: Readonly<Record<string, ReadonlyArray<Importers>>> = {
  "node:crypto": [
    { names: ["createHash", "hash"], files: ["core/model/digest.ts"] },
    { names: signing, files: ["core/proof/note.ts"] },
  ],
}

/**
 * Rooms whose `all.ts` lists what is in them, and files there that stay off it. What belongs on the
 * list uses the word that the room is named after (`projection` of projection.ts, the type
 * `Materializer` of materializer.ts), or serves no other file of its room.
 */
export const listed: Readonly<Record<string, ReadonlyArray<string>>> = {
  command: [],
  materializer: [],
  projection: ["core/projection/resolve.ts"],
  query: [],
}

/** Sources without a test of their own, and why. Ports are tested by their contract. */
export const untested: Readonly<Record<string, string>> = {
  "core/limits.ts": "bounds, tested on both sides where they are kept",
  "core/command/all.ts": "a list",
  "core/projection/all.ts": "a list",
  "core/query/all.ts": "a list",
  "core/blob/draft.ts": "types alone",
  "core/directory/sink.ts": "types alone",
  "core/thread/worker.ts": "runs on threads, tested by threads.test.ts",
}

/** Words that say nothing about what a thing is. */
export const emptyWords = ["util", "helper", "common", "manager", "handler", "info", "item"]

/** What the linter holds for these tests: rules that must stay on, as errors. */
export const linted = [
  ["complexity", "noExcessiveLinesPerFunction"],
  ["correctness", "noUndeclaredDependencies"],
  ["nursery", "noFloatingPromises"],
  ["style", "noNonNullAssertion"],
  ["suspicious", "noExplicitAny"],
  ["suspicious", "noFocusedTests"],
  ["suspicious", "noSkippedTests"],
] as const
