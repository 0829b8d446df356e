/**
 * Pruning, the rules: what a policy keeps, and why a version goes. Parsed once, then asked of each
 * version by plain functions.
 *
 * Which versions of an artifact were saved last, and who uses what, is told by whoever asks.
 */
import * as Schema from "effect/Schema"
import { refuse, shaped } from "../model/input.js"
import { Count, strict } from "../model/schema.js"
import type { VersionRow } from "../projection/versions.js"
import { conditional } from "./filter.js"
import { signalField } from "./page.js"
import { type VersionFilter, VersionFilterSchema } from "./versions.js"

/** What may go: surviving versions that no rule keeps. Held ones and inputs of others never go. */
export interface PrunePolicy {
  /** Which versions it is about; default: all. */
  readonly where?: VersionFilter
  /** So many surviving versions of each artifact stay, those saved last; default 1. */
  readonly keepLast?: number
  /** Tagged versions stay: with any tag, or with one of these. */
  readonly keepTagged?: boolean | ReadonlyArray<string>
  /** Only versions that were saved before this. */
  readonly olderThan?: Date
  /** What any surviving version was made from stays, also where that one goes. */
  readonly unusedOnly?: boolean
}

/** Why a version stays: the first of these that holds. */
export type Kept = "held" | "last" | "tagged" | "used"

/** A policy, parsed. */
export interface Rules {
  readonly where: typeof VersionFilterSchema.Type
  readonly keepLast: number
  /** Names of tags; true: all of them. */
  readonly keepTagged: true | ReadonlyArray<string>
  readonly olderThan: Date | undefined
  readonly unusedOnly: boolean
}

const isDate = Schema.makeFilter((date: Date) => !Number.isNaN(date.getTime()) || "is no date")

const schema = strict(
  Schema.Struct({
    where: Schema.optional(VersionFilterSchema.check(conditional)),
    keepLast: Schema.optional(Count),
    keepTagged: Schema.optional(Schema.Union([Schema.Boolean, Schema.Array(Schema.String)])),
    olderThan: Schema.optional(Schema.Date.check(isDate)),
    unusedOnly: Schema.optional(Schema.Boolean),
    ...signalField,
  }),
)

/** A policy that says nothing would let everything go but the last versions. */
const noRule = "names no rule: say where, keepLast, keepTagged, olderThan or unusedOnly"

/** Parses a policy. Throws `InvalidInput`, also for one that would let everything go. */
export const parsePolicy = (value: unknown, at: string): Rules => {
  const policy = shaped(schema, value, at)
  const { where, keepLast, keepTagged = [], olderThan, unusedOnly = false } = policy
  if (Array.isArray(keepTagged) && policy.keepTagged !== undefined && keepTagged.length === 0)
    refuse(`${at}.keepTagged`, "is an empty list: name a tag, or say true for any")
  const isNarrow = where !== undefined || olderThan !== undefined || unusedOnly
  const keeps = policy.keepTagged !== undefined && policy.keepTagged !== false
  if (!isNarrow && !keeps && keepLast === undefined) refuse(at, noRule)
  if (!isNarrow && !keeps && keepLast === 0)
    refuse(`${at}.keepLast`, "is 0 and the only rule: everything would go; say which, by where")
  return {
    where: where ?? {},
    keepLast: keepLast ?? 1,
    keepTagged: keepTagged === false ? [] : keepTagged,
    olderThan,
    unusedOnly,
  }
}

/** Why a version stays, whoever uses it; undefined: nothing else keeps it. */
export const keptBy = (
  { held }: Pick<VersionRow, "held">,
  isLast: boolean,
  isTagged: boolean,
): Exclude<Kept, "used"> | undefined => {
  if (held !== undefined) return "held"
  if (isLast) return "last"
  return isTagged ? "tagged" : undefined
}

/** Whether a version is old enough to go. */
export const isOld = ({ olderThan }: Rules, { createdAt }: Pick<VersionRow, "createdAt">) =>
  olderThan === undefined || createdAt < olderThan.getTime()

/**
 * Why versions go, in words: those in use are used by versions alone that go too. The same text for
 * every version of a plan, so that it costs nothing to have it with each.
 */
export const printWhy = ({ keepLast, keepTagged, olderThan }: Rules, isUsed: boolean): string =>
  [
    ...(olderThan === undefined ? [] : [`saved before ${olderThan.toISOString()}`]),
    ...(keepLast === 0 ? [] : [keepLast === 1 ? "not latest" : `not among the last ${keepLast}`]),
    ...(keepTagged === true ? ["not tagged"] : []),
    ...(keepTagged === true || keepTagged.length === 0 ? [] : [`not ${keepTagged.join(" or ")}`]),
    isUsed ? "used only by versions that go too" : "not used",
  ].join(", ")
