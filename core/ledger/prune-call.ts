/**
 * What `prune` takes and gives: a policy, or a plan that was shown before, each parsed; and a plan
 * held against the ledger that it was made of.
 *
 * Deletes nothing.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InvalidInput, type Refusal, type ViewFailure } from "../errors.js"
import { pageSizeMax, planVersionCountMax, reasonBytesMax } from "../limits.js"
import { checkCount, checkOptions, flag, readable, refuse, shaped, text } from "../model/input.js"
import type { Id } from "../model/names.js"
import { Count, IdSchema, strict } from "../model/schema.js"
import { findById } from "../projection/resolve.js"
import { visitConsumers } from "../query/consumers.js"
import type { Plan, PlannedVersion } from "../query/prune.js"
import { type PrunePolicy, parsePolicy, type Rules } from "../query/pruning.js"
import type { Moment } from "../query/query.js"
import type { Abortable } from "./call-options.js"

export interface PruneOptions extends Abortable {
  /** Why, for the events; in place of that of `with`. */
  readonly reason?: string
}

/** A policy, and how it is carried out. */
export interface PruneRequest extends PrunePolicy, PruneOptions {
  /** Only the plan. It can be executed as it is by handing it to `prune`. */
  readonly dryRun?: boolean
}

/** A version of a plan that was not deleted, since this became of it meanwhile. */
export interface SkippedVersion {
  readonly id: Id
  readonly name: string
  readonly version: string
  /** `used`: by a version that survives. `changed`: its metadata, or fewer tags. */
  readonly why: "deleted" | "held" | "used" | "tagged" | "changed"
}

export interface PrunePlan extends Plan {
  readonly skipped: ReadonlyArray<SkippedVersion>
  /** Whether it was executed: then `versions` are those that were deleted. */
  readonly done: boolean
}

export type PruneCall = { readonly dryRun: boolean; readonly reason?: string } & (
  | { readonly plan: PrunePlan }
  | { readonly plan?: undefined; readonly rules: Rules }
)

const named = { id: IdSchema, name: Schema.String, version: Schema.String }
const whys = ["deleted", "held", "used", "tagged", "changed"] as const

const planSchema = strict(
  Schema.Struct({
    position: Count,
    versions: Schema.Array(Schema.Struct({ ...named, size: Count, why: Schema.String })),
    count: Count,
    bytes: Count,
    kept: Schema.Struct({ held: Count, last: Count, tagged: Count, used: Count }),
    skipped: Schema.Array(Schema.Struct({ ...named, why: Schema.Literals(whys) })),
    done: Schema.Boolean,
  }),
)

const parsePlan = (given: object): PrunePlan => {
  const { versions } = given as { readonly versions: unknown }
  if (Array.isArray(versions))
    checkCount("planVersionCountMax", planVersionCountMax, versions.length)
  return shaped(planSchema, given, "plan")
}

const reasonIn = (reason: unknown, at: string) =>
  reason === undefined ? {} : { reason: text(reason, at, reasonBytesMax) }

/** A plan has versions, a policy never does. */
export const parsePrune = (what: unknown, options?: unknown): PruneCall => {
  if (typeof what !== "object" || what === null || readable("policy", () => Array.isArray(what)))
    return refuse("policy", "is neither a policy nor a plan: say which versions are kept")
  const given = readable("policy", () => ({ ...what })) as Record<string, unknown>
  if ("versions" in given) {
    const { reason } = checkOptions(options ?? {}, ["reason", "signal"]) as PruneOptions
    return { plan: parsePlan(given), dryRun: false, ...reasonIn(reason, "options.reason") }
  }
  if (options !== undefined) refuse("options", "go with a plan: a policy says them itself")
  const { dryRun, reason, ...policy } = given
  return {
    rules: parsePolicy(policy, "policy"),
    dryRun: flag(dryRun, "policy.dryRun"),
    ...reasonIn(reason, "policy.reason"),
  }
}

const foreign = (path: string, problem: string): InvalidInput =>
  new InvalidInput({ message: `${path} ${problem}: plan anew with dryRun`, path })

/** The versions of a plan, with their number and their bytes. */
export const totalsOf = (versions: ReadonlyArray<PlannedVersion>) => ({
  versions,
  count: versions.length,
  bytes: versions.reduce((sum, { size }) => sum + size, 0),
})

/**
 * A plan that was handed back, held against the ledger: its versions under their names and with
 * their sizes, consumers first; and which of them were used then by others than it names.
 */
export const checkedPlan = Effect.fnUntraced(function* (
  seen: Moment,
  now: Moment,
  { position, versions, kept }: PrunePlan,
): Effect.fn.Return<{ readonly plan: Plan; readonly blocked: Set<string> }, Refusal | ViewFailure> {
  if (position !== seen.position)
    return yield* foreign("plan.position", `is ${position}, beyond the ledger's`)
  const found = new Map<string, { readonly at: number; readonly one: PlannedVersion }>()
  for (const [index, one] of versions.entries()) {
    if (index % pageSizeMax === 0) yield* Effect.yieldNow
    // Of what never changes: the present is read faster than the past.
    const resolved = findById(now.views, one.id)
    if (resolved === undefined || resolved.version.position > position)
      return yield* foreign(`plan.versions[${index}].id`, "was of no version of this ledger then")
    const { artifact, version } = resolved
    const { position: at, label, content } = version
    const named = { ...one, name: artifact.name, version: label, size: content.size }
    found.set(one.id, { at, one: named })
  }
  const blocked = new Set<string>()
  for (const id of found.keys())
    yield* visitConsumers(seen, id, (consumer, isAlive) => {
      if (!found.has(consumer) && isAlive()) blocked.add(id)
      return blocked.has(id)
    })
  const newestFirst = [...found.values()].sort((a, b) => b.at - a.at).map(({ one }) => one)
  return { plan: { ...totalsOf(newestFirst), position, kept }, blocked }
})
