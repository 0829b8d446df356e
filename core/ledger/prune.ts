/**
 * Pruning: a plan of what goes by a policy, then each version of it deleted as `delete` does, so
 * that each can be restored. What changed since the plan was made is left alone, and said.
 *
 * Knows neither what a policy keeps nor what stands in the way of a deletion.
 */
import * as Effect from "effect/Effect"
import type { DeleteInput } from "../command/delete.js"
import type { DaybookError } from "../errors.js"
import { pageSizeMax, pruneCountMax } from "../limits.js"
import type { Id } from "../model/names.js"
import { findById, hiddenSince } from "../projection/resolve.js"
import { subjects } from "../projection/subjects.js"
import { queries } from "../query/all.js"
import { explaining } from "../query/explain.js"
import { parsedInput } from "../query/input.js"
import type { Plan, PlannedVersion } from "../query/prune.js"
import type { Moment } from "../query/query.js"
import type { WriteOptions } from "./call-options.js"
import { deleteParsed } from "./delete.js"
import { type Engine, momentAt, presentMoment } from "./engine.js"
import {
  checkedPlan,
  type PruneOptions,
  type PrunePlan,
  parsePrune,
  type SkippedVersion,
  totalsOf,
} from "./prune-call.js"
import { rehearse, type Session } from "./submit.js"

const lastAbout = ({ views }: Moment, id: string): number =>
  views.view(subjects).get(["last", id]) ?? 0

/** What became of a version since the plan; undefined where it is as it was. */
const changeOf = (seen: Moment, now: Moment, id: string): SkippedVersion["why"] | undefined => {
  const found = findById(now.views, id)
  if (found === undefined || hiddenSince(found) !== undefined) return "deleted"
  if (found.version.held !== undefined) return "held"
  if (lastAbout(now, id) === lastAbout(seen, id)) return undefined
  const before = findById(seen.views, id)?.version.tags ?? []
  return found.version.tags.every((tag) => before.includes(tag)) ? "changed" : "tagged"
}

/** A plan while it is executed. */
interface Execution {
  readonly session: Session
  /** The moment of the plan. */
  readonly seen: Moment
  readonly options: WriteOptions
  /** Versions of the plan that must stay, since what was made from them stays. */
  readonly blocked: Set<string>
}

/** Deletes a version that is as it was; answers with why it is left alone otherwise. */
const deleteOne = Effect.fnUntraced(function* (
  { session, seen, options, blocked }: Execution,
  id: Id,
): Effect.fn.Return<SkippedVersion["why"] | undefined, DaybookError> {
  const { engine } = session
  // Refusals are explained by lists, which would be many where all is deleted already.
  const before = changeOf(seen, yield* presentMoment(engine), id)
  if (before !== undefined) return before
  if (blocked.has(id)) return "used"
  const { position } = seen
  const input: DeleteInput = {
    target: { kind: "version", reference: { by: "id", id } },
    expect: { position: lastAbout(seen, id) },
  }
  // All that used it then was deleted before it, or it would be blocked.
  const deleting = deleteParsed(session, input, options, { id, position, consumers: [], held: [] })
  return yield* Effect.catch(Effect.as(deleting, undefined), (error) => {
    switch (error._tag) {
      case "InUse":
        return Effect.succeed(error.held.length > 0 ? ("held" as const) : ("used" as const))
      case "ExpectationFailed":
      case "VersionMissing":
      case "ArtifactMissing":
        return Effect.map(presentMoment(engine), (now) => changeOf(seen, now, id) ?? "changed")
      default:
        return Effect.fail(error)
    }
  })
})

/** They never change, so the present is asked, which is read faster than the past. */
const inputsOf = (engine: Engine, id: string) =>
  findById(momentAt(engine, engine.head()).views, id)?.version.inputs ?? []

/**
 * The versions by how many of those that were made from them go first, one made from the other: all
 * of a level can be deleted side by side once those before it are.
 */
const levelsOf = Effect.fnUntraced(function* (
  engine: Engine,
  planned: ReadonlyArray<PlannedVersion>,
) {
  const levels: Array<Array<PlannedVersion>> = []
  const levelAt = new Map(planned.map(({ id }): [string, number] => [id, 0]))
  for (const [index, one] of planned.entries()) {
    if (index % pageSizeMax === 0) yield* Effect.yieldNow
    const level = levelAt.get(one.id) ?? 0
    const others = levels[level]
    if (others === undefined) levels[level] = [one]
    else others.push(one)
    for (const { id } of inputsOf(engine, one.id)) {
      const before = levelAt.get(id)
      if (before !== undefined) levelAt.set(id, Math.max(before, level + 1))
    }
  }
  return levels
})

const execute = Effect.fnUntraced(function* (
  execution: Execution,
  { position, versions, kept }: Plan,
): Effect.fn.Return<PrunePlan, DaybookError> {
  const { blocked } = execution
  const { engine } = execution.session
  const skipped = new Map<string, SkippedVersion>()
  for (const level of yield* levelsOf(engine, versions))
    for (let start = 0; start < level.length; start += pruneCountMax) {
      const run = level.slice(start, start + pruneCountMax)
      const deleting = run.map(({ id }) => deleteOne(execution, id))
      const whys = yield* Effect.all(deleting, { concurrency: "unbounded" })
      for (const [index, { id, name, version }] of run.entries()) {
        const why = whys[index]
        if (why === undefined) continue
        skipped.set(id, { id, name, version, why })
        if (why !== "deleted") for (const input of inputsOf(engine, id)) blocked.add(input.id)
      }
    }
  const gone = versions.filter(({ id }) => !skipped.has(id))
  const left = [...skipped.values()]
  return { ...totalsOf(gone), position, kept, skipped: left, done: true }
})

export const prune = (session: Session) =>
  Effect.fn("Ledger.prune")(function* (what: unknown, given?: PruneOptions) {
    const call = yield* parsedInput(() => parsePrune(what, given))
    const options = call.reason === undefined ? {} : { reason: call.reason }
    if (!call.dryRun) yield* rehearse(session, [], options)
    const { engine } = session
    const now = yield* presentMoment(engine)
    if (call.plan === undefined) {
      const plan = yield* explaining(Effect.succeed(now))(queries.planPrune(now, call.rules))
      if (call.dryRun) return { ...plan, skipped: [], done: false } satisfies PrunePlan
      return yield* execute({ session, seen: now, options, blocked: new Set() }, plan)
    }
    const seen = momentAt(engine, Math.min(call.plan.position, now.position))
    const { plan, blocked } = yield* checkedPlan(seen, now, call.plan)
    return yield* execute({ session, seen, options, blocked }, plan)
  })
