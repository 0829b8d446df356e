/**
 * Metadata over time: every value that a key had, and one key across the versions of an artifact.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { isRefusal } from "../errors.js"
import type { CoreRecorded } from "../event/catalog.js"
import { pageSizeMax } from "../limits.js"
import { artifactName, metadataKey, target } from "../model/input.js"
import { decodeMetadataValue, type MetadataValue } from "../model/metadata.js"
import type { Plain } from "../model/msgpack.js"
import type { Id } from "../model/names.js"
import { resolveArtifact, resolveTarget } from "../projection/resolve.js"
import { versions } from "../projection/versions.js"
import { chain } from "./chain.js"
import { subjectOf } from "./history.js"
import { parsedInput } from "./input.js"
import type { Asked, Moment } from "./query.js"
import { knownOnly } from "./records.js"

/** One value of a key. `value` is absent where the key was removed. */
export interface MetadataChange {
  readonly key: string
  readonly value?: MetadataValue
  readonly position: number
  readonly time: Date
  readonly actor?: string
}

export interface MetadataPoint {
  readonly id: Id
  readonly version: string
  readonly value: MetadataValue
  readonly createdAt: Date
  readonly position: number
}

type Changes = { readonly [key: string]: Plain | undefined }

/** What an event did to metadata of an id. A chain also holds events that were about others. */
const changesOf = (event: CoreRecorded, id: string): Changes => {
  if (event.type === "version-saved") return event.data.version.id === id ? event.data.metadata : {}
  const logged = event.type === "metadata-logged"
  if (!logged && event.type !== "metadata-removed") return {}
  const { artifact, version } = event.data.target
  if ((version ?? artifact).id !== id) return {}
  return logged
    ? event.data.values
    : Object.fromEntries(event.data.keys.map((key) => [key, undefined]))
}

/** Every value that a target's keys had, in order; of one key when it is given. */
export const metadataHistory = (
  moment: Moment,
  value: unknown,
  key: string | undefined,
): Asked<ReadonlyArray<MetadataChange>> =>
  Effect.gen(function* () {
    const { of, only } = yield* parsedInput(() => ({
      of: target(value),
      only: key === undefined ? undefined : metadataKey(key, "key"),
    }))
    // Refused in the words of logMetadata: a tag has no metadata.
    const refused = of.kind === "tag" ? resolveTarget(moment.views, of) : of
    if (isRefusal(refused)) return yield* refused
    const id = yield* subjectOf(moment, of)
    const events = yield* knownOnly(moment.codec, yield* Stream.runCollect(chain(moment, id)))
    return events.flatMap(
      (event): ReadonlyArray<MetadataChange> =>
        Object.entries(changesOf(event as CoreRecorded, id))
          .filter(([name]) => only === undefined || name === only)
          .map(([name, value]) => ({
            key: name,
            ...(value === undefined ? {} : { value: decodeMetadataValue(value) }),
            position: event.position,
            time: new Date(event.time),
            ...(event.actor === undefined ? {} : { actor: event.actor }),
          })),
    )
  })

/** One key across the surviving versions of an artifact, in the order they were saved. */
export const metadataSeries = (
  moment: Moment,
  name: string,
  key: string,
): Asked<ReadonlyArray<MetadataPoint>> =>
  Effect.gen(function* () {
    const checkedName = yield* parsedInput(() => artifactName(name, "artifact"))
    const checkedKey = yield* parsedInput(() => metadataKey(key, "key"))
    const artifact = resolveArtifact(moment.views, checkedName)
    if (isRefusal(artifact)) return yield* artifact
    const points: Array<MetadataPoint> = []
    let after: string | undefined
    do {
      const prefix = ["at", artifact.id] as const
      const page = yield* moment.views.view(versions).list({ prefix, after, countMax: pageSizeMax })
      for (const { value: row } of page.rows) {
        const value = Object.hasOwn(row.metadata, checkedKey) ? row.metadata[checkedKey] : undefined
        if (value === undefined || row.deleted !== undefined) continue
        points.push({
          id: row.id as Id,
          version: row.label,
          value: decodeMetadataValue(value),
          createdAt: new Date(row.createdAt),
          position: row.position,
        })
      }
      after = page.resume
    } while (after !== undefined)
    return points
  })
