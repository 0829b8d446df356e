/**
 * Measuring: contenders take turns, round by round, so that whatever else the machine does meets
 * all of them alike; what counts is the median of the ratios within a round.
 *
 * Knows neither Daybook nor what it is compared with.
 */

/** One way to do the work of a comparison. */
export interface Contender {
  readonly name: string
  /** Does the work once, or as often as `times` says; a promise is awaited. Calls count from 0. */
  readonly call: (index: number) => unknown
  readonly times?: number
  /** Callers that wait at the same time. Default 1. */
  readonly callers?: number
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
  /** Microseconds of processor time an operation, of all threads; waiting costs none. Median. */
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
}

interface Turn {
  readonly calls: number
  /** Operations a second. */
  readonly speed: number
  readonly processor: number
}

const turn = async (
  { call, times = 1, callers = 1 }: Contender,
  start: number,
  milliseconds: number,
): Promise<Turn> => {
  let calls = 0
  const used = process.cpuUsage()
  const begun = performance.now()
  const caller = async () => {
    while (performance.now() - begun < milliseconds) {
      const index = start + calls
      calls += 1
      await call(index)
    }
  }
  await Promise.all(Array.from({ length: callers }, caller))
  const elapsed = performance.now() - begun
  const { user, system } = process.cpuUsage(used)
  const operations = calls * times
  return {
    calls,
    speed: (operations * 1_000) / elapsed,
    processor: (user + system) / operations,
  }
}

const medianOf = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const [low, high] = [sorted[middle - 1] ?? 0, sorted[middle] ?? 0]
  return sorted.length % 2 === 1 ? high : (low + high) / 2
}

/** Runs a comparison: one round to warm up, then those that count. */
export const measure = async (
  { title, detail, baseline, contenders }: Comparison,
  { rounds, milliseconds }: Effort,
): Promise<Measured> => {
  const turns = contenders.map((): Array<Turn> => [])
  const calls = contenders.map(() => 0)
  for (let round = 0; round <= rounds; round += 1)
    for (let step = 0; step < contenders.length; step += 1) {
      // Another one begins each round: what the one before leaves behind falls on all in turn.
      const position = (round + step) % contenders.length
      const contender = contenders[position]
      if (contender === undefined) continue
      const done = await turn(contender, calls[position] ?? 0, milliseconds)
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
