/**
 * A whole ledger on the disk, of which one bit is turned, or one file cut, emptied, zeroed, deleted
 * or swapped for an older copy: never a wrong answer, never a row that is absent or an event that
 * is passed over with nothing to say so, never an end of the process, and no damaged byte removed.
 * One that was closed, and one that was killed, whose last events no seal covers.
 *
 * `FLIP_RUNS` bits and half as many files are drawn by `FLIP_SEED`, one half for each of the two.
 * With 2,000 they are every file in every way.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { isLog, isTable } from "../disk/database.js"
import { random } from "../disk/level-samples.contract.js"
import {
  expectKept,
  filesIn,
  interrogate,
  judge,
  type Known,
  partOf,
  type Told,
  type Trial,
} from "./flips.contract.js"
import { layoutOf } from "./layout.js"
import { bundle, copyInUse, largestLog, start } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const runs = Number(process.env.FLIP_RUNS ?? 150)
const seed = Number(process.env.FLIP_SEED ?? Math.floor(Math.random() * 2 ** 31))
const below = random(seed)

// The last one stays in the write-ahead logs.
const sessions = 5
const turns = 2
// Opened by one program, one after the other.
const batchCount = 15
const childCount = 2

let root = ""
let door = ""
/** What became of the trials: so that it is seen that they meet every end. */
const ends = new Set<string>()
let known: Known = { versions: [], artifacts: [], moments: [] }
const olderIn = (): string => join(root, "older")

/** A ledger as it was left, of which copies are damaged; `truth` is what it says undamaged. */
class Subject {
  readonly state: string
  truth: Told = {}

  constructor(state: string) {
    this.state = state
  }

  get directory(): string {
    return join(root, this.state)
  }
}

const closed = new Subject("closed")
const killed = new Subject("killed")

/** Does some of everything. Each session ends in tables of all three databases. */
const live = async (ledger: PromiseLedger, session: number): Promise<void> => {
  for (let n = 0; n < 5; n += 1) {
    const name = `model ${n % 3}`
    const value = { session, n, text: `text of ${session} and ${n} `.repeat(20) }
    const { id } = await ledger.save(name, value, { tags: ["fresh", `s${session}`] })
    await ledger.logMetadata(name, { n: session * 10 + n, note: `note ${session}` })
    if (n === 1) await ledger.untag({ id }, "fresh")
    if (n === 2) await ledger.removeMetadata(name, "note")
  }
  await ledger.defineTag("only", { exclusive: true, color: "red" })
  await ledger.tag(`model 0@${session + 1}`, "only")
  // Chunks of their own, that do not shrink.
  const noise = Array.from({ length: 3_000 }, () => below(2 ** 31)).join("")
  await ledger.save("noise", noise, { inputs: ["model 0"] })
  await ledger.delete(`model 1@${session + 1}`, { reason: "old", force: true })
  if (session === 2) await ledger.restore("model 1@1")
  if (session === 0) await ledger.save("keyed", "keyed", { idempotencyKey: "long ago" })
}

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "daybook-flips-"))
  door = bundle(root)
  for (let session = 0; session < sessions; session += 1) {
    const ledger = await openLedger(closed.directory)
    await live(ledger, session)
    if (session === sessions - 1) {
      const versions: Array<string> = []
      const artifacts: Array<string> = []
      for await (const { id } of ledger.versions()) versions.push(id)
      for await (const { name } of ledger.artifacts()) artifacts.push(name)
      expect(ledger.position).toBeGreaterThan(60)
      known = { versions, artifacts, moments: [1, 17, 40, ledger.position] }
      copyInUse(closed.directory, killed.directory)
      rmSync(layoutOf(killed.directory).owner)
    }
    await ledger.close()
    if (session === 1) cpSync(closed.directory, olderIn(), { recursive: true })
  }
  for (const subject of [closed, killed]) {
    const copy = join(root, "sound")
    cpSync(subject.directory, copy, { recursive: true })
    subject.truth = (await told([copy], 1))[0]?.[0] ?? {}
    rmSync(copy, { recursive: true })
  }
}, 120_000)

afterAll(() => rmSync(root, { recursive: true, force: true }))

