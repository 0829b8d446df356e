/**
 * Expectations: what a caller takes for granted, compared with what is.
 */
import * as Schema from "effect/Schema"
import { ExpectationFailed, InvalidInput } from "../errors.js"
import { shaped } from "../model/input.js"
import { strict } from "../model/schema.js"
import type { ArtifactRow } from "../projection/artifacts.js"
import { artifactAt, holderOrdinal, versionAt } from "../projection/resolve.js"
import { subjects } from "../projection/subjects.js"
import { ledgerScope, tags } from "../projection/tags.js"
import type { ViewReader } from "../view/draft.js"

/** What a caller takes for granted: the write is refused when it is not so. */
export type Expectation = {
  /** Position of the last event about the target; 0 when there is none. */
  readonly position?: number
  /** Label of the artifact's latest version; null when it has none. */
  readonly latest?: string | null
  /** Label of the version (or name of the artifact) that holds the one tag of the call. */
  readonly holder?: string | null
}

const label = Schema.NullOr(Schema.Union([Schema.String, Schema.Int]))

const expectation = strict(
  Schema.Struct({
    position: Schema.optional(Schema.Int),
    latest: Schema.optional(label),
    holder: Schema.optional(label),
  }),
)

const asLabel = (value: string | number | null): string | null =>
  value === null ? null : String(value)

/** Parses an expectation; where there is none, there is no member. */
export const expected = (value: unknown): { readonly expect?: Expectation } => {
  if (value === undefined) return {}
  const { position, latest, holder } = shaped(expectation, value, "expect")
  const expect: Expectation = {
    ...(position === undefined ? {} : { position }),
    ...(latest === undefined ? {} : { latest: asLabel(latest) }),
    ...(holder === undefined ? {} : { holder: asLabel(holder) }),
  }
  return { expect }
}

/** What an expectation is about. The artifact may not exist yet. */
export interface Expected {
  readonly subject?: string | undefined
  readonly artifact?: ArtifactRow | undefined
  /** The scope is the ledger where the artifact itself is tagged. */
  readonly ofArtifact?: boolean
  /** The tags in the call. */
  readonly tags?: ReadonlyArray<string>
}

const failed = (
  expectation: ExpectationFailed["expectation"],
  expected: string | number | null,
  actual: string | number | null,
): ExpectationFailed =>
  new ExpectationFailed({
    message: `expected ${expectation} ${expected ?? "none"}, found ${actual ?? "none"}: look again`,
    expectation,
    expected,
    actual,
  })

const latestLabel = (views: ViewReader, artifact: ArtifactRow | undefined): string | null => {
  if (artifact?.latest === undefined) return null
  return versionAt(views, [artifact.id, artifact.latest])?.label ?? null
}

const holderLabel = (views: ViewReader, about: Expected, name: string): string | null => {
  const tag = views.view(tags).get(["name", name])
  const scope = about.ofArtifact === true ? ledgerScope : about.artifact?.id
  if (tag === undefined || scope === undefined) return null
  const ordinal = holderOrdinal(views, tag, scope)
  if (ordinal === undefined) return null
  if (scope !== ledgerScope) return versionAt(views, [scope, ordinal])?.label ?? null
  return artifactAt(views, ordinal)?.name ?? null
}

/** `expect.holder` is about one tag: with none or several it is open which one is meant. */
const oneTag = ({ tags: names = [] }: Expected): string | InvalidInput => {
  const [name, ...more] = names
  if (name !== undefined && more.length === 0) return name
  const message = `expect.holder needs exactly one tag in the call, not ${names.length}`
  return new InvalidInput({ message, path: "expect.holder" })
}

/** The first expectation that does not hold, or undefined. */
export const checkExpectation = (
  views: ViewReader,
  expect: Expectation | undefined,
  about: Expected,
): ExpectationFailed | InvalidInput | undefined => {
  if (expect === undefined) return undefined
  if (expect.position !== undefined) {
    const { subject } = about
    const actual = subject === undefined ? 0 : (views.view(subjects).get(["last", subject]) ?? 0)
    if (actual !== expect.position) return failed("position", expect.position, actual)
  }
  if (expect.latest !== undefined) {
    const actual = latestLabel(views, about.artifact)
    if (actual !== expect.latest) return failed("latest", expect.latest, actual)
  }
  if (expect.holder !== undefined) {
    const tag = oneTag(about)
    if (typeof tag !== "string") return tag
    const actual = holderLabel(views, about, tag)
    if (actual !== expect.holder) return failed("holder", expect.holder, actual)
  }
  return undefined
}
