/**
 * Holds: which versions of an artifact are held. Deletion asks before it hides something, since a
 * decision sees only how many there are.
 */
import * as Effect from "effect/Effect"
import { candidateCountMax } from "../limits.js"
import { versions } from "../projection/versions.js"
import type { Asked, Moment } from "./query.js"

/** Ids of held versions of an artifact, in the order of their saves, at most 10. */
export const holds = (moment: Moment, artifactId: string): Asked<ReadonlyArray<string>> =>
  Effect.gen(function* () {
    const rows = moment.views.view(versions)
    if (rows.get(["holds", artifactId]) === undefined) return []
    const held: Array<string> = []
    let after: string | undefined
    do {
      const countMax = candidateCountMax - held.length
      const page = yield* rows.list({ prefix: ["held", artifactId], after, countMax })
      held.push(...page.rows.map(({ value }) => value))
      after = page.resume
    } while (after !== undefined && held.length < candidateCountMax)
    return held
  })