/** What was told of each directory, turn by turn. A program that ends before is a failure. */
const told = async (
  directories: ReadonlyArray<string>,
  count: number,
): Promise<ReadonlyArray<ReadonlyArray<Told>>> => {
  const child = start(door, interrogate, directories, known, count)
  const code = await child.ended
  const lines = child.lines as ReadonlyArray<Told>
  const complete = directories.map((_, at) => lines.slice(at * count, (at + 1) * count))
  const at = complete.findIndex(({ length }) => length < count)
  expect({ code, ended: directories[at] }).toEqual({ code: 0, ended: undefined })
  return complete
}

/** Files that hold what the ledger rests on, those of LevelDB's own telling left out. */
const files = ({ directory }: Subject): ReadonlyArray<string> =>
  [...filesIn(directory).keys()]
    .sort()
    .filter((path) => !/\/LOG(\.old)?$/.test(path) && path !== "reserve")

interface Spoiling extends Trial {
  readonly spoil: (path: string) => void
}

/** A place in a file: anywhere, at its ends, or at the edges of what LevelDB and packs write. */
const placeIn = (size: number): number => {
  const edge = [4_096, 32_768][below(2)] ?? 1
  const places = [
    () => below(size),
    () => below(Math.min(size, 16)),
    () => size - 1 - below(Math.min(size, 60)),
    () => Math.min(size - 1, Math.max(0, edge * below(Math.ceil(size / edge)) + below(9) - 1)),
  ]
  return places[below(places.length)]?.() ?? 0
}

const flipOf = (path: string, size: number): Spoiling => {
  const [at, bit] = [placeIn(size), below(8)]
  const spoil = (file: string): void => {
    const bytes = readFileSync(file)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
    writeFileSync(file, bytes)
  }
  return { path, what: `bit ${bit} at ${at} of ${size}`, spoil }
}

/** Write-ahead logs are a kind of their own: LevelDB passes over what it cannot read in them. */
const kindOf = (path: string): string => (isLog(path) ? `${partOf(path)} ahead` : partOf(path))

const sizeIn = ({ directory }: Subject, path: string): number =>
  statSync(join(directory, path)).size

/** Files with something in them, by kind. */
const groupsOf = (subject: Subject): ReadonlyArray<ReadonlyArray<string>> => {
  const filled = files(subject).filter((path) => sizeIn(subject, path) > 0)
  const kinds = [...new Set(filled.map(kindOf))]
  return kinds.map((kind) => filled.filter((path) => kindOf(path) === kind))
}

/** Kinds and the files of a kind take turns. */
const flips = (subject: Subject): ReadonlyArray<Spoiling> => {
  const groups = groupsOf(subject)
  const starts = groups.map(({ length }) => below(length))
  return Array.from({ length: runs / 2 }, (_, turn) => {
    const [at, round] = [turn % groups.length, Math.floor(turn / groups.length)]
    const group = groups[at] ?? []
    const path = group[((starts[at] ?? 0) + round) % group.length] ?? ""
    return flipOf(path, sizeIn(subject, path))
  })
}

const spoilings: Readonly<Record<string, (path: string, older: string) => void>> = {
  cut: (path) => truncateSync(path, below(statSync(path).size)),
  emptied: (path) => truncateSync(path, 0),
  zeroed: (path) => writeFileSync(path, Buffer.alloc(statSync(path).size)),
  deleted: (path) => rmSync(path),
  older: (path, older) => cpSync(older, path),
}

const spoilt = (subject: Subject): ReadonlyArray<Spoiling> => {
  const all = files(subject).flatMap((path) =>
    Object.entries(spoilings).flatMap(([what, spoil]) => {
      const older = join(olderIn(), path)
      if (what === "older" && !existsSync(older)) return []
      return [{ path, what, spoil: (file: string) => spoil(file, older) }]
    }),
  )
  const drawn: Array<Spoiling> = []
  while (drawn.length < runs / 4 && all.length > 0) drawn.push(...all.splice(below(all.length), 1))
  return drawn
}

/** So many runs meet everything that there is. */
const meetsAll = runs >= 2_000

const pathOf = ({ path }: Trial): string => path

/** Of every file that has any a bit is flipped. */
const expectEveryFile = (subject: Subject, drawn: ReadonlyArray<Spoiling>): void =>
  expect(new Set(drawn.map(pathOf))).toEqual(new Set(groupsOf(subject).flat()))

/** Every file is spoilt in every way; swapped for an older one where there was one. */
const expectEveryWay = (subject: Subject, drawn: ReadonlyArray<Spoiling>): void => {
  const there = files(subject)
  const older = there.filter((path) => existsSync(join(olderIn(), path)))
  expect(older.length).toBeGreaterThan(0)
  for (const what of ["cut", "emptied", "zeroed", "deleted", "older"]) {
    const met = drawn.filter((one) => one.what === what).map(pathOf)
    expect({ what, met: met.sort() }).toEqual({ what, met: what === "older" ? older : there })
  }
}

