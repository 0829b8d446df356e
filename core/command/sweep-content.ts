/**
 * Gives up the content of deleted versions, for good: `restore` refuses them from then on. The
 * bytes go afterwards, as far as nothing else needs them.
 *
 * Which versions these are was found out beforehand; what was restored since, or deleted too late,
 * is passed over.
 */
import { fact } from "../event/catalog.js"
import type { Swept } from "../event/swept.js"
import type { Digest } from "../model/digest.js"
import type { Id } from "../model/names.js"
import { artifactRef, findById, hiddenSince, versionRef } from "../projection/resolve.js"
import type { ViewReader } from "../view/draft.js"
import { command, unchanged } from "./command.js"

export interface SweepContentInput {
  /** At most `sweptVersionCountMax`, so that what is said of them fits a record. */
  readonly versions: ReadonlyArray<Id>
  /** Milliseconds UTC: what was deleted at that time or later can still be restored. */
  readonly before: number
}

const sweptVersion = (views: ViewReader, id: Id, before: number): Swept["versions"] => {
  const found = findById(views, id)
  const hidden = found === undefined ? undefined : hiddenSince(found)
  if (found === undefined || hidden === undefined) return []
  const { artifact, version } = found
  if (version.swept !== undefined || hidden.time >= before) return []
  const digest = version.content.digest as Digest
  return [{ artifact: artifactRef(artifact), version: versionRef(version), digest }]
}

export const sweepContent = command<SweepContentInput>({
  name: "sweep-content",
  // Only a sweep asks for it.
  parse: (input) => input as SweepContentInput,
  decide: ({ versions, before }, views) => {
    const swept = versions.flatMap((id) => sweptVersion(views, id, before))
    if (swept.length === 0) return unchanged([])
    const subjects = swept.flatMap(({ artifact, version }) => [version.id, artifact.id])
    const ids = swept.map(({ version }) => version.id)
    return { facts: [fact("content-swept", { versions: swept }, subjects)], result: ids }
  },
})
