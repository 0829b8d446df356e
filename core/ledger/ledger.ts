/**
 * The ledger: the service with its API on one page, and the layer that assembles it from a log, a
 * view store and a blob store, wherever these keep their bytes.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type { BlobFailure, LogFailure } from "../errors.js"
import type { Context as EventContext } from "../event/event.js"
import { formatEvent } from "../event/sentence.js"
import { readable } from "../model/input.js"
import { parsedInput } from "../query/input.js"
import { beginBuild, switchOver } from "../view/build.js"
import { isDamage } from "../view/view-store.js"
import type { Views } from "../view/views.js"
import type { LedgerApi } from "./api.js"
import { backup } from "./backup.js"
import { makeBatch } from "./batch.js"
import { type Engine, pastMoment, presentMoment, writable } from "./engine.js"
import { checkExtensions, type Extensions } from "./extensions.js"
import { Folding } from "./folding.js"
import { Layouts } from "./layouts.js"
import { openEngine, specOf } from "./opening.js"
import { operations } from "./operations.js"
import { checkRoots, findBounds } from "./path-intake.js"
import type { Place } from "./place.js"
import { makeReader } from "./reader.js"
import { catchUp, catchUpAround } from "./replay.js"
import { makeSpace } from "./space.js"
import { stats } from "./stats.js"
import { checkRequired, parseContext, type Session } from "./submit.js"
import { Temporary } from "./temporary.js"
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
  /**
   * Directories that paths of callers are confined to, by names that stay with what is registered
   * there. Without them, any path may be registered.
   */
  readonly roots?: Readonly<Record<string, string>>
}

const rebuild = Effect.fn("Ledger.rebuild")(function* (engine: Engine) {
  yield* presentMoment(engine)
  yield* writable(engine)
  const beside = rebuildViews(engine, engine.views.store.isDamaged())
  const build = Effect.catchIf(beside, isDamage, () => rebuildViews(engine, true))
  return yield* engine.writer.exclusively(build)
})

/** Builds beside the views in use; damaged ones are given up first, and answer nothing then. */
const rebuildViews = Effect.fnUntraced(function* (engine: Engine, isDamaged: boolean) {
  const { log, folding, views } = engine
  if (isDamaged) {
    views.forsake()
    yield* views.store.renew
  }
  const all = [...folding.core, ...folding.own]
  // Noted apart: until the new views are in use, the old ones are where they were.
  const anew = new Folding(folding.codec, folding.core, folding.own)
  const built: Views = yield* beginBuild(views.store, all.map(specOf))
  yield* catchUp(log, anew, built)
  yield* switchOver(views, built)
  folding.adopt(anew)
  return { events: yield* log.head }
})

/** Follows the writer of a ledger that is only read; one that is written here is always there. */
const refresh = Effect.fn("Ledger.refresh")(function* (engine: Engine) {
  yield* presentMoment(engine)
  const { log, folding, views, writer } = engine
  const { reading } = engine.place
  if (reading !== undefined)
    yield* writer.exclusively(Effect.andThen(reading.renew, catchUpAround(log, folding, views)))
  engine.layouts.clear()
  return { position: engine.head() }
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
    ...makeSpace(session),
    asOf: (moment: number | Date) =>
      operations(makeReader(engine, pastMoment(engine, moment)), engine.isClosed),
    formatEvent: (event: Parameters<typeof formatEvent>[1]) =>
      readable("event", () => formatEvent(engine.codec, event)),
    rebuild: () => rebuild(engine),
    refresh: () => refresh(engine),
    backup: backup(engine),
    stats: () => stats(engine),
    with: (context: EventContext) =>
      makeApi({ ...session, context: { ...session.context, ...parseContext(context) } }, close),
  }
  return Object.defineProperties(operations(api, engine.isClosed), {
    // Not one of those that fail since the ledger is closed: it says whether that went well.
    close: { enumerable: true, value: () => close },
    position: { enumerable: true, get: () => engine.head() },
    trust: { enumerable: true, value: engine.trust },
  }) as LedgerApi<"effect">
}

/** The context that events carry; throws `InvalidInput` for an option that is not as it should. */
export const checkLedgerOptions = (options: LedgerOptions): EventContext => {
  checkExtensions(options)
  checkRequired(options.requireContext ?? [])
  checkRoots(options.roots)
  return parseContext(options.context ?? {})
}

/** A ledger in the current scope, over the three stores. */
export const openLedgerAt = Effect.fnUntraced(function* (place: Place, options: LedgerOptions) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const context = yield* parsedInput(() => checkLedgerOptions(options))
  let closed = false
  const bounds = yield* findBounds(place.directory, options.roots)
  const opened = yield* Scope.provide(openEngine(place, options), scope)
  const temporary = new Temporary()
  yield* Scope.addFinalizer(scope, temporary.remove)
  const layouts = new Layouts()
  const engine: Engine = { ...opened, bounds, layouts, temporary, isClosed: () => closed }
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
