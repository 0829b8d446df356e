/**
 * Taking a damaged ledger over into a new one that was begun: contents, then events, then the seal.
 *
 * The events that are left are decided again into a draft of the new log, since only at the end is
 * known what has to be said before them; then they are moved behind that. Memory does not grow with
 * the log, but with the list of what cannot be taken over as it was.
 */
import { rm } from "node:fs/promises"
import { join } from "node:path"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { BlobStore, type BlobStoreShape } from "../blob/blob-store.js"
import * as Filesystem from "../blob/filesystem.js"
import { generationOf } from "../disk/database.js"
import { makeDirectory, replaceFile } from "../disk/files.js"
import { type DaybookError, RecordCorrupted } from "../errors.js"
import { type CoreRecorded, catalog } from "../event/catalog.js"
import { makeCodec } from "../event/codec.js"
import type { Recorded } from "../event/event.js"
import type { LostContent, Note, Recovery } from "../event/loss.js"
import { replayPageCount } from "../limits.js"
import { EventLog, type EventLogShape } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import type { Digest } from "../model/digest.js"
import type { Id } from "../model/names.js"
import { projections } from "../projection/all.js"
import { appendRecords, type Edge, emptyEdge } from "../proof/merkle.js"
import { decodeRecords, knownOnly } from "../query/records.js"
import { beginBuild } from "../view/build.js"
import { openNumbered } from "../view/commits.js"
import * as LevelViews from "../view/level.js"
import { ViewStore } from "../view/view-store.js"
import type { Views } from "../view/views.js"
import { attempt, firstRecord } from "./create.js"
import { type Damaged, openDamaged } from "./damaged.js"
import { Folding } from "./folding.js"
import { calling } from "./foreign.js"
import { freshId } from "./id.js"
import type { Identity } from "./identity.js"
import { layoutOf } from "./layout.js"
import { recoveries } from "./losses.js"
import { specOf } from "./opening.js"
import { Salvage } from "./salvage.js"
import { survey } from "./survey.js"
import { movedBack, type Survivor, Survivors } from "./survivors.js"
import { encodeTip } from "./tip.js"
import { type Damage, printRoot } from "./trust.js"

/** The new ledger, and all that is not in it as it was. */
export interface Recovered {
  /** Its id: it is another ledger than the one before. */
  readonly ledger: Id
  /** Of its last event. */
  readonly position: number
  /** RFC 6962 root over all its events. */
  readonly root: Digest
  /** Events that were damaged or missing. */
  readonly lost: ReadonlyArray<Damage>
  /** Events that are whole, and of no use without what is lost. */
  readonly leftOut: ReadonlyArray<Note>
  /** Events that were taken over, but not quite as they were. */
  readonly altered: ReadonlyArray<Note>
  /** Damaged or missing content of versions that were taken over all the same. */
  readonly contentLost: ReadonlyArray<LostContent>
}

// Callers' own types stay as they were recorded: nothing here depends on what they mean.
const codec = makeCodec(catalog)
const folding = new Folding(codec, projections, [])

/** Where the work is done that is of no use afterwards; what stays there goes with `tmp/`. */
const workplace = (tmp: string) => {
  const path = join(tmp, "recovery")
  const make = async (): Promise<string> => {
    for (const each of [path, join(path, "log"), join(path, "view")]) await makeDirectory(each)
    return path
  }
  return Effect.acquireRelease(attempt(path, make), () =>
    Effect.promise(() => rm(path, { recursive: true, force: true }).catch(() => undefined)),
  )
}

const logIn = (directory: string) =>
  Effect.map(
    Layer.build(LevelLog.layer({ directory, durability: "buffered", create: true })),
    (built) => Context.get(built, EventLog),
  )

const viewsIn = Effect.fnUntraced(function* (directory: string) {
  const built = yield* Layer.build(LevelViews.layer({ directory }))
  const store = yield* openNumbered(Context.get(built, ViewStore))
  yield* store.begin(false)
  return yield* beginBuild(store, projections.map(specOf))
})

const blobsIn = (directory: string, { chunking }: Identity) =>
  Effect.map(Layer.build(Filesystem.layer({ directory, chunking, durable: false })), (built) =>
    Context.get(built, BlobStore),
  )

interface Draft {
  readonly log: EventLogShape
  readonly views: Views
  readonly salvage: Salvage
  readonly survivors: Survivors
}

/** Keeps what was taken over: contents first, then events, then what follows from them. */
const keep = Effect.fnUntraced(function* (
  { log, views, salvage }: Draft,
  taken: ReadonlyArray<Survivor>,
  draft: ReturnType<Views["draft"]>,
): Effect.fn.Return<void, DaybookError> {
  if (taken.length === 0) return
  for (const { event } of taken as ReadonlyArray<{ readonly event: CoreRecorded }>)
    if (event.type === "version-saved") yield* salvage.version(event.data)
    else if (event.type === "content-swept") salvage.sweep(event.data)
  const bodies = taken.map(({ body }) => body)
  const after = yield* log.head
  yield* log.append(after, bodies)
  const reached = after + bodies.length
  yield* views.commit(draft, new Map(projections.map(({ name }) => [name, reached])))
})

