/**
 * What a policy would prune, as of one moment: one walk over the versions from the newest to the
 * oldest. What was made from others came after them, so whoever uses a version is decided by then.
 *
 * Memory grows with what goes, not with the ledger. Deletes nothing.
 */
import * as Effect from "effect/Effect"
import { LimitExceeded, type ViewFailure } from "../errors.js"
import { pageSizeMax, planArtifactCountMax, planVersionCountMax } from "../limits.js"
import type { Id } from "../model/names.js"
import { type ArtifactRow, artifacts } from "../projection/artifacts.js"
import { highestAbsent } from "../projection/bitmap.js"
import { findArtifact, versionAt } from "../projection/resolve.js"
import { type VersionRow, versions } from "../projection/versions.js"
import type { ViewReader } from "../view/draft.js"
import { visitConsumers } from "./consumers.js"
import { exactText, tagPredicate } from "./filter.js"
import { parsedInput } from "./input.js"
import { isOld, type Kept, keptBy, printWhy, type Rules } from "./pruning.js"
import type { Asked, Moment } from "./query.js"
import { versionPredicate } from "./versions.js"

export interface PlannedVersion {
  readonly id: Id
  /** The artifact's name. */
  readonly name: string
  /** The label. */
  readonly version: string
  /** Bytes of all its files. */
  readonly size: number
  /** Why it goes, in words. */
  readonly why: string
}

/** What goes and what stays, as of one position. */
export interface Plan {
  readonly position: number
  /** Consumers before what they were made from. */
  readonly versions: ReadonlyArray<PlannedVersion>
  readonly count: number
  /** Logical: of all their files, before anything is shared. */
  readonly bytes: number
  /** How many more the policy is about, by what keeps each of them. */
  readonly kept: { readonly [K in Kept]: number }
}

/** The ordinal of the version that is last but so many among those that survive. */
const lastOrdinal = (views: ViewReader, { id, latest }: ArtifactRow, count: number): number => {
  const rows = views.view(artifacts)
  let page: { readonly at: number; readonly bits: Uint8Array | undefined } | undefined
  const pageAt = (at: number) => {
    if (page?.at !== at) page = { at, bits: rows.get(["deleted", id, at]) }
    return page.bits
  }
  let ordinal = latest ?? 0
  for (let left = count - 1; left > 0; left -= 1) ordinal = highestAbsent(ordinal - 1, pageAt) ?? 0
  return ordinal
}

interface Owner {
  readonly name: string
  /** Versions from this ordinal on are the last ones. */
  readonly lastFrom: number
}

/** The artifact of a version, where it survives. */
const ownersOf = ({ views }: Moment, { keepLast }: Rules) => {
  const known = new Map<string, Owner | undefined>()
  const find = (artifactId: string): Owner | undefined => {
    const name = views.view(artifacts).get(["id", artifactId])
    const row = name === undefined ? undefined : findArtifact(views, name)
    if (row === undefined || row.deleted !== undefined) return undefined
    const { surviving } = row
    if (keepLast === 0) return { name: row.name, lastFrom: Number.POSITIVE_INFINITY }
    const lastFrom = surviving <= keepLast ? 0 : lastOrdinal(views, row, keepLast)
    return { name: row.name, lastFrom }
  }
  return (artifactId: string): Owner | undefined => {
    if (known.has(artifactId)) return known.get(artifactId)
    if (known.size >= planArtifactCountMax) known.clear()
    const owner = find(artifactId)
    known.set(artifactId, owner)
    return owner
  }
}

/** Versions from the newest to the oldest, in pages; of one artifact where `where` names it. */
const pagesOf = (moment: Moment, { where }: Rules) => {
  const rows = moment.views.view(versions)
  const page = { reverse: true, countMax: pageSizeMax }
  const only = exactText(where.name)
  if (only === undefined)
    return (after: string | undefined) =>
      Effect.map(rows.list({ prefix: ["position"], after, ...page }), ({ resume, rows: keys }) => ({
        rows: keys.map(({ value }) => versionAt(moment.views, value)),
        resume,
      }))
  const id = findArtifact(moment.views, only)?.id ?? ""
  return (after: string | undefined) =>
    Effect.map(rows.list({ prefix: ["at", id], after, ...page }), ({ resume, rows: found }) => ({
      rows: found.map(({ value }): VersionRow | undefined => value),
      resume,
    }))
}

