/**
 * Backup: makes another directory this ledger as it is now, or brings an earlier backup there up to
 * it. Works beside writers, and copies only what is new.
 *
 * Packs first, then events, then the seal, and in a new directory the identity last: a backup that
 * was cut short is one of an earlier moment, or none yet. Views are not copied; opening makes them.
 */
import { resolve } from "node:path"
import { isDeepStrictEqual } from "node:util"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { generationOf } from "../disk/database.js"
import { readIfThere, replaceFile } from "../disk/files.js"
import { type Failure, InvalidInput, type Refusal, WrongLedger } from "../errors.js"
import { replayPageCount } from "../limits.js"
import { EventLog, type EventLogShape } from "../log/event-log.js"
import * as LevelLog from "../log/level.js"
import { checkOptions, refuse } from "../model/input.js"
import { appendLeaf, type Edge, emptyEdge, leafHash } from "../proof/merkle.js"
import { parsedInput } from "../query/input.js"
import type { BackupReceipt } from "./api.js"
import { attempt, beginLedger, finishWith, readIdentity } from "./create.js"
import type { Engine } from "./engine.js"
import { layoutOf } from "./layout.js"
import { lock } from "./lock.js"
import { decodeTip, encodeTip } from "./tip.js"
import { printRoot } from "./trust.js"

/** What is backed up: its place knows how packs are copied. */
type Source = Pick<Engine, "log" | "place">

const otherLedger = (directory: string, expected: string, found: string, why: string) =>
  new WrongLedger({
    message: `${directory} ${why}: choose an empty directory, or an earlier backup of this ledger`,
    directory,
    expected,
    found,
  })

/** Refuses a directory that has other events than the ledger has at their positions. */
const checkPrefix = Effect.fnUntraced(function* (
  log: EventLogShape,
  target: EventLogShape,
  directory: string,
) {
  const [head, end] = [yield* log.head, yield* target.head]
  if (end > head)
    return yield* otherLedger(
      directory,
      `at most ${head} events`,
      `${end} events`,
      "has events that this ledger lacks",
    )
  if (end === 0) return
  const [own] = yield* log.get([end])
  const [theirs] = yield* target.get([end])
  if (own !== undefined && theirs !== undefined && !isDeepStrictEqual(own.body, theirs.body))
    return yield* otherLedger(
      directory,
      `the event ${end} of this ledger`,
      `another event ${end}`,
      "went its own way since it was a backup",
    )
})

const grow = (edge: Edge, bodies: ReadonlyArray<Uint8Array>): Edge =>
  bodies.reduce((grown, body) => appendLeaf(grown, leafHash(body)), edge)

/** The tree over the events that the target has, from its last seal on. */
const edgeOf = Effect.fnUntraced(function* (target: EventLogShape, sealed: Edge) {
  let edge = sealed
  const head = yield* target.head
  while (edge.size < head) {
    const records = yield* target.read(edge.size, replayPageCount)
    edge = grow(
      edge,
      records.map(({ body }) => body),
    )
  }
  return edge
})

/** Copies the events up to `head`; answers with the tree over all of them. */
const copyEvents = Effect.fnUntraced(function* (
  { log }: Source,
  directory: string,
  head: number,
  isNew: boolean,
) {
  const layout = layoutOf(directory)
  const text = yield* attempt(directory, () => readIfThere(layout.tip))
  const tip = text === undefined ? undefined : decodeTip(text)
  const copy = Effect.gen(function* () {
    const target = yield* EventLog
    yield* checkPrefix(log, target, directory)
    const begun = yield* target.head
    let edge = yield* edgeOf(target, tip?.edge ?? emptyEdge)
    while (edge.size < head) {
      const records = yield* log.read(edge.size, Math.min(replayPageCount, head - edge.size))
      const bodies = records.map(({ body }) => body)
      yield* target.append(edge.size, bodies)
      edge = grow(edge, bodies)
    }
    const generation = yield* attempt(directory, () => generationOf(layout.log))
    return { begun, edge, generation }
  })
  return yield* Effect.provide(
    copy,
    LevelLog.layer({ directory: layout.log, durability: "synced", create: isNew }),
  )
})

const fill = Effect.fnUntraced(function* (source: Source, directory: string, isNew: boolean) {
  const { place, log } = source
  const layout = layoutOf(directory)
  const { tip, tmp } = layout
  // First: what these events name is in the packs by now.
  const head = yield* log.head
  const bytes = yield* place.copyPacks?.(layout) ?? Effect.succeed(0)
  const { begun, edge, generation } = yield* copyEvents(source, directory, head, isNew)
  const seal = encodeTip({ ledger: place.identity.id, edge, generation })
  yield* attempt(directory, () => replaceFile(tip, seal, tmp))
  return { position: head, root: printRoot(edge), events: head - begun, bytes }
})

const backUp = Effect.fnUntraced(function* (
  source: Source,
  directory: string,
): Effect.fn.Return<BackupReceipt, Failure | Refusal, Scope.Scope> {
  const { identity, copyPacks } = source.place
  if (copyPacks === undefined)
    return yield* new InvalidInput({
      message: "a ledger in memory has no files to back up: save what it holds in another ledger",
      path: "backup",
    })
  const found = yield* readIdentity(directory)
  if (found === undefined) yield* beginLedger(directory)
  yield* lock(directory)
  const there = yield* readIdentity(directory)
  if (there === undefined)
    return yield* finishWith(directory, identity, fill(source, directory, true))
  if (!isDeepStrictEqual(there, identity))
    return yield* otherLedger(directory, identity.id, there.id, "holds another ledger")
  return yield* fill(source, directory, false)
})

/** Fails with `WrongLedger` where the directory holds anything but an earlier backup. */
export const backup = (source: Source) =>
  Effect.fn("Ledger.backup")(function* (directory: string, options: object = {}) {
    const path = yield* parsedInput(() => {
      checkOptions(options, ["signal"])
      return typeof directory === "string" && directory !== ""
        ? resolve(directory)
        : refuse("directory", "is missing: name the directory of the backup")
    })
    return yield* Effect.scoped(backUp(source, path))
  })
