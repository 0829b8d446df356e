/**
 * Explaining refusals: a decision says what is missing, a query says what there is instead, the
 * closest first. The refusal stays the same in every other respect.
 */
import * as Effect from "effect/Effect"
import {
  ArtifactMissing,
  type Failure,
  InUse,
  isFailure,
  NameTaken,
  type Refusal,
  TagMissing,
  VersionMissing,
  type ViewFailure,
} from "../errors.js"
import { candidateCountMax, pageSizeMax } from "../limits.js"
import { artifacts } from "../projection/artifacts.js"
import { findArtifact, findById, versionAt } from "../projection/resolve.js"
import { ledgerScope, tags } from "../projection/tags.js"
import type { Asked, Moment } from "./query.js"

/** Edits that turn one text into the other (Levenshtein). */
const distance = (a: string, b: string): number => {
  let before = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(replaced, (before[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    before = current
  }
  return before[b.length] ?? 0
}

/** The closest of the texts first, and not many. Long texts are compared by their beginnings. */
const closest = (wanted: string, texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts
    .map((text) => [distance(wanted.slice(0, 64), text.slice(0, 64)), text] as const)
    .sort(([a], [b]) => a - b)
    .slice(0, candidateCountMax)
    .map(([, text]) => text)

const names = (moment: Moment, table: "artifact" | "tag") =>
  table === "artifact"
    ? Effect.map(
        moment.views.view(artifacts).list({ prefix: ["name"], countMax: pageSizeMax }),
        ({ rows }) =>
          rows.flatMap(({ value }) => (value.deleted === undefined ? [value.name] : [])),
      )
    : Effect.map(
        moment.views.view(tags).list({ prefix: ["name"], countMax: pageSizeMax }),
        ({ rows }) => rows.map(({ value }) => value.name),
      )

const labels = (
  moment: Moment,
  name: string,
): Effect.Effect<ReadonlyArray<string>, ViewFailure> => {
  const artifact = findArtifact(moment.views, name)
  if (artifact === undefined) return Effect.succeed([])
  return Effect.map(
    moment.views
      .view(tags)
      .list({ prefix: ["label", artifact.id], reverse: true, countMax: pageSizeMax }),
    ({ rows }) =>
      rows.flatMap(({ key: [, label = ""], value: ordinal }) =>
        versionAt(moment.views, [artifact.id, ordinal])?.deleted === undefined ? [label] : [],
      ),
  )
}

const holders = Effect.fnUntraced(function* (moment: Moment, name: string) {
  const tag = moment.views.view(tags).get(["name", name])
  if (tag === undefined) return []
  const { rows } = yield* moment.views
    .view(tags)
    .list({ prefix: ["holder", tag.id], countMax: pageSizeMax })
  const scopes = rows.map(({ key }) => key[1])
  const crowded = rows.filter(({ key }) => scopes.filter((scope) => scope === key[1]).length > 1)
  return crowded
    .slice(0, candidateCountMax)
    .map(({ key, value: id }) =>
      key[1] === ledgerScope
        ? (moment.views.view(artifacts).get(["id", id]) ?? id)
        : printVersion(moment, id),
    )
})

/** `name@label` of an id, for people. */
export const printVersion = (moment: Moment, id: string): string => {
  const found = findById(moment.views, id)
  return found === undefined ? id : `${found.artifact.name}@${found.version.label}`
}

const withMessage = (message: string, candidates: ReadonlyArray<string>): string =>
  candidates.length === 0 ? message : `${message} (there is ${candidates.slice(0, 3).join(", ")})`

const explained = Effect.fnUntraced(function* (
  moment: Moment,
  refusal: Refusal,
): Effect.fn.Return<Refusal, ViewFailure> {
  switch (refusal._tag) {
    case "ArtifactMissing": {
      const { artifact } = refusal
      const candidates = closest(artifact, yield* names(moment, "artifact"))
      const message = withMessage(refusal.message, candidates)
      return new ArtifactMissing({ message, artifact, candidates })
    }
    case "TagMissing": {
      const candidates = closest(refusal.tag, yield* names(moment, "tag"))
      const message = withMessage(refusal.message, candidates)
      return new TagMissing({ message, tag: refusal.tag, candidates })
    }
    case "VersionMissing": {
      const { artifact, selector } = refusal
      const candidates = closest(selector, yield* labels(moment, artifact))
      const message = withMessage(refusal.message, candidates)
      return new VersionMissing({ message, artifact, selector, candidates })
    }
    case "NameTaken": {
      if (refusal.holders.length > 0) return refusal
      const { taken } = refusal
      const found = yield* holders(moment, taken)
      const message = withMessage(refusal.message, found)
      return new NameTaken({ message, taken, holders: found })
    }
    case "InUse": {
      const consumers = refusal.consumers.map((id) => printVersion(moment, id))
      return new InUse({ message: withMessage(refusal.message, consumers), consumers })
    }
    default:
      return refusal
  }
})

/**
 * Puts candidates into what a call was refused with, as of the moment it was about. A refusal that
 * cannot be explained, because the views are closed by now, stays as it is.
 */
export const explaining =
  (now: Asked<Moment>) =>
  <A, R>(call: Effect.Effect<A, Refusal | Failure, R>): Effect.Effect<A, Refusal | Failure, R> =>
    Effect.catch(call, (error): Effect.Effect<never, Refusal | Failure> => {
      if (isFailure(error)) return Effect.fail(error)
      const answer = Effect.flatMap(now, (moment) => explained(moment, error))
      return Effect.flatMap(
        Effect.orElseSucceed(answer, () => error),
        Effect.fail,
      )
    })
