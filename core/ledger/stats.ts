/**
 * Counts of a ledger, all of them kept, none walked for.
 */
import * as Effect from "effect/Effect"
import { artifacts } from "../projection/artifacts.js"
import { totals } from "../projection/totals.js"
import type { Stats } from "./answers.js"
import { type Engine, presentMoment } from "./engine.js"

const projectionStats = ({ folding, views }: Engine): Stats["projections"] =>
  Object.fromEntries(
    [...folding.core, ...folding.own].map(({ name }) => {
      const lag = views.head - views.reached(name)
      const cause = folding.stopped.get(name)?.cause
      return [name, cause === undefined ? { lag } : { lag, stopped: String(cause) }]
    }),
  )

export const stats = Effect.fn("Ledger.stats")(function* (engine: Engine) {
  const { position, views } = yield* presentMoment(engine)
  const counted = views.view(totals)
  return {
    position,
    artifacts: views.view(artifacts).get(["count"]) ?? 0,
    versions: counted.get(["versions"]) ?? 0,
    tags: counted.get(["tags"]) ?? 0,
    logicalBytes: counted.get(["bytes"]) ?? 0,
    waiting: engine.writer.waitingCount,
    projections: projectionStats(engine),
  } satisfies Stats
})
