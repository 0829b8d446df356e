/**
 * The sweep: gives back the bytes of what nothing needs any more, beside all that goes on.
 *
 * Content stays as long as a surviving version has it, or one that can still be restored, or a save
 * that is under way. First the ledger says whose content it gives up, then the bytes go: after a
 * kill in between the next sweep removes them. Knows neither packs nor how they are rewritten.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Removal, RemoveOptions } from "../blob/blob-store.js"
import { sweepContent } from "../command/sweep-content.js"
import type { DaybookError } from "../errors.js"
import { removedCountMax, sweptVersionCountMax, undoDaysDefault, undoDaysMax } from "../limits.js"
import type { Digest } from "../model/digest.js"
import { DigestTable } from "../model/digest-table.js"
import { checkOptions, flag, refuse } from "../model/input.js"
import type { Id } from "../model/names.js"
import { findById, type ResolvedVersion } from "../projection/resolve.js"
import { parsedInput } from "../query/input.js"
import type { Moment } from "../query/query.js"
import type { Swept } from "./answers.js"
import type { SweepOptions } from "./call-options.js"
import { type Engine, presentMoment, writable } from "./engine.js"
import { eachBlobOf, eachHolding, type Holding, knownChunks, namedBlobs } from "./holdings.js"
import { checkContext, type Session, submit } from "./submit.js"

const dayMilliseconds = 86_400_000

/**
 * The time before which a deletion is past undoing; throws `InvalidInput`. No day at all means
 * every deletion, also one that a clock which was put back since calls the future.
 */
export const undoneBefore = (now: number, undoDays: number = undoDaysDefault): number => {
  if (undoDays === 0) return Number.POSITIVE_INFINITY
  if (typeof undoDays === "number" && undoDays > 0 && undoDays <= undoDaysMax)
    return now - undoDays * dayMilliseconds
  return refuse("options.undoDays", `is not a number of days from 0 to ${undoDaysMax}`)
}

/** Marks what a version needs. What cannot be read is named with it, and ends the sweep. */
const mark = (engine: Engine, needed: DigestTable, resolved: ResolvedVersion) =>
  eachBlobOf(engine, resolved, (digest) => needed.add(digest))

/** Marks everything that stays. */
const markNeeded = Effect.fnUntraced(function* (engine: Engine, moment: Moment, before: number) {
  const needed = new DigestTable()
  yield* eachHolding(moment, before, (holding) =>
    holding.standing === "surviving" || holding.standing === "undo"
      ? mark(engine, needed, holding)
      : Effect.void,
  )
  return needed
})

/** Whether all of a content stays, since others have it too: with a manifest, all below it. */
const isNeeded = (needed: DigestTable, version: Holding["version"]): boolean =>
  namedBlobs(version).every((one) => needed.has(one))

/** Gives up the content of versions; answers how many, since some may have been restored. */
const giveUp = Effect.fnUntraced(function* (
  session: Session,
  ids: ReadonlyArray<Id>,
  before: number,
  { reason }: SweepOptions,
  needed: DigestTable,
): Effect.fn.Return<number, DaybookError> {
  const { engine } = session
  const step = { command: sweepContent, input: { versions: ids, before } }
  const given = reason === undefined ? {} : { reason }
  const { results } = yield* submit(session, [step], given, [])
  const swept = new Set(results[0] as ReadonlyArray<string>)
  const { views } = yield* presentMoment(engine)
  for (const id of ids) {
    const found = swept.has(id) ? undefined : findById(views, id)
    if (found !== undefined) yield* mark(engine, needed, found)
  }
  return swept.size
})

/** Gives up all that is due; on a dry run only counts it. */
const giveUpDue = Effect.fnUntraced(function* (
  session: Session,
  moment: Moment,
  before: number,
  options: SweepOptions,
  needed: DigestTable,
) {
  let [versions, waiting] = [0, 0]
  let ids: Array<Id> = []
  const end = Effect.suspend(() => {
    const some = ids
    ids = []
    if (some.length === 0) return Effect.void
    const given =
      options.dryRun === true
        ? Effect.succeed(some.length)
        : giveUp(session, some, before, options, needed)
    return Effect.map(given, (count) => {
      versions += count
    })
  })
  yield* eachHolding(moment, before, ({ standing, version }) => {
    if (standing === "undo") waiting += 1
    if (standing !== "due" || isNeeded(needed, version)) return Effect.void
    ids.push(version.id as Id)
    return ids.length < sweptVersionCountMax ? Effect.void : end
  })
  yield* end
  return { versions, waiting }
})

