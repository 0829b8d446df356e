/**
 * Consumers: the surviving versions that were made from a version, or from any version of an
 * artifact. Deletion asks for them before it hides something.
 */
import * as Effect from "effect/Effect"
import type { ViewFailure } from "../errors.js"
import { candidateCountMax, pageSizeMax } from "../limits.js"
import { lineage } from "../projection/lineage.js"
import { findById, type ResolvedTarget } from "../projection/resolve.js"
import { versions } from "../projection/versions.js"
import type { Asked, Moment } from "./query.js"

const survives = (moment: Moment, id: string, exceptArtifact?: string): boolean => {
  const found = findById(moment.views, id)
  return (
    found !== undefined &&
    found.version.deleted === undefined &&
    found.artifact.deleted === undefined &&
    found.artifact.id !== exceptArtifact
  )
}

/**
 * Goes through all that was ever made from a version, until one is enough. Whether it survives is
 * asked only where that matters, since it takes several reads.
 */
export const visitConsumers = Effect.fnUntraced(function* (
  moment: Moment,
  id: string,
  isEnough: (consumer: string, isAlive: (exceptArtifact?: string) => boolean) => boolean,
): Effect.fn.Return<void, ViewFailure> {
  const used = moment.views.view(lineage)
  // One exact read spares a scan for each version that nothing was made from.
  if (used.get(["used", id]) === undefined) return
  let after: string | undefined
  do {
    const page = yield* used.list({ prefix: ["consumer", id], after, countMax: pageSizeMax })
    for (const { value: by } of page.rows)
      if (isEnough(by, (exceptArtifact) => survives(moment, by, exceptArtifact))) return
    after = page.resume
  } while (after !== undefined)
})

const consumersOfVersion = Effect.fnUntraced(function* (
  moment: Moment,
  id: string,
  exceptArtifact?: string,
) {
  const surviving: Array<string> = []
  yield* visitConsumers(
    moment,
    id,
    (by, isAlive) => isAlive(exceptArtifact) && surviving.push(by) === candidateCountMax,
  )
  return surviving
})

const consumersOfArtifact = Effect.fnUntraced(function* (moment: Moment, id: string) {
  const used = moment.views.view(lineage)
  // Nothing to walk where no version of the artifact was ever used by another artifact's.
  if (used.get(["used", id]) === undefined) return []
  // One that was made from several versions of the artifact counts once.
  const surviving = new Set<string>()
  let after: string | undefined
  do {
    const page = yield* moment.views
      .view(versions)
      .list({ prefix: ["at", id], after, countMax: pageSizeMax })
    for (const { value: row } of page.rows) {
      if (row.deleted !== undefined || surviving.size >= candidateCountMax) continue
      for (const by of yield* consumersOfVersion(moment, row.id, id)) surviving.add(by)
    }
    after = page.resume
  } while (after !== undefined && surviving.size < candidateCountMax)
  return [...surviving].slice(0, candidateCountMax)
})

/** Ids of surviving consumers, at most 10 (`candidateCountMax`). */
export const consumers = ({
  moment,
  target: { artifact, version },
}: {
  readonly moment: Moment
  readonly target: ResolvedTarget
}): Asked<ReadonlyArray<string>> =>
  version === undefined
    ? consumersOfArtifact(moment, artifact.id)
    : consumersOfVersion(moment, version.id)
