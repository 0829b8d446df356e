/**
 * Opening: proves the log, brings the views up to it, and ties the rooms of one ledger together,
 * wherever they keep their bytes; to be written and asked, or only to be asked.
 */
import * as Effect from "effect/Effect"
import { BlobStore } from "../blob/blob-store.js"
import { commands } from "../command/all.js"
import { RecordCorrupted, ViewFailure } from "../errors.js"
import { catalog } from "../event/catalog.js"
import { type Codec, makeCodec } from "../event/codec.js"
import { EventLog, type EventLogShape } from "../log/event-log.js"
import { strict } from "../model/schema.js"
import { projections } from "../projection/all.js"
import { newest } from "../projection/newest.js"
import type { AnyProjection } from "../projection/projection.js"
import { type Edge, emptyEdge } from "../proof/merkle.js"
import { decodeRecords } from "../query/records.js"
import { beginBuild, type OpenedViews, openViews, switchOver } from "../view/build.js"
import { type Found, type NumberedStore, openNumbered } from "../view/commits.js"
import type { ViewSpec } from "../view/draft.js"
import { attempt, isDamage, ViewStore } from "../view/view-store.js"
import type { Views } from "../view/views.js"
import type { Court } from "./decide.js"
import type { Engine } from "./engine.js"
import { allMaterializers, type Extensions } from "./extensions.js"
import { Folding } from "./folding.js"
import type { Place, Reading } from "./place.js"
import { catchUp, catchUpAround } from "./replay.js"
import { Sealer } from "./seal.js"
import { survey } from "./survey.js"
import { type Claim, checkLog, checkReached, type Damage, printRoot, type Trust } from "./trust.js"
import { Writer } from "./writer.js"

export const specOf = ({ name, revision, past }: AnyProjection): ViewSpec =>
  past === undefined ? { name, revision } : { name, revision, past }

interface Proven {
  readonly edge: Edge | undefined
  readonly lastTime: number
  readonly lost: Trust["lost"]
  readonly damaged: ReadonlyArray<Damage>
}

const prove = Effect.fnUntraced(function* (claim: Claim, found: Found) {
  const checked = yield* checkLog(claim)
  const lost = checkReached(found, checked.edge.size, claim.directory)
  if (lost instanceof RecordCorrupted) return yield* lost
  return { ...checked, lost, damaged: [] } satisfies Proven
})

const surveyed = Effect.fnUntraced(function* (claim: Claim, found: Found) {
  const seen = found.durable ? found.reached : 0
  const end = Math.max(claim.tip?.edge.size ?? 0, seen, claim.end ?? 0)
  return { ...(yield* survey(claim, end)), lost: undefined } satisfies Proven
})

/** What is damaged does not keep a reader out: it is told where. */
const proveForReading = ({ damaged }: Reading, claim: Claim, found: Found) =>
  damaged.length > 0
    ? surveyed(claim, found)
    : Effect.catchTag(prove(claim, found), "RecordCorrupted", () => surveyed(claim, found))

/** The last event that every view of the ledger's own has seen. */
const headOf = (views: Views, { core }: Folding): number =>
  Math.min(...core.map(({ name }) => views.reached(name)))

const stale = (seen: number, head: number): ReadonlyArray<Damage> =>
  seen < head ? [{ text: `the views end before the damage: answers are as of event ${seen}` }] : []

interface Bringing {
  readonly log: EventLogShape
  readonly folding: Folding
  readonly store: NumberedStore
  readonly head: number
  readonly isRead: boolean
}

/** Rows that were made of other events are as good as damaged: none of them is to be trusted. */
const checkHistory = Effect.fnUntraced(function* (
  log: EventLogShape,
  codec: Codec,
  { views, stale: unread }: OpenedViews,
) {
  if (!views.states.has(newest.name) || unread.some(({ name }) => name === newest.name)) return
  const seen = yield* attempt(() => views.draft().view(newest).get(["event"]))
  if (seen === undefined) return
  const reading = Effect.flatMap(log.read(seen.position - 1, 1), (records) =>
    decodeRecords(codec, records),
  )
  // What lies in damage cannot be compared.
  const [event] = yield* Effect.orElseSucceed(reading, () => [])
  if (event !== undefined && event.id !== seen.id) return yield* ofOtherEvents(seen.position)
})

const ofOtherEvents = (position: number): ViewFailure =>
  new ViewFailure({
    message: `the views were made of another history, whose event ${position} is not this one's`,
    operation: "open",
    reason: "damaged",
    outcome: "none",
  })

/** Opens the views, and folds what they have not seen. */
const bringUp = Effect.fnUntraced(function* ({ log, folding, store, head, isRead }: Bringing) {
  yield* store.begin(log.durability === "synced")
  // A reader is told what the views have seen of events that are lost; a writer begins without.
  const known = isRead ? Number.MAX_SAFE_INTEGER : head
  const opened = yield* openViews(store, [...folding.core, ...folding.own].map(specOf), known)
  yield* checkHistory(log, folding.codec, opened)
  const fresh = yield* beginBuild(store, opened.stale)
  const follow = isRead ? catchUpAround : catchUp
  yield* follow(log, folding, fresh)
  yield* switchOver(opened.views, fresh)
  return { opened, folded: yield* follow(log, folding, opened.views) }
})

