/**
 * What the durability modes promise, word for word: a program that writes is killed, and its power
 * cut at that moment, as far as a trace of its syncs tells what that would take.
 */
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Durability } from "../log/event-log.js"
import { examine } from "./oracle.contract.js"
import { bundle, programOf, Running, type Stage } from "./places.contract.js"
import { type Loss, losePower, sizesIn, syncedIn, watching } from "./power.contract.js"
import { openLedger } from "./promise.js"
import { attach, obstacle } from "./system-calls.contract.js"

const rounds = Number(process.env.POWER_ROUNDS ?? 3)
const timeout = 120_000 + rounds * 30_000
const why = obstacle()
const without = why === undefined ? "" : ` (skipped: ${why})`

const home = realpathSync(mkdtempSync(join(tmpdir(), "daybook-power-")))
afterAll(() => rmSync(home, { recursive: true, force: true }))
let door = ""
beforeAll(() => {
  door = bundle(home)
})

interface Told {
  readonly position: number
  readonly key: string
}

/** Saves from four callers, new bytes each time, and tells what was acknowledged. */
const write = async (stage: Stage, directory: string, mode: Durability): Promise<void> => {
  const ledger = await stage.openLedger({ directory, durability: mode })
  stage.tell("ready")
  await stage.told()
  const call = async (caller: number): Promise<void> => {
    for (let turn = 0; ; turn += 1) {
      const key = `${caller} ${turn}`
      const text = `${key} `.repeat(turn % 7 === caller ? 30_000 : 20)
      const options = { idempotencyKey: key, tags: ["kept"] }
      const { position } = await ledger.save(`artifact ${caller}`, text, options)
      stage.tell({ position, key })
      // A list has views stored, which are never synced as they go.
      if (turn % 4 === 3) await ledger.listVersions({ limit: 1 })
    }
  }
  await Promise.all([0, 1, 2, 3].map(call))
}

interface Killed {
  readonly root: string
  readonly synced: ReadonlyMap<string, number>
  readonly told: ReadonlyArray<Told>
}

const sealed = 3
let count = 0

/** A ledger that was sealed and opened again, whose program was killed after so many answers. */
const kill = async (mode: Durability, answers: number): Promise<Killed> => {
  count += 1
  const root = join(home, `run-${count}`)
  const directory = join(root, "ledger")
  mkdirSync(root)
  const ledger = await openLedger({ directory, durability: mode })
  await ledger.saveAll([1, 2].map((n) => ({ name: "before", value: `before ${n}` })))
  await ledger.close()
  const program = new Running(process.execPath, programOf(door, write, directory, mode))
  await program.line(0)
  const before = sizesIn(root)
  const file = `${root}.trace`
  const tracer = await attach(program.process.pid ?? 0, file, watching)
  program.say("go")
  await program.line(answers)
  await program.kill()
  const synced = syncedIn(await tracer.ended, root, before)
  return { root, synced, told: program.lines.slice(1) as ReadonlyArray<Told> }
}

/** What a power loss leaves of it, in a directory of its own. */
const cut = ({ root, synced }: Killed, loss: Loss) => {
  const left = `${root}-${loss}`
  cpSync(root, left, { recursive: true })
  return { directory: join(left, "ledger"), lost: losePower(left, synced, loss) }
}

const open = async (directory: string, durability: Durability) => {
  const ledger = await openLedger({ directory, durability, create: false })
  const { trust } = ledger
  await ledger.close()
  return trust
}

/** The answers that the events do not bear out. */
const broken = async (directory: string, told: ReadonlyArray<Told>) => {
  const events = await examine(directory)
  return told.filter(({ position, key }) => events[position - 1]?.idempotencyKey !== key)
}

describe("what a trace tells", () => {
  it("is how much of a file was synced, also where calls of other threads lie within one", () => {
    const pack = "7</home/ledger/1.pack>"
    const trace = [
      `1 pwrite64(${pack}, ""..., 100, 50) = 100`,
      `2 fdatasync(${pack}) = 0`,
      `1 pwrite64(${pack}, ""..., 30, 150 <unfinished ...>`,
      `3 write(9</home/ledger/log>, ""..., 20) = 20`,
      "1 <... pwrite64 resumed>)           = 30",
      `2 fdatasync(${pack} <unfinished ...>`,
      "3 +++ exited with 0 +++",
      "2 <... fdatasync resumed>)          = 0",
      `1 pwrite64(${pack}, ""..., 5, 180) = 5`,
      `2 fdatasync(${pack} <unfinished ...>`,
      "2 <... fdatasync resumed>)          = ?",
    ]
    const synced = syncedIn(trace.join("\n"), "/home", new Map([["ledger/1.pack", 50]]))
    expect(Object.fromEntries(synced)).toEqual({ "ledger/1.pack": 180, "ledger/log": 0 })
  })
})

describe.skipIf(why !== undefined)(`durability${without}`, () => {
  it("synced: nothing is lost when the process is killed", { timeout }, async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { root, told } = await kill("synced", round * 9)
      const directory = join(root, "ledger")
      expect(await open(directory, "synced")).toMatchObject({
        readOnly: false,
        damaged: [],
        damagedContent: [],
      })
      expect(await broken(directory, told)).toEqual([])
    }
  })

  it("synced: nothing is lost when the power fails", { timeout }, async () => {
    let losses = 0
    for (let round = 1; round <= rounds; round += 1) {
      const killed = await kill("synced", round * 9)
      for (const loss of ["cut", "zeros"] as const) {
        const { directory, lost } = cut(killed, loss)
        losses += lost.length
        expect(await open(directory, "synced")).toMatchObject({
          readOnly: false,
          damaged: [],
          damagedContent: [],
        })
        expect(await broken(directory, killed.told)).toEqual([])
      }
    }
    // Or nothing was tried.
    expect(losses).toBeGreaterThan(0)
  })

  it("buffered: nothing is lost when the process is killed", { timeout }, async () => {
    for (let round = 1; round <= rounds; round += 1) {
      const { root, told } = await kill("buffered", round * 40)
      const directory = join(root, "ledger")
      expect(await open(directory, "buffered")).toMatchObject({
        readOnly: false,
        damaged: [],
        damagedContent: [],
      })
      expect(await broken(directory, told)).toEqual([])
    }
  })

  it("buffered: what is sealed is not lost when the power fails, what is lost is the end", {
    timeout,
  }, async () => {
    let losses = 0
    for (let round = 1; round <= rounds; round += 1) {
      const killed = await kill("buffered", round * 40)
      for (const loss of ["cut", "zeros"] as const) {
        const { directory } = cut(killed, loss)
        const { position, lost, damaged, readOnly } = await open(directory, "buffered")
        expect({ damaged, readOnly }).toEqual({ damaged: [], readOnly: false })
        expect(position).toBeGreaterThanOrEqual(sealed)
        const gone = await broken(directory, killed.told)
        losses += gone.length
        expect(gone.filter((one) => one.position <= position)).toEqual([])
        if (lost !== undefined) expect(lost.from).toBe(position + 1)
      }
    }
    expect(losses).toBeGreaterThan(0)
  })
})
