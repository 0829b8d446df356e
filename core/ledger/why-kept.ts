/**
 * Why a content stays: the versions that have it, and how each of them stands. Found out by going
 * through all versions; a manifest that others have too is read once.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { DaybookError } from "../errors.js"
import { candidateCountMax } from "../limits.js"
import { type Digest, isDigest } from "../model/digest.js"
import { DigestTable } from "../model/digest-table.js"
import { checkOptions, refuse } from "../model/input.js"
import { parsedInput } from "../query/input.js"
import type { KeptReason, WhyKept } from "./answers.js"
import type { WhyKeptOptions } from "./call-options.js"
import { type Engine, presentMoment } from "./engine.js"
import { eachBlobOf, eachHolding, type Holding, nameOf } from "./holdings.js"
import { undoneBefore } from "./sweep.js"

/** Whether a version has a blob. `without` are manifests below which it was looked for in vain. */
const has = Effect.fnUntraced(function* (
  engine: Engine,
  holding: Holding,
  digest: Digest,
  without: DigestTable,
): Effect.fn.Return<boolean, DaybookError> {
  if (holding.version.content.digest === digest) return true
  const seen: Array<Digest> = []
  let found = false
  yield* eachBlobOf(engine, holding, (blob) => {
    found ||= blob === digest
    if (found || without.has(blob)) return false
    seen.push(blob)
    return true
  })
  if (!found) for (const blob of seen) without.add(blob)
  return found
})

const reasonOf = (holding: Holding, undoMilliseconds: number): KeptReason => {
  const { version, hidden } = holding
  const named = nameOf(holding)
  return hidden === undefined
    ? { kind: version.held === undefined ? "version" : "hold", ...named }
    : { kind: "undo", ...named, until: new Date(hidden.time + undoMilliseconds) }
}

export const whyKept = (engine: Engine) =>
  Effect.fn("Ledger.whyKept")(function* (digest: string, options: WhyKeptOptions = {}) {
    const now = yield* Clock.currentTimeMillis
    const asked = yield* parsedInput(() => {
      checkOptions(options, ["undoDays", "signal"])
      const wanted = isDigest(digest) ? digest : refuse("digest", "is not a SHA-256 in hexadecimal")
      return { wanted, before: undoneBefore(now, options.undoDays) }
    })
    const moment = yield* presentMoment(engine)
    const without = new DigestTable()
    const reasons: Array<KeptReason> = []
    let count = 0
    yield* eachHolding(moment, asked.before, (holding) => {
      if (holding.standing === "due" || holding.standing === "swept") return Effect.void
      return Effect.map(has(engine, holding, asked.wanted, without), (isIn) => {
        if (!isIn) return
        count += 1
        if (reasons.length < candidateCountMax) reasons.push(reasonOf(holding, now - asked.before))
      })
    })
    const stat = yield* engine.blobs.stat(asked.wanted)
    return { stored: stat !== undefined, count, reasons } satisfies WhyKept
  })