/** A new ledger without anything would hide that the log is gone, or not where it should be. */
const nothingLeft = ({ directory, end }: Damaged) =>
  new RecordCorrupted({
    message: `the log in ${directory} has no event left: put it back, or restore a backup`,
    from: 1,
    to: Math.max(1, end),
  })

/** Takes over what is left; answers with the stretches that are not. */
const takeOver = Effect.fnUntraced(function* (source: Damaged, draft: Draft) {
  const { survivors, views } = draft
  let count = 0
  const { damaged } = yield* survey({ ...source, codec }, source.end, (events) =>
    Effect.gen(function* () {
      yield* knownOnly(codec, events)
      count += events.length
      const layer = views.draft()
      yield* keep(draft, yield* calling(() => survivors.take(layer, events)), layer)
    }),
  )
  if (count === 0) return yield* nothingLeft(source)
  const layer = views.draft()
  yield* keep(draft, yield* calling(() => survivors.end(layer)), layer)
  return damaged
})

const recoveredRecord = (
  data: Recovery,
  { index, count, time }: { readonly index: number; readonly count: number; readonly time: number },
): Uint8Array => {
  const event: Recorded = {
    position: index + 2,
    id: freshId(time),
    type: "ledger-recovered",
    revision: 1,
    time,
    ...(count === 1 ? {} : { part: { index, count } }),
    subjects: [],
    data,
  }
  return codec.encode(event)
}

/** Writes the new log: what is to be said first, then what was taken over. */
const writeLog = Effect.fnUntraced(function* (
  log: EventLogShape,
  draft: EventLogShape,
  identity: Identity,
  recovery: Recovery,
) {
  const [first] = yield* decodeRecords(codec, yield* draft.read(0, 1))
  // Recorded times never decrease, and those of the events are kept.
  const time = first?.time ?? recovery.recoveredAt
  const said = recoveries(recovery)
  const count = said.length
  const opening = [
    firstRecord(identity, time),
    ...said.map((data, index) => recoveredRecord(data, { index, count, time })),
  ]
  yield* log.append(0, opening)
  let edge = appendRecords(emptyEdge, opening)
  const end = opening.length + (yield* draft.head)
  while (edge.size < end) {
    const records = yield* draft.read(edge.size - opening.length, replayPageCount)
    const events = yield* decodeRecords(codec, records)
    const bodies = events.map((event) => codec.encode(movedBack(event, opening.length)))
    yield* log.append(edge.size, bodies)
    edge = appendRecords(edge, bodies)
  }
  return edge
})

const seal = Effect.fnUntraced(function* (
  into: string,
  identity: Identity,
  edge: Edge,
  stores: { readonly log: EventLogShape; readonly blobs: BlobStoreShape },
) {
  const { tip, tmp, log } = layoutOf(into)
  yield* stores.blobs.flush
  yield* stores.log.flush
  yield* attempt(into, async () => {
    const generation = await generationOf(log)
    await replaceFile(tip, encodeTip({ ledger: identity.id, edge, generation }), tmp)
  })
})

/** Fills the new ledger; its files are closed afterwards. */
export const transfer = Effect.fnUntraced(function* (
  directory: string,
  into: string,
  identity: Identity,
) {
  const layout = layoutOf(into)
  const work = yield* workplace(layout.tmp)
  const source = yield* openDamaged(directory, join(work, "source"))
  const blobs = yield* blobsIn(layout.blob, identity)
  const draft: Draft = {
    log: yield* logIn(join(work, "log")),
    views: yield* viewsIn(join(work, "view")),
    salvage: new Salvage(source.blobs, blobs),
    survivors: new Survivors(codec, folding.foldCore),
  }
  const lost = yield* takeOver(source, draft)
  const { leftOut, altered } = draft.survivors
  const contentLost = draft.salvage.lost
  const recovery: Recovery = {
    source: source.identity.id,
    recoveredAt: yield* Clock.currentTimeMillis,
    lost: lost.map(({ from = 0, to = 0 }) => ({ from, to })),
    leftOut,
    altered,
    contentLost,
  }
  const log = yield* logIn(layout.log)
  const edge = yield* writeLog(log, draft.log, identity, recovery)
  yield* seal(into, identity, edge, { log, blobs })
  const root = printRoot(edge)
  const lists = { lost, leftOut, altered, contentLost }
  return { ledger: identity.id, position: edge.size, root, ...lists } satisfies Recovered
})
