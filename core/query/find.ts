/**
 * Finding what a reference means: by exact keys where possible, by listing ids where only a
 * part of one was given.
 */
import * as Effect from "effect/Effect"
import { AmbiguousReference, isRefusal, type Refusal, type ViewFailure } from "../errors.js"
import { candidateCountMax, idPartLengthMin } from "../limits.js"
import type { Artifact, ArtifactVersion } from "../model/artifact.js"
import { artifactName, reference } from "../model/input.js"
import { type Id, isIdPart, shortId } from "../model/names.js"
import type { ParsedReference, ParsedTarget } from "../model/reference.js"
import {
  findArtifact,
  type ResolvedVersion,
  resolveArtifact,
  resolveVersion,
} from "../projection/resolve.js"
import { backwards, versions } from "../projection/versions.js"
import { toArtifact, toVersion } from "./answer.js"
import { printVersion } from "./explain.js"
import { parsedInput } from "./input.js"
import type { Asked, Moment } from "./query.js"

const idsWith = Effect.fnUntraced(function* (
  moment: Moment,
  part: string,
): Effect.fn.Return<ReadonlyArray<string>, ViewFailure> {
  const view = moment.views.view(versions)
  const countMax = candidateCountMax + 1
  const starting = yield* view.list({ prefix: ["id", part], open: true, countMax })
  const prefix = ["tail", backwards(part)] as const
  const ending = yield* view.list({ prefix, open: true, countMax })
  const ids = [
    ...starting.rows.map(({ key }) => key[0] ?? ""),
    ...ending.rows.map(({ key }) => backwards(key[0] ?? "")),
  ]
  return [...new Set(ids)]
})

/** Whether a reference may be a part of an id: that is tried only when no artifact has the name. */
export const mayBePart = (
  { views }: Moment,
  parsed: ParsedReference,
): parsed is ParsedReference & { readonly by: "text" } =>
  parsed.by === "text" &&
  parsed.text.length >= idPartLengthMin &&
  isIdPart(parsed.text) &&
  findArtifact(views, parsed.text) === undefined

/** The reference with a full id in place of a part of one; any other stays as it is. */
export const expandReference = Effect.fnUntraced(function* (
  moment: Moment,
  parsed: ParsedReference,
): Effect.fn.Return<ParsedReference, ViewFailure | AmbiguousReference> {
  if (!mayBePart(moment, parsed)) return parsed
  const ids = yield* idsWith(moment, parsed.text.toUpperCase())
  const [id] = ids
  if (id === undefined) return parsed
  if (ids.length === 1) return { by: "id", id: id as Id }
  const candidates = ids.slice(0, candidateCountMax).map((candidate) => {
    return `${printVersion(moment, candidate)} (${shortId(candidate)})`
  })
  const several = candidates.join(", ")
  return yield* new AmbiguousReference({
    message: `${parsed.text} is a part of several ids (${several}): give more characters`,
    reference: parsed.text,
    candidates,
  })
})

export const expandTarget = (
  moment: Moment,
  parsed: ParsedTarget,
): Effect.Effect<ParsedTarget, ViewFailure | AmbiguousReference> =>
  parsed.kind === "version"
    ? Effect.map(expandReference(moment, parsed.reference), (expanded) => ({
        kind: "version" as const,
        reference: expanded,
      }))
    : Effect.succeed(parsed)

const orRefuse = <A extends object>(answer: A | Refusal): Effect.Effect<A, Refusal> =>
  isRefusal(answer) ? Effect.fail(answer) : Effect.succeed(answer)

/** The surviving version that a reference means, as rows. */
export const findVersion = Effect.fnUntraced(function* (
  moment: Moment,
  value: unknown,
): Effect.fn.Return<ResolvedVersion, Refusal | ViewFailure> {
  const parsed = yield* parsedInput(() => reference(value))
  const expanded = yield* expandReference(moment, parsed)
  return yield* orRefuse(resolveVersion(moment.views, expanded))
})

/** A version by any reference. */
export const getVersion = (moment: Moment, value: unknown): Asked<ArtifactVersion> =>
  Effect.map(findVersion(moment, value), ({ artifact, version }) =>
    toVersion(moment.views, artifact.name, version),
  )

/** An artifact by its name. */
export const getArtifact = Effect.fnUntraced(function* (
  moment: Moment,
  name: unknown,
): Effect.fn.Return<Artifact, Refusal | ViewFailure> {
  const checked = yield* parsedInput(() => artifactName(name, "artifact"))
  const row = yield* orRefuse(resolveArtifact(moment.views, checked))
  return toArtifact(moment.views, row)
})
