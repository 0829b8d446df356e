/**
 * A flaw: the first part of a value that a form of files could not give back, and the error that
 * names it. The path is put together on the way out of the walk, so sound values pay nothing.
 *
 * Knows how to say it, not how to find it.
 */
import { InvalidInput, LimitExceeded } from "../errors.js"
import { memberPath } from "../model/names.js"

interface Limit {
  readonly name: string
  readonly allowed: number
  readonly actual: number
}

interface Step {
  readonly container: object
  /** As in a path: `.layers`, `[3]`, `.get("a")` and `<key 2>` of a Map, `<member 0>` of a Set. */
  readonly step: string
}

/** What is wrong, and where: made at the part, told from the root. */
export interface Flaw {
  /** Follows the path in a sentence: `is a function`. */
  readonly problem: string
  readonly limit?: Limit
  /** From the innermost container out. */
  readonly trail: Array<Step>
}

export const flaw = (problem: string, limit?: Limit): Flaw =>
  limit === undefined ? { problem, trail: [] } : { problem, limit, trail: [] }

/** The flaw as seen from the container around it. */
export const within = (inner: Flaw, container: object, step: string): Flaw => {
  inner.trail.push({ container, step })
  return inner
}

const keyLengthMax = 64

const short = (key: string): string =>
  key.length > keyLengthMax ? `${key.slice(0, keyLengthMax)}…` : key

/** To a property. */
export const stepTo = (key: string): string => memberPath("", short(key))

/** To a value of a Map. Only strings are shown: other keys may have no short text. */
export const entryStep = (key: unknown, index: number): string =>
  typeof key === "string" ? `.get(${JSON.stringify(short(key))})` : `<value ${index}>`

const pathLengthMax = 400

const pathOf = (steps: ReadonlyArray<Step>): string => {
  const path = `value${steps.map(({ step }) => step).join("")}`
  if (path.length <= pathLengthMax) return path
  return `${path.slice(0, pathLengthMax / 2)}…${path.slice(-pathLengthMax / 2)}`.toWellFormed()
}

/** A test that runs code of the caller, such as a getter: if that throws, the answer is no. */
export const unlessThrown =
  (test: (value: unknown) => boolean) =>
  (value: unknown): boolean => {
    try {
      return test(value)
    } catch {
      return false
    }
  }

/** A path that passes the depth and meets a container again is a cycle, not a deep value. */
const cycleOf = (steps: ReadonlyArray<Step>): { path: string; back: string } | undefined => {
  const seen = new Map<object, number>()
  for (const [index, { container }] of steps.entries()) {
    const first = seen.get(container)
    if (first !== undefined)
      return { path: pathOf(steps.slice(0, index)), back: pathOf(steps.slice(0, first)) }
    seen.set(container, index)
  }
  return undefined
}

/** The error for a flaw; `next` is what the caller may do, as the end of the sentence. */
export const refusal = (found: Flaw, next: string): InvalidInput | LimitExceeded => {
  const { problem, limit } = found
  const steps = found.trail.toReversed()
  if (limit === undefined) {
    const path = pathOf(steps)
    return new InvalidInput({ path, message: `${path} ${problem}: ${next}` })
  }
  const cycle = cycleOf(steps)
  if (cycle !== undefined) {
    const { path, back } = cycle
    return new InvalidInput({ path, message: `${path} leads back to ${back}, a cycle: ${next}` })
  }
  const { name, allowed, actual } = limit
  return new LimitExceeded({
    limit: name,
    allowed,
    actual,
    message: `${pathOf(steps)} ${problem}: make it smaller or save it in parts`,
  })
}
