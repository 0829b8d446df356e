/**
 * The ledger: the service with its API on one page, and the layer that assembles it from a log, a
 * view store and a blob store, wherever these keep their bytes.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { BlobStore } from "../blob/blob-store.js"
import { commands } from "../command/all.js"
import type { AnyCommand } from "../command/command.js"
import { type BlobFailure, type LogFailure, RecordCorrupted } from "../errors.js"
import { catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Context as EventContext } from "../event/event.js"
import { formatEvent } from "../event/sentence.js"
import { EventLog } from "../log/event-log.js"
import { readable } from "../model/input.js"
import { strict } from "../model/schema.js"
import { projections } from "../projection/all.js"
import type { AnyProjection } from "../projection/projection.js"
import { parsedInput } from "../query/input.js"
import { beginBuild, openViews, switchOver } from "../view/build.js"
import { type Found, openNumbered } from "../view/commits.js"
import type { ViewSpec } from "../view/draft.js"
import { ViewStore } from "../view/view-store.js"
import type { Views } from "../view/views.js"
import type { LedgerApi } from "./api.js"
import { makeBatch } from "./batch.js"
import { type Engine, pastMoment, presentMoment } from "./engine.js"
import { allMaterializers, checkExtensions, type Extensions } from "./extensions.js"
import { Folding } from "./folding.js"
import type { Identity } from "./identity.js"
import { operations } from "./operations.js"
import { makeReader } from "./reader.js"
import { catchUp } from "./replay.js"
import { Sealer, type WriteSeal } from "./seal.js"
import { stats } from "./stats.js"
import { checkRequired, parseContext, type Session } from "./submit.js"
import type { Tip } from "./tip.js"
import { checkLog, checkReached, printRoot, type Trust } from "./trust.js"
import { Writer } from "./writer.js"
import { makeWrites } from "./writes.js"

export class Ledger extends Context.Service<Ledger, LedgerApi<"effect">>()(
  "daybook/ledger/ledger/Ledger",
) {}

/** What a program brings along, who it is, and what it demands of every write. */
export interface LedgerOptions extends Extensions {
  /** Carried by every event, unless `with` says otherwise. */
  readonly context?: EventContext
  /** What every write must carry. */
  readonly requireContext?: ReadonlyArray<keyof EventContext>
}

/** What the place of a ledger knows about it. */
export interface Place {
  readonly identity: Identity
  /** For messages. */
  readonly directory: string
  readonly tip: Tip | undefined
  readonly writeSeal: WriteSeal
}

const specOf = ({ name, revision, past }: AnyProjection): ViewSpec =>
  past === undefined ? { name, revision } : { name, revision, past }

const openEngine = Effect.fnUntraced(function* (place: Place, options: LedgerOptions) {
  const log = yield* EventLog
  const blobs = yield* BlobStore
  const { events = [], projections: own = [] } = options
  const codec = makeCodec([...catalog, ...events])
  const { edge, lastTime } = yield* checkLog({ log, codec, ...place })
  const folding = new Folding(codec, projections, own)
  const store = yield* openNumbered(yield* ViewStore)
  const { found } = store
  const lost = checkReached(found, edge.size, place.directory)
  if (lost instanceof RecordCorrupted) return yield* lost
  if (found.discarded) yield* store.discard
  yield* store.begin(log.durability === "synced")
  const opened = yield* openViews(store, [...projections, ...own].map(specOf), edge.size)
  const fresh = yield* beginBuild(store, opened.stale)
  yield* catchUp(log, folding, fresh)
  yield* switchOver(opened.views, fresh)
  const folded = yield* catchUp(log, folding, opened.views)
  const sealer = new Sealer(
    { blobs, log, views: store },
    place.writeSeal,
    edge,
    place.tip?.edge.size ?? 0,
  )
  const sealed = place.tip?.edge.size ?? 0
  const trust: Trust = {
    ledger: place.identity.id,
    position: edge.size,
    root: printRoot(edge),
    sealed,
    checked: edge.size - sealed,
    ...(lost === undefined ? {} : { lost }),
    repaired: repairs(place, { found, stale: opened.stale, folded, head: edge.size }),
    damaged: [],
  }
  const foreign = new Map(events.map((type) => [type.type, strict(type.schema)]))
  const commandsOwn = options.commands ?? []
  const isOwn = (command: AnyCommand) => !commands.includes(command)
  const court = { codec, foreign, isOwn, fold: folding.foldCore }
  const parts = { log, views: opened.views, folding, court, lastTime, onAppended: sealer.appended }
  // For who only ends the scope; a scope has no way to say that this failed.
  yield* Effect.addFinalizer(() => Effect.ignore(sealer.seal()))
  const writer = yield* Writer.start(parts)
  const { views } = opened
  const all = allMaterializers(options.materializers ?? [])
  const seal = Effect.suspend(() => sealer.seal())
  return { log, views, blobs, codec, folding, writer, seal, materializers: all, commandsOwn, trust }
})

