/**
 * Drift: whether a folder or a file that was left in place is still what was registered.
 */
import * as Effect from "effect/Effect"
import { observeDrift } from "../command/observe-drift.js"
import type { DriftedEntry } from "../directory/drift.js"
import { type Failure, InvalidInput, type Refusal } from "../errors.js"
import type { ArtifactVersion } from "../model/artifact.js"
import { checkOptions, refuse } from "../model/input.js"
import { packedLength } from "../model/msgpack.js"
import { byId, type Reference } from "../model/reference.js"
import { queries } from "../query/all.js"
import { parsedInput } from "../query/input.js"
import type { Drift, ObservedDrift } from "./answers.js"
import type { DriftOptions, ObserveOptions } from "./call-options.js"
import { presentMoment, writable } from "./engine.js"
import { type AnySource, compareLink } from "./linked-content.js"
import { checkWriteOptions, type Session, submit } from "./submit.js"

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

// Of the entries, what a record has room for beside everything else: longer lists are for answers.
const recordedBytesMax = 32_768

const recordable = (entries: ReadonlyArray<DriftedEntry>): ReadonlyArray<DriftedEntry> => {
  let bytes = 0
  return entries.filter((entry) => {
    bytes += packedLength({ ...entry })
    return bytes <= recordedBytesMax
  })
}

/** Compares, and records what was found. */
export const observe = (session: Session) =>
  Effect.fn("Ledger.observeDrift")(function* (
    reference: Reference,
    options: ObserveOptions = {},
  ): Effect.fn.Return<ObservedDrift, Refusal | Failure> {
    const { engine } = session
    const { check, ...write } = options
    yield* parsedInput(() => checkWriteOptions(write))
    yield* writable(engine)
    const version = yield* queries.getVersion(yield* presentMoment(engine), reference)
    const drift = yield* findDrift(engine, version, check === undefined ? {} : { check })
    const { same, changed, missing, extra } = drift
    const found = { same, changed, missing, extra, entries: recordable(drift.entries) }
    const target = { kind: "version", reference: byId(version.id) } as const
    const input = { target, ...found }
    const { position } = yield* submit(session, [{ command: observeDrift, input }], write, [])
    return { ...drift, position }
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
  const { same, counts, entries } = yield* compareLink(source, version, link, check)
  const { missing, extra } = counts
  const changed = counts.content + counts.kind + counts.mode
  const found = { drifted: changed + missing + extra > 0, same, changed, missing, extra, entries }
  return { ...found, text: sentence(found) }
})
