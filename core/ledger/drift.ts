/**
 * Drift: whether a folder or a file that was left in place is still what was registered.
 */
import * as Effect from "effect/Effect"
import type { DriftedEntry } from "../directory/drift.js"
import { type Failure, InvalidInput, type Refusal } from "../errors.js"
import type { ArtifactVersion } from "../model/artifact.js"
import { checkOptions, refuse } from "../model/input.js"
import { parsedInput } from "../query/input.js"
import type { DriftOptions } from "./call-options.js"
import { type AnySource, openLink } from "./linked-content.js"

export interface Drift {
  /** Whether anything is not what it was, new entries included. */
  readonly drifted: boolean
  /** Entries that are what they were. */
  readonly same: number
  readonly changed: number
  readonly missing: number
  /** Not registered. A new folder counts as one. */
  readonly extra: number
  /** The first of those that are not the same, in the order of their paths; 1,000 at most. */
  readonly entries: ReadonlyArray<DriftedEntry>
  /** In one sentence. */
  readonly text: string
}

const sentence = ({ same, changed, missing, extra }: Omit<Drift, "text">): string => {
  const parts = [`${same} same`, `${changed} changed`, `${missing} missing`, `${extra} extra`]
  return parts.join(", ")
}

/** Throws `InvalidInput`. */
export const parseDrift = ({ check = "stat", ...options }: DriftOptions): "stat" | "hash" => {
  checkOptions({ check, ...options }, ["check", "signal"])
  return check === "stat" || check === "hash"
    ? check
    : refuse("options.check", 'is neither "stat" nor "hash"')
}

const notInPlace = ({ name, version }: ArtifactVersion): InvalidInput =>
  new InvalidInput({
    message: `version ${version} of ${name} was not left in place: it lies in the ledger itself`,
    path: "reference",
  })

/** Compares what lies there now with what was registered. */
export const findDrift = Effect.fnUntraced(function* (
  source: AnySource,
  version: ArtifactVersion,
  options: DriftOptions,
): Effect.fn.Return<Drift, Refusal | Failure> {
  const check = yield* parsedInput(() => parseDrift(options))
  const { link } = version.content
  if (link === undefined) return yield* notInPlace(version)
  const { linked } = yield* openLink(source, version, link)
  const { same, counts, entries } = yield* linked.drift(check, link.file !== true)
  const { missing, extra } = counts
  const changed = counts.content + counts.kind + counts.mode
  const found = { drifted: changed + missing + extra > 0, same, changed, missing, extra, entries }
  return { ...found, text: sentence(found) }
})
