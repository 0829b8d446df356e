/**
 * What the naive ledger answers, at any moment: each answer in the shape of the real one, with
 * `version 7` and `artifact a` where that has ids, made by filters and sorts over whole lists.
 *
 * Shares no rule with the ledger: no query of it is called here.
 */
import type { ArtifactQuery } from "../query/artifacts.js"
import type { TagConditions, TextConditions } from "../query/filter.js"
import type { TagQuery } from "../query/tags.js"
import type { VersionQuery } from "../query/versions.js"
import type { Model, Outcome } from "./model.contract.js"
import { refuseGone } from "./standing.contract.js"
import {
  type Artifact,
  type Call,
  find,
  type Happening,
  isHidden,
  latestOf,
  type Mark,
  type Of,
  refuse,
  type State,
  type Tag,
  tagOf,
  type Version,
  versionsOf,
} from "./state.contract.js"

const byUtf8 = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

const isNumber = (label: string): boolean => /^[1-9]\d*$/.test(label)

const sizeOf = ({ value }: Version): number => Buffer.byteLength(value)

const heldIn = ({ position, time, actor }: Mark) => ({
  position,
  ...(actor === undefined ? {} : { actor }),
  time: new Date(time),
})

const versionIn = (state: State, version: Version) => ({
  id: `version ${version.saved}`,
  artifactId: `artifact ${version.of}`,
  name: version.of,
  version: version.label,
  ...(isNumber(version.label) ? { number: Number(version.label) } : {}),
  type: "data",
  saveType: "manual",
  materializer: "text@1",
  digest: `content of ${version.value}`,
  size: sizeOf(version),
  tags: version.tags.toSorted(byUtf8),
  metadata: version.metadata,
  inputs: version.inputs.map(({ saved, ...role }) => {
    const of = state.versions.find((one) => one.saved === saved)?.of
    return { id: `version ${saved}`, artifactId: `artifact ${of}`, ...role }
  }),
  createdAt: new Date(version.time),
  ...(version.actor === undefined ? {} : { actor: version.actor }),
  position: version.saved,
  ...(version.held === undefined ? {} : { held: heldIn(version.held) }),
})

const artifactIn = (state: State, artifact: Artifact) => {
  const { name } = artifact
  const latest = latestOf(state, name)
  return {
    id: `artifact ${name}`,
    name,
    tags: artifact.tags.toSorted(byUtf8),
    metadata: artifact.metadata,
    versionCount: versionsOf(state, name).filter(({ deleted }) => !deleted).length,
    ...(latest === undefined
      ? {}
      : { latest: { id: `version ${latest.saved}`, version: latest.label } }),
    createdAt: new Date(artifact.time),
    updatedAt: new Date(artifact.updated),
    position: artifact.made,
  }
}

const tagAnswer = ({ name, exclusive, color, time, made }: Tag) => ({
  id: `tag ${name}`,
  name,
  exclusive,
  ...(color === undefined ? {} : { color }),
  createdAt: new Date(time),
  position: made,
})

/** What a call answers, given what came of it; refusals are thrown. */
export const answerTo = (model: Model, { as, steps }: Call, outcome: Outcome): unknown => {
  if ("refused" in outcome) throw outcome.refused
  const { position, changed, made } = outcome
  const state = model.states[position]
  if (state === undefined) throw new Error(`there is no state ${position}`)
  const answers = steps.map((step, index) => {
    const version = state.versions.find(({ saved }) => saved === made[index])
    if (version !== undefined) return versionIn(state, version)
    const tag = step.does === "defineTag" ? tagOf(state, step.name) : undefined
    return as === "one" && tag !== undefined ? tagAnswer(tag) : { position, changed }
  })
  return as === "one" ? answers[0] : answers
}

const passesText = (filter: string | TextConditions | undefined, value: string): boolean => {
  const conditions: TextConditions = typeof filter === "string" ? { eq: filter } : (filter ?? {})
  const { eq = value, ne, startsWith = "", endsWith = "", contains = "" } = conditions
  const { in: among = [value], notIn = [] } = conditions
  return (
    value === eq &&
    value !== ne &&
    value.startsWith(startsWith) &&
    value.endsWith(endsWith) &&
    value.includes(contains) &&
    among.includes(value) &&
    !notIn.includes(value)
  )
}

const passesTags = (filter: TagConditions | undefined, held: ReadonlyArray<string>): boolean =>
  (filter?.all ?? []).every((tag) => held.includes(tag)) &&
  (filter?.any?.some((tag) => held.includes(tag)) ?? true) &&
  (filter?.none ?? []).every((tag) => !held.includes(tag))

const checkFilter = (state: State, filter: TagConditions | undefined): void => {
  const { all = [], any = [], none = [] } = filter ?? {}
  for (const tag of [...all, ...any, ...none])
    if (tagOf(state, tag) === undefined) refuse("TagMissing", { tag })
}