interface Opening {
  readonly found: Found
  readonly stale: ReadonlyArray<ViewSpec>
  readonly folded: number
  readonly head: number
}

const repairs = (place: Place, { found, stale, folded, head }: Opening): ReadonlyArray<string> => [
  ...(place.tip === undefined && head > 1
    ? ["the seal was missing: every event was checked instead"]
    : []),
  ...(found.discarded ? ["rows of the views were lost: all of them were given up"] : []),
  // A ledger that was just made has nothing but its first event: that is no repair.
  ...(head === 1 ? [] : stale.map(({ name }) => `the view ${name} was built from the log`)),
  ...(folded > 0 ? [`${folded} events were folded into the views`] : []),
]

const rebuild = Effect.fn("Ledger.rebuild")(function* (engine: Engine) {
  yield* presentMoment(engine)
  return yield* engine.writer.exclusively(rebuildViews(engine))
})

const rebuildViews = Effect.fnUntraced(function* ({ log, folding, views }: Engine) {
  const all = [...folding.core, ...folding.own]
  // Noted apart: until the new views are in use, the old ones are where they were.
  const anew = new Folding(folding.codec, folding.core, folding.own)
  const built: Views = yield* beginBuild(views.store, all.map(specOf))
  yield* catchUp(log, anew, built)
  yield* switchOver(views, built)
  folding.adopt(anew)
  return { events: yield* log.head }
})

const makeApi = (
  session: Session,
  close: Effect.Effect<void, LogFailure | BlobFailure>,
): LedgerApi<"effect"> => {
  const { engine } = session
  const api = {
    ...makeReader(engine, presentMoment(engine)),
    ...makeWrites(session),
    batch: makeBatch(session),
    asOf: (moment: number | Date) =>
      operations(makeReader(engine, pastMoment(engine, moment)), engine.isClosed),
    formatEvent: (event: Parameters<typeof formatEvent>[1]) =>
      readable("event", () => formatEvent(engine.codec, event)),
    rebuild: () => rebuild(engine),
    stats: () => stats(engine),
    with: (context: EventContext) =>
      makeApi({ ...session, context: { ...session.context, ...parseContext(context) } }, close),
  }
  return Object.defineProperties(operations(api, engine.isClosed), {
    // Not one of those that fail since the ledger is closed: it says whether that went well.
    close: { enumerable: true, value: () => close },
    position: { enumerable: true, get: () => engine.views.head },
    trust: { enumerable: true, value: engine.trust },
  }) as LedgerApi<"effect">
}

/** The context that events carry; throws `InvalidInput` for an option that is not as it should. */
export const checkLedgerOptions = (options: LedgerOptions): EventContext => {
  checkExtensions(options)
  checkRequired(options.requireContext ?? [])
  return parseContext(options.context ?? {})
}

/** A ledger in the current scope, over the three stores. */
export const openLedgerAt = Effect.fnUntraced(function* (place: Place, options: LedgerOptions) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const context = yield* parsedInput(() => checkLedgerOptions(options))
  let closed = false
  const opened = yield* Scope.provide(openEngine(place, options), scope)
  const engine: Engine = { ...opened, isClosed: () => closed }
  // Who closes it again waits for the first one to be done.
  const close = yield* Effect.cached(
    Effect.suspend(() => {
      closed = true
      return engine.writer.drain.pipe(
        Effect.andThen(Effect.exit(opened.seal)),
        Effect.tap(() => Scope.close(scope, Exit.void)),
        Effect.flatten,
      )
    }),
  )
  const session = { engine, context, required: options.requireContext ?? [] }
  return makeApi(session, close)
})

/** The service over stores that the caller provides. */
export const layerNoDeps = (place: Place, options: LedgerOptions = {}) =>
  Layer.effect(Ledger, openLedgerAt(place, options))
