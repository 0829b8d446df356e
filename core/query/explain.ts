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

const comparedLengthMax = 64

/** Fills a row of the table of edits from the one before it; returns the least number in it. */
const fillRow = (
  wanted: string,
  character: string | undefined,
  before: Uint16Array,
  row: Uint16Array,
): number => {
  let last = (before[0] ?? 0) + 1
  let least = last
  row[0] = last
  for (let j = 1; j < row.length; j += 1) {
    const replaced = (before[j - 1] ?? 0) + (character === wanted[j - 1] ? 0 : 1)
    last = Math.min(replaced, (before[j] ?? 0) + 1, last + 1)
    row[j] = last
    if (last < least) least = last
  }
  return least
}

/**
 * The Levenshtein distance (edits that turn one text into another) from a text that many others are
 * compared with: its two rows are allocated once. Gives up at `max` and returns that.
 */
const distanceFrom = (wanted: string) => {
  let before = new Uint16Array(wanted.length + 1)
  let row = new Uint16Array(wanted.length + 1)
  return (text: string, max: number): number => {
    // Every edit changes the length by one at most.
    if (Math.abs(text.length - wanted.length) >= max) return max
    for (let j = 0; j < before.length; j += 1) before[j] = j
    for (let i = 0; i < text.length; i += 1) {
      // No later row holds less than the least of this one.
      if (fillRow(wanted, text[i], before, row) >= max) return max
      ;[before, row] = [row, before]
    }
    return before[wanted.length] ?? 0
  }
}

/**
 * The closest texts first, equally close ones in the order given, at most `candidateCountMax`.
 * Long texts are compared by their beginnings.
 */
const closest = (wanted: string, texts: ReadonlyArray<string>): ReadonlyArray<string> => {
  const distance = distanceFrom(wanted.slice(0, comparedLengthMax))
  const kept: Array<{ readonly text: string; readonly edits: number }> = []
  for (const text of texts) {
    // A text that is no closer than the last of those kept changes nothing.
    const last = kept[candidateCountMax - 1]
    const max = last?.edits ?? Number.POSITIVE_INFINITY
    const edits = distance(text.slice(0, comparedLengthMax), max)
    if (edits >= max) continue
    const place = kept.findIndex((other) => other.edits > edits)
    kept.splice(place < 0 ? kept.length : place, 0, { text, edits })
    if (kept.length > candidateCountMax) kept.pop()
  }
  return kept.map(({ text }) => text)
}

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
      const held = refusal.held.map((id) => printVersion(moment, id))
      return new InUse({ message: withMessage(refusal.message, consumers), consumers, held })
    }
    default:
      return refusal
  }
})

/**
 * Puts candidates into what a call was refused with, as of the moment it was about. A refusal that
 * cannot be explained, because the views have been closed meanwhile, stays as it is.
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