const tooMany = (allowed: number): LimitExceeded =>
  new LimitExceeded({
    message: `a plan names at most ${allowed} versions: prune in parts, by where or olderThan`,
    limit: "planVersionCountMax",
    allowed,
    actual: allowed + 1,
  })

/** Whether a version is used by what stays, by what goes alone, or not at all. */
const useOf = Effect.fnUntraced(function* (
  moment: Moment,
  { id }: VersionRow,
  goes: (consumer: string) => boolean,
): Effect.fn.Return<"used" | "goes" | "unused", ViewFailure> {
  let use: "used" | "goes" | "unused" = "unused"
  yield* visitConsumers(moment, id, (consumer, isAlive) => {
    if (goes(consumer)) use = "goes"
    else if (isAlive()) use = "used"
    return use === "used"
  })
  return use
})

interface Judged {
  readonly name: string
  readonly row: VersionRow
  /** What keeps it, whoever uses it. */
  readonly kept: Exclude<Kept, "used"> | undefined
}

/** What the rules say of a version; undefined where they are not about it. */
const judging = (moment: Moment, rules: Rules) =>
  parsedInput(() => {
    const { keepTagged, where } = rules
    const passes = versionPredicate(moment, where)
    const isTagged =
      keepTagged === true
        ? (tags: ReadonlyArray<string>) => tags.length > 0
        : tagPredicate(moment.views, { any: keepTagged })
    const ownerOf = ownersOf(moment, rules)
    return (row: VersionRow | undefined): Judged | undefined => {
      const owner = row === undefined ? undefined : ownerOf(row.artifactId)
      if (row === undefined || owner === undefined) return undefined
      if (!passes(owner.name, row) || !isOld(rules, row)) return undefined
      const kept = keptBy(row, row.ordinal >= owner.lastFrom, isTagged(row.tags))
      return { name: owner.name, row, kept }
    }
  })

/** Collects what goes, and counts what stays. */
const collecting = (rules: Rules) => {
  const whys = { goes: printWhy(rules, true), unused: printWhy(rules, false) }
  const going = new Set<string>()
  const planned: Array<PlannedVersion> = []
  const kept = { held: 0, last: 0, tagged: 0, used: 0 }
  let bytes = 0
  return {
    goes: (consumer: string) => !rules.unusedOnly && going.has(consumer),
    keep: (by: Kept): void => {
      kept[by] += 1
    },
    give: (name: string, { id, label, content }: VersionRow, use: "goes" | "unused"): void => {
      const { size } = content
      going.add(id)
      bytes += size
      planned.push({ id: id as Id, name, version: label, size, why: whys[use] })
    },
    count: () => planned.length,
    plan: (position: number): Plan => ({
      position,
      versions: planned,
      count: planned.length,
      bytes,
      kept,
    }),
  }
}

/** What goes by these rules; refused where that is more than a plan can name. */
export const planPrune = (
  moment: Moment,
  rules: Rules,
  countMax = planVersionCountMax,
): Asked<Plan> =>
  Effect.gen(function* () {
    const judge = yield* judging(moment, rules)
    const { goes, keep, give, count, plan } = collecting(rules)
    const place = Effect.fnUntraced(function* (judged: Judged) {
      const { name, row } = judged
      const verdict = judged.kept ?? (yield* useOf(moment, row, goes))
      if (verdict !== "goes" && verdict !== "unused") return keep(verdict)
      if (count() === countMax) return yield* tooMany(countMax)
      return give(name, row, verdict)
    })
    const read = pagesOf(moment, rules)
    let after: string | undefined
    do {
      const page = yield* read(after)
      for (const row of page.rows) {
        const judged = judge(row)
        if (judged !== undefined) yield* place(judged)
      }
      after = page.resume
    } while (after !== undefined)
    return plan(moment.position)
  })