const tryBatch = async (
  subject: Subject,
  spoils: ReadonlyArray<Spoiling>,
  number: number,
): Promise<ReadonlyArray<string>> => {
  const parent = join(root, `batch-${number}`)
  const wasKilled = subject === killed
  mkdirSync(parent)
  const made = spoils.map((trial, at) => {
    const directory = join(parent, String(at))
    cpSync(subject.directory, directory, { recursive: true })
    trial.spoil(join(directory, trial.path))
    return { trial, directory, found: filesIn(directory).get(trial.path) }
  })
  const directories = made.map(({ directory }) => directory)
  const problems: Array<string> = []
  const answers = await told(directories, turns).catch((error: unknown) => {
    const index = directories.findIndex((directory) => String(error).includes(directory))
    const trial = made[index]?.trial
    problems.push(`${trial?.path} ${trial?.what}: the process ended: ${String(error)}`)
    return []
  })
  for (const [at, openings] of answers.entries()) {
    const one = made[at]
    if (one === undefined) continue
    const { trial, directory, found } = one
    try {
      for (const opening of openings)
        ends.add(`${partOf(trial.path)} ${judge({ ...trial, wasKilled }, opening, subject.truth)}`)
      expectKept(directory, trial, found, openings)
    } catch (error) {
      const actual = JSON.stringify(Reflect.get(Object(error), "actual")) ?? ""
      problems.push(`${trial.path} ${trial.what}: ${String(error)} ${actual.slice(0, 1_000)}`)
    }
  }
  rmSync(parent, { recursive: true })
  return problems
}

/** Tries all of them, several programs beside one another. */
const tryAll = async (
  subject: Subject,
  spoils: ReadonlyArray<Spoiling>,
): Promise<ReadonlyArray<string>> => {
  const waiting = [...spoils]
  const problems: Array<string> = []
  let number = 0
  const worker = async (): Promise<void> => {
    while (waiting.length > 0) {
      number += 1
      problems.push(...(await tryBatch(subject, waiting.splice(0, batchCount), number)))
    }
  }
  await Promise.all(Array.from({ length: childCount }, worker))
  return problems
}

describe.each([closed, killed])(
  `a ledger on the disk that was $state (FLIP_SEED=${seed})`,
  { timeout: 3_600_000 },
  (subject) => {
    it("is asked alike when nothing is damaged", async () => {
      const { truth, directory } = subject
      expect(truth).toMatchObject({ readOnly: false, damaged: [] })
      const answers = Object.values(truth.answers ?? {})
      expect(answers.filter((one) => typeof one !== "string")).toEqual([])
      const parts = new Set(files(subject).map(partOf))
      for (const part of ["log", "view", "index", "packs", "tip", "ledger.json", "lock"])
        expect(parts).toContain(part)
      for (const part of ["log", "view", "blob/index"])
        expect(files(subject).some((path) => path.startsWith(part) && isTable(path))).toBe(true)
      // Whoever is killed has not stored all rows of the index.
      for (const part of ["log", "view", ...(subject === closed ? ["blob/index"] : [])])
        expect(statSync(largestLog(join(directory, part))).size).toBeGreaterThan(1_000)
      const untouched = { path: "tip", what: "left alone", spoil: () => undefined }
      expect(await tryAll(subject, [untouched])).toEqual([])
    })

    it(`with any of ${runs / 2} bits turned answers right, or names the damage`, async () => {
      const drawn = flips(subject)
      if (meetsAll) expectEveryFile(subject, drawn)
      expect(await tryAll(subject, drawn)).toEqual([])
    })

    it("with a file that is not what it was answers right, or names the damage", async () => {
      const drawn = spoilt(subject)
      if (meetsAll) expectEveryWay(subject, drawn)
      expect(await tryAll(subject, drawn)).toEqual([])
    })
  },
)

describe("all of these", () => {
  it.skipIf(runs < 150)("meet every end", () => {
    const parts = ["log", "view", "index"].map((part) => `${part} as it was`)
    const wanted = ["log read around", ...parts, "packs named"]
    expect([...ends]).toEqual(expect.arrayContaining([...wanted, "ledger.json refused"]))
  })
})
