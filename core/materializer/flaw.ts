/**
 * A flaw: the first part of a value that would not come back, and the error that names it. The path
 * is put together on the way out of the walk, so that sound values do not pay for it.
 *
 * Knows how to report a flaw, not how to find one.
 */
import { InvalidInput, LimitExceeded } from "../errors.js"
import { shownNameLengthMax, shownPathLengthMax } from "../limits.js"
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

/** What is wrong, and where. Made at the part; the steps to the root are added on the way out. */
export interface Flaw {
  /** Follows the path in a sentence: `is a function`. */
  readonly problem: string
  readonly limit?: Limit
  /** From the innermost container out. */
  readonly trail: Array<Step>
}

export const flaw = (problem: string, limit?: Limit): Flaw =>
  limit === undefined ? { problem, trail: [] } : { problem, limit, trail: [] }

/** The same flaw, one step further out. */
export const within = (inner: Flaw, container: object, step: string): Flaw => {
  inner.trail.push({ container, step })
  return inner
}

const short = (key: string): string =>
  key.length > shownNameLengthMax ? `${key.slice(0, shownNameLengthMax)}…` : key

/** To a property. */
export const stepTo = (key: string): string => memberPath("", short(key))

/** To a value of a Map. Only strings are shown: other keys may have no short text. */
export const entryStep = (key: unknown, index: number): string =>
  typeof key === "string" ? `.get(${JSON.stringify(short(key))})` : `<value ${index}>`

const pathOf = (steps: ReadonlyArray<Step>): string => {
  const path = `value${steps.map(({ step }) => step).join("")}`
  if (path.length <= shownPathLengthMax) return path
  const half = shownPathLengthMax / 2
  return `${path.slice(0, half)}…${path.slice(-half)}`.toWellFormed()
}

/** A look at a value may run code of the caller, such as a getter: `thrown` answers for that. */
export const unlessThrown =
  <A>(look: (value: unknown) => A, thrown: A) =>
  (value: unknown): A => {
    try {
      return look(value)
    } catch {
      return thrown
    }
  }

/** A path that exceeds the depth and meets a container twice is a cycle, not a deep value. */
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

/** For a value that may suit another materializer than the one asked for by name. */
export const chooseAnother = "leave the choice of a materializer out, or name one that takes it"

/** The error for a flaw; `next`, what the caller can do about it, ends the sentence. */
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