type Removed = Pick<Removal, "removed" | "bytes">

/** Removes what is not needed, many at a time; answers how many blobs and bytes. */
const removeRest = Effect.fnUntraced(function* (
  { blobs }: Engine,
  needed: DigestTable,
  remove: (
    digests: ReadonlyArray<Digest>,
    options: RemoveOptions,
  ) => Effect.Effect<Removed, DaybookError>,
) {
  let [count, bytes] = [0, 0]
  let digests: Array<Digest> = []
  const end = (more: boolean) =>
    Effect.suspend(() => {
      const some = digests
      digests = []
      return Effect.map(remove(some, { more }), (one) => {
        count += one.removed
        bytes += one.bytes
      })
    })
  yield* Stream.runForEach(blobs.list(), ({ digest }) => {
    if (needed.has(digest)) return Effect.void
    digests.push(digest)
    return digests.length < removedCountMax ? Effect.void : end(true)
  })
  // Also of nothing: what puts have left that came to nothing goes with it.
  yield* end(false)
  return { blobs: count, bytes }
})

/** What removing blobs would give back: their chunks, less those that others have too. */
const weighing = Effect.fnUntraced(function* ({ blobs }: Engine, needed: DigestTable) {
  const chunks = new DigestTable()
  const weigh = Effect.fnUntraced(function* (digest: Digest) {
    let bytes = 0
    // Those that nobody knows stay.
    for (const chunk of yield* knownChunks(blobs, digest))
      if (chunks.add(chunk.digest)) bytes += chunk.storedSize
    return bytes
  })
  yield* Stream.runForEach(blobs.list(), ({ digest }) =>
    needed.has(digest) ? Effect.asVoid(weigh(digest)) : Effect.void,
  )
  return (digests: ReadonlyArray<Digest>): Effect.Effect<Removed, DaybookError> =>
    Effect.map(Effect.forEach(digests, weigh), (all) => ({
      removed: digests.length,
      bytes: all.reduce((sum, one) => sum + one, 0),
    }))
})

export const sweep = (session: Session) =>
  Effect.fn("Ledger.sweep")(function* (options: SweepOptions = {}) {
    const { engine } = session
    const now = yield* Clock.currentTimeMillis
    const before = yield* parsedInput(() => {
      checkOptions(options, ["dryRun", "undoDays", "reason", "signal"])
      flag(options.dryRun, "options.dryRun")
      checkContext(session, options)
      return undoneBefore(now, options.undoDays)
    })
    yield* presentMoment(engine)
    const dryRun = options.dryRun === true
    if (!dryRun) yield* writable(engine)
    const sweeping = engine.blobs.removing((remove) =>
      Effect.gen(function* () {
        const moment = yield* presentMoment(engine)
        const needed = yield* markNeeded(engine, moment, before)
        const due = yield* giveUpDue(session, moment, before, options, needed)
        // What is removed cannot come back: neither can the events by which nothing needs it.
        if (!dryRun) yield* engine.log.flush
        const act = dryRun ? yield* weighing(engine, needed) : remove
        const removed = yield* removeRest(engine, needed, act)
        return { position: engine.head(), dryRun, ...due, ...removed } satisfies Swept
      }),
    )
    if (dryRun) return yield* sweeping
    // Also at its end: others may be laid out meanwhile.
    const forgetting = Effect.ensuring(
      Effect.andThen(
        Effect.sync(() => engine.layouts.clear()),
        sweeping,
      ),
      Effect.sync(() => engine.layouts.clear()),
    )
    return yield* engine.place.withReserve?.(forgetting) ?? forgetting
  })