/** The same; rows that were lost or are damaged are given up before, all of them. */
const bringUpOrAnew = Effect.fnUntraced(function* (bringing: Bringing) {
  const { store, folding } = bringing
  let givenUp = store.beganAnew ? movedAside : undefined
  const giveUp = Effect.suspend(() => {
    givenUp ??= store.isDamaged() ? movedAside : "rows of the views were lost: all were given up"
    return store.renew
  })
  if (store.found.discarded) yield* giveUp
  const ready = bringUp(bringing)
  const brought = yield* Effect.catchIf(ready, isDamage, () => {
    folding.forget(0)
    return Effect.andThen(giveUp, ready)
  })
  return { ...brought, givenUp }
})

const damageOf = (
  reading: Reading | undefined,
  found: ReadonlyArray<Damage>,
): ReadonlyArray<Damage> => {
  // What is damaged of the files is told by the events in it, where there are any.
  const isLocated = found.some(({ from }) => from !== undefined)
  const all = isLocated ? found : [...(reading?.damaged ?? []), ...found]
  return all.length > 0 || reading?.refusal.cause === undefined
    ? all
    : [{ text: "the log could not be read at first, and is whole by now: open it again" }]
}

const courtOf = (
  { codec, foldCore }: Folding,
  events: NonNullable<Extensions["events"]>,
): Court => ({
  codec,
  foreign: new Map(events.map((type) => [type.type, strict(type.schema)])),
  isOwn: (command) => !commands.includes(command),
  fold: foldCore,
})

/** The rooms of one ledger, ready to be used. */
export const openEngine = Effect.fnUntraced(function* (place: Place, options: Extensions) {
  const log = yield* EventLog
  const blobs = yield* BlobStore
  const { reading } = place
  const { events = [], projections: own = [] } = options
  const codec = makeCodec([...catalog, ...events])
  const folding = new Folding(codec, projections, own)
  const store = yield* openNumbered(yield* ViewStore)
  const { found } = store
  const claim = { log, codec, ...place }
  const proven = yield* reading === undefined
    ? prove(claim, found)
    : proveForReading(reading, claim, found)
  const head = yield* log.head
  const bringing = { log, folding, store, head, isRead: reading !== undefined }
  const { opened, folded, givenUp } = yield* bringUpOrAnew(bringing)
  // Where buffered events were lost, the log has come less far than was noted.
  if (reading === undefined) store.note(head)
  const sealed = place.tip?.edge.size ?? 0
  const seen = headOf(opened.views, folding)
  const trust: Trust = {
    ledger: place.identity.id,
    position: head,
    ...(proven.edge === undefined ? {} : { root: printRoot(proven.edge) }),
    sealed,
    checked: Math.max(0, head - sealed),
    readOnly: reading !== undefined,
    ...(proven.lost === undefined ? {} : { lost: proven.lost }),
    repaired:
      reading === undefined ? repairs(place, { givenUp, stale: opened.stale, folded, head }) : [],
    damaged: damageOf(reading, [...proven.damaged, ...stale(seen, head)]),
    get viewsDamaged() {
      return opened.views.failure !== undefined
    },
    damagedContent: place.damagedContent ?? [],
  }
  const edge = reading === undefined ? proven.edge : undefined
  const sealer = new Sealer(
    { blobs, log, views: { persist: Effect.andThen(opened.views.flush, store.persist) } },
    place.writeSeal,
    edge ?? emptyEdge,
    edge === undefined ? 0 : sealed,
  )
  const court = courtOf(folding, events)
  const { views } = opened
  const { lastTime } = proven
  const parts = { log, views, folding, court, lastTime, onAppended: sealer.appended }
  // Views that could not be stored are folded anew by the next opening.
  const seal = Effect.suspend(() =>
    Effect.andThen(Effect.ignore(opened.views.flush), sealer.seal()),
  )
  // For who only ends the scope; a scope has no way to say that this failed.
  yield* Effect.addFinalizer(() => Effect.ignore(seal))
  const writer = yield* Writer.start(parts)
  return {
    log,
    views,
    blobs,
    codec,
    folding,
    writer,
    // What can be written has all of them at one position.
    head: () => (reading === undefined ? views.head : headOf(views, folding)),
    place,
    seal,
    materializers: allMaterializers(options.materializers ?? []),
    commandsOwn: options.commands ?? [],
    trust,
  } satisfies Omit<Engine, "bounds" | "isClosed" | "layouts" | "temporary">
})

interface Opening {
  /** Why views were given up, where they were. */
  readonly givenUp: string | undefined
  readonly stale: ReadonlyArray<ViewSpec>
  readonly folded: number
  readonly head: number
}

const movedAside = "the views were damaged: they were moved to quarantine/"

const repairs = (
  place: Place,
  { givenUp, stale, folded, head }: Opening,
): ReadonlyArray<string> => [
  ...(place.tip === undefined && head > 1
    ? ["the seal was missing: every event was checked instead"]
    : []),
  ...(place.repaired ?? []),
  ...(givenUp === undefined ? [] : [givenUp]),
  // A ledger that was just made has nothing but its first event: that is no repair.
  ...(head === 1 ? [] : stale.map(({ name }) => `the view ${name} was built from the log`)),
  ...(folded > 0 ? [`${folded} events were folded into the views`] : []),
]