type Order = "asc" | "desc" | undefined
/** Sorted by numbers and texts, the first that differ deciding. */
const sorted = <A>(
  list: ReadonlyArray<A>,
  order: Order,
  rank: (one: A) => ReadonlyArray<number | string>,
): ReadonlyArray<A> => {
  const compare = (a: A, b: A): number => {
    const others = rank(b)
    for (const [index, one] of rank(a).entries()) {
      const other = others[index] ?? 0
      const difference = typeof one === "number" ? one - Number(other) : byUtf8(one, String(other))
      if (difference !== 0) return difference
    }
    return 0
  }
  const ascending = list.toSorted(compare)
  return order === "desc" ? ascending.reverse() : ascending
}

/** Policies of pruning, without what every list can be filtered by too. */
export interface PolicyAsked {
  readonly where?: { readonly name?: string | TextConditions; readonly tags?: TagConditions }
  readonly keepLast?: number
  readonly keepTagged?: true | ReadonlyArray<string>
  readonly olderThan?: Date
  readonly unusedOnly?: true
}

/** As callers write them, tags always as conditions. */
export type VersionsAsked = Omit<VersionQuery, "tags"> & { readonly tags?: TagConditions }
export type ArtifactsAsked = Omit<ArtifactQuery, "tags"> & { readonly tags?: TagConditions }

const versions = (state: State, query: VersionsAsked): ReadonlyArray<unknown> => {
  checkFilter(state, query.tags)
  const passing = state.versions.filter(
    ({ of, label, tags, deleted, held }) =>
      !deleted &&
      (query.held ?? held !== undefined) === (held !== undefined) &&
      !isHidden(state, of) &&
      passesText(query.name, of) &&
      passesText(query.version, label) &&
      passesTags(query.tags, tags),
  )
  const { by, order } = query.sort ?? { by: "createdAt", order: "desc" }
  const ranks = {
    createdAt: () => [],
    name: ({ of }: Version) => [of],
    size: (version: Version) => [sizeOf(version)],
    version: ({ label }: Version) => (isNumber(label) ? [0, Number(label)] : [1, label]),
  } as const
  const rank = (version: Version) => [...ranks[by](version), version.saved]
  return sorted(passing, order, rank).map((version) => versionIn(state, version))
}

const artifacts = (state: State, query: ArtifactsAsked): ReadonlyArray<unknown> => {
  checkFilter(state, query.tags)
  const passing = state.artifacts.filter(
    ({ name, tags, deleted }) =>
      !deleted && passesText(query.name, name) && passesTags(query.tags, tags),
  )
  const { by, order } = query.sort ?? { by: "name" }
  const rank = ({ name, made, updated }: Artifact) =>
    by === "createdAt" ? [made] : by === "updatedAt" ? [updated, name] : [name]
  return sorted(passing, order, rank).map((artifact) => artifactIn(state, artifact))
}

const tags = (state: State, query: TagQuery): ReadonlyArray<unknown> => {
  const { by, order } = query.sort ?? { by: "name" }
  const passing = state.tags.filter(
    ({ name, exclusive }) =>
      passesText(query.name, name) && (query.exclusive ?? exclusive) === exclusive,
  )
  const rank = ({ name, made }: Tag) => (by === "createdAt" ? [made, name] : [name])
  return sorted(passing, order, rank).map(tagAnswer)
}

/** The model as it was at a position. */
export class Past {
  readonly #state: State
  readonly #events: ReadonlyArray<Happening>
  readonly #present: State
  readonly #stored: ReadonlySet<string> | undefined

  /** `stored` is the content that is there; all, where nothing is said. */
  constructor(model: Model, position: number, stored?: ReadonlySet<string>) {
    const state = model.states[position]
    if (state === undefined) throw new Error(`there is no state ${position}`)
    this.#state = state
    this.#present = model.state
    this.#stored = stored
    this.#events = model.events.slice(0, position)
  }

