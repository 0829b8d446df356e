/**
 * Programs of which one system call is spoilt: each runs over a copy of a directory, under strace
 * from the moment it is ready, once for every call and every fault that tells anything about it.
 *
 * Knows neither what the programs do nor what must hold of what they leave.
 */
import { mkdirSync, rmSync } from "node:fs"
import { expect } from "vitest"
import { Running } from "./places.contract.js"
import {
  attach,
  callsOf,
  type Fault,
  isTelling,
  type SystemCall,
  timesFired,
} from "./system-calls.contract.js"

// Names drawn at random would be others in each run; these are counted.
const counted = `data:text/javascript,${encodeURIComponent(`
  import crypto from "node:crypto"
  import { syncBuiltinESMExports } from "node:module"
  let count = 0
  crypto.randomUUID = () => {
    count += 1
    return "00000000-0000-4000-8000-" + String(count).padStart(12, "0")
  }
  syncBuiltinESMExports()
`)}`

/** What became of a program. */
export interface Trial<Told> {
  /** Contains the directory that it worked on. */
  readonly root: string
  /** What it told once it was ready. */
  readonly told: ReadonlyArray<Told>
  /** Null when it was killed. */
  readonly code: number | null
  readonly trace: string
}

export interface Program {
  /** To be made, for this program alone. */
  readonly root: string
  /** Puts what it works on into the root. */
  readonly prepare: () => void
  /** For Node. It tells one line when it is ready, and goes on when it is told to. */
  readonly args: ReadonlyArray<string>
  readonly tracing: (root: string) => ReadonlyArray<string>
}

/** Runs a program under strace; one that does not come to its end in half a minute has hung. */
export const runTraced = async <Told>({
  root,
  prepare,
  args,
  tracing,
}: Program): Promise<Trial<Told>> => {
  const file = `${root}.trace`
  mkdirSync(root)
  prepare()
  const env = { ...process.env, UV_THREADPOOL_SIZE: "1" }
  const program = new Running(process.execPath, ["--import", counted, ...args], env)
  const limit = AbortSignal.timeout(30_000)
  limit.onabort = () => void program.kill()
  await program.line(0)
  const tracer = await attach(program.process.pid ?? 0, file, tracing(root))
  program.say("go")
  const code = await program.ended
  const trace = await tracer.ended
  rmSync(file)
  if (limit.aborted) throw new Error(`the program has hung: ${JSON.stringify(program.lines)}`)
  limit.onabort = null
  return { root, told: program.lines.slice(1) as ReadonlyArray<Told>, code, trace }
}

/** A call to be spoilt, and how. */
export interface Point {
  readonly call: SystemCall
  readonly fault: Fault
}

const allFaults: ReadonlyArray<Fault> = ["KILL", "EIO", "ENOSPC"]

/** Every call of a trace with every fault of these that tells anything about it. */
export const pointsIn = (
  trace: string,
  root: string,
  faults: ReadonlyArray<Fault> = allFaults,
): ReadonlyArray<Point> => {
  const calls = callsOf(trace, root)
  return faults.flatMap((fault) =>
    calls.filter((call) => isTelling(call, fault)).map((call) => ({ call, fault })),
  )
}

const nameOf = ({ call, fault }: Point): string =>
  `${fault} at ${call.name} ${call.path} ${call.ordinal([call.path])}`

type Attempt = "not spoilt" | "as it should be" | { readonly problem: string }

export interface Attempting<Told> {
  /** Runs the program with the call of the point spoilt. */
  readonly run: (point: Point) => Promise<Trial<Told>>
  /** Rejects when what became of it is not as it should be. */
  readonly judge: (trial: Trial<Told>, point: Point) => Promise<void>
}

/** Spoils one call and judges what became of it; answers with what was wrong, if anything. */
const attempt = async <Told>({ run, judge }: Attempting<Told>, point: Point): Promise<Attempt> => {
  const { fault } = point
  let told: ReadonlyArray<Told> = []
  try {
    const trial = await run(point)
    told = trial.told
    if (fault === "KILL" ? trial.code !== null : timesFired(trial.trace) === 0) return "not spoilt"
    await judge(trial, point)
    rmSync(trial.root, { recursive: true })
    return "as it should be"
  } catch (error) {
    const lines = told.map((one) => JSON.stringify(one))
    return { problem: [nameOf(point), String(error), ...lines].join("\n  ") }
  }
}

/** Two at a time: each waits for the disk, or for the other process, about half of its time. */
const attemptAll = async <Told>(
  attempting: Attempting<Told>,
  points: ReadonlyArray<Point>,
): Promise<ReadonlyArray<readonly [Point, Attempt]>> => {
  const waiting = [...points]
  const done: Array<readonly [Point, Attempt]> = []
  const worker = async (): Promise<void> => {
    for (let point = waiting.pop(); point !== undefined; point = waiting.pop())
      done.push([point, await attempt(attempting, point)])
  }
  await Promise.all([worker(), worker()])
  return done
}

/** Spoils every call of these, and expects that all that became of it is as it should be. */
export const expectSound = async <Told>(
  attempting: Attempting<Told>,
  points: ReadonlyArray<Point>,
): Promise<void> => {
  const first = await attemptAll(attempting, points)
  const missed = first.filter(([, end]) => end === "not spoilt").map(([point]) => point)
  const again = await attemptAll(attempting, missed)
  const ends = [...first, ...again].map(([, end]) => end)
  expect(ends.flatMap((end) => (typeof end === "string" ? [] : [end.problem]))).toEqual([])
  // A call may come in another order now and then, but not twice.
  const unspoilt = again.filter(([, end]) => end === "not spoilt").map(([point]) => point)
  expect(unspoilt.map(nameOf)).toEqual([])
}
