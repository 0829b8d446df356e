/**
 * Measuring: contenders take turns, round by round, so that whatever else the machine does meets
 * all of them alike; what counts is the median of the ratios within a round.
 *
 * Knows neither Daybook nor what it is compared with.
 */

import { readFileSync } from "node:fs"

/** One way to do the work of a comparison. */
export interface Contender {
  readonly name: string
  /** Does the work once, or as often as `times` says; a promise is awaited. Calls count from 0. */
  readonly call: (index: number) => unknown
  readonly times?: number
  /** Microseconds of processor time that it has used so far in a process that goes on. */
  readonly processor?: () => number
  /** Callers that wait at the same time. Default 1. */
  readonly callers?: number
  /** Around each call, while the clock stands still; for one caller. */
  readonly around?: {
    readonly before: (index: number) => Promise<void>
    readonly after: (index: number) => Promise<void>
  }
}

/** Ready to run. The first contender is measured against the one called `baseline`. */
export interface Comparison {
  readonly title: string
  /** What else is to be known of the work. */
  readonly detail: string
  readonly baseline: string
  readonly contenders: ReadonlyArray<Contender>
  readonly close: () => Promise<void>
}

export interface Speed {
  readonly name: string
  /** Operations a second: the median over the rounds. */
  readonly median: number
  /** Median over the rounds of the speed as a part of the baseline's in the same round. */
  readonly ratio: number
  /**
   * Microseconds of processor time an operation, of all threads and of programs that were started;
   * waiting costs none. Median.
   */
  readonly processor: number
  readonly rounds: ReadonlyArray<number>
}

export interface Measured {
  readonly title: string
  readonly detail: string
  readonly baseline: string
  readonly speeds: ReadonlyArray<Speed>
}

export interface Effort {
  readonly rounds: number
  /** How long a contender runs in a round. */
  readonly milliseconds: number
  /** Whether each has all its rounds in a row, as a program that does nothing else. */
  readonly inRow: boolean
}

interface Turn {
  readonly calls: number
  /** Operations a second. */
  readonly speed: number
  readonly processor: number
}

/**
 * Microseconds of processor time of this process and of the programs that it has started and that
 * have ended. Linux tells the latter, in hundredths of a second; elsewhere they count as nothing.
 */
const processorTime = (): number => {
  const { user, system } = process.cpuUsage()
  if (process.platform !== "linux") return user + system
  const line = readFileSync("/proc/self/stat", "utf8")
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ")
  return user + system + (Number(fields[13]) + Number(fields[14])) * 10_000
}

/** Sums up both kinds of time between each start and stop. */
class Stopwatch {
  elapsed = 0
  processor = 0
  #begun = 0
  #used = 0

  start(): void {
    this.#used = processorTime()
    this.#begun = performance.now()
  }

  stop(): void {
    this.elapsed += performance.now() - this.#begun
    this.processor += processorTime() - this.#used
  }
}

/** How many calls were done, all of which the watch has seen. */
const callersAtOnce = async (
  { call, callers = 1 }: Contender,
  start: number,
  milliseconds: number,
  watch: Stopwatch,
): Promise<number> => {
  let calls = 0
  watch.start()
  const begun = performance.now()
  const caller = async () => {
    while (performance.now() - begun < milliseconds) {
      const index = start + calls
      calls += 1
      await call(index)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  watch.stop()
  return calls
}

/** The same for calls that something has to be done around, one after the other. */
const oneByOne = async (
  { call }: Contender,
  { before, after }: NonNullable<Contender["around"]>,
  start: number,
  milliseconds: number,
  watch: Stopwatch,
): Promise<number> => {
  let calls = 0
  while (watch.elapsed < milliseconds) {
    const index = start + calls
    calls += 1
    await before(index)
    watch.start()
    await call(index)
    watch.stop()
    await after(index)
  }
  return calls
}

const turn = async (contender: Contender, start: number, milliseconds: number): Promise<Turn> => {
  const { around, times = 1, processor = () => 0 } = contender
  const watch = new Stopwatch()
  const before = processor()
  const calls =
    around === undefined
      ? await callersAtOnce(contender, start, milliseconds, watch)
      : await oneByOne(contender, around, start, milliseconds, watch)
  const operations = calls * times
  return {
    calls,
    speed: (operations * 1_000) / watch.elapsed,
    processor: (watch.processor + processor() - before) / operations,
  }
}

const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[middle - 1] ?? 0, sorted[middle] ?? 0]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

/** Who comes when: pairs of a round and the position of a contender. */
const orderOf = (
  count: number,
  { rounds, inRow }: Effort,
): ReadonlyArray<readonly [round: number, position: number]> => {
  const all = Array.from({ length: (rounds + 1) * count }, (_, at) => at)
  if (inRow) return all.map((at) => [at % (rounds + 1), Math.floor(at / (rounds + 1))])
  // Another one begins each round: what the one before leaves behind falls on all in turn.
  return all.map((at) => {
    const round = Math.floor(at / count)
    return [round, (round + at) % count]
  })
}

/** Runs a comparison: one round to warm up, then those that count. */
export const measure = async (
  { title, detail, baseline, contenders }: Comparison,
  effort: Effort,
): Promise<Measured> => {
  const turns = contenders.map((): Array<Turn> => [])
  const calls = contenders.map(() => 0)
  for (const [round, position] of orderOf(contenders.length, effort)) {
    const contender = contenders[position]
    if (contender === undefined) continue
    const done = await turn(contender, calls[position] ?? 0, effort.milliseconds)
    calls[position] = (calls[position] ?? 0) + done.calls
    if (round > 0) turns[position]?.push(done)
  }
  const base = turns[contenders.findIndex(({ name }) => name === baseline)] ?? []
  return {
    title,
    detail,
    baseline,
    speeds: contenders.map(({ name }, position) => {
      const own = turns[position] ?? []
      const rounds = own.map(({ speed }) => speed)
      const ratio = medianOf(rounds.map((speed, round) => speed / (base[round]?.speed ?? 0)))
      const processor = medianOf(own.map((done) => done.processor))
      return { name, median: medianOf(rounds), ratio, processor, rounds }
    }),
  }
}