  get(of: Of): unknown {
    const { version } = find(this.#state, of)
    return version === undefined ? refuse("InvalidReference") : versionIn(this.#state, version)
  }

  /** What is swept by now is gone for readers of the past too, unless it is there yet, or again. */
  value(of: Of): unknown {
    const { version } = find(this.#state, of)
    const now = this.#present.versions.find(({ saved }) => saved === version?.saved)
    if (version === undefined) return undefined
    if (now?.swept === undefined || this.#stored?.has(version.value) !== false) return version.value
    return refuseGone(now, `file of ${version.value}`)
  }

  /** Whether a zip can be made; what is in one is a matter of other suites. */
  zip(of: Of): unknown {
    this.value(of)
    return "a zip"
  }

  artifact(name: string): unknown {
    return artifactIn(this.#state, find(this.#state, { artifact: name }).artifact)
  }

  tag(name: string): unknown {
    const tag = tagOf(this.#state, name)
    return tag === undefined ? undefined : tagAnswer(tag)
  }

  versions(query: VersionsAsked): ReadonlyArray<unknown> {
    return versions(this.#state, query)
  }

  artifacts(query: ArtifactsAsked): ReadonlyArray<unknown> {
    return artifacts(this.#state, query)
  }

  tags(query: TagQuery): ReadonlyArray<unknown> {
    return tags(this.#state, query)
  }

  /** What a policy lets go: what is left when nothing of it is used by anything that stays. */
  plan(policy: PolicyAsked): object {
    const state = this.#state
    const { where = {}, keepLast = 1, keepTagged = [], olderThan, unusedOnly } = policy
    const words = keepTagged === true ? [] : keepTagged
    checkFilter(state, where.tags)
    checkFilter(state, { any: words })
    const alive = state.versions.filter(({ of, deleted }) => !deleted && !isHidden(state, of))
    const keptBy = (version: Version) => {
      const owned = alive.filter(({ of }) => of === version.of)
      if (version.held !== undefined) return "held"
      if (keepLast > 0 && owned.slice(-keepLast).includes(version)) return "last"
      const isTagged = version.tags.some((tag) => keepTagged === true || words.includes(tag))
      return isTagged ? "tagged" : "used"
    }
    const about = alive.filter(
      (version) =>
        passesText(where.name, version.of) &&
        passesTags(where.tags, version.tags) &&
        version.time < (olderThan?.getTime() ?? Number.POSITIVE_INFINITY),
    )
    let going = about.filter((version) => keptBy(version) === "used")
    const mayGo = (version: Version) =>
      alive.every(
        (user) =>
          !user.inputs.some(({ saved }) => saved === version.saved) ||
          (unusedOnly !== true && going.includes(user)),
      )
    while (!going.every(mayGo)) going = going.filter(mayGo)
    const stays = about.filter((version) => !going.includes(version)).map(keptBy)
    const kept = ["held", "last", "tagged", "used"].map((by) => [
      by,
      stays.filter((one) => one === by).length,
    ])
    const versions = going.toReversed().map((version) => ({
      id: `version ${version.saved}`,
      name: version.of,
      version: version.label,
      size: sizeOf(version),
    }))
    return {
      position: state.position,
      versions,
      count: versions.length,
      bytes: versions.reduce((sum, { size }) => sum + size, 0),
      kept: Object.fromEntries(kept),
      skipped: [],
      done: false,
    }
  }

  #thing(of: Of): string {
    const { artifact, version } = find(this.#state, of, true)
    return version === undefined ? `artifact ${artifact.name}` : `version ${version.saved}`
  }

  /** Positions of the events about it. */
  history(of: Of | { readonly tag: string }): ReadonlyArray<number> {
    if ("tag" in of && tagOf(this.#state, of.tag) === undefined) refuse("TagMissing", of)
    const thing = "tag" in of ? `tag ${of.tag}` : this.#thing(of)
    return this.#events.filter(({ about }) => thing in about).map(({ position }) => position)
  }

  metadataHistory(of: Of, only?: string): ReadonlyArray<unknown> {
    const thing = this.#thing(of)
    const own = this.#events.filter(({ about }) => Object.keys(about)[0] === thing)
    return own.flatMap(({ type, values, position, time, actor }) => {
      const changed = Object.keys(values).filter((key) => only === undefined || key === only)
      // Values are kept by key; keys that were removed are told as they were given.
      const told = type === "metadata-removed" ? changed : changed.toSorted()
      return told.map((key) => ({
        key,
        ...(values[key] === undefined ? {} : { value: values[key] }),
        position,
        time: new Date(time),
        ...(actor === undefined ? {} : { actor }),
      }))
    })
  }

  metadataSeries(name: string, key: string): ReadonlyArray<unknown> {
    const { artifact } = find(this.#state, { artifact: name })
    return versionsOf(this.#state, artifact.name)
      .filter(({ deleted, metadata }) => !deleted && Object.hasOwn(metadata, key))
      .map(({ saved, label, metadata, time }) => ({
        id: `version ${saved}`,
        version: label,
        value: metadata[key],
        createdAt: new Date(time),
        position: saved,
      }))
  }

  replay(passes: (event: Happening) => boolean): ReadonlyArray<number> {
    return this.#events.filter(passes).map(({ position }) => position)
  }

  stats(): object {
    const { position, artifacts: made, versions: saved, tags: named } = this.#state
    return {
      position,
      artifacts: made.length,
      versions: saved.length,
      tags: named.length,
      logicalBytes: saved.reduce((sum, version) => sum + sizeOf(version), 0),
      waiting: 0,
    }
  }
}
