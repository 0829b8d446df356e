/**
 * A whole ledger on the disk, of which one bit is turned, or one file cut, emptied, zeroed, deleted
 * or swapped for an older copy: never a wrong answer, never a row that is absent or an event that
 * is passed over with nothing to say so, never an end of the process, and no damaged byte removed.
 *
 * `FLIP_RUNS` bits and half as many files are drawn by `FLIP_SEED`.
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
import { bundle, start } from "./places.contract.js"
import { openLedger, type PromiseLedger } from "./promise.js"

const runs = Number(process.env.FLIP_RUNS ?? 150)
const seed = Number(process.env.FLIP_SEED ?? Math.floor(Math.random() * 2 ** 31))
const below = random(seed)

const sessions = 4
const turns = 2
// Opened by one program, one after the other.
const batchCount = 15
const childCount = 2

let root = ""
let door = ""
let truth: Told = {}
/** What became of the trials: so that it is seen that they meet every end. */
const ends = new Set<string>()
let known: Known = { versions: [], artifacts: [], moments: [] }
const ledgerIn = (): string => join(root, "ledger")
const olderIn = (): string => join(root, "older")

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
  const versions: Array<string> = []
  const artifacts: Array<string> = []
  for (let session = 0; session < sessions; session += 1) {
    const ledger = await openLedger(ledgerIn())
    await live(ledger, session)
    if (session === sessions - 1) {
      for await (const { id } of ledger.versions()) versions.push(id)
      for await (const { name } of ledger.artifacts()) artifacts.push(name)
      expect(ledger.position).toBeGreaterThan(60)
      const moments = [1, 17, 40, ledger.position]
      known = { versions, artifacts, moments }
    }
    await ledger.close()
    if (session === 1) cpSync(ledgerIn(), olderIn(), { recursive: true })
  }
  // Opened once more, so that all but the last writes lie in tables.
  await (await openLedger(ledgerIn())).close()
  const copy = join(root, "sound")
  cpSync(ledgerIn(), copy, { recursive: true })
  truth = (await told([copy], 1))[0]?.[0] ?? {}
  rmSync(copy, { recursive: true })
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
const files = (): ReadonlyArray<string> =>
  [...filesIn(ledgerIn()).keys()]
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
    () => Math.min(size - 1, edge * below(Math.ceil(size / edge)) + below(8)),
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

const flips = (): ReadonlyArray<Spoiling> => {
  const filled = files().filter((path) => statSync(join(ledgerIn(), path)).size > 0)
  const parts = [...new Set(filled.map(partOf))]
  const groups = parts.map((part) => filled.filter((path) => partOf(path) === part))
  const drawn: Array<Spoiling> = []
  for (let turn = 0; drawn.length < runs; turn += 1) {
    // Larger files have more to lose, and each is met.
    const group = groups[turn % groups.length] ?? []
    const path = group[below(group.length)]
    if (path !== undefined) drawn.push(flipOf(path, statSync(join(ledgerIn(), path)).size))
  }
  return drawn
}

const spoilings: Readonly<Record<string, (path: string, older: string) => void>> = {
  cut: (path) => truncateSync(path, below(statSync(path).size)),
  emptied: (path) => truncateSync(path, 0),
  zeroed: (path) => writeFileSync(path, Buffer.alloc(statSync(path).size)),
  deleted: (path) => rmSync(path),
  older: (path, older) => cpSync(older, path),
}

const spoilt = (): ReadonlyArray<Spoiling> => {
  const all = files().flatMap((path) =>
    Object.entries(spoilings).flatMap(([what, spoil]) => {
      const older = join(olderIn(), path)
      if (what === "older" && !existsSync(older)) return []
      return [{ path, what, spoil: (file: string) => spoil(file, older) }]
    }),
  )
  const drawn: Array<Spoiling> = []
  while (drawn.length < runs / 2 && all.length > 0) drawn.push(...all.splice(below(all.length), 1))
  return drawn
}

const tryBatch = async (
  spoils: ReadonlyArray<Spoiling>,
  number: number,
): Promise<ReadonlyArray<string>> => {
  const parent = join(root, `batch-${number}`)
  mkdirSync(parent)
  const made = spoils.map((trial, at) => {
    const directory = join(parent, String(at))
    cpSync(ledgerIn(), directory, { recursive: true })
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
        ends.add(`${partOf(trial.path)} ${judge(trial, opening, truth)}`)
      expectKept(directory, trial, found, openings[0] ?? {})
    } catch (error) {
      const actual = JSON.stringify(Reflect.get(Object(error), "actual")) ?? ""
      problems.push(`${trial.path} ${trial.what}: ${String(error)} ${actual.slice(0, 1_000)}`)
    }
  }
  rmSync(parent, { recursive: true })
  return problems
}

/** Tries all of them, several programs beside one another. */
const tryAll = async (spoils: ReadonlyArray<Spoiling>): Promise<ReadonlyArray<string>> => {
  const waiting = [...spoils]
  const problems: Array<string> = []
  let number = 0
  const worker = async (): Promise<void> => {
    while (waiting.length > 0) {
      number += 1
      problems.push(...(await tryBatch(waiting.splice(0, batchCount), number)))
    }
  }
  await Promise.all(Array.from({ length: childCount }, worker))
  return problems
}

describe(`a ledger on the disk (FLIP_SEED=${seed})`, { timeout: 3_600_000 }, () => {
  it("is asked alike when nothing is damaged", async () => {
    expect(truth).toMatchObject({ readOnly: false, damaged: [] })
    expect(Object.values(truth.answers ?? {}).filter((one) => typeof one !== "string")).toEqual([])
    const parts = new Set(files().map(partOf))
    for (const part of ["log", "view", "index", "packs", "tip", "ledger.json", "lock"])
      expect(parts).toContain(part)
    for (const part of ["log", "view", "blob/index"])
      expect(files().some((path) => path.startsWith(part) && path.endsWith(".ldb"))).toBe(true)
    expect(await tryAll([{ path: "tip", what: "left alone", spoil: () => undefined }])).toEqual([])
  })

  it(`with any of ${runs} bits turned answers right, or names the damage`, async () => {
    expect(await tryAll(flips())).toEqual([])
  })

  it("with a file that is not what it was answers right, or names the damage", async () => {
    expect(await tryAll(spoilt())).toEqual([])
    if (runs < 150) return
    const wanted = ["log read around", "log as it was", "view as it was", "packs named"]
    expect([...ends]).toEqual(expect.arrayContaining([...wanted, "ledger.json refused"]))
  })
})
