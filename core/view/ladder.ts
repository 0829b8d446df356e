/**
 * The ladder: the positions at which a row changed, few enough to travel in the row, dense enough
 * that any past state is a few exact reads away.
 *
 * Changes are counted from 1. Rung 0 has the current change and the 16 before it, rung k the last
 * 17 whose ordinal is divisible by 16^k, so each reaches back to a foothold of the next. A closed
 * row carries a ladder where its ordinal is divisible by 16: a search steps on no other.
 */
import { rungLength } from "../limits.js"

export interface Ladder {
  /** Number of changes so far. */
  readonly count: number
  /** Ascending positions, the current state's own position last in rung 0. */
  readonly rungs: ReadonlyArray<ReadonlyArray<number>>
}

export const emptyLadder: Ladder = { count: 0, rungs: [] }

/** A ladder of one's own, which may be pushed. */
export interface OwnLadder extends Ladder {
  count: number
  readonly rungs: Array<Array<number>>
}

export const ownLadder = ({ count, rungs }: Ladder): OwnLadder => ({
  count,
  rungs: rungs.map((rung) => rung.slice()),
})

const pushRung = (rungs: Array<Array<number>>, level: number, position: number): void => {
  const rung = rungs[level]
  if (rung === undefined) {
    rungs[level] = [position]
    return
  }
  if (rung.length > rungLength) rung.shift()
  rung.push(position)
}

export const pushChange = (ladder: OwnLadder, position: number): void => {
  ladder.count += 1
  pushRung(ladder.rungs, 0, position)
  let stride = rungLength
  for (let level = 1; ladder.count % stride === 0; level += 1) {
    pushRung(ladder.rungs, level, position)
    stride *= rungLength
  }
}

/** Whether the closed row of this change must carry its ladder. */
export const isStep = (ladder: Ladder): boolean => ladder.count % rungLength === 0

export type Step =
  /** The state that began at `position` is the last that began at or before the one asked for. */
  | { readonly found: true; readonly position: number }
  /** Go on with the ladder of the closed row that began at `position`. */
  | { readonly found: false; readonly position: number }

/** The next step towards the last change at or before `position`; undefined when there is none. */
export const climb = (ladder: Ladder, position: number): Step | undefined => {
  const last = lastAtOrBefore(ladder.rungs[0] ?? [], position)
  if (last !== undefined) return { found: true, position: last }
  if (ladder.count <= rungLength + 1) return undefined
  // The earliest change that is known to be later: all rungs agree that the one sought is before.
  let step = Number.POSITIVE_INFINITY
  for (const rung of ladder.rungs.slice(1)) {
    const later = rung.find((change) => change > position)
    if (later !== undefined && later < step) step = later
  }
  return Number.isFinite(step) ? { found: false, position: step } : undefined
}

const lastAtOrBefore = (rung: ReadonlyArray<number>, position: number): number | undefined => {
  for (let index = rung.length - 1; index >= 0; index -= 1) {
    const change = rung[index]
    if (change !== undefined && change <= position) return change
  }
  return undefined
}
